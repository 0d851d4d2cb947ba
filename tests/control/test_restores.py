"""What a restore writes from a backup, what it refuses, and what it leaves when it is broken off; without the command line.

`tests/cli/test_backups.py` backs up and restores servers that run, and kills the commands.
"""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import tarfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelyard.control import restores
from modelyard.control.backups import KEPT, BackupManifest, BackupSummary
from modelyard.core.config import Settings
from modelyard.core.errors import CannotStart
from modelyard.db.versions import HEAD

DATABASE = "database.sqlite"
TIME = 1_000_000_000
ENDINGS = ("-wal", "-shm", "-journal")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home folder."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def backup(target: Path, *members: str, links: tuple[tuple[str, str], ...] = (), database: str = "sqlite") -> Path:
    """A backup with members whose content is their name, and hard links."""
    manifest = BackupManifest(
        format=1, modelyard="1", schema_version=HEAD, database=database, created_at=1.0, settings={}, secrets=[]
    )
    contents = {"manifest.json": msgspec.json.encode(manifest), **{name: name.encode() for name in members}}
    with tarfile.open(target, "w") as archive:
        for name, data in contents.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(data), TIME
            archive.addfile(member, io.BytesIO(data))
        for name, content in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.LNKTYPE, content
            archive.addfile(member)
    return target


def restore(home: Path, source: Path, **values: Any) -> BackupSummary:
    with (home.parent / "lock").open("w") as lock:
        return asyncio.run(restores.restore(Settings(home=home, **values), source, lock))


def refused(home: Path, source: Path, **values: Any) -> str:
    with pytest.raises(CannotStart) as error:
        restore(home, source, **values)
    return error.value.message


def found(home: Path) -> dict[str, str]:
    return {path.relative_to(home).as_posix(): path.read_text() for path in home.rglob("*") if path.is_file()}


def test_each_file_is_restored_with_its_time_and_for_its_owner(home: Path, tmp_path: Path) -> None:
    files = [*(f"{name}/a/b" for name in KEPT), "modelyard.toml"]
    members = [*(f"home/{name}" for name in files), DATABASE]
    summary = restore(home, backup(tmp_path / "b.tar", *members))
    assert found(home) == {**{name: f"home/{name}" for name in files}, "modelyard.db": DATABASE}
    assert (summary.files, summary.bytes) == (len(files), sum(map(len, members)))
    for name in files:
        status = (home / name).stat()
        assert (status.st_mode & 0o777, status.st_mtime) == (0o600, TIME), name
    assert (home / "modelyard.db").stat().st_mode & 0o777 == 0o600
    assert (home / "modelyard.db").stat().st_mtime > TIME, "what is in use now is not old"
    assert sorted(os.listdir(home)) == sorted([*KEPT, "modelyard.db", "modelyard.toml"])


def test_one_content_of_several_models_is_restored_once(home: Path, tmp_path: Path) -> None:
    links = (("home/created/new/b", "home/blobs/a"),)
    summary = restore(home, backup(tmp_path / "b.tar", "home/blobs/a", DATABASE, links=links))
    assert (home / "blobs/a").samefile(home / "created/new/b")
    assert (summary.files, summary.bytes) == (2, len("home/blobs/a") + len(DATABASE))


@pytest.mark.parametrize(
    "name",
    [
        "home/engines/x", "home", "home/other.toml", "home/modelyard.toml/x", "home/files/../engines/x", "other/files/x",
        "/home/files/x", "../home/files/x", "x", "database.other", "home/modelyard.db",
    ],
)  # fmt: skip
def test_a_name_that_no_backup_has_is_refused(home: Path, tmp_path: Path, name: str) -> None:
    words = f"The backup holds '{name}', which is none of its files."
    assert refused(home, backup(tmp_path / "a.tar", DATABASE, name)) == words
    assert not os.listdir(home), "it is as it was"
    if name != "x":
        links = ((name, "home/files/a"),)
        assert refused(home, backup(tmp_path / "b.tar", DATABASE, "home/files/a", links=links)) == words
    links = (("home/files/b", name),)
    words = "The backup holds 'home/files/b', which is none of its files."
    assert refused(home, backup(tmp_path / "c.tar", DATABASE, "home/files/a", links=links)) == words
    assert not os.listdir(home)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
@pytest.mark.parametrize("name", ["home/files/x", DATABASE])
def test_what_is_no_file_is_refused(home: Path, tmp_path: Path, kind: bytes, name: str) -> None:
    source = backup(tmp_path / "b.tar")
    with tarfile.open(source, "a") as archive:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "home/files/y"
        archive.addfile(member)
    assert refused(home, source) == f"The backup holds '{name}', which is none of its files."


def test_a_backup_without_its_database_is_refused(home: Path, tmp_path: Path) -> None:
    source = backup(tmp_path / "b.tar", "home/files/a", "database.dump")
    assert refused(home, source) == f"'{source}' is not whole: its database is missing."
    assert not os.listdir(home)


def test_a_backup_of_another_kind_of_database_is_refused(home: Path, tmp_path: Path) -> None:
    source = backup(tmp_path / "b.tar", "database.dump", database="postgresql")
    assert "has a database of postgresql, and the settings name one of sqlite" in refused(home, source)
    assert "MODELYARD_DATABASE_URL" in refused(home, source)


def test_a_backup_that_is_cut_off_is_refused(home: Path, tmp_path: Path) -> None:
    source = backup(tmp_path / "b.tar", "home/files/a", "home/files/b", DATABASE)
    source.write_bytes(source.read_bytes()[: 5 * 512 + 100])
    assert refused(home, source).startswith(f"The backup '{source}' cannot be restored: ")
    assert not os.listdir(home)


@pytest.mark.parametrize("name", [*KEPT, "modelyard.db"])
def test_only_an_empty_home_is_restored_into(home: Path, tmp_path: Path, name: str) -> None:
    source = backup(tmp_path / "b.tar", DATABASE)
    (home / name).touch()
    assert f"is not empty (it has {name})" in refused(home, source)
    assert os.listdir(home) == [name]
    (home / name).unlink()
    (home / "server.lock").touch()
    restore(home, source)


def test_a_database_elsewhere_is_not_replaced(home: Path, tmp_path: Path) -> None:
    source = backup(tmp_path / "b.tar", "home/files/a", DATABASE)
    elsewhere = tmp_path / "elsewhere.db"
    url = f"sqlite+aiosqlite:///{elsewhere}"
    elsewhere.write_text("rows")
    assert refused(home, source, database_url=url).startswith("The database of the settings exists")
    assert elsewhere.read_text() == "rows" and not os.listdir(home)
    elsewhere.unlink()
    restore(home, source, database_url=url)
    assert elsewhere.read_text() == DATABASE and found(home) == {"files/a": "home/files/a"}


def staging(home: Path, whole: bool) -> None:
    """What a restore has left that was killed before or after its backup was whole."""
    for name in ("restoring/home/files/a", "restoring/home/modelyard.toml", f"restoring/{DATABASE}"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(f"# {name}")
    if whole:
        (home / "restoring" / "whole").touch()


def finish(home: Path) -> bool:
    return asyncio.run(restores.finish_restore(Settings(home=home)))


def test_a_restore_that_was_killed_is_finished_or_removed(home: Path) -> None:
    assert not finish(home) and not os.listdir(home)
    staging(home, whole=False)
    assert not finish(home) and not os.listdir(home)
    staging(home, whole=True)
    for ending in ENDINGS:
        (home / f"modelyard.db{ending}").write_text("of another database")
    assert finish(home)
    assert found(home) == {
        "files/a": "# restoring/home/files/a",
        "modelyard.toml": "# restoring/home/modelyard.toml",
        "modelyard.db": f"# restoring/{DATABASE}",
    }
    assert not (home / "restoring").exists() and not finish(home)


def test_a_restore_that_was_killed_after_the_database_is_finished(home: Path) -> None:
    staging(home, whole=True)
    (home / "restoring" / DATABASE).replace(home / "modelyard.db")
    (home / "modelyard.db-journal").touch()
    assert finish(home) and not (home / "restoring").exists()
    assert (home / "modelyard.db").read_text() == f"# restoring/{DATABASE}"
    assert (home / "modelyard.db-journal").exists(), "a database that is in its place is left alone"


def test_a_restore_after_one_that_was_killed_says_so(home: Path, tmp_path: Path) -> None:
    source = backup(tmp_path / "b.tar", DATABASE)
    staging(home, whole=True)
    assert "was interrupted, and is finished now" in refused(home, source)
    assert (home / "files/a").exists()
    shutil.rmtree(home)
    staging(home, whole=False)
    restore(home, source)
    assert found(home) == {"modelyard.db": DATABASE}


@pytest.mark.parametrize("same", [True, False])
def test_a_database_moves_as_a_whole_also_into_another_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, same: bool
) -> None:
    copy, target = tmp_path / "copy", tmp_path / "place" / "m.db"
    target.parent.mkdir()
    copy.write_text("rows")
    number = copy.stat().st_ino
    for ending in ENDINGS:
        target.with_name(f"m.db{ending}").write_text("old")
    if not same:
        stat = Path.stat

        def other(path: Path, **options: Any) -> os.stat_result:
            status = list(stat(path, **options))
            status[2] += path == target.parent  # st_dev
            return os.stat_result(status)

        monkeypatch.setattr(Path, "stat", other)
    restores._move(copy, target)
    monkeypatch.undo()
    assert target.read_text() == "rows" and os.listdir(target.parent) == ["m.db"]
    assert (target.stat().st_ino == number) is same
