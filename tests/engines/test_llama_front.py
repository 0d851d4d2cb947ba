"""The front of a llama.cpp replica, with a server behind it that answers what the test says: every request has an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelyard.core.errors import InvalidParameter
from modelyard.core.types import Address
from modelyard.engines.llama_cpp import dialect
from modelyard.engines.llama_cpp.dialect import CHAT_PATH, PLANNERS, plan
from modelyard.engines.llama_cpp.front import Front, serve
from modelyard.engines.llama_cpp.plans import Body, RequestPlan, RequestRefused

HELLO = [{"role": "user", "content": "hello"}]
BODIES: dict[str, Body] = {
    CHAT_PATH: {"messages": HELLO},
    "/v1/completions": {"prompt": "a"},
    "/v1/embeddings": {"input": "a"},
    "/v1/rerank": {"query": "a", "documents": ["b"]},
}


def wire(path: str, body: Any) -> bytes:
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return b"POST %b HTTP/1.1\r\nHost: r\r\nContent-Length: %d\r\n\r\n" % (path.encode(), len(content)) + content


def reply(body: bytes, status: int = 200, kind: bytes = b"application/json") -> bytes:
    head = b"HTTP/1.1 %d X\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (status, kind, len(body)) + body


@asynccontextmanager
async def front_of(folder: Path, upstream: bytes) -> AsyncIterator[Address]:
    """A front whose llama.cpp returns these bytes for every request, and closes its connection."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]))
        writer.write(upstream)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    inner, outer = Address(uds=str(folder / "i")), Address(uds=str(folder / "o"))
    server = await asyncio.start_unix_server(answer, inner.uds)
    async with server, await serve(outer, Front(inner, True, asyncio.Semaphore(8))):
        yield outer


async def asked(address: Address, *requests: bytes) -> list[tuple[int, Body]]:
    """Status and body of each answer, over one connection; an answer without an end has the status 0."""
    reader, writer = await asyncio.open_unix_connection(address.uds)
    try:
        return [await one(reader, writer, request) for request in requests]
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[int, Body]:
    writer.write(request)
    try:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or b"-1")
        end = reader.readexactly(length) if length >= 0 else reader.readuntil(b"0\r\n\r\n")
        body = await asyncio.wait_for(end, 5)
    except (asyncio.IncompleteReadError, ConnectionError):
        return 0, {}
    return int(head.split()[1]), msgspec.json.decode(body) if length >= 0 else {}


def test_a_fault_of_ours_is_a_500_and_the_connection_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(request: Body, setting: dialect.ReplicaSetting) -> RequestPlan:
        raise KeyError("logprob")

    async def go() -> list[tuple[int, Body]]:
        async with front_of(tmp_path, reply(b"{}")) as address:
            with monkeypatch.context() as patched:
                patched.setitem(PLANNERS, CHAT_PATH, fail)
                return await asked(address, wire(CHAT_PATH, {}), wire("/v1/rerank", {"documents": 3}))

    failed, refused = asyncio.run(go())
    assert failed[0] == 500 and failed[1]["error"]["type"] == "server_error"
    assert "log" in failed[1]["error"]["message"] and "KeyError" not in failed[1]["error"]["message"]
    assert refused[0] == 400 and refused[1]["error"]["param"] == "documents"


ODD_ANSWERS = [
    b"",
    b"nothing",
    b"HTTP/1.1 200 OK\r\n\r\n",
    reply(b""),
    reply(b"no json"),
    reply(b"[]"),
    reply(b"{}"),
    reply(b'{"data":[{}],"results":[{}],"choices":[{}]}'),
    reply(b'{"data":3,"results":3,"choices":3}'),
    reply(b"data: {}\n\n", kind=b"text/event-stream"),
    reply(b'data: {"choices":[{}]}\n\n', kind=b"text/event-stream"),
    reply(b'data: {"choices":[{"index":"a","delta":3,"logprobs":[]}],"usage":7}\n\n', kind=b"text/event-stream"),
    reply(b"data: {\n\ndata: [DONE]\n\n", kind=b"text/event-stream"),
    reply(b'data: {"error":"why"}\n\n', kind=b"text/event-stream"),
    reply(b'{"error":3}', 500),
    reply(b"why", 500),
    reply(b"", 404),
]


@pytest.mark.parametrize("upstream", ODD_ANSWERS)
def test_whatever_llama_cpp_says_its_client_hears_an_end(tmp_path: Path, upstream: bytes) -> None:
    """An answer, an error, or a connection that is closed: never silence."""

    async def go() -> None:
        async with front_of(tmp_path, upstream) as address:
            for path, body in BODIES.items():
                for more in ({}, {"stream": True, "logprobs": True}, {"dimensions": 2, "return_documents": True}):
                    for status, answer in await asked(address, wire(path, {**body, **more})):
                        assert status in (0, 200, 400, 404, 500, 502)
                        assert status < 400 or answer["error"]["message"]

    asyncio.run(go())


FIELDS = (
    "messages", "prompt", "input", "query", "documents", "model", "stop", "stream", "stream_options", "n", "n_cmpl", "n_probs",
    "logprobs", "top_logprobs", "post_sampling_probs", "tools", "tool_choice", "parallel_tool_calls", "response_format",
    "guided_json", "guided_json_object", "guided_choice", "guided_grammar", "guided_regex", "structured_outputs", "json_schema",
    "grammar", "repetition_penalty", "repeat_penalty", "dimensions", "encoding_format", "return_documents", "top_n", "lora",
)  # fmt: skip
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
ODD_VALUES: list[Any] = [
    None, True, False, 0, -1, 1.5, 1e308, 10**30, "", "x", "required", [], [None], ["a"], [3], [[]], [{}], {}, {"a": 1},
    {"type": None}, {"type": []}, {"type": "object"}, {"type": "json_schema"}, {"type": "json_schema", "json_schema": 3},
    {"type": "json_schema", "json_schema": {"schema": []}}, {"type": "function"}, {"type": "function", "function": 3},
    {"type": "function", "function": {"name": []}}, {"function": {"name": "f"}}, [TOOL], [{**TOOL, "function": {"name": 3}}],
    [{**TOOL, "function": {"name": "f", "parameters": 3}}], {"json": 3, "choice": [""], "x": 1}, {"include_usage": "x"},
]  # fmt: skip


@pytest.mark.parametrize("path", BODIES)
def test_odd_requests_are_planned_or_refused(path: str) -> None:
    for field in FIELDS:
        for value in ODD_VALUES:
            for more in ({}, {"stream": True}, {"tools": [TOOL], "tool_choice": "required"}):
                body = msgspec.json.encode({**BODIES[path], **more, field: value})
                try:
                    made = plan(path, body, logits=True, stops=("STOP",))
                except (RequestRefused, InvalidParameter) as refused:
                    assert refused.param and str(refused)
                else:
                    assert made is not None and isinstance(msgspec.json.decode(made.body), dict)


SCHEMA = {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}


@pytest.mark.parametrize(
    ("thinking", "more", "silent"),
    [
        (None, {}, False),
        (False, {}, True),
        (True, {}, False),
        (False, {"chat_template_kwargs": {"enable_thinking": True}}, False),
        (None, {"chat_template_kwargs": {"thinking": False}}, True),
        (None, {"reasoning_effort": "none"}, True),
        (False, {"response_format": {"type": "text"}}, False),
        (None, {"chat_template_kwargs": {"enable_thinking": False}, "tools": [TOOL], "tool_choice": "required"}, True),
    ],
)
def test_no_thoughts_come_before_what_is_held_when_there_shall_be_none(thinking: Any, more: Body, silent: bool) -> None:
    body = msgspec.json.encode({"messages": HELLO, "response_format": SCHEMA, **more})
    made = plan(CHAT_PATH, body, logits=True, thinking=thinking)
    assert made is not None
    assert (msgspec.json.decode(made.body).get("reasoning_format") == "none") is silent
