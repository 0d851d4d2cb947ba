"""A request of Anthropic's API as a chat completion. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelyard.core.errors import InvalidParameter, ModelyardError
from modelyard.dialects.anthropic.conversation import chat_messages, question_only
from modelyard.dialects.anthropic.features import BLOCKS, CITED, FIELDS
from modelyard.dialects.anthropic.tools import functions, preference
from modelyard.dialects.features import Fate, other_fields
from modelyard.protocol.anthropic import (
    AnyBlock,
    CountedMessages,
    DocumentBlock,
    MessagesRequest,
    SearchResultBlock,
    ThinkingSetting,
    ToolResultBlock,
)
from modelyard.protocol.requests import S, decode


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the engine of a model is known to honour, of what is left out where it is not honoured."""

    effort: bool = False
    thinking_budget: bool = False
    continuation: bool = False
    """Whether an answer can continue a message of the assistant."""
    base: bool = False
    """Whether it is a knowledge base."""


NO_ABILITIES = Abilities()


def read_request(body: bytes, kind: type[S]) -> S:
    """Decode and check a body. Raises what `decode` raises, with words of Anthropic's API."""
    try:
        request = decode(body, kind)
    except InvalidParameter as error:
        raise _explained(error) from None
    if isinstance(request, CountedMessages):
        _check_citations(request)
    return request


def _explained(error: InvalidParameter) -> ModelyardError:
    """The error about a block of an unknown type, with the reason."""
    place = error.param or ""
    if not place.endswith(".type") or "Invalid value '" not in error.message:
        return error
    kind = error.message.partition("Invalid value '")[2].partition("'")[0]
    if (feature := BLOCKS.get(kind)) is not None and feature.fate is Fate.REFUSED:
        return InvalidParameter(place, f"'{kind}': {feature.note}.")
    known = ", ".join(name for name, each in BLOCKS.items() if each.fate is not Fate.REFUSED)
    return InvalidParameter(place, f"'{kind}' is not known here; blocks are {known}.")


def blocks_of(request: CountedMessages) -> Iterator[tuple[AnyBlock, str]]:
    """Every block of the messages and of the results of tools, with its place."""
    for number, turn in enumerate(request.messages):
        for index, block in enumerate(turn.content if isinstance(turn.content, list) else ()):
            place = f"messages[{number}].content[{index}]"
            yield block, place
            if isinstance(block, ToolResultBlock) and isinstance(block.content, list):
                for inner, each in enumerate(block.content):
                    yield each, f"{place}.content[{inner}]"


def _check_citations(request: CountedMessages) -> None:
    for block, place in blocks_of(request):
        if isinstance(block, DocumentBlock | SearchResultBlock) and block.citations and block.citations.enabled:
            raise InvalidParameter(f"{place}.citations", f"{CITED}.")


def chat_body(request: CountedMessages, body: bytes, abilities: Abilities = NO_ABILITIES) -> dict[str, Any]:
    """The chat completion. `body` is the request's JSON, whose other fields pass to the engine.

    Raises `InvalidParameter` and `UnsupportedParameter`.
    """
    found = other_fields(body, request.model, FIELDS)
    found |= {"model": request.model, "messages": chat_messages(request.system, request.messages)}
    if abilities.base:
        abilities = NO_ABILITIES
        found["messages"] = question_only(found["messages"])
    else:
        found |= _tools(request)
    found |= _thinking(request.thinking, abilities) | _output(request, abilities)
    if isinstance(request, MessagesRequest):
        found |= _sampling(request)
    last = found["messages"][-1]
    if abilities.continuation and last["role"] == "assistant" and "tool_calls" not in last:
        found |= {"continue_final_message": True, "add_generation_prompt": False}
    return found


def _tools(request: CountedMessages) -> dict[str, Any]:
    offers = request.tools or []
    found: dict[str, Any] = {"tools": functions(offers)} if offers else {}
    return found | (preference(request.tool_choice, offers) if request.tool_choice else {})


def _thinking(setting: ThinkingSetting | None, abilities: Abilities) -> dict[str, Any]:
    if setting is None or setting.type in ("adaptive", "between_tools"):
        return {}
    found: dict[str, Any] = {"enable_thinking": setting.type == "enabled"}
    if setting.budget_tokens is not None and abilities.thinking_budget:
        found["thinking_token_budget"] = setting.budget_tokens
    return found


def _output(request: CountedMessages, abilities: Abilities) -> dict[str, Any]:
    setting = request.output_config
    form = request.output_format if setting is None or setting.format is None else setting.format
    found: dict[str, Any] = {}
    if form is not None:
        named = {"name": "answer", "schema": form.schema, "strict": True}
        found["response_format"] = {"type": "json_schema", "json_schema": named}
    if setting is not None and setting.effort is not None and abilities.effort:
        found["reasoning_effort"] = setting.effort
    return found


def _sampling(request: MessagesRequest) -> dict[str, Any]:
    values: Mapping[str, Any] = {
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "stop": request.stop_sequences or None,
    }
    found = {name: value for name, value in values.items() if value is not None}
    if request.stream:
        found |= {"stream": True, "stream_options": {"include_usage": True}}
    return found
