"""`modelyard serve` and the commands against it: a real server, real replicas of the fake engine."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from modelyard.api.server import ServerReport
from modelyard.catalog.index import FAMILIES
from modelyard.cli.connection import DEFAULT_URL
from modelyard.cli.serve import welcome
from modelyard.client import Client
from tests import make_gguf
from tests.cli.served import Served
from tests.cli.terminal import PATIENCE, Terminal, run, start

DEMO = FAMILIES.folder.parent / "demo" / "modelyard-demo.gguf"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("serve") / "home", fork=False)
    try:
        yield served
    finally:
        served.stop()


def test_a_model_is_launched_asked_and_terminated_from_the_command_line(server: Served) -> None:
    done = server.run("launch", "echo", "--engine", "fake", "-u", "my/model", "-r", "2")
    assert (done.returncode, done.stdout) == (0, "my/model\n"), done.stderr
    listed = json.loads(server.run("list", "--json").stdout)
    assert [(each["id"], each["status"], each["replica_ready"]) for each in listed] == [("my/model", "READY", 2)]
    answer = server.run("chat", "-p", "你好")
    assert answer.returncode == 0, answer.stderr
    assert len(answer.stdout) > 1
    assert server.run("generate", "my/model", "-p", "Once").returncode == 0
    assert server.run("logs", "my/model").returncode == 0
    assert "TIME" in server.run("events", "my/model").stdout
    assert server.run("scale", "my/model", "1").stdout == "my/model: 2 → 1 replicas\n"
    assert server.run("launch", "echo", "--engine", "fake", "-u", "my/model").returncode == 1
    assert server.run("terminate", "my/model").stdout == "my/model terminated\n"
    assert json.loads(server.run("list", "--json").stdout) == []


def test_refusals_are_sentences(server: Served) -> None:
    for arguments in (
        ("launch", "nothing-of-that-name"),
        ("launch", "echo", "--engine", "fake", "--nonsense", "1"),
        ("launch", "echo", "--engine", "no-such-engine"),
        ("terminate", "nobody"),
        ("logs", "nobody"),
        ("events", "nobody"),
        ("scale", "nobody", "2"),
        ("chat", "nobody", "-p", "x"),
    ):
        done = server.run(*arguments)
        assert (done.returncode, done.stdout) == (1, ""), arguments
        assert done.stderr.startswith("Error: "), done.stderr
        assert done.stderr.count("\n") == 1, done.stderr


def test_chat_at_a_terminal_with_a_real_replica(server: Served) -> None:
    assert server.run("launch", "echo", "--engine", "fake", "-u", "chatty").returncode == 0
    try:
        with Terminal("chat", MODELYARD_ENDPOINT=server.url) as terminal:
            terminal.expect("Chatting with chatty.")
            terminal.expect("> ")
            terminal.type("hello\r")
            terminal.expect("> ")
            terminal.type("/exit\r")
            assert terminal.wait() == 0
    finally:
        server.run("terminate", "chatty")


def test_ctrl_c_in_a_chat_stops_the_engine(server: Served) -> None:
    options = ("--tokens", "1000000", "--tokens-per-second", "100")
    assert server.run("launch", "echo", "--engine", "fake", "-u", "endless", *options).returncode == 0
    with Terminal("chat", "endless", MODELYARD_ENDPOINT=server.url) as terminal, Client(server.url) as client:
        terminal.expect("> ")
        terminal.type("go on\r")
        terminal.expect("fox")
        assert client.replicas.list("endless")[0]["in_flight"] == 1
        terminal.interrupt()
        terminal.expect("(stopped)")
        deadline = time.monotonic() + PATIENCE
        while client.replicas.list("endless")[0]["in_flight"]:
            assert time.monotonic() < deadline
        terminal.type("\x04")
        assert terminal.wait() == 0
        client.models.terminate("endless")


def test_ctrl_c_in_a_launch_cancels_it(server: Served) -> None:
    endpoint = {"MODELYARD_ENDPOINT": server.url}
    with start("launch", "echo", "--engine", "fake", "-u", "slow", "--load-seconds", "600", **endpoint) as child:
        assert child.stderr is not None
        assert "slow: " in child.stderr.readline()
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=PATIENCE)
    assert child.returncode == 130
    assert "slow" not in [each["id"] for each in json.loads(server.run("list", "--json").stdout)]


def test_a_launch_that_crashes_shows_the_engines_own_words(server: Served) -> None:
    done = server.run("launch", "echo", "--engine", "fake", "-u", "bad", "--crash-at-start", "CUDA out of memory")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Error: Launching bad failed: " in done.stderr
    assert "CUDA out of memory" in done.stderr.splitlines()[-1]
    assert server.run("terminate", "bad").returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_stops_the_replicas(tmp_path: Path, number: int) -> None:
    served = Served(tmp_path / "home", fork=False)
    assert served.run("launch", "echo", "--engine", "fake", "-u", "m").returncode == 0
    children = psutil.Process(served.process.pid).children(recursive=True)
    assert children
    assert served.stop(number) == 0
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert "Modelyard has stopped, and every model with it." in served.log.read_text()


def test_a_launch_that_fails_does_not_keep_the_server_from_being_ready(tmp_path: Path) -> None:
    """One whose engine dies, too; which one it is stands before the reason, once."""
    damaged = make_gguf.truncated(tmp_path / "damaged.gguf", DEMO, 2_000_000)
    served = Served(tmp_path / "home", "--launch", "nothing-of-that-name", "--launch", str(damaged), fork=False)
    assert "✗ nothing-of-that-name: " in served.said
    (line,) = [each for each in served.said.splitlines() if "✗" in each and "nothing" not in each]
    assert "Launching" not in line and len(line) > 20, line
    assert served.stop() == 0


def test_where_no_browser_can_be_opened_the_address_is_printed(tmp_path: Path) -> None:
    nothing = dict.fromkeys(("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"), "")
    with start("serve", "--open", "--port", "0", "--home", str(tmp_path / "home"), **nothing) as child:
        assert child.stderr is not None
        said = next(line for line in child.stderr if "No browser can be opened here" in line)
        assert re.search(r"open http://127\.0\.0\.1:\d+/ui/ where", said)
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=30)
    assert child.returncode == 0


def test_what_cannot_start_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("serve", "--home", str(tmp_path), "--port", str(taken.getsockname()[1]))
    assert (done.returncode, done.stdout) == (1, "")
    assert "Cannot listen on 127.0.0.1" in done.stderr and "Choose another with --port." in done.stderr
    assert "Traceback" not in done.stderr
    nowhere = run("serve", "--home", str(tmp_path), "--port", "0", "--host", "192.0.2.1", "--insecure")
    assert "Give an address of this machine with --host." in nowhere.stderr and nowhere.returncode == 1
    (tmp_path / "file").touch()
    done = run("serve", "--home", str(tmp_path / "file" / "below"), "--port", "0")
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert run("serve", MODELYARD_PORT="many").returncode == 2
    assert "MODELYARD_PORT" in run("serve", MODELYARD_PORT="many").stderr


def test_the_welcome_names_what_runs_and_how_to_try_it() -> None:
    text = welcome(ServerReport("http://127.0.0.1:5", [("demo", None), ("big", "no memory")], [], False))
    assert "ready at http://127.0.0.1:5" in text and "Its page, for a browser: http://127.0.0.1:5/ui/\n" in text
    assert "✓ demo is running" in text
    assert "✗ big: no memory" in text
    assert "modelyard chat demo -e http://127.0.0.1:5" in text
    assert 'base_url="http://127.0.0.1:5/v1"' in text
    assert "modelyard chat demo\n" in welcome(ServerReport(DEFAULT_URL, [("demo", None)], [], False))
    keyed = welcome(ServerReport(DEFAULT_URL, [("demo", None)], [], True))
    assert "Bearer $MODELYARD_API_KEY" in keyed and 'api_key=os.environ["MODELYARD_API_KEY"]' in keyed
    assert "modelyard launch demo" in welcome(ServerReport(DEFAULT_URL, [], [], False))


def test_the_curl_line_of_the_welcome_works(server: Served) -> None:
    assert server.run("launch", "echo", "--engine", "fake", "-u", "curly").returncode == 0
    try:
        text = welcome(ServerReport(server.url, [("curly", None)], [], False))
        line = text[text.index("curl ") : text.index("\n\n    from openai")]
        done = subprocess.run(["bash", "-c", line + " -s"], capture_output=True, env=os.environ, timeout=30, check=True)
        assert json.loads(done.stdout)["choices"]
    finally:
        server.run("terminate", "curly")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_a_second_port_serves_chatchat(tmp_path: Path) -> None:
    port = free_port()
    served = Served(tmp_path / "home", "--chatchat-port", str(port), fork=False)
    second = f"http://127.0.0.1:{port}"
    assert f"Langchain-Chatchat's clients find it at {second}" in served.said
    assert served.run("launch", "echo", "--engine", "fake", "-u", "m").returncode == 0
    try:
        root = httpx.get(second)
        assert (root.status_code, root.headers["location"]) == (307, "/docs")
        assert httpx.get(second, follow_redirects=True).status_code == 200
        assert httpx.get(served.url).json()["name"] == "modelyard"
        for url in (second, served.url):
            assert httpx.post(f"{url}/llm_model/list_running_models").json()["data"].keys() == {"m"}
            body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
            assert httpx.post(f"{url}/v1/chat/completions", json=body).status_code == 200
        assert httpx.post(f"{second}/server/configs").json()["api_address"] == second
        found = httpx.post(f"{second}/get_worker_address", json={"model": "m"}).json()["address"]
        assert found == f"{second}/fastchat/m"
        taken = run("serve", "--home", str(tmp_path / "other"), "--port", "0", "--chatchat-port", str(port))
        assert (taken.returncode, taken.stdout) == (1, "")
        assert f"Cannot listen on 127.0.0.1:{port}" in taken.stderr and "with --chatchat-port." in taken.stderr
        twice = run("serve", "--home", str(tmp_path / "other"), "--port", "0", MODELYARD_CHATCHAT_PORT=str(port))
        assert twice.returncode == 1 and "--chatchat-port" in twice.stderr
    finally:
        assert served.stop() == 0
