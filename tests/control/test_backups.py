"""What a backup of an SQLite server holds, file by file, and what is written where; without the command line.

`tests/cli/test_backups.py` backs up and restores servers that run, and kills the commands.
"""

from __future__ import annotations

import asyncio
import fcntl
import gzip
import os
import sqlite3
import tarfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from modelyard import __version__
from modelyard.control import backups
from modelyard.core.config import Settings
from modelyard.core.errors import CannotStart
from modelyard.db.session import Database
from modelyard.db.versions import HEAD

FOLDERS = ("batches", "blobs", "created", "files", "generations", "knowledge", "registrations")
LEFT_OUT = ("knowledge/indexes", "knowledge/pages", "files/arriving")


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a database with all tables and no rows."""
    path = tmp_path_factory.mktemp("database") / "modelyard.db"

    async def make() -> None:
        database = Database(f"sqlite+aiosqlite:///{path}")
        await database.open()
        await database.close()

    asyncio.run(make())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    return path.read_bytes()


@pytest.fixture
def home(tmp_path: Path, empty_database: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of a server without files."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "modelyard.db").write_bytes(empty_database)
    monkeypatch.setenv("MODELYARD_HOME", str(folder))
    return folder


def put(home: Path, *names: str) -> None:
    for name in names:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(name)


def made(home: Path, target: Path) -> tuple[backups.BackupSummary, dict[str, bytes]]:
    """The summary of a backup, and the content of each member, in their order."""
    summary = backups.back_up(Settings(home=home), target)
    with tarfile.open(target) as archive:
        members = archive.getmembers()
        read = {each.name: (archive.extractfile(each) or pytest.fail(each.name)).read() for each in members}
        assert len(read) == len(members), "no member is there twice"
        assert all(each.mtime > time.time() - 1e5 for each in members)
        assert all(each.mode == 0o600 for each in members if each.name in ("manifest.json", "home/modelyard.toml"))
    return summary, read


def test_a_backup_has_the_files_of_rows_and_none_that_a_server_makes_anew(home: Path, tmp_path: Path) -> None:
    kept = [f"{name}/{place}" for name in FOLDERS for place in ("b", "a", "deep/er/c")]
    kept += ["knowledge/files/indexes/x", "files/pages/x"]  # names that are left out elsewhere only
    put(home, *kept, *(f"{name}/x" for name in LEFT_OUT), "engines/x", "logs/x", "server.lock")
    (home / "files/link").symlink_to(home / "files/a")
    summary, members = made(home, tmp_path / "whole.tar")
    names = list(members)
    assert names[0] == "manifest.json" and names[-1] == "database.sqlite"
    assert {name: data for name, data in members.items() if name not in (names[0], names[-1])} == {
        f"home/{name}": name.encode() for name in kept
    }
    assert summary.written == set(kept) and summary.files == len(kept)
    assert summary.bytes == sum(map(len, kept)) + len(members["database.sqlite"])
    assert [name for name in names if name.startswith("home/batches")] == [
        "home/batches/a", "home/batches/b", "home/batches/deep/er/c",
    ]  # fmt: skip


def test_files_that_arrive_during_a_backup_are_in_it_once(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(home, "files/early")
    copy = backups._copy_sqlite

    def arriving(url: str, target: Path) -> None:
        put(home, "files/late")
        copy(url, target)

    monkeypatch.setattr(backups, "_copy_sqlite", arriving)
    summary, members = made(home, tmp_path / "b.tar")
    assert list(members) == ["manifest.json", "home/files/early", "database.sqlite", "home/files/late"]
    assert summary.files == 2


def test_a_file_that_goes_away_during_a_backup_is_left_out(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(home, "files/a", "files/b", "files/c")
    files = backups._files

    def leaving(folder: Path) -> Any:
        for path in files(folder):
            if path.name == "b":
                path.unlink()
            yield path

    monkeypatch.setattr(backups, "_files", leaving)
    summary, members = made(home, tmp_path / "b.tar")
    assert [name for name in members if name.startswith("home/")] == ["home/files/a", "home/files/c"]
    assert summary.files == 2


def test_the_manifest_has_what_is_set_and_only_the_names_of_secrets(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELYARD_PORT", "7001")
    monkeypatch.setenv("MODELYARD_TAVILY_API_KEY", "tvly-secret")
    before = time.time()
    summary, members = made(home, tmp_path / "b.tar")
    manifest = backups.read_manifest(tmp_path / "b.tar")
    assert manifest == summary.manifest
    assert (manifest.format, manifest.modelyard, manifest.schema_version) == (1, __version__, HEAD)
    assert manifest.database == "sqlite" and before <= manifest.created_at <= time.time()
    assert manifest.settings == {"home": str(home), "port": 7001}
    assert manifest.secrets == ["tavily_api_key"]
    assert b"tvly-secret" not in members["manifest.json"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("port = 1\n", "port = 1\n"),
        ('port = 1\ntavily_api_key = "x"\nhost = "h"\n', 'port = 1\nhost = "h"\n'),
        ('  bing_subscription_key="x"', ""),
        ('files_url = "x"\nvector_store_url = "y"\ndatabase_url = "sqlite+aiosqlite:///z"\n# end\n', "# end\n"),
        ('"tavily_api_key" = "x"\nport = 1\n', None),  # a secret under a name that is not seen
    ],
)
def test_the_settings_are_kept_without_the_lines_of_secrets(
    home: Path, tmp_path: Path, text: str, kept: str | None
) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/modelyard.toml").write_text(text)
    with tarfile.open(tmp_path / "b.tar", "w") as archive:
        backups._add_settings(archive, tmp_path / "set")
        backups._add_settings(archive, tmp_path)  # where there are none
    with tarfile.open(tmp_path / "b.tar") as archive:
        found = {each.name: (archive.extractfile(each) or pytest.fail()).read().decode() for each in archive}
    assert found == ({} if kept is None else {"home/modelyard.toml": kept})


@pytest.mark.parametrize(("name", "packed"), [("b.tar", False), ("b.gz", True), ("b.tgz", True), ("b.gz.tar", False)])
def test_the_name_of_a_backup_says_whether_it_is_packed(home: Path, tmp_path: Path, name: str, packed: bool) -> None:
    made(home, tmp_path / name)
    data = (tmp_path / name).read_bytes()
    assert data.startswith(b"\x1f\x8b") is packed
    assert b"manifest.json" in (gzip.decompress(data) if packed else data)


def test_a_backup_is_for_its_owner_and_replaces_an_older_one_when_it_is_whole(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.tar"
    target.write_text("older")
    for ending in (".partial", ".partial-database", ".partial-database-journal"):  # of a backup that was killed
        (tmp_path / f"b.tar{ending}").write_text("killed " * 100_000)
        (tmp_path / f"b.tar{ending}").chmod(0o600)
    made(home, target)
    made(home, tmp_path / "new.tar")
    assert target.stat().st_mode & 0o777 == (tmp_path / "new.tar").stat().st_mode & 0o777 == 0o600
    assert target.stat().st_size == (tmp_path / "new.tar").stat().st_size
    (tmp_path / "new.tar").unlink()
    assert sorted(os.listdir(tmp_path)) == ["b.tar", "home"]
    old = target.read_bytes()
    with sqlite3.connect(home / "modelyard.db") as connection:
        connection.execute("CREATE TABLE t (x TEXT)")
        connection.executemany("INSERT INTO t VALUES (?)", [("y" * 500,)] * 500)
    connection.close()
    data = (home / "modelyard.db").read_bytes()
    (home / "modelyard.db").write_bytes(data[:-100_000] + b"x" * 50_000 + data[-50_000:])
    with pytest.raises(CannotStart, match=r"is damaged|cannot be copied"):
        backups.back_up(Settings(home=home), target)
    assert target.read_bytes() == old and sorted(os.listdir(tmp_path)) == ["b.tar", "home"]


def test_a_backup_is_written_under_a_link(home: Path, tmp_path: Path) -> None:
    (tmp_path / "link.tar").symlink_to(tmp_path / "real.tar")
    made(home, tmp_path / "link.tar")
    assert (tmp_path / "link.tar").is_symlink() and not (tmp_path / "real.tar").is_symlink()


def test_a_backup_that_is_just_being_written_is_not_replaced(home: Path, tmp_path: Path) -> None:
    with (tmp_path / "b.tar.partial").open("w+b") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(CannotStart, match="Another backup is writing"):
            backups.back_up(Settings(home=home), tmp_path / "b.tar")
        assert (tmp_path / "b.tar.partial").exists() and not (tmp_path / "b.tar").exists()


def test_a_file_that_another_backup_has_just_renamed_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was opened before the other's end and locked after it."""
    target = tmp_path / "b.tar"
    lock = fcntl.flock

    def late(file: Any, kind: int) -> None:
        (tmp_path / "b.tar.partial").replace(target)
        (tmp_path / "b.tar.partial").write_text("a third one")
        lock(file, kind)

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(CannotStart, match="Another backup is writing"), backups._whole_file(target):
        pytest.fail("it must not be written")


def test_what_cannot_be_backed_up_is_said(home: Path, tmp_path: Path) -> None:
    def refused(folder: Path, target: Path) -> str:
        with pytest.raises(CannotStart) as error:
            backups.back_up(Settings(home=folder), target)
        return error.value.message

    assert "There is no home folder" in refused(tmp_path / "nowhere", tmp_path / "b.tar")
    assert "it is no file" in refused(home, home)
    assert "cannot be written" in refused(home, tmp_path / "no" / "b.tar")
    (home / "modelyard.db").unlink()
    assert f"There is no database '{home / 'modelyard.db'}'" in refused(home, tmp_path / "b.tar")
    sqlite3.connect(home / "modelyard.db").execute("CREATE TABLE t (x)").connection.close()
    assert refused(home, tmp_path / "b.tar") == "The database is empty; start the server once."


@pytest.mark.parametrize(
    ("program", "words"), [("false", "false failed: it gave no reason"), ("no-such", "There is no no-such here")]
)
def test_a_program_of_postgresql_that_fails_or_is_absent_is_said(program: str, words: str) -> None:
    with pytest.raises(CannotStart) as error:
        backups.run_postgres(program, None)
    assert error.value.message.startswith(words)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that are found first."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("PGPASSWORD", raising=False)
    return tmp_path


def script(program: Path, text: str) -> None:
    (program / "pg_x").write_text(f"#!/bin/sh\n{text}\n")
    (program / "pg_x").chmod(0o755)


def test_the_password_of_a_database_is_in_no_command_line(program: Path) -> None:
    script(program, 'echo "$@ password=$PGPASSWORD"')
    with_password = "postgresql+asyncpg://ann:secret@host:5433/name"
    assert backups.run_postgres("pg_x", with_password, "--more") == (
        "--dbname=postgresql://ann@host:5433/name --more password=secret\n"
    )
    assert backups.run_postgres("pg_x", "postgresql+asyncpg://host/name").endswith("/name password=\n")
    assert backups.run_postgres("pg_x", None, "a", "b") == "a b password=\n"


def test_what_a_program_of_postgresql_complains_of_is_one_sentence(program: Path) -> None:
    script(program, "printf 'pg_x: one\\npg_x:   two\\n\\n' >&2; exit 3")
    with pytest.raises(CannotStart) as error:
        backups.run_postgres("pg_x", None)
    assert error.value.message == "pg_x failed: one two"


def test_files_are_kept_open_for_a_program(program: Path, tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        script(program, f"[ -e /proc/self/fd/{lock.fileno()} ] && echo open || echo closed")
        assert backups.run_postgres("pg_x", None, keep_open=(lock.fileno(),)) == "open\n"
        assert backups.run_postgres("pg_x", None) == "closed\n"


def test_indexes_of_knowledge_bases_are_not_dumped(program: Path, tmp_path: Path) -> None:
    script(program, f'echo "$@" > {tmp_path}/arguments')
    (program / "pg_x").rename(program / "pg_dump")
    backups._dump("postgresql+asyncpg://host/name", tmp_path / "dump")
    assert (tmp_path / "arguments").read_text().split() == [
        "--dbname=postgresql://host/name",
        "--format=custom",
        "--no-owner",
        "--no-privileges",
        "--exclude-table=modelyard_index_*",
        f"--file={tmp_path / 'dump'}",
    ]
