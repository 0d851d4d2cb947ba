"""The folder of sockets and temporary files: private, short enough for sockets, and empty after replicas, kills and servers."""

from __future__ import annotations

import os
import socket
import stat
import sys
import uuid
from pathlib import Path

import pytest

from modelyard.core.config import Settings
from modelyard.runtime.base import ProcessSpec, ProcessState
from modelyard.runtime.run_folder import RECORD, RunFolder, fits, temporary_variables
from tests.live import Live, live
from tests.processes import wait_for
from tests.runtime.test_local import SERVE, Observer, play

LITTER = """
import os, socket, sys, tempfile, uuid
folder = tempfile.gettempdir()
sockets = [socket.socket(socket.AF_UNIX) for _ in range(2)]
sockets[0].bind(f"{folder}/{uuid.uuid4()}")
os.mkdir(f"{folder}/pymp-abcdefgh")
sockets[1].bind(f"{folder}/pymp-abcdefgh/listener-abcdefgh")
os.symlink(sys.argv[2], f"{folder}/link")
open(f"{folder}/file", "w").close()
print(folder, flush=True)
"""


def listening(folder: Path) -> None:
    """Bind a socket with the longest name that an engine gives one."""
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(folder / str(uuid.uuid4())))


@pytest.mark.parametrize("depth", [0, 20, 40, 80])
def test_sockets_fit_however_deep_the_home_folder_is(tmp_path: Path, depth: int) -> None:
    home = tmp_path / ("x" * depth + "h")
    home.mkdir()
    run = RunFolder(home / "run")
    for _ in range(3):
        folder = run.temporary()
        assert folder is not None and stat.S_IMODE(folder.stat().st_mode) == 0o700
        listening(folder)
    assert run.socket().parent == run.path and stat.S_IMODE(run.path.stat().st_mode) == 0o700
    assert fits(run.path)
    run.close()
    assert not run.path.exists() and not (home / RECORD).exists()


def test_what_a_killed_server_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    home = tmp_path / ("x" * 90)
    home.mkdir()
    first = RunFolder(home / "run")
    assert first.path.parent != home and (first.path / "1.sock").parent.is_dir()
    (first.path / "left").touch()
    second = RunFolder(home / "run")
    assert not first.path.exists() and second.path.exists()
    second.close()
    foreign = tmp_path / "precious"
    foreign.mkdir()
    (home / RECORD).write_text(str(foreign), encoding="utf-8")
    RunFolder(home / "run").close()
    assert foreign.exists(), "only folders of our own name are removed"


def test_the_cache_of_compiled_code_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    found = temporary_variables(tmp_path)
    assert found["TMPDIR"] == str(tmp_path) and str(tmp_path) not in found["TORCHINDUCTOR_CACHE_DIR"]
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/elsewhere")
    assert temporary_variables(tmp_path)["TORCHINDUCTOR_CACHE_DIR"] == "/elsewhere"


@pytest.mark.parametrize("killed", [False, True])
def test_temporary_files_of_a_replica_go_with_it(settings: Settings, tmp_path: Path, killed: bool) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()

    async def scenario(observer: Observer) -> None:
        address = observer.host.listen("m-rep0-1")
        argv = (sys.executable, "-c", LITTER + SERVE, str(address.uds), str(outside))
        await observer.host.start(ProcessSpec("m-rep0-1", "m", argv, {}, address, "/health", 20))
        ready = await observer.until(ProcessState.READY)
        folder = Path(observer.host.logs("m", None, 10)[1][0])
        assert len(list(folder.iterdir())) == 4 and folder.parent == Path(str(address.uds)).parent
        if killed:
            assert ready.pid is not None
            os.kill(ready.pid, 9)
            await observer.until(ProcessState.EXITED)
        else:
            await observer.host.stop("m-rep0-1", 5)
        assert not folder.exists() and (outside / "kept").exists()

    play(settings, scenario)


def test_a_launch_may_name_its_own_folder_and_a_killed_servers_folder_is_emptied(tmp_path: Path) -> None:
    def folder_of(server: Live, uid: str) -> Path:
        (replica,) = server.replicas(uid)
        variables = Path(f"/proc/{replica['pid']}/environ").read_bytes().split(b"\0")
        return Path(next(each for each in variables if each.startswith(b"TMPDIR="))[7:].decode())

    with live(tmp_path / "home") as server:
        server.launched("one")
        server.launched("own", envs={"TMPDIR": str(tmp_path)})
        folder = folder_of(server, "one")
        assert folder.is_dir() and folder_of(server, "own") == tmp_path
        server.kill()
        (folder / "left").touch() if folder.exists() else None
    with live(tmp_path / "home") as server:
        wait_for(lambda: not (folder / "left").exists(), seconds=30)
