"""Connects batches to the gateway: they use its models with the rights of the keys and users that created them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from modelyard.batches.service import BatchService
from modelyard.batches.types import Capacity, Identity
from modelyard.control.keys import KeyStore
from modelyard.core.access import Access, Grant
from modelyard.core.errors import InvalidKey
from modelyard.core.traffic import Traffic
from modelyard.files.service import FileService
from modelyard.gateway.app import Gateway
from modelyard.gateway.paths import PATHS
from modelyard.gateway.sender import Caller


class GatewayModels:
    """The models of a gateway, for batches."""

    endpoints = frozenset(name for name, path in PATHS.items() if path.json_only and name.startswith("/v1/"))

    def __init__(self, gateway: Gateway, keys: KeyStore, traffic: Traffic) -> None:
        self._gateway = gateway
        self._keys = keys
        self._traffic = traffic
        self._access: Access | None = None
        self._grants: Mapping[str, Grant] = {}

    async def ask(self, identity: Identity, request_id: str, endpoint: str, body: bytes) -> bytes:
        """The body of the answer to a request. Raises a `ModelyardError` for every answer that is an error."""
        caller = Caller(self._grant(identity), request_id.encode(), admitted=False, background=True)
        answer = await self._gateway.sender(caller)(endpoint, body)
        try:
            return await answer.body()
        finally:
            await answer.aclose()

    def limited(self, identity: Identity) -> bool:
        """Whether the key has limits of its own, so that a refusal says nothing about the model."""
        try:
            grant = self._grant(identity)
        except InvalidKey:
            return False
        quotas = () if grant is None else grant.quotas
        return any(quota.requests_per_minute or quota.tokens_per_minute for quota in quotas)

    def _grant(self, identity: Identity) -> Grant | None:
        """The present rights of who created a batch. Raises `InvalidKey` for a revoked key and a removed user."""
        access = self._keys.access
        if access is not self._access:
            self._access, self._grants = access, {grant.id: grant for grant in access.grants.values()}
        if not identity.key and not identity.username:
            return None
        grant = self._grants.get(identity.key) if identity.key else access.users.get(identity.owner)
        if grant is None:
            raise InvalidKey("The key that created the batch was revoked, or its user was removed.")
        return grant

    def capacity(self, model: str) -> Capacity:
        """What a model can take at present. A knowledge base uses several models: whoever waits for any counts."""
        traffic, route = self._traffic, self._gateway.route(model)
        if route is None or route.app is not None:
            return Capacity(waited_for=sum(map(traffic.waited_for, list(traffic.in_flight))))
        replicas = [endpoint.replica for endpoint in route.endpoints]
        waited_for = sum(map(traffic.waited_for, replicas))
        return Capacity(max(1, len(replicas)), route.request_limit, waited_for)


@asynccontextmanager
async def batches_running(
    batches: BatchService, files: FileService, gateway: Gateway, keys: KeyStore, traffic: Traffic
) -> AsyncIterator[None]:
    """Let batches run from now on; the jobs end before the block does."""
    await batches.open(files, GatewayModels(gateway, keys, traffic))
    try:
        yield
    finally:
        await batches.close()
