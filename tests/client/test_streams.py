"""How streams of answers end, from both clients: with the last event, by closing, and by a connection that breaks."""

from __future__ import annotations

import asyncio

import pytest

from modelyard.client import AsyncClient, Client
from modelyard.core.errors import ConnectionLost
from tests.client.stub import SSE_HEAD, Stub, event, http_chunk, json_answer, model, raw_answer, sse_answer

HELLO = [{"role": "user", "content": "hello"}]
CHAT = "POST /v1/chat/completions"


@pytest.fixture
def served(stub: Stub) -> Stub:
    """A server with one model whose stream ends without the empty line behind its last event."""
    stub.routes["GET /v1/models/demo"] = json_answer(model("demo"))
    stub.routes[CHAT] = sse_answer(event("a"), event("b").rstrip())
    return stub


def test_the_last_event_counts_though_nothing_follows_it(served: Stub) -> None:
    async def twin() -> list[str]:
        async with AsyncClient(served.url) as client:
            stream = await (await client.get_model("demo")).chat(HELLO, stream=True)
            return [chunk["choices"][0]["delta"]["content"] async for chunk in stream]

    with Client(served.url) as client:
        stream = client.get_model("demo").chat(HELLO, stream=True)
        assert [chunk["choices"][0]["delta"]["content"] for chunk in stream] == ["a", "b"]
    assert asyncio.run(twin()) == ["a", "b"]


def test_a_stream_that_was_closed_is_at_its_end(served: Stub) -> None:
    async def twin() -> None:
        async with AsyncClient(served.url) as client:
            stream = await (await client.get_model("demo")).chat(HELLO, stream=True)
            await stream.aclose()
            with pytest.raises(StopAsyncIteration):
                await anext(stream)

    with Client(served.url) as client:
        stream = client.get_model("demo").chat(HELLO, stream=True)
        stream.close()
        with pytest.raises(StopIteration):
            next(stream)
    asyncio.run(twin())


def test_a_connection_that_breaks_is_told_to_both_clients(served: Stub) -> None:
    served.routes[CHAT] = raw_answer(SSE_HEAD + http_chunk(event("a")) + b"zz\r\n")

    async def twin() -> None:
        async with AsyncClient(served.url) as client:
            stream = await (await client.get_model("demo")).chat(HELLO, stream=True)
            assert (await anext(stream))["choices"]
            with pytest.raises(ConnectionLost):
                await anext(stream)

    with Client(served.url) as client:
        stream = client.get_model("demo").chat(HELLO, stream=True)
        assert next(stream)["choices"]
        with pytest.raises(ConnectionLost):
            next(stream)
    asyncio.run(twin())
