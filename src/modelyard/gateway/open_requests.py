"""Which requests are being answered, by the names their clients gave them, so that one of them can be ended by another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from modelyard.core.access import Grant, Owner
from modelyard.core.errors import RequestAborted

BLOCKED_LIMIT = 10_000
"""Names remembered as aborted at most."""


class Cut(Protocol):
    """An answer that can be ended."""

    def cut(self, why: RequestAborted) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One request under way."""

    answer: Cut
    owner: str
    """Owner id of who asked."""


class Running:
    """Names are those of the body's `request_id` and of the `X-Request-ID` header; two requests may share one."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], list[Entry]] = {}
        self._blocked: dict[tuple[str, str, str], float] = {}
        """Model, name and owner id of requests that are refused → monotonic time until which."""

    @contextmanager
    def noted(self, uid: str, names: set[str], answer: Cut, grant: Grant | None) -> Iterator[None]:
        """Keep a request for the time of a block. Raises `RequestAborted` for a name that is still blocked."""
        owner = Owner.of(grant).id
        for name in names:
            if self._blocked and time.monotonic() < self._blocked.get((uid, name, owner), 0.0):
                raise RequestAborted(name)
        entry = Entry(answer, owner)
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
        """End the requests of that name, and refuse it for a while; whether there were any.

        Only those of the same owner are found and refused, unless an administrator asks: the names of others can be guessed.
        """
        owner = Owner.of(grant)
        found = [entry for entry in self._entries.get((uid, name), []) if owner.sees(entry.owner)]
        for entry in found:
            entry.answer.cut(RequestAborted(name))
        for each in {entry.owner for entry in found} if block_seconds > 0 else ():
            self._block((uid, name, each), time.monotonic() + block_seconds)
        return bool(found)

    def _block(self, name: tuple[str, str, str], until: float) -> None:
        if len(self._blocked) >= BLOCKED_LIMIT:
            now = time.monotonic()
            self._blocked = {each: end for each, end in self._blocked.items() if end > now}
        if len(self._blocked) < BLOCKED_LIMIT:
            self._blocked[name] = until
