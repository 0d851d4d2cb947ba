"""Handles and streams: what bodies hold, how events are read, and that leaving stops the generation."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable

import pytest

from modelyard.client import AsyncChatModel, AsyncClient, ChatModel, Client, EmbeddingModel, GenerateModel, RerankModel
from modelyard.client.completion_types import ChatChunkDict
from modelyard.core import errors
from modelyard.protocol.events import EventReader
from tests.client.stub import Endless, Stub, error_answer, event, json_answer, model, raw_answer, sse_answer

HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def chat(stub: Stub, client: Client) -> ChatModel:
    stub.routes["GET /v1/models/m"] = json_answer(model("m"))
    handle = client.models.get("m")
    assert isinstance(handle, ChatModel)
    return handle


def texts(chunks: Iterable[ChatChunkDict]) -> list[str | None]:
    return [chunk["choices"][0]["delta"]["content"] for chunk in chunks]


def test_get_model_chooses_by_type_and_ability(stub: Stub, client: Client) -> None:
    stub.routes |= {
        "GET /v1/models/base": json_answer(model("base", model_ability=["generate"])),
        "GET /v1/models/emb": json_answer(model("emb", model_type="embedding", model_ability=["embed"])),
        "GET /v1/models/rr": json_answer(model("rr", model_type="rerank", model_ability=["rerank"])),
        "GET /v1/models/img": json_answer(model("img", model_type="world")),
        "POST /v1/embeddings": json_answer({"data": [{"embedding": [1.0]}]}),
        "POST /v1/rerank": json_answer({"results": [{"index": 0}]}),
        "POST /v1/completions": json_answer({"choices": [{"text": "x"}]}),
    }
    base, emb, rr = client.models.get("base"), client.models.get("emb"), client.models.get("rr")
    assert type(base) is GenerateModel
    assert base.generate("Once", {"max_tokens": 3})["choices"][0]["text"] == "x"
    assert stub.last().body == {"model": "base", "prompt": "Once", "max_tokens": 3, "stream": False}
    assert isinstance(emb, EmbeddingModel)
    assert emb.create_embedding(["a", "b"], dimensions=1)["data"][0]["embedding"] == [1.0]
    assert stub.last().body == {"model": "emb", "input": ["a", "b"], "dimensions": 1}
    assert isinstance(rr, RerankModel)
    assert rr.rerank(["d"], "q", top_n=1)["results"][0]["index"] == 0
    assert stub.last().body == {"model": "rr", "query": "q", "documents": ["d"], "top_n": 1}
    with pytest.raises(errors.BadRequest, match="openai library"):
        client.models.get("img")


def test_generation_settings_are_merged_into_the_body_of_a_chat(stub: Stub, chat: ChatModel) -> None:
    stub.routes["POST /v1/chat/completions"] = json_answer({"choices": []})
    chat.chat(HELLO, enable_thinking=False, generate_config={"max_tokens": 5, "model": "other"})
    assert stub.last().body == {
        "model": "m",
        "messages": HELLO,
        "enable_thinking": False,
        "max_tokens": 5,
        "stream": False,
    }


def test_events_are_read_however_they_are_cut() -> None:
    data = {"t": "你好 🌲"}
    body = json.dumps(data, ensure_ascii=False).encode()
    wire = (
        b": hello\r\n\r\nevent: x\r\ndata: "
        + body
        + b"\r\n\r\ndata:"
        + body
        + b"\n\ndata: 1\rdata: 2\r\rdata: [DONE]\n\n"
    )
    for size in (1, 2, 3, 7, 1000):
        reader = EventReader()
        found = [e for at in range(0, len(wire), size) for e in reader.feed(wire[at : at + size])]
        assert found == [body, body, b"1\n2"], size
    reader = EventReader()
    assert [*reader.feed(b"data: last"), *reader.finish()] == [b"last"]


def test_a_stream_is_asked_for_by_argument_or_by_settings(stub: Stub, chat: ChatModel) -> None:
    wire = event("你") + event("好") + b"data: [DONE]\r\n\r\n"
    stub.routes["POST /v1/chat/completions"] = sse_answer(*(wire[at : at + 5] for at in range(0, len(wire), 5)))
    assert texts(list(chat.chat(HELLO, stream=True))) == ["你", "好"]
    assert stub.last().body["stream"] is True
    by_config = chat.chat(HELLO, generate_config={"stream": True})
    assert not isinstance(by_config, dict)
    assert next(by_config)["choices"]
    assert len(list(by_config)) == 1


def test_errors_before_and_within_a_stream_are_raised(stub: Stub, chat: ChatModel) -> None:
    route = "POST /v1/chat/completions"
    stub.routes[route] = error_answer("model_not_ready", "Loading.", 503, retry_after="3")
    with pytest.raises(errors.ModelNotReady):
        chat.chat(HELLO, stream=True)
    inner = {"message": "out of memory", "type": "x", "code": "upstream_failed", "param": None}
    for broken in (
        b"data: " + json.dumps({"error": inner, "detail": "x"}).encode() + b"\n\n",
        b'data: {"error": "out of memory"}\r\n\r\n',
        b'error: {"code": 500, "message": "out of memory"}\n\n',
    ):
        stub.routes[route] = sse_answer(event("a"), broken)
        stream = chat.chat(HELLO, stream=True)
        assert texts([next(stream)]) == ["a"]
        with pytest.raises(errors.UpstreamFailed, match="out of memory"):
            next(stream)
    stub.routes[route] = sse_answer(b"data: [1]\n\n")
    with pytest.raises(errors.ConnectionLost, match="not a JSON object"):
        list(chat.chat(HELLO, stream=True))


def test_a_stream_that_breaks_off_is_an_error(stub: Stub, chat: ChatModel) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    stub.routes["POST /v1/chat/completions"] = raw_answer(head + b"5\r\ndata:")
    with pytest.raises(errors.ConnectionLost):
        list(chat.chat(HELLO, stream=True))


@pytest.mark.parametrize("how", ["break", "with", "close", "close and go on"])
def test_leaving_stops_the_generation(stub: Stub, chat: ChatModel, how: str) -> None:
    endless = stub.routes["POST /v1/chat/completions"] = Endless()
    stream = chat.chat(HELLO, stream=True)
    if how == "with":
        with stream:
            next(stream)
    else:
        for _ in stream:
            if how != "break":
                stream.close()
            if how != "close and go on":
                break
    assert endless.left.wait(10)
    assert list(stream) == []


@pytest.mark.parametrize("how", ["break", "with", "close and go on", "cancel"])
def test_leaving_an_async_stream_stops_the_generation(stub: Stub, how: str) -> None:
    endless = stub.routes["POST /v1/chat/completions"] = Endless()
    stub.routes["GET /v1/models/m"] = json_answer(model("m"))

    async def read_on(handle: AsyncChatModel) -> None:
        async with await handle.chat(HELLO, stream=True) as stream:
            async for _ in stream:
                pass

    async def run() -> None:
        async with AsyncClient(stub.url) as client:
            handle = await client.models.get("m")
            if how == "cancel":
                task = asyncio.create_task(read_on(handle))
                assert await asyncio.to_thread(endless.started.wait, 10)
                task.cancel()
            else:
                stream = await handle.chat(HELLO, stream=True)
                if how == "with":
                    async with stream:
                        await anext(stream)
                else:
                    async for _ in stream:
                        if how == "break":
                            break
                        await stream.aclose()
            assert await asyncio.to_thread(endless.left.wait, 10)

    asyncio.run(run())


def test_an_async_stream_gives_chunks_and_raises_errors(stub: Stub) -> None:
    stub.routes["GET /v1/models/m"] = json_answer(model("m"))
    route = "POST /v1/chat/completions"

    async def run() -> None:
        async with AsyncClient(stub.url) as client:
            handle = await client.models.get("m")
            stub.routes[route] = sse_answer(event("a"), event("b"), b"data: [DONE]\n\n")
            assert texts([chunk async for chunk in await handle.chat(HELLO, stream=True)]) == ["a", "b"]
            stub.routes[route] = sse_answer(event("a"), b'data: {"error": "bad"}\n\n')
            with pytest.raises(errors.UpstreamFailed, match="bad"):
                [chunk async for chunk in await handle.chat(HELLO, generate_config={"stream": True})]
            stub.routes[route] = error_answer("unsupported_task", "No.", 400)
            with pytest.raises(errors.UnsupportedTask):
                await handle.chat(HELLO, stream=True)
            stub.routes["POST /v1/completions"] = json_answer({"choices": [{"text": "x"}]})
            assert (await handle.generate("p"))["choices"][0]["text"] == "x"

    asyncio.run(run())
