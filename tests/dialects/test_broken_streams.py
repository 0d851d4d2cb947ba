"""Streams of every dialect that do not end as they should: a replica is killed, a client leaves, a client reads nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.dialects.scripts import Json
from tests.live import Live, live
from tests.process.test_faults import engine_pid
from tests.processes import wait_for

SLOW = {"tokens": 10_000, "tokens_per_second": 100}
FAST = {"tokens": 200_000, "chunk_bytes": 1000}
HELLO = [{"role": "user", "content": "Hello"}]


def sent_events(text: str) -> list[Json]:
    """The data of server-sent events."""
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]


def lines(text: str) -> list[Json]:
    """Lines of JSON."""
    return [json.loads(line) for line in text.splitlines()]


@dataclass(frozen=True)
class Streaming:
    """How one path streams."""

    path: str
    body: Json
    read: Callable[[str], list[Json]]
    failed: Callable[[Json], str]
    """Returns the sentence of the event of an error. Raises `KeyError` or `AssertionError` for other events."""


def failed_message(event: Json) -> str:
    """Of Anthropic's API."""
    assert event["type"] == "error" and event["request_id"] and event["error"]["type"] == "api_error"
    return str(event["error"]["message"])


def failed_response(event: Json) -> str:
    """Of a response."""
    assert event["type"] == "response.failed" and event["response"]["status"] == "failed"
    return str(event["response"]["error"]["message"])


STREAMS = {
    "messages": Streaming("/v1/messages", {"max_tokens": 1_000_000, "messages": HELLO}, sent_events, failed_message),
    "responses": Streaming("/v1/responses", {"input": "Hello", "store": False}, sent_events, failed_response),
    "chat": Streaming("/api/chat", {"messages": HELLO}, lines, lambda event: str(event["error"])),
    "generate": Streaming("/api/generate", {"prompt": "Hello"}, lines, lambda event: str(event["error"])),
}
EACH = pytest.mark.parametrize("streaming", STREAMS.values(), ids=STREAMS)


@dataclass(frozen=True)
class Endless:
    """A server with models that write for long: `elsewhere` on an engine whose figures can be read, `mortal` on a replica."""

    live: Live
    engine: httpx.Client

    def stats(self) -> Json:
        """What the engine elsewhere counts."""
        found: Json = self.engine.get("/fake/stats").json()
        return found

    def opened(self, streaming: Streaming, fake: Json) -> socket.socket:
        """A connection on which an answer has begun."""
        host, port = self.live.url.removeprefix("http://").split(":")
        connection = socket.create_connection((host, int(port)), timeout=60)
        content = body("elsewhere", streaming, fake)
        head = f"POST {streaming.path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(200)
        assert received.startswith(b"HTTP/1.1 200"), received
        return connection


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endless]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    argv = [sys.executable, "-m", "modelyard.engines.fake", json.dumps({"uid": "elsewhere", "port": port})]
    with (
        subprocess.Popen(argv, stdout=subprocess.PIPE) as process,
        live(tmp_path_factory.mktemp("streams") / "home") as running,
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as engine,
    ):
        assert process.stdout is not None and process.stdout.readline()
        running.launched("elsewhere", model_engine="external", base_url=f"http://127.0.0.1:{port}/v1")
        running.launched("mortal")
        yield Endless(running, engine)
        process.terminate()


def body(model: str, streaming: Streaming, fake: Json) -> bytes:
    """A request for a stream."""
    return json.dumps({"model": model, "stream": True, "fake": fake, **streaming.body}).encode()


@EACH
def test_a_replica_that_is_killed_ends_its_streams_with_the_error_of_the_dialect(
    endless: Endless, streaming: Streaming
) -> None:
    (replica,) = endless.live.until_replicas_ready("mortal", 1)
    headers = {"content-type": "application/json"}
    received, content = b"", body("mortal", streaming, SLOW)
    with endless.live.http.stream("POST", streaming.path, content=content, headers=headers) as answer:
        for part in answer.iter_bytes():
            if not received:
                os.kill(engine_pid(replica["pid"]), signal.SIGKILL)
            received += part
    events = streaming.read(received.decode())
    assert len(events) > 1 and "closed the connection" in streaming.failed(events[-1]), events[-1]
    with pytest.raises((KeyError, AssertionError)):
        streaming.failed(events[0])
    wait_for(lambda: [each["pid"] for each in endless.live.replicas("mortal")] != [replica["pid"]], seconds=60)


@EACH
def test_a_client_that_leaves_stops_the_engine(endless: Endless, streaming: Streaming) -> None:
    before = endless.stats()["abandoned"]
    connection = endless.opened(streaming, SLOW)
    wait_for(lambda: endless.stats()["active"] == 1)
    connection.close()
    wait_for(lambda: endless.stats()["abandoned"] == before + 1)
    assert endless.stats()["active"] == 0


@EACH
def test_a_client_that_reads_nothing_makes_the_engine_wait(endless: Endless, streaming: Streaming) -> None:
    before = endless.stats()["sent_bytes"]
    with endless.opened(streaming, FAST):
        seen = [-1]

        def halted() -> bool:
            seen.append(endless.stats()["sent_bytes"])
            return len(seen) > 60 and len(set(seen[-40:])) == 1

        wait_for(halted, seconds=60)
        assert 0 < seen[-1] - before < 40_000_000  # of 200 MB
    wait_for(lambda: endless.stats()["active"] == 0)
