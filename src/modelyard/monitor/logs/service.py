"""Logs as routes ask for them: the newest lines of everything that a caller may see, and what comes after them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from modelyard.control.deployments import Deployments
from modelyard.core.access import Grant
from modelyard.core.config import Settings
from modelyard.core.secret_texts import SecretTexts, secret_values
from modelyard.jobs.service import Jobs
from modelyard.monitor.logs.following import SLACK, LogPlace, LogReading
from modelyard.monitor.logs.reading import NewestLines, newest
from modelyard.monitor.logs.server_log import ServerLog
from modelyard.monitor.logs.sources import LogQuery, LogSource, LogSources
from modelyard.protocol.logs import LogEntry, LogList
from modelyard.runtime.base import Host

REMEMBERED = 5.0
"""Seconds for which a follower reads the log of a model that is gone."""


@dataclass(slots=True)
class LogFollowing:
    """One client that follows logs."""

    query: LogQuery
    reading: LogReading
    seen: dict[str, float] = field(default_factory=dict)
    """Uid of each model → monotonic time at which it was there last."""


class LogService:
    """The logs of a server. Use it on one event loop; files are read in threads."""

    def __init__(self, settings: Settings, deployments: Deployments, jobs: Jobs, host: Host, server: ServerLog) -> None:
        self._settings = settings
        self._deployments = deployments
        self._jobs = jobs
        self._sources = LogSources(deployments, jobs, host, server)
        self._secrets: frozenset[str] = frozenset()
        self._texts = SecretTexts(())

    def _mask(self, text: str) -> str:
        return self._texts.masked(text)

    def _learn_secrets(self) -> None:
        """Take over the secrets of the settings, the environment and the launches as they are now."""
        hidden = (getattr(self._settings, name) for name, each in Settings.model_fields.items() if not each.repr)
        found = [str(value) for value in hidden if value] + secret_values(os.environ)
        for view in self._deployments.views():
            found += secret_values(view.desired.launch.env)
        if (secrets := frozenset(found)) != self._secrets:
            self._secrets, self._texts = secrets, SecretTexts(secrets)

    async def page(self, grant: Grant | None, query: LogQuery, limit: int) -> LogList:
        """The newest entries. Raises `PermissionDenied`, `ModelNotFound` or `JobNotFound` for what the query names."""
        found, place = await self._newest(grant, query, limit)
        return LogList(object="list", data=found.entries, has_more=found.has_more, next=place.text())

    async def _newest(self, grant: Grant | None, query: LogQuery, limit: int) -> tuple[NewestLines, LogPlace]:
        await self._sources.check(grant, query)
        self._learn_secrets()
        owners = self._sources.owners(grant, query)
        at = time.time()

        def read() -> NewestLines:
            return newest(self._sources.find(grant, query, owners), query, self._mask, limit)

        found = await asyncio.to_thread(read)
        return found, LogPlace(at - SLACK, found.offsets)

    async def begin(
        self, grant: Grant | None, query: LogQuery, limit: int, after: str
    ) -> tuple[LogFollowing, list[LogEntry]]:
        """A client that follows logs from a place on, or from the newest entries on, and these.

        Raises `InvalidParameter` for a place that is none, and what `page` raises.
        """
        if after:
            place, entries = LogPlace.of(after), []
            await self._sources.check(grant, query)
        else:
            found, place = await self._newest(grant, query, limit)
            entries = found.entries
        return LogFollowing(query, LogReading(place, query, self._mask)), entries

    async def read_on(self, grant: Grant | None, following: LogFollowing) -> list[LogEntry]:
        """The next entries for a client; empty if there is nothing new."""
        self._learn_secrets()
        models, jobs = self._sources.owners(grant, following.query)
        now = time.monotonic()
        following.seen |= dict.fromkeys(models, now)
        following.seen = {uid: at for uid, at in following.seen.items() if now - at < REMEMBERED}
        owners = (list(following.seen), jobs)
        running, listed_at = self._running(), time.time()
        sources = await asyncio.to_thread(self._sources.find, grant, following.query, owners)
        return await asyncio.to_thread(following.reading.read, sources, listed_at, running)

    def _running(self) -> Callable[[LogSource], bool]:
        """Whether a log may still be written to."""
        replicas = {each.replica.name for view in self._deployments.views() for each in view.replicas}
        jobs = {job.id for job in self._jobs.store.live.values() if not job.finished}

        def running(source: LogSource) -> bool:
            if source.kind == "model":
                return source.file.name in replicas
            return source.kind == "server" or source.owner in jobs

        return running
