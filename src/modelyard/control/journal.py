"""The control loop's access to the database: reads desired models, and writes events in batches."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from sqlalchemy import delete, func, select, update

from modelyard.control.diff import Desired
from modelyard.control.places import packed, unpacked
from modelyard.core.types import Launch
from modelyard.db.session import Database
from modelyard.db.tables import Deployment, Event
from modelyard.engines import ENGINES

log = logging.getLogger(__name__)

KEEP_EVENTS = 10_000  # of all models together; older events are deleted


class Journal:
    """Reads rows and writes events. Events are buffered until `flush`, so that no decision waits for a disk."""

    def __init__(self, database: Database, home: Path, local_models: bool = True) -> None:
        """`home` is the home folder, in which launches have some of their files.

        Without `local_models`, models that would run on this machine are left out.
        """
        self._database = database
        self._home = home
        self._local_models = local_models
        self._events: list[Event] = []
        self._ready: set[str] = set()
        self._launches: dict[tuple[str, int], Launch] = {}
        self.on_event: Callable[[str, str, str], None] = lambda uid, kind, content: None
        """Called with every event: the model's uid, the kind, and the sentence."""

    async def load(self) -> list[Desired]:
        """Every desired model, oldest first."""
        async with self._database.session() as session:
            rows = (await session.scalars(select(Deployment).order_by(Deployment.created_at))).all()
        desired = [target for row in rows if (target := self._desired(row)) is not None]
        return [each for each in desired if self._local_models or is_elsewhere(each.launch.engine)]

    def event(self, uid: str, kind: str, content: str) -> None:
        """Queue an event."""
        self._events.append(Event(uid=uid, at=time.time(), kind=kind, content=content))
        self.on_event(uid, kind, content)

    def became_ready(self, uid: str) -> None:
        """Record that a model was ready once, so that it is restarted after a crash."""
        self._ready.add(uid)

    def described(self, target: Desired) -> None:
        """Record a model's new description, which was read from its downloaded files."""
        self._launches[target.uid, target.generation] = target.launch

    async def flush(self) -> None:
        """Write the recorded changes; if that fails, they are kept for the next call."""
        if not self._events and not self._ready and not self._launches:
            return
        events, ready, launches = self._events[-KEEP_EVENTS:], self._ready, self._launches
        self._events, self._ready, self._launches = [], set(), {}
        try:
            async with self._database.session() as session:
                session.add_all(events)
                if ready:
                    await session.execute(update(Deployment).where(Deployment.uid.in_(ready)).values(was_ready=True))
                for (uid, generation), launch in launches.items():
                    row = (Deployment.uid == uid) & (Deployment.generation == generation)
                    await session.execute(update(Deployment).where(row).values(launch=packed(launch, self._home)))
                if events:
                    await session.flush()
                    newest = select(func.max(Event.id)).scalar_subquery()
                    await session.execute(delete(Event).where(Event.id <= newest - KEEP_EVENTS))
        except BaseException:
            copies = [Event(uid=event.uid, at=event.at, kind=event.kind, content=event.content) for event in events]
            self._events = copies + self._events
            self._ready |= ready
            self._launches = {**launches, **self._launches}
            raise

    async def remove(self, uid: str) -> None:
        """Delete the row of a removed model."""
        async with self._database.session() as session:
            await session.execute(delete(Deployment).where(Deployment.uid == uid, Deployment.terminating))

    def _desired(self, row: Deployment) -> Desired | None:
        """Decode a row; None if another version wrote it and this one cannot read it."""
        try:
            launch = unpacked(row.launch, self._home)
        except (msgspec.ValidationError, KeyError, TypeError) as error:
            log.error("%s is left out, because its launch cannot be read: %s", row.uid, error)
            return None
        return Desired(
            uid=row.uid,
            launch=launch,
            ordinals=tuple(row.ordinals),
            generation=row.generation,
            terminating=row.terminating,
            was_ready=row.was_ready,
            created_at=row.created_at,
        )


def is_elsewhere(engine: str) -> bool:
    """Whether models of an engine run on other servers."""
    return engine in ENGINES and ENGINES.get(engine).profile.remote
