"""Bringing weights: one job per set of files, whoever wants it, run as a process and gone on with wherever it broke off.

The control loop is the only caller of `step`, `absorb` and `keep`; routes ask, pause, resume and remove. What is under way
is kept in small files of the home folder, so that a restart of the server goes on with it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import count
from pathlib import Path

import msgspec

from modelyard.catalog.hubs import remote
from modelyard.catalog.hubs.cache import is_here, progress, scan
from modelyard.catalog.hubs.queries import CHILD_ENVIRONMENT, command, last_object, raise_error
from modelyard.core.config import Settings
from modelyard.core.errors import Conflict, DownloadFailed, ModelyardError, NotEnoughDisk, NotFound
from modelyard.core.private import umask_outside
from modelyard.core.types import Download, RemoteFile
from modelyard.runtime.base import Host, ProcessSpec, ProcessState, ProcessView

log = logging.getLogger(__name__)

WORDS = 20  # lines of a dead job's output that may hold its reason
GRACE = 1.0  # seconds between SIGTERM and SIGKILL: what has arrived is on the disk anyway
BACKOFF_LIMIT = 60.0  # seconds
HOPELESS = (
    "not_found",
    "permission_denied",
    "missing_library",
    "not_enough_disk",
    "model_files_invalid",
    "bad_request",
)
"""Codes of errors that another attempt would only meet again."""


class DownloadState(StrEnum):
    """`waiting → running → done`; or `paused`, or `failed` after the last attempt."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"


class Record(msgspec.Struct, frozen=True):
    """What is kept of a download under way."""

    download: Download
    names: tuple[str, ...] = ()
    asked: bool = False
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One download and how it goes."""

    uid: str
    download: Download
    state: DownloadState = DownloadState.WAITING
    asked: bool = False
    """Somebody wants the files themselves, and not only a model that would be launched."""
    names: frozenset[str] = frozenset()
    """What those who asked call it."""
    attempts: int = 0
    retry_at: float = 0.0
    """Monotonic time before which it is not tried again."""
    error: ModelyardError | None = None
    failed_at: float = 0.0
    """Unix time."""
    told: frozenset[object] = frozenset()
    """Who has heard of the failure: when one of them asks again, it is tried again."""


@dataclass(frozen=True, slots=True)
class DownloadView:
    """What is known of a download right now."""

    job: Job
    files: tuple[tuple[RemoteFile, int], ...]
    """Every file with the bytes of it that are here."""

    @property
    def here(self) -> int:
        """Bytes that have arrived."""
        return sum(min(size, file.size) if file.size else size for file, size in self.files)

    @property
    def part(self) -> float:
        """0 to 1."""
        total = self.job.download.size
        if self.job.state is DownloadState.DONE:
            return 1.0
        return min(1.0, self.here / total) if total else 0.0

    @property
    def reason(self) -> str:
        """For people: `3 of 5 files, 45 %`."""
        whole = sum(size >= file.size for file, size in self.files if size or not file.size)
        paused = ", paused" if self.job.state is DownloadState.PAUSED else ""
        again = f"; it broke off and is tried again: {self.job.error}" if self.job.error else ""
        return f"{whole} of {len(self.files)} files, {self.part:.0%}{paused}{again}".replace("%", " %")


class Downloads:
    """Owns every download. `changed` nudges the control loop."""

    def __init__(self, settings: Settings, host: Host, changed: Callable[[], None]) -> None:
        self._settings = settings
        self._host = host
        self._changed = changed
        self._folder = settings.folder / "downloads"
        self._jobs: dict[str, Job] = {}
        self._processes: dict[str, str] = {}
        """Name of a process → uid of its job."""
        self._stops: set[asyncio.Task[None]] = set()
        self._serial = count(1)
        self._restore()

    def _restore(self) -> None:
        for path in sorted(self._folder.glob("*.record")):
            try:
                record = msgspec.json.decode(path.read_bytes(), type=Record)
            except (OSError, msgspec.DecodeError) as error:
                log.warning("the download in %s cannot be gone on with: %s", path, error)
                continue
            uid = uid_of(record.download)
            state = DownloadState.PAUSED if record.paused else DownloadState.WAITING
            self._jobs[uid] = Job(uid, record.download, state, record.asked, frozenset(record.names))

    def _put(self, job: Job) -> Job:
        """The only writer of jobs."""
        self._jobs[job.uid] = job
        path = self._folder / f"{job.uid}.record"
        if job.state in (DownloadState.DONE, DownloadState.FAILED):
            path.unlink(missing_ok=True)
        else:
            paused = job.state is DownloadState.PAUSED
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                path.write_bytes(msgspec.json.encode(Record(job.download, tuple(job.names), job.asked, paused)))
            except OSError as error:  # a server that starts again would not know of it, and this one does
                log.warning("%s: the download is not noted: %s", job.download.model_id, error)
        return job

    def ask(self, download: Download, name: str | None = None) -> str:
        """Bring files that somebody wants for themselves; returns the uid. Raises `NotEnoughDisk`."""
        uid = uid_of(download)
        job = self._jobs.get(uid)
        if job is None or job.state in (DownloadState.FAILED, DownloadState.DONE):
            check_disk(download)
            job = Job(uid, download)
        names = job.names | {name} if name else job.names
        self._put(replace(job, asked=True, names=names))
        self._changed()
        return uid

    def has_arrived(self, download: Download, who: object, since: float) -> bool:
        """Whether the files are here; if not, they are being brought. Raises what kept them from coming.

        A failure is told once to everybody who asks, as `who`; asking again, or having begun after it (`since`, Unix time),
        begins anew.
        """
        if is_here(download):
            return True
        uid = uid_of(download)
        job = self._jobs.get(uid)
        if job is None or job.state is DownloadState.DONE:  # files of a finished download can be deleted by anybody
            check_disk(download)
            self._put(Job(uid, download))
        elif job.state is DownloadState.FAILED:
            if who not in job.told and since <= job.failed_at:
                self._put(replace(job, told=job.told | {who}))
                assert job.error is not None, "a failed download says why"
                raise job.error
            check_disk(download)
            self._put(Job(uid, download, asked=job.asked, names=job.names))
        return False

    def keep(self, needed: Iterable[Download]) -> None:
        """Give up what no model needs any more and nobody has asked for."""
        uids = {uid_of(download) for download in needed}
        for job in list(self._jobs.values()):
            if job.uid not in uids and not job.asked:
                self._forget(job)

    def of(self, download: Download) -> DownloadView | None:
        """The download of a model, if it is under way."""
        job = self._jobs.get(uid_of(download))
        return None if job is None or job.state in (DownloadState.DONE, DownloadState.FAILED) else look(job)

    def views(self) -> list[DownloadView]:
        """Every download that is known, finished ones included until they are removed."""
        return [look(job) for job in self._jobs.values()]

    def view(self, name: str) -> DownloadView:
        """One download by its uid or by what somebody called it. Raises `NotFound`."""
        return look(self._job(name))

    def _job(self, name: str) -> Job:
        job = self._jobs.get(name) or next((job for job in self._jobs.values() if name in job.names), None)
        if job is None:
            raise NotFound(f"There is no download '{name}'.")
        return job

    def pause(self, name: str) -> None:
        """Stop fetching; what has arrived stays. Raises `Conflict` when there is nothing to pause."""
        job = self._job(name)
        if job.state in (DownloadState.DONE, DownloadState.FAILED):
            raise Conflict(f"The download '{name}' is {job.state}; there is nothing to pause.")
        self._put(replace(job, state=DownloadState.PAUSED))
        self._stop(job.uid)
        self._changed()

    def resume(self, name: str) -> None:
        """Go on with a download that was paused or has failed."""
        job = self._job(name)
        if job.state is DownloadState.DONE:
            raise Conflict(f"The download '{name}' is done; there is nothing to resume.")
        if job.state in (DownloadState.PAUSED, DownloadState.FAILED):
            check_disk(job.download)
            self._put(replace(job, state=DownloadState.WAITING, attempts=0, retry_at=0.0, error=None))
            self._changed()

    def remove(self, name: str, needed_by: Iterable[tuple[str, Download]]) -> None:
        """Cancel a download, or forget a finished one. Raises `Conflict` while a model waits for it."""
        job = self._job(name)
        if job.state not in (DownloadState.DONE, DownloadState.FAILED):
            users = [uid for uid, download in needed_by if uid_of(download) == job.uid]
            if users:
                raise Conflict(f"The download '{name}' is needed by {', '.join(users)}; cancel that launch instead.")
        self._forget(job)
        self._changed()

    def _forget(self, job: Job) -> None:
        del self._jobs[job.uid]
        for path in (self._folder / f"{job.uid}.record", self._folder / f"{job.uid}.fetch"):
            path.unlink(missing_ok=True)
        self._stop(job.uid)

    def _stop(self, uid: str) -> None:
        for name, owner in self._processes.items():
            if owner == uid:
                task = asyncio.create_task(self._host.stop(name, GRACE), name=f"stop {name}")
                self._stops.add(task)
                task.add_done_callback(self._stops.discard)

    def absorb(self, view: ProcessView) -> bool:
        """Take over what the host saw of a process; False when it is none of ours."""
        uid = self._processes.get(view.replica)
        if uid is None:
            return False
        if view.state is ProcessState.EXITED:
            del self._processes[view.replica]
            self._host.forget(view.replica)
            scan.forget()
            job = self._jobs.get(uid)
            if job is not None and job.state is DownloadState.RUNNING:
                self._ended(job, view)
        return True

    def _ended(self, job: Job, view: ProcessView) -> None:
        if view.exit_code == 0 and is_here(job.download):
            self._put(replace(job, state=DownloadState.DONE, error=None))
            log.info("%s: downloaded from %s", job.download.model_id, job.download.hub)
            return
        error = self._explain(job, view)
        attempts = job.attempts + 1
        again = error.code not in HOPELESS and attempts < self._settings.download_attempts
        wait = min(self._settings.restart_backoff * 2 ** (attempts - 1), BACKOFF_LIMIT)
        job = replace(job, attempts=attempts, error=error, retry_at=time.monotonic() + wait)
        if again:
            self._put(replace(job, state=DownloadState.WAITING))
        else:
            self._put(replace(job, state=DownloadState.FAILED, failed_at=time.time(), told=frozenset()))
        then = f"it is tried again in {wait:.1f} s" if again else "it is given up"
        log.warning("%s: the download broke off: %s %s", job.download.model_id, error, then)

    def _explain(self, job: Job, view: ProcessView) -> ModelyardError:
        _, lines = self._host.logs(view.uid, view.replica, WORDS)
        found = last_object(lines)
        try:
            raise_error(found or {})
        except ModelyardError as error:
            return error
        words = [line for line in lines if line.strip() and not line.startswith("{")]
        problem = view.error or (words[-1] if words else f"it ended with exit code {view.exit_code}")
        return DownloadFailed(job.download.model_id, remote(job.download.hub).title, problem)

    async def step(self) -> None:
        """Begin what may begin."""
        now = time.monotonic()
        for job in list(self._jobs.values()):
            busy = len(set(self._processes.values()))
            if job.state is not DownloadState.WAITING or now < job.retry_at:
                continue
            if busy >= self._settings.downloads_at_once or job.uid in self._processes.values():
                continue
            try:
                check_disk(job.download)
            except NotEnoughDisk as error:
                self._put(replace(job, state=DownloadState.FAILED, error=error, failed_at=time.time()))
                self._changed()
                continue
            await self._begin(job)

    async def _begin(self, job: Job) -> None:
        self._put(replace(job, state=DownloadState.RUNNING))
        path = self._folder / f"{job.uid}.fetch"
        try:
            path.write_bytes(msgspec.json.encode(job.download))
        except OSError:
            self._put(
                replace(job, state=DownloadState.FAILED, error=NotEnoughDisk.full(path.parent), failed_at=time.time())
            )
            self._changed()
            return
        name = f"download-{job.uid}-{next(self._serial)}"
        self._processes[name] = job.uid
        outside = umask_outside()
        argv = (*command("fetch"), str(path), *([] if outside is None else [f"{outside:o}"]))
        await self._host.start(ProcessSpec(name, f"download-{job.uid}", argv, CHILD_ENVIRONMENT))

    def next_at(self) -> float | None:
        """Monotonic time at which something may begin that has to wait now."""
        times = [job.retry_at for job in self._jobs.values() if job.state is DownloadState.WAITING and job.retry_at]
        return min(times, default=None)


def uid_of(download: Download) -> str:
    """The same for the same files, so that all who want them share one job."""
    names = "\n".join(file.name for file in download.files)
    text = f"{download.hub}\n{download.model_id}\n{download.revision}\n{names}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def look(job: Job) -> DownloadView:
    """A job with what has arrived so far."""
    return DownloadView(job, tuple(progress(job.download)))


def check_disk(download: Download) -> None:
    """Raise `NotEnoughDisk` when what is still to come does not fit."""
    missing = sum(max(0, file.size - here) for file, here in progress(download))
    folder = Path(download.folder)
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if missing > free:
        raise NotEnoughDisk(str(folder), missing, free)
