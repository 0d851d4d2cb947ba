"""Responses as objects with attributes, like those of `openai` and ms-swift, whole and in chunks. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec


class UsageInfo(msgspec.Struct):
    """Tokens of a request and its answer."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class ChatMessage(msgspec.Struct):
    """The message of an answer."""

    role: str = "assistant"
    content: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    reasoning_content: str | None = None


class DeltaMessage(msgspec.Struct):
    """The next piece of a message."""

    role: str | None = None
    content: str = ""
    tool_calls: list[dict[str, Any]] | None = None
    reasoning_content: str | None = None


class ChatCompletionResponseChoice(msgspec.Struct):
    """One whole answer."""

    message: ChatMessage
    index: int = 0
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None


class ChatCompletionResponse(msgspec.Struct):
    """The whole answer to a chat request."""

    choices: list[ChatCompletionResponseChoice]
    model: str = ""
    usage: UsageInfo | None = None
    id: str = ""
    object: str = "chat.completion"
    created: int = 0


class ChatCompletionResponseStreamChoice(msgspec.Struct):
    """A piece of one answer."""

    delta: DeltaMessage
    index: int = 0
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None


class ChatCompletionStreamResponse(msgspec.Struct):
    """A chunk of the answer to a chat request."""

    choices: list[ChatCompletionResponseStreamChoice]
    model: str = ""
    usage: UsageInfo | None = None
    id: str = ""
    object: str = "chat.completion.chunk"
    created: int = 0


class CompletionResponseChoice(msgspec.Struct):
    """One continuation, or a piece of it."""

    text: str = ""
    index: int = 0
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None


class CompletionResponse(msgspec.Struct):
    """The answer to a completion request, or a chunk of it."""

    choices: list[CompletionResponseChoice]
    model: str = ""
    usage: UsageInfo | None = None
    id: str = ""
    object: str = "text_completion"
    created: int = 0


class Model(msgspec.Struct):
    """One model that a server has."""

    id: str
    object: str = "model"
    created: int = 0
    owned_by: str = ""
    is_chat: bool | None = None
    is_multimodal: bool | None = None
    root: str | None = None
    parent: str | None = None


class ModelList(msgspec.Struct):
    """The models that a server has."""

    data: list[Model]
    object: str = "list"


T = TypeVar("T")


def read(kind: type[T], answer: dict[str, Any]) -> T:
    """Convert decoded JSON to one of these classes. Unknown fields are dropped; null becomes the field's default."""
    return msgspec.convert(_without_nulls(answer), kind, strict=False)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


def assembled(chunks: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Join the chunks of a chat into a whole response."""
    whole: dict[str, Any] = {"choices": [], "usage": None}
    by_index: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        whole |= {name: chunk[name] for name in ("id", "model", "created", "usage") if chunk.get(name)}
        for piece in chunk.get("choices") or ():
            choice = by_index.setdefault(
                piece.get("index") or 0,
                {"index": piece.get("index") or 0, "message": {"role": "assistant", "content": ""}},
            )
            _add(choice, piece)
    whole["choices"] = [by_index[index] for index in sorted(by_index)]
    return {**whole, "object": "chat.completion"}


def _add(choice: dict[str, Any], piece: dict[str, Any]) -> None:
    delta, message = piece.get("delta") or {}, choice["message"]
    for name in ("content", "reasoning_content"):
        if delta.get(name):
            message[name] = (message.get(name) or "") + delta[name]
    for call in delta.get("tool_calls") or ():
        _add_call(message.setdefault("tool_calls", []), call)
    if piece.get("finish_reason"):
        choice["finish_reason"] = piece["finish_reason"]
    if found := (piece.get("logprobs") or {}).get("content"):
        choice.setdefault("logprobs", {"content": []})["content"] += found


def _add_call(calls: list[dict[str, Any]], piece: dict[str, Any]) -> None:
    """Add a piece of a tool call: the first one has the name, later ones have more of the arguments."""
    number = piece.get("index") or 0
    while len(calls) <= number:
        calls.append({"type": "function", "function": {"name": "", "arguments": ""}})
    call, function = calls[number], piece.get("function") or {}
    call |= {name: piece[name] for name in ("id", "type") if piece.get(name)}
    for name in ("name", "arguments"):
        call["function"][name] += function.get(name) or ""
