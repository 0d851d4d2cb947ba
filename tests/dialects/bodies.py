"""Good bodies for each path of the dialects, with every kind of value in them, and what a wrong one must be answered with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import msgspec

from modelyard.dialects.paths import PATHS
from modelyard.protocol.anthropic import AnthropicFailure
from modelyard.protocol.responses_answer import OpenAiFailure
from tests.dialects.scripts import Json

HELLO = [{"role": "user", "content": "Hello"}]
DOT = "iVBORw0KGgo="
SCHEMA: Json = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TURNS: list[Json] = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "Look.", "cache_control": {"type": "ephemeral"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DOT}},
            {
                "type": "document",
                "title": "Paper",
                "context": "Old.",
                "source": {"type": "text", "media_type": "text/plain", "data": "Cats sleep."},
                "citations": {"enabled": False},
            },
            {"type": "search_result", "source": "a", "title": "b", "content": [{"type": "text", "text": "c"}]},
        ],
    },
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": ""},
            {"type": "text", "text": "So."},
            {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Paris"}},
        ],
    },
    {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "call_1", "content": [{"type": "text", "text": "sunny"}]},
            {"type": "text", "text": "And?"},
        ],
    },
]
COUNTED: Json = {
    "model": "fake",
    "messages": TURNS,
    "system": [{"type": "text", "text": "Be nice."}],
    "tools": [{"name": "weather", "description": "How it is.", "input_schema": SCHEMA}],
    "tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 1024, "display": "omitted"},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}},
    "output_format": {"type": "json_schema", "schema": SCHEMA},
}
CALLS: list[Json] = [
    {"role": "system", "content": "Be nice."},
    {"role": "user", "content": "Look.", "images": [DOT]},
    {
        "role": "assistant",
        "content": "",
        "thinking": "Hm.",
        "tool_calls": [{"id": "call_1", "function": {"name": "weather", "arguments": {"city": "Paris"}}}],
    },
    {"role": "tool", "tool_name": "weather", "tool_call_id": "call_1", "content": "sunny"},
]
OPTIONS: Json = {
    "num_predict": 3,
    "temperature": 0.5,
    "top_k": 40,
    "top_p": 0.9,
    "min_p": 0.1,
    "seed": 1,
    "stop": ["\n"],
    "repeat_penalty": 1.1,
    "presence_penalty": 0.1,
    "frequency_penalty": 0.1,
    "num_ctx": 2048,
}
ASKED: Json = {
    "model": "fake",
    "stream": False,
    "format": SCHEMA,
    "options": OPTIONS,
    "keep_alive": "5m",
    "think": False,
    "logprobs": True,
    "top_logprobs": 2,
}
ITEMS: list[Json] = [
    {
        "type": "message",
        "role": "user",
        "content": [
            {"type": "input_text", "text": "Look."},
            {"type": "input_image", "image_url": f"data:image/png;base64,{DOT}", "detail": "low"},
        ],
    },
    {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "Hm."}],
        "content": [{"type": "reasoning_text", "text": "Hm."}],
    },
    {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Paris"}'},
    {"type": "function_call_output", "call_id": "call_1", "output": "sunny"},
    {"role": "assistant", "content": [{"type": "output_text", "text": "Sunny.", "annotations": []}]},
    {"role": "user", "content": "And?"},
]
FUNCTION: Json = {"type": "function", "name": "weather", "description": "", "parameters": SCHEMA, "strict": False}
COUNTED_INPUT: Json = {
    "model": "fake",
    "input": ITEMS,
    "instructions": "Be nice.",
    "parallel_tool_calls": False,
    "tools": [FUNCTION],
    "tool_choice": {"type": "function", "name": "weather"},
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}, "verbosity": "low"},
    "truncation": "disabled",
}
GOOD: dict[str, Json] = {
    "/v1/responses": {
        **COUNTED_INPUT,
        "max_output_tokens": 3,
        "stream": False,
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tool_calls": 3,
        "metadata": {"a": "b"},
        "include": ["reasoning.encrypted_content"],
        "store": False,
    },
    "/v1/responses/input_tokens": COUNTED_INPUT,
    "/v1/moderations": {"model": "ranker", "input": [{"type": "text", "text": "a"}]},
    "/v1/score": {"model": "ranker", "text_1": "a", "text_2": ["a", "b"], "truncate_prompt_tokens": 9},
    "/score": {"model": "vectors", "queries": ["a", "b"], "documents": ["a", "b"]},
    "/v2/rerank": {
        "model": "ranker",
        "query": "a",
        "documents": ["a", {"text": "b", "title": "c"}],
        "top_n": 1,
        "return_documents": True,
        "max_tokens_per_doc": 9,
    },
    "/pooling": {"model": "vectors", "input": ["a", "b"], "task": "embed", "encoding_format": "float", "dimensions": 8},
    "/v1/messages": {
        **COUNTED,
        "max_tokens": 3,
        "stream": False,
        "stop_sequences": ["\n"],
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "metadata": {"user_id": "me"},
    },
    "/v1/messages/count_tokens": COUNTED,
    "/api/chat": {
        **ASKED,
        "messages": CALLS,
        "tools": [{"type": "function", "function": {"name": "weather", "description": "", "parameters": SCHEMA}}],
    },
    "/api/generate": {**ASKED, "prompt": "Hello", "system": "Be nice.", "images": [DOT]},
    "/api/embed": {"model": "vectors", "input": ["a", "b"], "truncate": True, "dimensions": 8, "keep_alive": -1},
    "/api/embeddings": {"model": "vectors", "prompt": "a", "options": {"num_ctx": 2048}, "keep_alive": 0},
    "/api/show": {"model": "fake", "verbose": False},
}
"""Path → a body that is answered with 200. Those of `/api/pull` and its like change what is on the machine."""

ALSO = {"tools": "tool_choice", "queries": "text_1", "documents": "text_2", "items": "text_2"}
"""What a sentence may name instead: without tools there is none to choose, and texts have two names."""
QUOTED = re.compile("'([^' ]*)'")
Place = tuple[str | int, ...]


def places(value: Any, above: Place = ()) -> Iterator[Place]:
    """Every place in a body: of each field, and of each item of a list."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in pairs:
        yield (*above, key)
        yield from places(below, (*above, key))


def changed(body: Json, place: Place, value: Any) -> Json:
    """A copy of a body with another value at a place."""
    found: Json = msgspec.json.decode(msgspec.json.encode(body))
    holder: Any = found
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    return found


def sentence(path: str, answer: httpx.Response) -> str:
    """The sentence of an error in the form of its path. Raises `AssertionError` for every other form."""
    value = answer.json()
    kind = PATHS[path].error or OpenAiFailure
    if kind is None:  # that of the server's own routes
        return str(value["error"]["message"])
    found = msgspec.convert(value, kind)
    names = {field.encode_name for field in msgspec.structs.fields(kind)} | ({"type"} if "type" in value else set())
    if kind is OpenAiFailure:
        names |= {"detail", "message", "object"}  # of the one envelope that all paths of OpenAI's API have here
    assert set(value) <= names, f"{sorted(value)} is not the form of {path}"
    if isinstance(found, AnthropicFailure):
        assert found.request_id == answer.headers["request-id"], "the error has another request's id"
        return found.error.message
    error: Any = getattr(found, "error", found)
    if isinstance(error, str):
        return error
    assert error.type
    return str(error.message)


def names(text: str, place: Sequence[str | int]) -> bool:
    """Whether a sentence names, between quotes, the field at a place, one that holds it, or one that goes with it."""
    words = {word for quoted in QUOTED.findall(text) for word in re.split(r"[.\[\]]", quoted)}
    return not words.isdisjoint({*place, *(ALSO.get(key, "") for key in place if isinstance(key, str))})
