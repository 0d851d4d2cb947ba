"""One reader of `GET /v1/events`: which events its key may see, and from where it reads on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import dataclass

from modelyard.core.access import Grant, Owner
from modelyard.core.event_ring import RingEvent
from modelyard.protocol.server_events import ModelProgress, ServerSnapshot
from modelyard.web.deps import Parts
from modelyard.web.route_access import StandingAccess
from modelyard.web.views import download_info, job_info, launch_progress, models

PORTION = 64 * 1024
"""Bytes of events that are sent at a time: what one slow reader may have waiting in memory, beside a snapshot."""

Topics = Callable[[Grant | None], frozenset[str]]


@dataclass(frozen=True, slots=True)
class Visibility:
    """What a caller may see."""

    grant: Grant | None
    topics: frozenset[str]

    def sees(self, event: RingEvent) -> bool:
        """Whether the caller may see an event, and wants it."""
        if event.topic not in self.topics:
            return False
        if event.owner is not None and not Owner.of(self.grant).sees(event.owner):
            return False
        return event.model is None or self.sees_model(event.model)

    def sees_model(self, name: str) -> bool:
        """Whether the caller may see a model."""
        return self.grant is None or self.grant.sees(name)


class FeedReader:
    """Reads the ring for one caller. Its key is checked again whenever keys have changed, and before every event."""

    def __init__(self, parts: Parts, headers: Iterable[tuple[bytes, bytes]], topics: Topics, last_id: str) -> None:
        """`topics` says which topics a grant may read; it raises `PermissionDenied` if one that is wanted is not among them."""
        self._parts = parts
        self._ring = parts.events.ring
        self._position = self._ring.number_of(last_id)
        """The number of the last event that was read; None for a reader that has to begin with a snapshot."""
        self._access = StandingAccess(parts.keys, headers, lambda grant: Visibility(grant, topics(grant)))

    def comment(self) -> bytes:
        """A sign of life, which tells browsers how far this reader is although there was nothing for it."""
        number = self._position
        return b": ping\n\n" if number is None else f": ping\nid: {self._ring.id_of(number)}\n\n".encode()

    async def frames(self, follow: bool = True) -> AsyncGenerator[bytes]:
        """The events, several at a time, until the server shuts down; without `follow`, those that there are at present."""
        self._ring.readers += 1
        try:
            while not self._ring.closed:
                visibility = self._access.current()
                events = None if self._position is None else self._ring.after(self._position)
                if events is None:
                    yield await self._snapshot(visibility)
                    continue
                if portion := self._portion(events, visibility):
                    yield portion
                    continue
                if not follow:
                    return
                assert self._position is not None
                await self._ring.wait(self._position)
        finally:
            self._ring.readers -= 1

    def _portion(self, events: Sequence[RingEvent], visibility: Visibility) -> bytes:
        """The frames of the next events that the caller sees; empty if there is none."""
        frames: list[bytes] = []
        size = 0
        for event in events:
            self._position = event.number
            if visibility.sees(event):
                frames.append(event.frame)
                size += len(event.frame)
                if size >= PORTION:
                    break
        return b"".join(frames)

    async def _snapshot(self, visibility: Visibility) -> bytes:
        """Everything as it is now. What changes while it is put together comes after it once more."""
        number = self._ring.newest
        found = await snapshot(self._parts, visibility)
        left_out = set(ServerSnapshot.model_fields) - found.model_fields_set
        data = found.model_dump_json(exclude=left_out).encode()
        self._position = number
        return self._ring.frame(number, "snapshot", "snapshot", data)


async def snapshot(parts: Parts, visibility: Visibility) -> ServerSnapshot:
    """Everything of a caller's topics as it is now."""
    views = [view for view in parts.deployments.views() if visibility.sees_model(view.desired.uid)]
    found = ServerSnapshot()
    if "models" in visibility.topics:
        infos = [info for view in parts.deployments.views() for info in models(view, parts.gateway.aliases)]
        found.models = [info for info in infos if visibility.sees_model(info.id)]
    if "replicas" in visibility.topics:
        found.replicas = [parts.events.replicas(view) for view in views]
    if "progress" in visibility.topics:
        found.progress = [ModelProgress(model_uid=view.desired.uid, progress=launch_progress(view)) for view in views]
    if "downloads" in visibility.topics:
        found.downloads = [download_info(view) for view in parts.downloads.views()]
    if "gauges" in visibility.topics:
        found.gauges = await parts.events.gauges.measure(parts.events.ring.readers)
    if "jobs" in visibility.topics:
        found.jobs = [job_info(job, parts.jobs) for job in await parts.jobs.page(Owner.of(visibility.grant))]
    return found
