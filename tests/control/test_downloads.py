"""Downloads that an earlier version kept in files of the home folder become jobs."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import uvloop

from modelyard.control.downloads import DownloadRecord, Downloads, uid_of
from modelyard.core.config import Settings
from modelyard.core.types import Download, RemoteFile
from modelyard.db.session import Database
from modelyard.jobs.service import Jobs
from modelyard.jobs.types import JobState
from modelyard.runtime.local import LocalHost


@pytest.mark.parametrize(("paused", "state"), [(False, JobState.QUEUED), (True, JobState.PAUSED)])
def test_a_download_of_an_earlier_version_goes_on(
    settings: Settings, tmp_path: Path, paused: bool, state: JobState
) -> None:
    download = Download("huggingface", "a/b", "1", (RemoteFile("x.gguf", 10),), str(tmp_path / "hub"))
    folder = settings.folder / "downloads"
    folder.mkdir(parents=True)
    record = DownloadRecord(download, ("mine",), asked=True, paused=paused)
    (folder / "old.record").write_bytes(msgspec.json.encode(record))
    (folder / "broken.record").write_bytes(b"{")

    async def go() -> None:
        for _ in range(2):  # the second run finds it in the database
            database = Database(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}")
            await database.open()
            jobs = Jobs(settings, database, LocalHost(settings))
            downloads = Downloads(settings, jobs, lambda: None)
            await jobs.open()
            await downloads.adopt_records()
            [view] = downloads.views()
            assert (view.job.id, view.job.state, view.names) == (uid_of(download), state, ["mine"])
            assert view.download == download
            downloads.keep([])
            assert len(downloads.views()) == 1, "somebody wants its files"
            assert [path.name for path in folder.glob("*.record")] == ["broken.record"]
            await database.close()

    uvloop.run(go())
