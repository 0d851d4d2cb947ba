"""The requests in progress, by the ids that their clients gave them, so that other requests can abort them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from modelyard.core.access import Grant, Owner
from modelyard.core.errors import RequestAborted
from modelyard.gateway.exchange import Exchange
from modelyard.gateway.model_call import ModelCall

MAX_BLOCKED = 10_000
"""Maximum number of aborted ids that are remembered."""


class Abortable(Protocol):
    """A request that can be aborted."""

    def abort(self, why: RequestAborted) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class OpenRequest:
    """One request in progress."""

    request: Abortable
    owner: str
    """Owner id of the request's key."""


class OpenRequests:
    """Requests by model uid and id: the body's `request_id`, or the `X-Request-ID` header. Several requests may share an id."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], list[OpenRequest]] = {}
        self._blocked: dict[tuple[str, str, str], float] = {}
        """Model uid, request id and owner id of refused requests → the monotonic time at which the refusal ends."""

    @contextmanager
    def track(self, uid: str, names: set[str], request: Abortable, grant: Grant | None) -> Iterator[None]:
        """Make a request abortable during a block. Raises `RequestAborted` for an id that is still refused."""
        owner = Owner.of(grant).id
        for name in names:
            if self._blocked and time.monotonic() < self._blocked.get((uid, name, owner), 0.0):
                raise RequestAborted(name)
        entry = OpenRequest(request, owner)
        for name in names:
            self._entries.setdefault((uid, name), []).append(entry)
        try:
            yield
        finally:
            for name in names:
                entries = self._entries[uid, name]
                entries.remove(entry)
                if not entries:
                    del self._entries[uid, name]

    def abort(self, uid: str, name: str, grant: Grant | None, block_seconds: float) -> bool:
        """Abort the requests with this id, and refuse the id for some time; returns whether there were any.

        Requests of other owners are neither found nor refused, because ids can be guessed. An administrator finds all.
        """
        owner = Owner.of(grant)
        entries = [entry for entry in self._entries.get((uid, name), []) if owner.sees(entry.owner)]
        for entry in entries:
            entry.request.abort(RequestAborted(name))
        for each in {entry.owner for entry in entries} if block_seconds > 0 else ():
            self._block((uid, name, each), time.monotonic() + block_seconds)
        return bool(entries)

    def _block(self, name: tuple[str, str, str], until: float) -> None:
        if len(self._blocked) >= MAX_BLOCKED:
            now = time.monotonic()
            self._blocked = {each: end for each, end in self._blocked.items() if end > now}
        if len(self._blocked) < MAX_BLOCKED:
            self._blocked[name] = until


def names(exchange: Exchange, call: ModelCall) -> set[str]:
    """The ids by which a client can abort its request."""
    identity = getattr(call.request, "request_id", None)
    return {exchange.request_id.decode(), *([identity] if isinstance(identity, str) else [])}
