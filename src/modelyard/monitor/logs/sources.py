"""Which log files a caller may see: those of its models and jobs, and the server's own for administrators."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Literal

from modelyard.control.deployments import Deployments
from modelyard.core.access import ADMIN, Grant, Owner
from modelyard.core.errors import ModelNotFound, PermissionDenied
from modelyard.jobs.runner import log_name
from modelyard.jobs.service import Jobs
from modelyard.monitor.logs.server_log import UID, ServerLog
from modelyard.protocol.logs import LogLevel
from modelyard.runtime.base import Host
from modelyard.runtime.logs import LogBlock, LogFile

MOST_FILES = 400
"""Files that one caller reads at a time; those that changed last."""


@dataclass(frozen=True, slots=True)
class LogQuery:
    """What a caller wants to read. Without a model, a job and `server`, all that it may see."""

    models: tuple[str, ...] = ()
    replica: str | None = None
    """Only this replica, of one model."""
    jobs: tuple[str, ...] = ()
    server: bool = False
    level: LogLevel | None = None
    """The lowest level; lines without one are left out then."""
    text: str = ""
    """Only lines that contain it, in any case."""
    since: float | None = None
    """Unix time. A line without a time has that of a line before it."""

    @property
    def everything(self) -> bool:
        """Whether nothing was named."""
        return not (self.models or self.jobs or self.server)


@dataclass(frozen=True, slots=True)
class LogSource:
    """One log file."""

    kind: Literal["model", "job", "server"]
    owner: str
    """Uid of the model, or id of the job."""
    file: LogFile
    forward: Callable[[int], tuple[Sequence[str], int]]
    """Whole lines from an offset on, and the offset after them."""
    backward: Callable[[int], LogBlock]
    """Whole lines before an offset."""

    @property
    def key(self) -> bytes:
        """Six bytes that differ from those of every other file."""
        return blake2b(f"{self.kind}\0{self.owner}\0{self.file.name}".encode(), digest_size=6).digest()


class LogSources:
    """Finds log files. `check` is for the event loop, `find` blocks for a moment."""

    def __init__(self, deployments: Deployments, jobs: Jobs, host: Host, server: ServerLog) -> None:
        self._deployments = deployments
        self._jobs = jobs
        self._host = host
        self._server = server

    async def check(self, grant: Grant | None, query: LogQuery) -> None:
        """Raise `PermissionDenied`, `ModelNotFound` or `JobNotFound` for what a caller names and may not read."""
        for name in query.models:
            if grant is not None:
                grant.check_model(name)
            if not self._runs(name) and (name.startswith(log_name("")) or not self._host.log_files(name)):
                raise ModelNotFound(name, known=self._seen(grant))
        for name in query.jobs:
            await self._jobs.get(name, Owner.of(grant))
        if query.server and not sees_server(grant):
            raise PermissionDenied(f"The server's own log needs a key with the scope '{ADMIN}', for all models.")

    def _seen(self, grant: Grant | None) -> list[str]:
        views = self._deployments.views()
        return [view.desired.uid for view in views if grant is None or grant.sees(view.desired.uid)]

    def _runs(self, model: str) -> bool:
        return any(view.desired.uid == model for view in self._deployments.views())

    def owners(self, grant: Grant | None, query: LogQuery) -> tuple[list[str], list[str]]:
        """Uids of models and ids of jobs whose logs a caller wants and may see. Call it on the event loop."""
        if not query.everything:
            return list(query.models), list(query.jobs)
        models = [view.desired.uid for view in self._deployments.views()]
        owner = Owner.of(grant)
        jobs = [job.id for job in self._jobs.store.live.values() if owner.sees(job.owner)]
        return [uid for uid in models if grant is None or grant.sees(uid)], jobs

    def find(
        self, grant: Grant | None, query: LogQuery, owners: tuple[Iterable[str], Iterable[str]]
    ) -> list[LogSource]:
        """The newest log files of models and jobs, and of the server, in the order of their last change."""
        models, jobs = owners
        found = [source for uid in models for source in self._of_host("model", uid, uid)]
        if query.replica is not None:
            found = [each for each in found if is_replica(each.file.name, query.replica)]
        found += [source for job in jobs for source in self._of_host("job", job, log_name(job))]
        if sees_server(grant) and (query.server or query.everything):
            found += self._of_server()
        return sorted(found, key=lambda each: each.file.changed_at)[-MOST_FILES:]

    def _of_host(self, kind: Literal["model", "job"], owner: str, uid: str) -> Iterator[LogSource]:
        host = self._host
        for file in host.log_files(uid):
            yield LogSource(
                kind,
                owner,
                file,
                partial(host.read_log, uid, file.name),
                partial(host.read_log_before, uid, file.name),
            )

    def _of_server(self) -> Iterator[LogSource]:
        folder = self._server.folder
        for file in folder.files(UID):
            yield LogSource(
                "server",
                UID,
                file,
                partial(folder.read_on, UID, file.name),
                partial(folder.read_before, UID, file.name),
            )


def sees_server(grant: Grant | None) -> bool:
    """Whether a caller may read the server's own log, which names models, keys and paths of all callers."""
    return grant is None or (grant.allows(ADMIN) and grant.models is None)


def is_replica(name: str, replica: str) -> bool:
    """Whether a log is that of a replica, which may be named without its serial number."""
    return name == replica or name.startswith(f"{replica}-")
