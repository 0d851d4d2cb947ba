"""swift's functions for a deployed server: what they send, and that both twins answer alike."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from modelyard.core.errors import InvalidParameter
from modelyard.llm import (
    XRequestConfig,
    get_model_list_client,
    get_model_list_client_async,
    inference_client,
    inference_client_async,
)
from tests.client.stub import Stub, StubRequest, Write, event, json_answer, model, sse_answer

MODELS = {"data": [model("base", is_chat=True), model("polite", parent="base"), model("raw", is_chat=False)]}
USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}\n\n'
TOOL = {"type": "function", "function": {"name": "now"}}


def echo(request: StubRequest, write: Write) -> None:
    """Answer a chat with its last message, as a whole or as a stream."""
    text = request.body["messages"][-1]["content"]
    whole = json_answer({"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]})
    stream = sse_answer(event(text[:2]), event(text[2:]), USAGE, b"data: [DONE]\n\n")
    (stream if request.body.get("stream") else whole)(request, write)


def continued(request: StubRequest, write: Write) -> None:
    """Continue a text, as a whole or as a stream."""
    pieces = [b'data: {"choices": [{"text": "%s"}]}\n\n' % piece for piece in (b"and ", b"on")]
    whole = json_answer({"choices": [{"text": "and on", "finish_reason": "stop"}]})
    (sse_answer(*pieces, USAGE) if request.body.get("stream") else whole)(request, write)


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A server with three models."""
    with Stub() as server:
        server.routes |= {"POST /v1/chat/completions": echo, "POST /v1/completions": continued}
        server.routes["GET /v1/models"] = json_answer(MODELS)
        yield server


def swift(stub: Stub, name: str, *arguments: Any, **options: Any) -> list[Any]:
    """What both twins of `inference_client` answer; streams as the list of their chunks."""

    async def twin() -> Any:
        answer = await inference_client_async(name, *arguments, url=stub.url, **options)
        return [chunk async for chunk in answer] if hasattr(answer, "__aiter__") else answer

    answer = inference_client(name, *arguments, url=stub.url, **options)
    first = list(answer) if hasattr(answer, "__next__") else answer
    return [first, asyncio.run(twin())]


def test_swifts_client_sends_history_system_and_tools(stub: Stub) -> None:
    first, second = swift(stub, "base", "c", [["a", "b"]], "brief", None, [TOOL], "auto")
    assert first == second and first.choices[0].message.content == "c"
    body = stub.last().body
    assert [message["content"] for message in body["messages"]] == ["brief", "a", "b", "c"]
    assert (body["tools"], body["tool_choice"], body["model"]) == ([TOOL], "auto", "base")


def test_swifts_client_streams(stub: Stub) -> None:
    first, second = swift(stub, "base", "hello", request_config=XRequestConfig(stream=True))
    assert first == second and "".join(chunk.choices[0].delta.content for chunk in first) == "hello"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("base", "/v1/chat/completions"),  # as the server says
        ("raw", "/v1/completions"),
        ("polite", "/v1/chat/completions"),  # an adapter, by its base
        ("atom-7b", "/v1/completions"),  # a name of swift's whose template continues text
        ("unheard of", "/v1/chat/completions"),
    ],
)
def test_swifts_client_chats_with_models_that_chat(stub: Stub, name: str, path: str) -> None:
    swift(stub, name, "go")
    assert stub.last().path == path


def test_swifts_client_continues_text_where_that_is_asked_for(stub: Stub) -> None:
    first, second = swift(stub, "base", "go", is_chat_request=False)
    assert first == second and first.choices[0].text == "and on"
    assert stub.last().body == {"model": "base", "prompt": "go"}
    with pytest.raises(InvalidParameter, match="only continues text"):
        inference_client("raw", "go", [["a", "b"]], url=stub.url)


def test_swifts_lists_of_models(stub: Stub) -> None:
    port = stub.url.rpartition(":")[2]
    listed = get_model_list_client(port=port)
    assert [each.id for each in listed.data] == ["base", "polite", "raw"]
    assert asyncio.run(get_model_list_client_async(url=stub.url)) == listed
