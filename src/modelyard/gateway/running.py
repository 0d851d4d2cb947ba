"""Which requests are being answered, by the names their clients gave them, so that one of them can be ended by another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from modelyard.core.access import ADMIN, Grant
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
    key: str | None
    """Id of the key that asked."""


class Running:
    """Names are those of the body's `request_id` and of the `X-Request-ID` header; two requests may share one."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], list[Entry]] = {}
        self._blocked: dict[tuple[str, str], float] = {}

    @contextmanager
    def noted(self, uid: str, names: set[str], answer: Cut, grant: Grant | None) -> Iterator[None]:
        """Keep a request for the time of a block. Raises `RequestAborted` for a name that is still blocked."""
        for name in names:
            if self._blocked and time.monotonic() < self._blocked.get((uid, name), 0.0):
                raise RequestAborted(name)
        entry = Entry(answer, grant.id if grant else None)
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

        With keys, only those of the same key, unless it is an administrator's: the names of others can be guessed.
        """
        found = [
            entry
            for entry in self._entries.get((uid, name), [])
            if grant is None or grant.allows(ADMIN) or entry.key == grant.id
        ]
        for entry in found:
            entry.answer.cut(RequestAborted(name))
        if found and block_seconds > 0:
            self._block((uid, name), time.monotonic() + block_seconds)
        return bool(found)

    def _block(self, name: tuple[str, str], until: float) -> None:
        if len(self._blocked) >= BLOCKED_LIMIT:
            now = time.monotonic()
            self._blocked = {each: end for each, end in self._blocked.items() if end > now}
        if len(self._blocked) < BLOCKED_LIMIT:
            self._blocked[name] = until
