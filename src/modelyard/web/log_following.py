"""Follows what the replicas of a model print, from any place in a log, across restarts of its replicas."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from urllib.parse import quote, unquote

from modelyard.core.errors import InvalidParameter, ModelNotFound
from modelyard.protocol.models import LogPortion
from modelyard.web.deps import Parts
from modelyard.web.sse import event

PAUSE = 0.25
"""Seconds between two looks at a log that has nothing new."""
LARGEST_OFFSET = 2**63


class LogFollower:
    """One follower: the file that it reads, and the offset of what comes next."""

    def __init__(self, parts: Parts, uid: str, replica: str | None, check: Callable[[], object]) -> None:
        """`replica` names a replica to stay with; otherwise the newest one is followed. `check` raises once the caller's key
        is not valid any more."""
        self._parts = parts
        self._uid = uid
        self._replica = replica
        self._check = check
        self._name: str | None = None
        self._offset = 0

    def begin(self, lines: int, offset: int | None) -> None:
        """Start with the last `lines` lines, or at an offset. Raises `ModelNotFound`."""
        self._parts.deployments.check_log(self._uid)
        self._name, place = self._parts.host.log_start(self._uid, self._replica, lines)
        self._offset = place if offset is None else offset
        if self._name is None:
            self._parts.deployments.view(self._uid)

    def go_on(self, id: str) -> None:
        """Start after the event with this id. Raises `InvalidParameter` or `ModelNotFound`."""
        self._parts.deployments.check_log(self._uid)
        digits, at, name = id.partition("@")
        if not at or not name or not digits.isascii() or not digits.isdecimal() or int(digits[:20]) >= LARGEST_OFFSET:
            raise InvalidParameter("after", "it must be the id of an event of this stream, `OFFSET@REPLICA`.")
        self._name, self._offset = unquote(name), int(digits[:20])

    async def portions(self) -> AsyncGenerator[bytes]:
        """Events with lines as they are printed; the last one comes when the model is gone."""
        while not self._parts.events.ring.closed:
            self._check()
            final = self._is_gone()
            lines: list[str] = []
            if self._name is not None:
                found, self._offset = self._parts.host.read_log(self._uid, self._name, self._offset)
                lines = list(found)
            if lines:
                yield self._event(lines)
            elif self._has_moved():
                continue
            elif final:
                yield self._event([], ended=True)
                return
            else:
                await asyncio.sleep(PAUSE)

    def _has_moved(self) -> bool:
        """Whether there is a newer log to follow; it is read from its beginning."""
        newest, _ = self._parts.host.log_start(self._uid, self._replica, 0)
        if newest is None or newest == self._name:
            return False
        self._name, self._offset = newest, 0
        return True

    def _is_gone(self) -> bool:
        try:
            self._parts.deployments.view(self._uid)
        except ModelNotFound:
            return True
        return False

    def _event(self, lines: list[str], ended: bool = False) -> bytes:
        id = f"{self._offset}@{quote(self._name or '', safe='')}"
        portion = LogPortion(id=id, uid=self._uid, replica=self._name, offset=self._offset, lines=lines, ended=ended)
        return f"id: {id}\nevent: lines\n".encode() + event(portion.model_dump())
