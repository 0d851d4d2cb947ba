"""A chat completion as code of this server reads it: a whole answer, or a chunk of a stream. Engines leave out and add fields."""

from __future__ import annotations

from typing import Any

import msgspec

from modelyard.core.errors import ModelyardError, UpstreamFailed
from modelyard.protocol import errors


class FunctionPart(msgspec.Struct):
    """The function of a call, or a piece of it."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class CallPart(msgspec.Struct):
    """A call of a tool, or a piece of one."""

    function: FunctionPart = msgspec.field(default_factory=FunctionPart)
    index: int | None = None
    id: str | None = None


class MessagePart(msgspec.Struct):
    """A message, or a piece of one."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[CallPart] | None = None
    citations: list[dict[str, Any]] | None = None
    """Of a knowledge base's stream: the sources that numbers in brackets in this piece cite, if they are the first to do so."""

    @property
    def thought(self) -> str:
        """Its thoughts, under either name."""
        return self.reasoning_content or self.reasoning or ""


class ChoicePart(msgspec.Struct):
    """One of the answers; dialects request one only."""

    delta: MessagePart | None = None
    message: MessagePart | None = None
    text: str | None = None
    """Of a completion instead of a chat completion."""
    finish_reason: str | None = None
    stop_reason: Any = None
    """The stop string that ended the answer, where the engine reports it."""
    logprobs: dict[str, Any] | None = None


class UsagePart(msgspec.Struct):
    """Numbers of tokens."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: dict[str, Any] | None = None
    completion_tokens_details: dict[str, Any] | None = None

    @property
    def thinking(self) -> int:
        """Tokens of the answer that are thoughts, where the engine counts them."""
        found = (self.completion_tokens_details or {}).get("reasoning_tokens")
        return found if isinstance(found, int) else 0

    @property
    def cached(self) -> int:
        """Tokens of the prompt that were computed for an earlier request."""
        found = (self.prompt_tokens_details or {}).get("cached_tokens")
        return found if isinstance(found, int) else 0


class ChatPart(msgspec.Struct):
    """A whole answer, or a chunk."""

    choices: list[ChoicePart] | None = None
    usage: UsagePart | None = None
    citations: list[dict[str, Any]] | None = None
    """Those of a knowledge base's answer."""
    error: Any = None


DECODER = msgspec.json.Decoder(ChatPart)


def chat_part(model: str, data: bytes) -> ChatPart:
    """Decode a whole answer or the data of an event. Raises the error that it reports, and `UpstreamFailed`."""
    try:
        part = DECODER.decode(data)
    except msgspec.DecodeError as error:
        raise UpstreamFailed(model, f"its answer is no chat completion: {data[:100]!r}") from error
    if part.error is not None:
        raise _error(part.error)
    return part


def _error(problem: object) -> ModelyardError:
    return errors.read(502, {"error": problem} if isinstance(problem, dict) else {"detail": str(problem)})
