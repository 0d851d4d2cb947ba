"""What is seen when things go wrong: every row of the table in docs/faults.md, done to real processes."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.kept_server import kept_server
from tests.live import HELLO, Live, error_of, events, live
from tests.processes import alive, marked, wait_for


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One server for the tests that do not harm it."""
    with live(tmp_path_factory.mktemp("faults") / "home") as running:
        running.launched("steady")
        yield running


def engine_pid(shim: int) -> int:
    """The engine below a shim, which is what a replica's pid names."""
    import psutil

    return wait_for(lambda: [child.pid for child in psutil.Process(shim).children()])[0]


def test_a_replica_is_killed_under_load(server: Live) -> None:
    """Requests that have no answer yet move to the other replica; streams that began end with an error event."""
    server.launched("pair", replica=2, tokens=400, tokens_per_second=200)
    replicas = server.until_replicas_ready("pair", 2)
    began = threading.Semaphore(0)

    def stream(_: int) -> list[dict[str, Any]]:
        body = {"model": "pair", "messages": HELLO, "stream": True}
        with httpx.stream("POST", f"{server.url}/v1/chat/completions", json=body, timeout=60) as answer:
            assert answer.status_code == 200
            pieces: list[str] = []
            for piece in answer.iter_text():
                if not pieces:
                    began.release()
                pieces.append(piece)
        return events("".join(pieces))

    def short(_: int) -> int:
        return server.chat("pair", max_tokens=1).status_code

    with ThreadPoolExecutor(32) as pool:
        streams = [pool.submit(stream, index) for index in range(8)]
        for _ in streams:
            assert began.acquire(timeout=30)
        os.kill(engine_pid(replicas[0]["pid"]), signal.SIGKILL)
        assert {future.result() for future in [pool.submit(short, index) for index in range(40)]} == {200}
        endings = [future.result()[-1] for future in streams]
    broken = [ending for ending in endings if "error" in ending]
    whole = [ending for ending in endings if "error" not in ending]
    assert broken and whole, "both replicas had streams: least in flight spreads them"
    assert {ending["error"]["code"] for ending in broken} == {"upstream_failed"}
    assert all(ending["choices"][0]["finish_reason"] == "stop" for ending in whole if ending["choices"])
    server.until_replicas_ready("pair", 2)
    server.http.delete("/v1/models/pair")


def test_while_the_only_replica_is_loading_the_answer_is_503_at_once(server: Live) -> None:
    server.launch("slow", wait_ready=False, load_seconds=1000)
    answer = server.chat("slow")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert error_of(answer)["code"] == "model_not_ready"
    assert "being loaded" in answer.json()["detail"]
    assert server.http.post("/v1/models/slow/cancel").status_code == 200
    assert server.status("slow") == "GONE"


def test_while_the_only_replica_is_down_the_answer_is_503_at_once(tmp_path: Path) -> None:
    with live(tmp_path / "home", {"MODELYARD_RESTART_BACKOFF": "30"}) as own:
        own.launched("one")
        os.kill(engine_pid(own.replicas("one")[0]["pid"]), signal.SIGKILL)
        answer = wait_for(lambda: found if "killed by signal 9" in (found := own.chat("one")).text else None)
        assert answer.status_code == 503
        assert error_of(answer)["code"] == "model_not_ready"
        assert "retry-after" in answer.headers


def test_the_server_is_killed_and_every_model_is_back(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = Live(home)
    first.launched("stubborn", replica=2, ignore_sigterm=True)
    first.launched("b", tokens=2)
    assert len(marked(first.mark)) == 1 + 2 * 3
    first.kill()
    killed = time.monotonic()
    wait_for(lambda: not marked(first.mark))
    took = time.monotonic() - killed
    first.close()
    assert took < 10, "generous: the figure itself is in the benchmark"
    with live(home) as second:
        second.until_replicas_ready("stubborn", 2)
        second.until("b", "READY")
        assert second.chat("b").json()["usage"]["completion_tokens"] == 2


def test_the_server_is_killed_and_every_model_is_back_from_either_database(tmp_path: Path, database_url: str) -> None:
    env = {"MODELYARD_DATABASE_URL": database_url}
    first = Live(tmp_path / "home", env)
    first.launched("m", replica=2)
    first.kill()
    first.close()
    with live(tmp_path / "home", env) as second:
        second.until_replicas_ready("m", 2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, number: int) -> None:
    with live(tmp_path / "home") as own:
        own.launched("m", replica=2, ignore_sigterm=True)
        assert own.stop(number) == 0
        assert marked(own.mark) == []


def test_an_engine_that_never_answers(tmp_path: Path) -> None:
    with live(tmp_path / "home", {"MODELYARD_RESPONSE_TIMEOUT": "0.5", "MODELYARD_STALL_TIMEOUT": "0.5"}) as own:
        own.launched("mute", hang=True)
        answer = own.chat("mute")
        assert answer.status_code == 504
        assert error_of(answer)["code"] == "upstream_timeout"
        own.launched("stalls", hang_after=3, tokens=9)
        ending = events(own.chat("stalls", stream=True).text)[-1]
        assert ending["error"]["code"] == "upstream_timeout"


def test_an_engine_that_answers_garbage(server: Live) -> None:
    answer = server.chat("steady", fake={"garbage": True})
    assert answer.status_code == 502
    assert error_of(answer)["code"] == "upstream_failed"
    answer = server.launch("noise", garbage=True)
    assert answer.status_code == 502
    assert "not HTTP" in error_of(answer)["message"]


def test_an_engine_that_stops_answering_altogether_is_restarted(server: Live) -> None:
    server.launched("frozen")
    pid = engine_pid(server.replicas("frozen")[0]["pid"])
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: not alive(pid), seconds=60)
    fresh = server.until_replicas_ready("frozen", 1)
    assert engine_pid(fresh[0]["pid"]) != pid
    said = [event["event_content"] for event in server.http.get("/v1/models/frozen/events").json()]
    assert any("stopped answering health checks" in content for content in said)


def test_an_engine_that_dies_at_start(server: Live) -> None:
    answer = server.launch("stillborn", crash_at_start="error: weights are upside down")
    assert answer.status_code == 502
    assert "weights are upside down" in error_of(answer)["message"]
    assert server.status("stillborn") == "ERROR"
    assert "upside down" in server.http.get("/v1/models/stillborn/logs").json()["lines"][-1]
    assert "upside down" in error_of(server.chat("stillborn"))["message"]
    assert server.http.get("/v1/models/stillborn/progress").json()["stage"] == "failed"


def refused(home: Path, words: str, **env: str) -> str:
    """What a server prints that refuses to start: one sentence, an exit code, no traceback."""
    with tempfile.NamedTemporaryFile() as log:  # not beside the home, whose disk may be full
        settings = {"MODELYARD_HOME": str(home), "MODELYARD_PORT": "0", **env}
        outcome = kept_server().serve({**os.environ, **settings}, Path(log.name), ()).wait()
        printed = Path(log.name).read_text(encoding="utf-8")
    assert outcome == 1
    assert words in printed
    assert "Traceback" not in printed
    assert len(printed.strip().splitlines()) <= 3
    return printed


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused(tmp_path / "home", "Choose another with --port", MODELYARD_PORT=str(taken.getsockname()[1]))
    assert not (tmp_path / "home").exists()


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file" / "home", "Set MODELYARD_HOME")
    refused(Path("/proc/nowhere"), "Set MODELYARD_HOME")


def test_a_home_that_another_server_uses(server: Live) -> None:
    refused(server.home, "Another server (process")


def test_a_database_that_is_locked(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    holder = sqlite3.connect(home / "modelyard.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        refused(home, "database is locked")
    finally:
        holder.close()


def test_a_database_that_is_locked_while_the_server_runs(tmp_path: Path) -> None:
    """What needs the database says so; what does not goes on."""
    with live(tmp_path / "home") as own:
        own.launched("m")
        holder = sqlite3.connect(own.home / "modelyard.db", isolation_level=None)
        try:
            holder.execute("BEGIN EXCLUSIVE")
            with ThreadPoolExecutor(1) as pool:
                refusal = pool.submit(own.launch, "late")
                while not refusal.done():
                    assert own.chat("m", max_tokens=1).status_code == 200
                    assert own.status("m") == "READY"
            answer = refusal.result()
            assert answer.status_code == 503
            assert error_of(answer)["code"] == "database_unavailable"
            assert "database is locked" in answer.json()["detail"]
        finally:
            holder.close()
        own.launched("late")


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """On a real file system of 64 KiB where we may mount one; elsewhere the database is given that limit."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        printed = refused(disk / "home", "")
        assert any(words in printed for words in ("is full", "No space left", "disk I/O error"))
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def test_an_address_that_others_can_reach_needs_a_word(tmp_path: Path) -> None:
    refused(tmp_path / "home", "--insecure", MODELYARD_HOST="0.0.0.0")


def test_an_unknown_model_gets_the_nearest_name(server: Live) -> None:
    answer = server.chat("steadi")
    assert answer.status_code == 404
    assert "Did you mean 'steady'?" in error_of(answer)["message"]
    for path in ("/v1/models/nope", "/v1/models/nope/replicas", "/v1/models/nope/events", "/v1/models/nope/logs"):
        answer = server.http.get(path)
        assert answer.status_code == 404
        assert error_of(answer)["code"] == "model_not_found"
    assert server.http.delete("/v1/models/nope").status_code == 404


BAD_BODIES = [
    (b"{not json", "application/json", 400),
    (b"", "application/json", 400),
    (b"[]", "application/json", 400),
    (b'"text"', "application/json", 400),
    (b"\xff\xfe", "application/json", 400),
    (b'{"messages": [{"role": "user", "content": "x"}]}', "application/json", 400),
    (b'{"model": "steady"}', "application/json", 400),
    (b'{"model": 7, "messages": []}', "application/json", 400),
    (b'{"model": "steady", "messages": "hi"}', "application/json", 400),
    (b'{"model": "steady", "messages": [{"role": "wizard", "content": "x"}]}', "application/json", 400),
    (
        b'{"model": "steady", "messages": [{"role": "user", "content": "x"}], "temperature": "hot"}',
        "application/json",
        400,
    ),
    (b'{"model": "steady", "messages": [{"role": "user", "content": "x"}], "n": 0}', "application/json", 400),
    (b"model=steady", "application/x-www-form-urlencoded", 415),
    (b"<x/>", "text/xml", 415),
]


@pytest.mark.parametrize(("body", "kind", "status"), BAD_BODIES)
def test_bad_bodies_of_inference(server: Live, body: bytes, kind: str, status: int) -> None:
    answer = server.http.post("/v1/chat/completions", content=body, headers={"content-type": kind})
    assert answer.status_code == status, answer.text
    assert error_of(answer)["type"] == "invalid_request_error"


BAD_LAUNCHES = [b"{not json", b"", b"[]", b"null", b'{"replica": "x"}', b'{"model_name": 7}', b'{"replica": 0}']


@pytest.mark.parametrize("body", BAD_LAUNCHES)
def test_bad_bodies_of_a_launch(server: Live, body: bytes) -> None:
    answer = server.http.post("/v1/models", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert error_of(answer)["type"] == "invalid_request_error"


def test_a_body_over_the_limit(tmp_path: Path) -> None:
    with live(tmp_path / "home", {"MODELYARD_MAX_BODY_BYTES": "2048"}) as own:
        own.launched("m")
        answer = own.chat("m", user="x" * 4096)
        assert answer.status_code == 413
        assert "MODELYARD_MAX_BODY_BYTES" in error_of(answer)["message"]


def test_paths_and_methods_that_do_not_exist(server: Live) -> None:
    assert error_of(server.http.get("/v1/nothing"))["code"] == "path_not_found"
    answer = server.http.get("/v1/chat/completions")
    assert answer.status_code == 405
    assert error_of(answer)["code"] == "method_not_allowed"
    answer = server.http.put("/v1/models")
    assert answer.status_code == 405
    assert error_of(answer)["code"] == "method_not_allowed"


def test_launches_that_are_refused_before_anything_starts(server: Live, tmp_path: Path) -> None:
    text = tmp_path / "text.gguf"
    text.write_text("this is no model")
    empty = tmp_path / "empty"
    empty.mkdir()
    before = len(marked(server.mark))
    for body, words in [
        ({"model_name": str(tmp_path / "missing.gguf")}, "missing.gguf"),
        ({"model_name": str(text)}, "text.gguf"),
        ({"model_name": str(empty)}, "empty"),
        ({"model_name": "no-such-family"}, "no-such-family"),
    ]:
        answer = server.http.post("/v1/models", json={"model_uid": "refused", **body})
        assert answer.status_code in (400, 404), answer.text
        assert words in error_of(answer)["message"]
    answer = server.launch("refused", memory_mb=100_000_000)
    assert answer.status_code == 503
    assert "a replica needs 97656.2 GiB" in error_of(answer)["message"]
    assert server.launch("steady").status_code == 409
    assert server.status("refused") == "GONE"
    assert len(marked(server.mark)) == before
