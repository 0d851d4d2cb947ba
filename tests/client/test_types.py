"""What type checkers see: `assert_type` is checked by mypy, which reads this file, and the calls run against a stub."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, assert_type

import pytest

from modelyard.client import AsyncChatModel, AsyncClient, AudioModel, ChatModel, Client, EmbeddingModel
from modelyard.client.completion_types import ChatChunkDict, ChatCompletionDict, EmbeddingsDict, TextCompletionDict
from modelyard.client.knowledge_types import SearchDict
from modelyard.client.stream import AsyncStream, Stream
from modelyard.client.types import ModelDict
from modelyard.core.errors import InvalidParameter
from tests.client.stub import Stub, event, json_answer, model, raw_answer, sse_answer

HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture(autouse=True)
def routes(stub: Stub) -> None:
    stub.routes |= {
        "GET /v1/models": json_answer({"data": [model("m")]}),
        "GET /v1/models/m": json_answer(model("m")),
        "GET /v1/models/e": json_answer(model("e", model_type="embedding")),
        "GET /v1/models/a": json_answer(model("a", model_type="audio")),
        "POST /v1/models": json_answer({"model_uid": "m"}),
        "POST /v1/embeddings": json_answer({"data": []}),
        "POST /v1/completions": json_answer({"choices": []}),
        "POST /v1/audio/speech": raw_answer(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nabc"),
        "POST /v1/knowledge_bases/b/search": json_answer({"data": [], "notes": []}),
    }


def test_calls_of_a_sync_client(client: Client) -> None:
    assert_type(client.models.launch("m", n_ctx=5), str)
    assert_type(client.launch_model("m", n_ctx=5), str)
    assert_type(client.models.list(), dict[str, ModelDict])
    assert_type(client.knowledge.search("b", "q"), SearchDict)
    assert_type(client.models.get("m"), Any)
    assert_type(client.models.get("e", EmbeddingModel).create_embedding("x"), EmbeddingsDict)


def test_answers_and_streams_of_a_sync_chat(stub: Stub, client: Client) -> None:
    chat = assert_type(client.models.get("m", ChatModel), ChatModel)
    stub.routes["POST /v1/chat/completions"] = json_answer({"choices": []})
    assert_type(chat.chat(HELLO), ChatCompletionDict)
    assert_type(chat.chat(HELLO, generate_config={"max_tokens": 5}), ChatCompletionDict)
    assert_type(chat.generate("Once"), TextCompletionDict)
    stub.routes["POST /v1/chat/completions"] = sse_answer(event("a"))
    stream = assert_type(chat.chat(HELLO, stream=True), Stream[ChatChunkDict])
    assert assert_type([chunk["choices"][0]["delta"].get("content") for chunk in stream], list[str | None]) == ["a"]
    assert_type(chat.chat(HELLO, generate_config={"stream": True}), Stream[ChatChunkDict]).close()


def test_speech_in_bytes_or_portions(client: Client) -> None:
    audio = client.models.get("a", AudioModel)
    assert assert_type(audio.speech("x"), bytes) == b"abc"
    assert list(assert_type(audio.speech("x", stream=True), Iterator[bytes])) == [b"abc"]


def test_calls_of_an_async_client(stub: Stub) -> None:
    async def run() -> None:
        async with AsyncClient(stub.url) as client:
            assert_type(await client.models.launch("m"), str)
            assert_type(await client.models.list(), dict[str, ModelDict])
            chat = assert_type(await client.models.get("m", AsyncChatModel), AsyncChatModel)
            stub.routes["POST /v1/chat/completions"] = json_answer({"choices": []})
            assert_type(await chat.chat(HELLO), ChatCompletionDict)
            stub.routes["POST /v1/chat/completions"] = sse_answer(event("a"))
            async with assert_type(await chat.chat(HELLO, stream=True), AsyncStream[ChatChunkDict]) as stream:
                assert [chunk["choices"][0]["delta"].get("content") async for chunk in stream] == ["a"]
            await chat.close()

    asyncio.run(run())


def test_a_model_of_another_kind_is_refused_by_name(client: Client) -> None:
    with pytest.raises(InvalidParameter, match="'e' is not a ChatModel; its handle is of class EmbeddingModel"):
        client.models.get("e", ChatModel)
