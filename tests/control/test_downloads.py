"""Downloads as jobs that nothing runs: who shares one, what is kept and what is given up, and how far each is."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import uvloop

from modelyard.catalog.hubs.cache import is_here
from modelyard.control.downloads import DownloadRecord, Downloads, DownloadView, check_disk, uid_of
from modelyard.core.config import Settings
from modelyard.core.errors import Conflict, DownloadFailed, NotEnoughDisk, NotFound
from modelyard.core.types import Download, RemoteFile
from modelyard.db.session import Database
from modelyard.jobs import states
from modelyard.jobs.service import Jobs
from modelyard.jobs.types import Job, JobState, ProcessEnd, ProcessWork
from modelyard.runtime.local import LocalHost

KIND = "download"
FAILURE = DownloadFailed("a/b", "ModelScope", "it broke off")
END = ProcessEnd(0, "", ())


class Board:
    """Downloads, the jobs behind them, and how often the control loop was nudged."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.nudges = 0
        self.jobs = Jobs(settings, database, LocalHost(settings))
        self.downloads = Downloads(settings, self.jobs, self._nudge)

    def _nudge(self) -> None:
        self.nudges += 1

    def job(self, uid: str) -> Job:
        return self.jobs.store.live[uid]

    def fail(self, uid: str) -> None:
        self.jobs.store.put(states.failed(self.job(uid), FAILURE))

    def finish(self, uid: str) -> None:
        self.jobs.store.put(states.done(self.job(uid), None))

    @property
    def work(self) -> ProcessWork:
        work = self.jobs.kinds[KIND].work
        assert isinstance(work, ProcessWork)
        return work


@pytest.fixture
def on(settings: Settings, sqlite_url: str) -> Callable[..., None]:
    """Runs works one after the other, each on a server of its own over the same database."""

    async def go(works: tuple[Callable[[Board], Awaitable[None]], ...], settings: Settings) -> None:
        for work in works:
            database = Database(sqlite_url)
            await database.open()
            board = Board(settings, database)
            await board.jobs.open()
            try:
                await work(board)
                await board.jobs.written()
            finally:
                await database.close()

    def run(*works: Callable[[Board], Awaitable[None]], **more: object) -> None:
        uvloop.run(go(works, settings.model_copy(update=more)))

    return run


@pytest.fixture
def download(tmp_path: Path) -> Download:
    files = (RemoteFile("x.gguf", 10), RemoteFile("y.json", 30), RemoteFile("empty"))
    return Download("modelscope", "a/b", "main", files, str(tmp_path / "hub" / "b"))


def arrive(download: Download, name: str, size: int) -> None:
    """Put so many bytes of a file where a download has them."""
    folder = Path(download.folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"x" * size)


def complete(download: Download) -> None:
    for file in download.files:
        arrive(download, file.name, file.size or 7)


@pytest.mark.parametrize(("paused", "state"), [(False, JobState.QUEUED), (True, JobState.PAUSED)])
def test_a_download_of_an_earlier_version_goes_on(
    settings: Settings, download: Download, on: Callable[..., None], paused: bool, state: JobState
) -> None:
    folder = settings.folder / "downloads"
    folder.mkdir(parents=True)
    record = DownloadRecord(download, ("mine",), asked=True, paused=paused)
    (folder / "old.record").write_bytes(msgspec.json.encode(record))
    (folder / "broken.record").write_bytes(b"{")

    async def work(board: Board) -> None:
        await board.downloads.adopt_records()
        [view] = board.downloads.views()
        assert (view.job.id, view.job.state, view.names) == (uid_of(download), state, ["mine"])
        assert view.download == download
        board.downloads.keep([])
        assert len(board.downloads.views()) == 1, "somebody wants its files"
        assert [path.name for path in folder.glob("*.record")] == ["broken.record"]

    on(work, work)  # the second run finds it in the database


def test_a_download_that_no_model_needs_any_more_is_given_up(
    settings: Settings, download: Download, on: Callable[..., None]
) -> None:
    folder = settings.folder / "downloads"
    folder.mkdir(parents=True)
    (folder / "old.record").write_bytes(msgspec.json.encode(DownloadRecord(download)))

    async def work(board: Board) -> None:
        await board.downloads.adopt_records()
        board.downloads.keep([("m", download)])
        assert [view.job.state for view in board.downloads.views()] == [JobState.QUEUED]
        board.downloads.keep([])
        assert board.downloads.views() == []
        assert board.job(uid_of(download)).state is JobState.CANCELLED

    on(work)


def test_equal_files_share_a_download_with_all_its_names(download: Download, on: Callable[..., None]) -> None:
    async def work(board: Board) -> None:
        uid = board.downloads.start(download, "b", "user-1")
        assert board.downloads.start(download, "a") == board.downloads.start(download, "b") == uid == uid_of(download)
        assert board.downloads.start(download) == uid
        [view] = board.downloads.views()
        assert (view.names, view.job.owner, view.job.details["names"]) == (["a", "b"], "user-1", ["b", "a"])
        assert view.job.parameters == {"model_id": "a/b", "model_hub": "modelscope", "revision": "main"}
        assert board.nudges >= 4, "the control loop hears of each"
        for name in ("a", "b", uid):
            assert board.downloads.view(name).job.id == uid
        with pytest.raises(NotFound, match="no download 'c'"):
            board.downloads.view("c")
        others = [
            replace(download, hub="huggingface"),
            replace(download, model_id="a/c"),
            replace(download, revision="v2"),
            replace(download, files=download.files[1:]),
        ]
        assert len({uid_of(each) for each in (download, *others)}) == 5
        assert uid_of(replace(download, folder="/elsewhere")) == uid

    on(work)


def test_who_starts_a_download_keeps_it_though_a_model_began_it(download: Download, on: Callable[..., None]) -> None:
    async def work(board: Board) -> None:
        assert board.downloads.has_arrived(download, "m", 0.0) is False
        board.downloads.start(download)
        board.downloads.keep([])
        assert [view.job.state for view in board.downloads.views()] == [JobState.QUEUED]

    on(work)


def test_files_that_are_here_have_arrived(download: Download, on: Callable[..., None]) -> None:
    async def work(board: Board) -> None:
        assert board.downloads.of(download) is None
        assert board.downloads.has_arrived(download, "m", 0.0) is False
        assert board.downloads.has_arrived(download, "m", 0.0) is False, "it goes on"
        found = board.downloads.of(download)
        assert found is not None and found.job.details["kept"] is False
        complete(download)
        assert board.downloads.has_arrived(download, "m", 0.0) is True
        board.finish(found.job.id)
        assert board.downloads.of(download) is None
        shutil.rmtree(download.folder)
        assert board.downloads.has_arrived(download, "m", 0.0) is False, "its files were deleted"
        assert board.downloads.of(download) is not None

    on(work)


def test_a_failure_is_told_to_each_once_and_then_tried_again(download: Download, on: Callable[..., None]) -> None:
    async def work(board: Board) -> None:
        uid = board.downloads.start(download, "mine")
        board.fail(uid)
        before = (board.job(uid).finished_at or 0.0) - 1
        for who in ("m", "n"):
            with pytest.raises(DownloadFailed, match="broke off"):
                board.downloads.has_arrived(download, who, before)
        assert board.job(uid).state is JobState.FAILED
        assert board.downloads.has_arrived(download, "m", before) is False
        view = board.downloads.view("mine")
        assert (view.job.state, view.job.details["kept"]) == (JobState.QUEUED, True), "what callers asked for stays"
        board.fail(uid)
        assert board.downloads.has_arrived(download, "new", (board.job(uid).finished_at or 0.0) + 1) is False
        assert board.job(uid).state is JobState.QUEUED, "a launch after the failure tries at once"
        board.fail(uid)
        with pytest.raises(DownloadFailed):
            board.downloads.has_arrived(download, "m", before)

    on(work)


def test_a_download_is_paused_resumed_and_removed(download: Download, on: Callable[..., None]) -> None:
    async def work(board: Board) -> None:
        uid = board.downloads.start(download, "mine")
        board.downloads.pause("mine")
        assert board.downloads.view(uid).job.state is JobState.PAUSED
        board.downloads.resume("mine")
        assert board.downloads.view(uid).job.state is JobState.QUEUED
        board.downloads.resume("mine")
        board.fail(uid)
        with pytest.raises(Conflict, match="is failed; there is nothing to pause"):
            board.downloads.pause("mine")
        board.downloads.resume("mine")
        assert board.downloads.view(uid).job.state is JobState.QUEUED
        board.finish(uid)
        with pytest.raises(Conflict, match="is done; there is nothing to resume"):
            board.downloads.resume("mine")
        board.downloads.remove("mine")
        assert board.downloads.views() == [] and board.job(uid).state is JobState.DONE
        with pytest.raises(NotFound):
            board.downloads.remove("mine")

    on(work)


def test_a_download_that_a_model_waits_for_is_not_removed(download: Download, on: Callable[..., None]) -> None:
    async def work(board: Board) -> None:
        uid = board.downloads.start(download, "mine")
        board.downloads.keep([("m", download), ("n", download)])
        with pytest.raises(Conflict, match="is needed by m, n; cancel that launch"):
            board.downloads.remove("mine")
        with pytest.raises(Conflict, match="is needed by m, n; cancel that launch"):
            await board.jobs.cancel(board.job(uid))
        board.downloads.keep([])
        board.downloads.remove("mine")
        assert board.job(uid).state is JobState.CANCELLED and board.downloads.views() == []
        board.downloads.start(download, "mine")
        board.finish(uid)
        board.downloads.keep([("m", download)])
        board.downloads.remove("mine")
        assert board.downloads.views() == [], "a finished one leaves the list, whoever uses its files"

    on(work)


def test_finished_downloads_stay_listed_unless_no_caller_started_them(
    download: Download, on: Callable[..., None]
) -> None:
    async def work(board: Board) -> None:
        other = replace(download, model_id="a/c")
        board.finish(board.downloads.start(download))
        assert board.downloads.has_arrived(other, "m", 0.0) is False
        board.downloads.keep([("m", other)])
        board.finish(uid_of(other))
        assert len(board.downloads.views()) == 2
        board.downloads.keep([])
        assert [view.download for view in board.downloads.views()] == [download]

    on(work)


def test_progress_counts_files_and_bytes(download: Download, on: Callable[..., None]) -> None:
    async def work(board: Board) -> None:
        uid = board.downloads.start(download)

        def now() -> DownloadView:
            return board.downloads.view(uid)

        assert (now().here, now().part, now().reason) == (0, 0.0, "1 of 3 files, 0 %"), "one needs no bytes"
        arrive(download, "x.gguf", 10)
        arrive(download, "y.json.incomplete", 15)
        assert (now().here, now().part, now().reason) == (25, 0.625, "2 of 3 files, 62 %")
        arrive(download, "empty", 5)
        assert (now().here, now().reason) == (30, "2 of 3 files, 75 %"), "a hub may not state a size"
        arrive(download, "y.json.incomplete", 99)
        assert (now().here, now().part) == (45, 1.0), "more than there should be is not counted"
        shown = await board.jobs.get(uid)
        assert (shown.progress.done, shown.progress.total, shown.progress.unit) == (45, 40, "bytes")
        shutil.rmtree(download.folder)
        board.downloads.pause(uid)
        assert now().reason == "1 of 3 files, 0 %, paused"
        board.jobs.store.put(replace(board.job(uid), state=JobState.QUEUED, error=FAILURE))
        assert now().reason.startswith("1 of 3 files, 0 %; it broke off and is tried again: Downloading 'a/b'")
        board.finish(uid)
        assert now().part == 1.0
        empty = DownloadView(Job(id="x", kind=KIND), replace(download, files=()), ())
        assert (empty.part, empty.here) == (0.0, 0)

    on(work)


def test_more_than_the_disk_holds_is_refused(
    download: Download, on: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []
    usage = namedtuple("usage", "total used free")

    def disk(folder: Path) -> usage:
        looked.append(folder)
        return usage(100, 70, 30)

    monkeypatch.setattr(shutil, "disk_usage", disk)
    with pytest.raises(NotEnoughDisk):
        check_disk(download)
    assert os.path.isdir(looked[-1]), "the nearest folder that exists"
    arrive(download, "x.gguf", 10)
    check_disk(download)
    assert looked[-1] == Path(download.folder)
    arrive(download, "y.json.incomplete", 100)
    check_disk(replace(download, files=(*download.files, RemoteFile("z", 30))))
    with pytest.raises(NotEnoughDisk):
        check_disk(replace(download, files=(*download.files, RemoteFile("z", 31))))

    async def work(board: Board) -> None:
        other = replace(download, folder=str(Path(download.folder) / "other"))
        with pytest.raises(NotEnoughDisk):
            board.downloads.start(other)
        with pytest.raises(NotEnoughDisk):
            board.downloads.has_arrived(other, "m", 0.0)
        assert board.downloads.views() == []
        with pytest.raises(NotEnoughDisk):
            await board.work.plan(replace(job_of(other), id="x"))

    on(work)


def job_of(download: Download) -> Job:
    return Job(
        id=uid_of(download),
        kind=KIND,
        details={"download": msgspec.to_builtins(download), "names": [], "kept": True},
    )


def test_the_process_of_a_download_is_told_what_to_fetch(
    settings: Settings, download: Download, on: Callable[..., None]
) -> None:
    async def work(board: Board) -> None:
        uid = board.downloads.start(download)
        plan = await board.work.plan(board.job(uid))
        file = settings.folder / "downloads" / f"{uid}.fetch"
        assert msgspec.json.decode(file.read_bytes(), type=Download) == download
        place = plan.argv.index(str(file))
        assert plan.argv[place - 1] == "fetch" and all(int(word, 8) >= 0 for word in plan.argv[place + 1 :])
        board.downloads.pause(uid)
        assert file.exists()
        board.downloads.remove(uid)
        assert not file.exists(), "it goes with the download"

    on(work)


def test_a_download_is_done_when_its_files_are_here(download: Download, on: Callable[..., None]) -> None:
    async def work(board: Board) -> None:
        conclude = board.work.conclude
        assert conclude is not None
        job = job_of(download)
        with pytest.raises(DownloadFailed, match=r"'a/b' from ModelScope failed: it ended with exit code 0"):
            conclude(job, END)
        with pytest.raises(NotFound):
            conclude(job, replace(END, exit_code=1, error=NotFound("no such repository")))
        complete(download)
        assert is_here(download)
        assert conclude(job, END) == {"folder": download.folder}
        with pytest.raises(DownloadFailed, match="full stop"):
            conclude(job, replace(END, exit_code=1, lines=("x", "full stop", "")))

    on(work)


def test_settings_bound_the_downloads(on: Callable[..., None]) -> None:
    async def work(board: Board) -> None:
        kind = board.jobs.kinds[KIND]
        assert (kind.at_once, kind.attempts, kind.scope, kind.pausable) == (7, 9, "models:write", True)

    on(work, downloads_at_once=7, download_attempts=9)
