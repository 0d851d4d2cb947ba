"""A client that leaves stops the generation, in the real engine: eight long answers are abandoned and nothing waits for them."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import msgspec
import pytest

from tests.live import Live, live
from tests.processes import wait_for

LONG = 900  # tokens


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("abandoned") / "home") as running:
        running.launched("demo", model_name="modelyard-demo", model_engine="llama_cpp", n_parallel=1)
        running.launched("queue", slots=1, tokens_per_second=100)
        yield running


def abandon(server: Live, model: str, stream: bool) -> None:
    """Send a request and leave as soon as the server has taken it."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": "hello"}],
        "max_tokens": LONG,
        "fake": {"tokens": LONG},
        "ignore_eos": True,
        "stream": stream,
    }
    data = msgspec.json.encode(body)
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        head += f"Content-Length: {len(data)}\r\n\r\n"
        connection.sendall(head.encode() + data)
        wait_for(lambda: server.replicas(model)[0]["in_flight"] > 0)


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("model", ["queue", "demo"])
def test_abandoned_answers_delay_nobody(server: Live, model: str, stream: bool) -> None:
    """On the fake engine each of the eight would take nine seconds, one after the other; the next answer takes one token."""
    for _ in range(8):
        abandon(server, model, stream)
    assert server.chat(model, max_tokens=1).status_code == 200
    wait_for(lambda: server.replicas(model)[0]["in_flight"] == 0)
