"""Joins knowledge bases with the rest of a server: their models through the gateway, themselves as models behind it."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import secrets
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn
from starlette.datastructures import Headers

from modelyard.api.absent_models import why_absent
from modelyard.api.knowledge_door import PREFIX, RULES, door
from modelyard.catalog.index import Catalog
from modelyard.client import AsyncClient
from modelyard.core.access import BASE, INFERENCE, Access, Grant, fingerprint
from modelyard.core.config import Settings
from modelyard.core.errors import CannotStart, InvalidKey, ModelyardError
from modelyard.core.types import Address, Endpoint, ModelType, ReplicaState, Route, Task
from modelyard.db.session import Database
from modelyard.gateway.app import Gateway
from modelyard.gateway.headers import CALLER
from modelyard.gateway.http1 import bounded
from modelyard.knowledge.models import ServedModels
from modelyard.knowledge.service import Knowledge

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Inner(uvicorn.Server):
    """The server behind the socket; it listens to no signals, and ends with the one around it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


class Passage:
    """What the knowledge room comes in by: a key of its own, known to nobody else and gone with the process.

    For each key in force there is one more, under which models are asked for the caller who has that key. What it uses counts as
    the caller's tokens. It counts no requests, which the route does once, and names no models, which the route has checked.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.secret = secrets.token_urlsafe(32)
        self.callers: Mapping[str, Grant] = {}
        """Id of a key in force → what it allows."""
        self._gateway = gateway
        self._grant = Grant("knowledge", "knowledge bases", frozenset({INFERENCE}))

    def admit(self, access: Access) -> None:
        """Let the gateway know of the keys in force, and of this one."""
        self.callers = {grant.id: grant for grant in access.grants.values()}
        ours = {fingerprint(self.secret.encode()): self._grant}
        for grant in self.callers.values():
            if grant.counts_tokens:
                above = tuple(replace(quota, requests_per_minute=None) for quota in grant.above)
                ours[fingerprint(self._secret_of(grant).encode())] = replace(
                    grant, scopes=frozenset({INFERENCE}), models=None, bases=None, requests_per_minute=None, above=above
                )
        self._gateway.admit(Access(access.required, {**access.grants, **ours}))

    def count(self, grant: Grant | None) -> None:
        """Count a request that has models asked, as one of the caller's requests. Raises `RateLimited`."""
        self._gateway.count(grant)

    def models(self, room: ServedModels, grant: Grant | None) -> ServedModels:
        """The room's models, asked for a caller whose tokens are limited; else those of the room, which share questions."""
        limited = grant is not None and grant.counts_tokens
        return room.on_behalf_of(self._secret_of(grant)) if grant is not None and limited else room

    def caller(self, headers: Headers) -> Grant | None:
        """What the key of a request allows that the gateway relayed to a base; None where no key is asked for."""
        name = headers.get(CALLER.decode())
        if name is None:
            return None
        if name not in self.callers:
            raise InvalidKey("The API key is not known here, or was revoked.")
        return self.callers[name]

    def _secret_of(self, grant: Grant) -> str:
        return hmac.new(self.secret.encode(), grant.id.encode(), "sha256").hexdigest()


@contextlib.asynccontextmanager
async def knowledge_running(
    settings: Settings, database: Database, gateway: Gateway, passage: Passage, catalog: Catalog
) -> AsyncIterator[Knowledge]:
    """Knowledge bases, with the worker that indexes; all is ended when the block is left.

    Raises `CannotStart` where indexes cannot be kept.
    """
    folder = Path(tempfile.mkdtemp(prefix="modelyard-"))  # a socket's path may have a hundred characters
    path = str(folder / "inner.sock")
    async with AsyncClient("http://modelyard", api_key=passage.secret, uds=path) as client:
        knowledge = Knowledge(settings, database, ServedModels(client), gateway.chats)
        knowledge.ingest.holding.absent = lambda name: why_absent(gateway, catalog, name, ModelType.EMBEDDING)
        gateway.on_publish = knowledge.ingest.models_changed
        knowledge.on_change = lambda names: gateway.serve_also(routes(path, names))
        try:
            await knowledge.open()
        except ModelyardError as error:
            await asyncio.to_thread(shutil.rmtree, folder, True)
            raise CannotStart(f"The vector store '{settings.vector_store}' cannot be used: {error.message}") from error
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(path)
        listener.listen(1024)
        listener.setblocking(False)
        config = uvicorn.Config(
            _dispatcher(gateway, door(knowledge, passage)),
            loop="none",
            http=bounded(settings),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        inner = Inner(config)
        serving = asyncio.create_task(inner.serve(sockets=[listener]), name="knowledge socket")
        working = asyncio.create_task(knowledge.run(), name="knowledge jobs")
        working.add_done_callback(_ended)
        try:
            yield knowledge
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            await knowledge.close()
            inner.should_exit = inner.force_exit = True
            await asyncio.gather(serving, return_exceptions=True)
            await asyncio.to_thread(shutil.rmtree, folder, True)


def routes(path: str, names: Sequence[str]) -> dict[str, Route]:
    """Each base as a model that chats."""
    endpoint = Endpoint("knowledge", Address(uds=path, prefix=f"{PREFIX}/v1"))
    return {
        BASE + name: Route(
            name=BASE + name,
            uid=BASE + name,
            state=ReplicaState.READY,
            endpoints=(endpoint,),
            tasks=frozenset({Task.CHAT}),
            rules=RULES,
        )
        for name in names
    }


def _dispatcher(gateway: Gateway, chat: Any) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        app = chat if scope["path"].startswith(PREFIX) else gateway
        await app(scope, receive, send)

    return dispatch


def _ended(task: asyncio.Task[None]) -> None:
    """A defect there stops indexing, and nothing else; the log has it."""
    if not task.cancelled() and (error := task.exception()):
        log.critical("the knowledge worker broke off; documents wait until the server starts again", exc_info=error)
