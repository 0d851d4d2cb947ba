"""A request of OpenAI's `/v1/responses` as a chat completion. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from modelyard.core.errors import InvalidParameter, ModelyardError
from modelyard.core.mismatches import reworded
from modelyard.dialects.anthropic.request import NO_ABILITIES, Abilities
from modelyard.dialects.features import Fate, other_fields
from modelyard.dialects.responses.conversation import Placed, chat_messages
from modelyard.dialects.responses.features import FIELDS, ITEMS, PARTS
from modelyard.dialects.responses.hosted import OpenTool
from modelyard.dialects.responses.tools import ToolSet, tool_set, with_choice
from modelyard.protocol.requests import PLACE as PLACE_OF_ERROR
from modelyard.protocol.requests import S, decode
from modelyard.protocol.responses import CountedInput, ResponseRequest
from modelyard.protocol.responses_items import AddedToolsItem, AnyItem, ConfigurationItem, Item, TextFormat

INDEX = re.compile(r"`\$\[(?P<index>\d+)\]")
"""The place of an item in msgspec's sentence."""
ENCRYPTED, LOGPROBS = "reasoning.encrypted_content", "message.output_text.logprobs"

HISTORY = msgspec.json.Decoder(list[AnyItem])


@dataclass(frozen=True, slots=True)
class Translation:
    """A request that has been translated."""

    body: dict[str, Any]
    """The chat completion."""
    tools: ToolSet


def read_request(body: bytes, kind: type[S]) -> S:
    """Decode a body. Raises what `decode` raises."""
    return decode(body, kind)


def own_items(request: CountedInput) -> list[Item]:
    """The items of a request's `input`."""
    found = request.input
    if found is None:
        return []
    return [{"type": "message", "role": "user", "content": found}] if isinstance(found, str) else found


def read_items(items: Sequence[Item], place: str = "input") -> list[Placed]:
    """The items, without those that have no effect. Raises `InvalidParameter`, which names the place."""
    kept: list[tuple[Item, str]] = []
    for index, item in enumerate(items):
        where = f"{place}[{index}]"
        kind = item.get("type") or ("message" if "role" in item else "item_reference" if "id" in item else None)
        feature = ITEMS.get(kind) if isinstance(kind, str) else None
        if feature is None:
            known = ", ".join(name for name, each in ITEMS.items() if each.fate is Fate.TRANSLATED)
            raise InvalidParameter(f"{where}.type", f"'{kind or ''}' is not known here; items are {known}.")
        if feature.fate is Fate.REFUSED:
            raise InvalidParameter(f"{where}.type", f"'{kind}': {feature.note}.")
        if feature.fate is not Fate.IGNORED:
            kept.append((item if item.get("type") else {**item, "type": kind}, where))
    return _structs(kept)


def read_history(data: str) -> list[Placed]:
    """The items of a JSON array that is stored, as `read_items` reads them, in one step if no kind is without effect."""
    try:
        return [(item, f"earlier[{index}]") for index, item in enumerate(HISTORY.decode(data))]
    except msgspec.ValidationError:
        return read_items(msgspec.json.decode(data), "earlier")


def _structs(items: Sequence[tuple[Item, str]]) -> list[Placed]:
    """The items as their structs, all at once: each conversion compiles its type."""
    try:
        found = msgspec.convert([item for item, _ in items], list[AnyItem])
    except msgspec.ValidationError as error:
        sentence = str(error)
        match = INDEX.search(sentence)
        index = int(match["index"]) if match else 0
        raise _explained(sentence.replace(f"$[{index}]", "$", 1), items[index][1]) from None
    return [(item, where) for item, (_, where) in zip(found, items, strict=True)]


def converted(item: Item, kind: type[S], place: str) -> S:
    """An item or a tool as a struct. Raises `InvalidParameter`, which names the place."""
    try:
        return msgspec.convert(item, kind)
    except msgspec.ValidationError as error:
        raise _explained(str(error), place) from None


def _explained(sentence: str, place: str) -> ModelyardError:
    """msgspec's sentence about an item as our error."""
    match = PLACE_OF_ERROR.search(sentence)
    problem = sentence[: match.start()] if match else sentence
    inner = match["place"] if match else ""
    where = f"{place}.{inner}" if inner and not inner.startswith("[") else f"{place}{inner}"
    if where.endswith(".type") and "Invalid value '" in problem:
        kind = problem.partition("Invalid value '")[2].partition("'")[0]
        return InvalidParameter(where, f"'{kind}' is not known here; parts are {', '.join(PARTS)}.")
    if problem.startswith("Object missing required field `"):
        name = problem.partition("`")[2].partition("`")[0]
        return InvalidParameter(f"{where}.{name}", "it is required.")
    return InvalidParameter(where, f"{reworded(problem)}.")


def translate(
    request: CountedInput,
    body: bytes,
    items: Sequence[Placed],
    abilities: Abilities = NO_ABILITIES,
    hosted: Mapping[int, OpenTool] | None = None,
) -> Translation:
    """The chat completion. `body` is the request's JSON, whose other fields pass to the engine; `items` is the conversation.

    `hosted` has the tools that this server runs by their index in `tools`. Raises `InvalidParameter` and `UnsupportedParameter`.
    """
    found = other_fields(body, request.model, FIELDS)
    messages = chat_messages(request.instructions, items, last_only=abilities.base)
    found |= {"model": request.model, "messages": messages}
    added = [tool for item, _ in items if isinstance(item, AddedToolsItem) for tool in item.tools]
    tools = tool_set([*(request.tools or ()), *added], hosted or {})
    functions, choice = with_choice(tools, request.tool_choice)
    if abilities.base:
        abilities = NO_ABILITIES
    elif functions:
        found |= {"tools": functions, **choice}
        if request.parallel_tool_calls is False:
            found["parallel_tool_calls"] = False
    found |= _settings(request, items, abilities)
    if isinstance(request, ResponseRequest):
        found |= _sampling(request)
    return Translation(found, tools)


def _settings(request: CountedInput, items: Sequence[Placed], abilities: Abilities) -> dict[str, Any]:
    """Effort and form of the answer: those of the request, or of the last update of the conversation."""
    effort = request.reasoning.effort if request.reasoning else None
    form = request.text.format if request.text else None
    for item, _ in items:
        if isinstance(item, ConfigurationItem):
            effort = item.reasoning.effort if item.reasoning else effort
            form = item.text.format if item.text else form
    return _thinking(effort, abilities) | _form(form)


def _thinking(effort: str | None, abilities: Abilities) -> dict[str, Any]:
    if effort is None:
        return {}
    if abilities.effort:
        return {"reasoning_effort": effort}
    return {"enable_thinking": False} if effort == "none" else {}


def _form(form: TextFormat | None) -> dict[str, Any]:
    if form is None or form.type == "text":
        return {}
    if form.type == "json_object":
        return {"response_format": {"type": "json_object"}}
    return {"response_format": {"type": "json_schema", "json_schema": _schema(form)}}


def _schema(form: TextFormat) -> dict[str, Any]:
    if form.schema is None:
        raise InvalidParameter("text.format.schema", "it is required: a JSON schema, an object.")
    found: dict[str, Any] = {"name": form.name or "answer", "schema": form.schema}
    if form.description is not None:
        found["description"] = form.description
    if form.strict is not None:
        found["strict"] = form.strict
    return found


def wants_logprobs(request: ResponseRequest) -> bool:
    """Whether the answer has the log probabilities of its tokens."""
    return bool(request.top_logprobs) or LOGPROBS in (request.include or ())


def _sampling(request: ResponseRequest) -> dict[str, Any]:
    values: Mapping[str, Any] = {
        "max_tokens": request.max_output_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
    }
    found = {name: value for name, value in values.items() if value is not None}
    if wants_logprobs(request):
        found |= {"logprobs": True, "top_logprobs": request.top_logprobs or 0}
    if request.stream:
        found |= {"stream": True, "stream_options": {"include_usage": True}}
    return found
