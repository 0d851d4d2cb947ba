"""A chat completion's answer as a message of Anthropic's API. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from modelyard.core.errors import UpstreamFailed
from modelyard.dialects.anthropic.citations import text_blocks
from modelyard.dialects.anthropic.signatures import signature
from modelyard.protocol.anthropic import (
    MessageAnswer,
    MessageUsage,
    StopCause,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
)
from modelyard.protocol.chat_parts import CallPart, ChatPart, ChoicePart, UsagePart
from modelyard.protocol.messages import INVALID

ID_LENGTH = 9
"""Characters of an id that the chat templates of Mistral's models accept."""

CAUSES: Mapping[str, StopCause] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
"""Finish reason of a chat completion → stop reason."""


@dataclass(frozen=True, slots=True)
class ReplySetting:
    """What of a request decides how its answer is written."""

    identity: str
    model: str
    stops: Sequence[str] = ()
    max_tokens: int = 0
    hides_thoughts: bool = False


def stop_cause(setting: ReplySetting, choice: ChoicePart, usage: UsagePart | None, refused: bool) -> StopCause:
    """The stop reason of a choice that has ended."""
    if refused:
        return "refusal"
    if choice.finish_reason == "stop" and stop_sequence(setting, choice) is not None:
        return "stop_sequence"
    cause = CAUSES.get(choice.finish_reason or "", "end_turn")
    written = usage.completion_tokens if usage else None
    if cause == "max_tokens" and written is not None and written < setting.max_tokens:
        return "model_context_window_exceeded"
    return cause


def stop_sequence(setting: ReplySetting, choice: ChoicePart) -> str | None:
    """The stop sequence of the request that ended a choice, if the engine reports it."""
    found = choice.stop_reason
    return found if isinstance(found, str) and found in setting.stops else None


def usage_of(part: UsagePart | None) -> MessageUsage:
    """The tokens. A prompt's cached tokens are counted apart."""
    if part is None:
        return MessageUsage()
    cached = part.cached
    return MessageUsage(
        input_tokens=max(0, (part.prompt_tokens or 0) - cached),
        output_tokens=part.completion_tokens or 0,
        cache_read_input_tokens=cached,
    )


def message_answer(setting: ReplySetting, part: ChatPart) -> MessageAnswer:
    """The whole answer. Raises `UpstreamFailed` if the engine's answer has no message."""
    if not part.choices or part.choices[0].message is None:
        raise UpstreamFailed(setting.model, "its answer has no message.")
    choice = part.choices[0]
    message = part.choices[0].message
    content: list[TextBlock | ThinkingBlock | ToolUseBlock] = []
    if thought := message.thought:
        shown = "" if setting.hides_thoughts else thought
        content.append(ThinkingBlock(shown, signature(thought, setting.hides_thoughts)))
    if text := (message.content or "") + (message.refusal or ""):
        content += text_blocks(text, part.citations or ())
    content += [_tool_use(setting, call, index) for index, call in enumerate(message.tool_calls or ())]
    return MessageAnswer(
        id=setting.identity,
        model=setting.model,
        content=content,
        stop_reason=stop_cause(setting, choice, part.usage, bool(message.refusal)),
        stop_sequence=stop_sequence(setting, choice),
        usage=usage_of(part.usage),
    )


def _tool_use(setting: ReplySetting, call: CallPart, index: int) -> ToolUseBlock:
    arguments = input_of(call.function.arguments)
    return ToolUseBlock(call_id(setting, call.id, index), call.function.name or "", arguments)


def call_id(setting: ReplySetting, given: str | None, index: int) -> str:
    """The id of a call: the engine's, or if it is so short that other answers may have it, too, one of nine letters and digits.

    Clients such as Claude Code take two calls of a conversation with one id for the same call.
    """
    if given is not None and len(given) >= ID_LENGTH:
        return given
    return hashlib.sha256(f"{setting.identity} {index}".encode()).hexdigest()[:ID_LENGTH]


def input_of(arguments: str | dict[str, Any] | None) -> dict[str, Any]:
    """The arguments of a call as an object. A text that is none, because the answer was cut off, stays as it is in a field."""
    if isinstance(arguments, dict):
        return arguments
    if not arguments or not arguments.strip():
        return {}
    try:
        found = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {INVALID: arguments}
