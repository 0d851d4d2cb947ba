"""Downloads of weights: one job for each set of files, shared by all models that need them; an interrupted one is continued.

A download is a job of the kind `download`; its id is derived from its files. The control loop calls `has_arrived` and `keep`;
routes start, pause, resume and remove.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from modelyard.catalog.hubs import remote
from modelyard.catalog.hubs.cache import is_here, progress, scan
from modelyard.catalog.hubs.huggingface import cache_folder
from modelyard.catalog.hubs.queries import CHILD_ENVIRONMENT, command
from modelyard.core.access import LOCAL
from modelyard.core.config import Settings
from modelyard.core.errors import Conflict, DownloadFailed, NotEnoughDisk, NotFound
from modelyard.core.private import umask_outside
from modelyard.core.types import Download, RemoteFile
from modelyard.jobs.service import Jobs
from modelyard.jobs.types import (
    Job,
    JobKind,
    JobProgress,
    JobState,
    ProcessEnd,
    ProcessPlan,
    ProcessWork,
    Recovery,
)

log = logging.getLogger(__name__)

KIND = "download"
GRACE = 1.0  # seconds between SIGTERM and SIGKILL: downloaded bytes are on the disk already
HOPELESS = frozenset(
    {
        "not_found",
        "permission_denied",
        "missing_library",
        "not_enough_disk",
        "model_files_invalid",
        "bad_request",
    }
)
"""Error codes after which a retry would fail in the same way."""


@dataclass(frozen=True, slots=True)
class DownloadView:
    """The present state of a download."""

    job: Job
    download: Download
    files: tuple[tuple[RemoteFile, int], ...]
    """Every file with the number of its bytes that are on this machine."""

    @property
    def names(self) -> list[str]:
        """Names under which callers started the download."""
        return sorted(self.job.details["names"])

    @property
    def here(self) -> int:
        """Bytes that are on this machine."""
        return sum(min(size, file.size) if file.size else size for file, size in self.files)

    @property
    def part(self) -> float:
        """The fraction that is on this machine, 0 to 1."""
        total = self.download.size
        if self.job.state is JobState.DONE:
            return 1.0
        return min(1.0, self.here / total) if total else 0.0

    @property
    def reason(self) -> str:
        """The progress as text for people: `3 of 5 files, 45 %`."""
        whole = sum(size >= file.size for file, size in self.files if size or not file.size)
        paused = ", paused" if self.job.state is JobState.PAUSED else ""
        again = f"; it broke off and is tried again: {self.job.error}" if self.job.error else ""
        return f"{whole} of {len(self.files)} files, {self.part:.0%}{paused}{again}".replace("%", " %")


class Downloads:
    """Starts and controls download jobs. `changed` wakes the control loop."""

    def __init__(self, settings: Settings, jobs: Jobs, changed: Callable[[], None]) -> None:
        self._jobs = jobs
        self._changed = changed
        self._folder = settings.folder / "downloads"
        self._users: dict[str, list[str]] = {}
        """Download id → uids of the models that need it."""
        self._informed: dict[str, set[object]] = {}
        """Download id → models that received its error; a second request of one of them starts the download again."""
        jobs.register(
            JobKind(
                name=KIND,
                scope="models:write",
                work=ProcessWork(self._plan, self._conclude),
                recovery=Recovery.RESUME,
                at_once=settings.downloads_at_once,
                attempts=settings.download_attempts,
                hopeless=HOPELESS,
                pausable=True,
                check_removable=self._check_unused,
                look=_seen,
                on_state=self._moved,
            )
        )

    async def adopt_records(self) -> None:
        """Continue downloads that earlier versions kept in files of the home folder."""
        for path in sorted(self._folder.glob("*.record")):
            try:
                record = msgspec.json.decode(path.read_bytes(), type=DownloadRecord)
            except (OSError, msgspec.DecodeError) as error:
                log.warning("the download in %s cannot be gone on with: %s", path, error)
                continue
            if self._unfinished(uid_of(record.download)) is None:
                state = JobState.PAUSED if record.paused else JobState.QUEUED
                self._begin(record.download, record.names, record.asked, state=state)
            await self._jobs.written()
            path.unlink(missing_ok=True)

    def start(self, download: Download, name: str | None = None, owner: str = LOCAL) -> str:
        """Start a download that no model needs; returns its id. Raises `NotEnoughDisk`."""
        uid = uid_of(download)
        names = [name] if name else []
        if (job := self._unfinished(uid)) is not None:
            names = list(dict.fromkeys([*job.details["names"], *names]))
            self._jobs.store.put(replace(job, details={**job.details, "names": names, "kept": True}))
        else:
            check_disk(download)
            self._begin(download, names, kept=True, owner=owner)
        self._changed()
        return uid

    def _begin(
        self,
        download: Download,
        names: Iterable[str] = (),
        kept: bool = False,
        owner: str = LOCAL,
        state: JobState = JobState.QUEUED,
    ) -> None:
        """Queue a download. With `kept` it continues although no model needs it."""
        uid = uid_of(download)
        parameters = {"model_id": download.model_id, "model_hub": download.hub, "revision": download.revision}
        details = {"download": msgspec.to_builtins(download), "names": list(names), "kept": kept}
        job = Job(id=uid, kind=KIND, owner=owner, parameters=parameters, details=details, state=state)
        self._jobs.submit(job)

    def has_arrived(self, download: Download, who: object, since: float) -> bool:
        """Whether the files are on this machine. If not, their download is queued or continues. Raises the error of a failed one.

        Each `who` receives the error of a failed download once. The next call with this `who`, or with a launch that began after
        the failure (`since`, Unix time), starts the download again.
        """
        if is_here(download):
            return True
        uid = uid_of(download)
        if self._unfinished(uid) is not None:
            return False
        job = self._jobs.store.live.get(uid)
        details: Mapping[str, Any] = {}
        if job is not None and job.state is JobState.FAILED:
            informed = self._informed.setdefault(uid, set())
            if who not in informed and since <= (job.finished_at or 0.0):
                informed.add(who)
                assert job.error is not None, "a failed download says why"
                raise job.error
            details = job.details
        check_disk(download)  # users can delete the files of a finished download
        self._begin(download, details.get("names", ()), details.get("kept", False))
        return False

    def keep(self, needed: Iterable[tuple[str, Download]]) -> None:
        """Set which models need which downloads; cancel those that no model needs and no caller started by itself."""
        self._users = {}
        for model, download in needed:
            self._users.setdefault(uid_of(download), []).append(model)
        for job in self._listed():
            if job.id not in self._users and not job.details["kept"]:
                self._drop(job)

    def of(self, download: Download) -> DownloadView | None:
        """The unfinished download of a model's files, if there is one."""
        job = self._unfinished(uid_of(download))
        return None if job is None else look(job)

    def views(self) -> list[DownloadView]:
        """Every known download; finished ones stay until they are removed or the server ends."""
        return [look(job) for job in self._listed()]

    def view(self, name: str) -> DownloadView:
        """One download by its id or a name that a caller gave it. Raises `NotFound`."""
        return look(self._job(name))

    def _listed(self) -> list[Job]:
        jobs = self._jobs.store.live.values()
        return [job for job in jobs if job.kind == KIND and _is_listed(job)]

    def _unfinished(self, uid: str) -> Job | None:
        job = self._jobs.store.live.get(uid)
        return None if job is None or job.finished else job

    def _job(self, name: str) -> Job:
        job = next((job for job in self._listed() if name == job.id or name in job.details["names"]), None)
        if job is None:
            raise NotFound(f"There is no download '{name}'.")
        return job

    def pause(self, name: str) -> None:
        """Pause a download; what has arrived is kept. Raises `Conflict` if it is finished."""
        job = self._job(name)
        if job.finished:
            raise Conflict(f"The download '{name}' is {job.state}; there is nothing to pause.")
        self._jobs.pause(job)

    def resume(self, name: str) -> None:
        """Continue a paused or failed download. Raises `Conflict` if it is done."""
        job = self._job(name)
        if job.state is JobState.DONE:
            raise Conflict(f"The download '{name}' is done; there is nothing to resume.")
        if job.state in (JobState.PAUSED, JobState.FAILED):
            check_disk(look(job).download)
            self._jobs.resume(job)

    def remove(self, name: str) -> None:
        """Cancel a download, or remove a finished one from the list. Raises `Conflict` while a model waits for it."""
        job = self._job(name)
        if not job.finished and (users := self._users.get(job.id)):
            raise Conflict(f"The download '{name}' is needed by {', '.join(users)}; cancel that launch instead.")
        self._drop(job)

    def _drop(self, job: Job) -> None:
        """Cancel a download in progress; remove a finished one from the list."""
        if job.finished:
            self._jobs.store.put(replace(job, details={**job.details, "removed": True}))
        else:
            self._jobs.stop(job)

    def _check_unused(self, job: Job) -> None:
        if users := self._users.get(job.id):
            raise Conflict(f"The download '{job.id}' is needed by {', '.join(users)}; cancel that launch instead.")

    def _moved(self, job: Job) -> None:
        """Handle a change of a download's state."""
        if job.finished:
            self._informed.pop(job.id, None)
            self._file(job).unlink(missing_ok=True)
        self._changed()

    def _file(self, job: Job) -> Path:
        """The file from which the download process reads what to fetch."""
        return self._folder / f"{job.id}.fetch"

    async def _plan(self, job: Job) -> ProcessPlan:
        download = look(job).download
        check_disk(download)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file(job).write_bytes(msgspec.json.encode(download))
        except OSError:
            raise NotEnoughDisk.full(self._folder) from None
        outside = umask_outside()
        argv = (*command("fetch"), str(self._file(job)), *([] if outside is None else [f"{outside:o}"]))
        return ProcessPlan(argv, CHILD_ENVIRONMENT, GRACE)

    def _conclude(self, job: Job, end: ProcessEnd) -> Mapping[str, Any] | None:
        scan.forget()
        download = look(job).download
        if end.exit_code == 0 and is_here(download):
            log.info("%s: downloaded from %s", download.model_id, download.hub)
            return {"folder": download.folder}
        raise end.error or DownloadFailed(download.model_id, remote(download.hub).title, end.reason)


class DownloadRecord(msgspec.Struct, frozen=True):
    """An unfinished download, in the form of a file that versions without the table of jobs kept."""

    download: Download
    names: tuple[str, ...] = ()
    asked: bool = False
    paused: bool = False


def _is_listed(job: Job) -> bool:
    return job.state is not JobState.CANCELLED and not job.details.get("removed")


async def _seen(job: Job) -> Job:
    view = look(job)
    return replace(job, progress=JobProgress(view.here, view.download.size, "bytes", view.reason))


def uid_of(download: Download) -> str:
    """The id of a download: equal for equal files, so that all models that need them share a job."""
    names = "\n".join(file.name for file in download.files)
    text = f"{download.hub}\n{download.model_id}\n{download.revision}\n{names}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def look(job: Job) -> DownloadView:
    """A download with the bytes that have arrived so far."""
    download = msgspec.convert(job.details["download"], Download)
    return DownloadView(job, download, tuple(progress(download)))


def check_disk(download: Download) -> None:
    """Raise `NotEnoughDisk` if the remaining bytes do not fit on the disk."""
    folder, missing_bytes, free = disk_of(download)
    if missing_bytes > free:
        raise NotEnoughDisk(str(folder), missing_bytes, free)


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """The size and the free space of a disk, in bytes."""

    total: int
    free: int


def cache_disk() -> DiskSpace:
    """The disk that holds, or would hold, the cache folder of Hugging Face."""
    folder = cache_folder()
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    return DiskSpace(usage.total, usage.free)


def disk_of(download: Download) -> tuple[Path, int, int]:
    """The existing folder above a download, the bytes that are still missing, and the free bytes of the folder's disk."""
    missing_bytes = sum(max(0, file.size - here) for file, here in progress(download))
    folder = Path(download.folder)
    while not folder.exists():
        folder = folder.parent
    return folder, missing_bytes, shutil.disk_usage(folder).free
