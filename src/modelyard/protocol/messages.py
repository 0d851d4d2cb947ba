"""Checks the messages of a chat and brings them into one form for every engine. Pure.

Servers differ in what they forgive. Here each message is brought into OpenAI's own form, so that no engine meets another one:

- A field that is null is not there. `content` may stay null beside calls, as OpenAI's answers have it.
- A part without `type` is what its other fields say; `refusal`, `input_text` and `output_text` are texts; pictures are
  `image_url` with a `url`.
- A call without `id` or `type` gets one; a result without `tool_call_id` is that of the next call that waits for one.
- Arguments that are empty, missing or null are `{}`, and an object is written as its text. A text that is no JSON object, as a
  model leaves it that was cut off, becomes `{"INVALID_JSON": "…"}`, as Anthropic's documents have it: refusing it would end
  the conversation for good, and a template needs an object.
- `function_call` and the role `function`, OpenAI's older names, are `tool_calls` and `tool`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from modelyard.core.errors import InvalidParameter

Body = dict[str, Any]

NEEDS_CONTENT = frozenset({"system", "developer", "user"})
INVALID = "INVALID_JSON"
"""The key that holds the arguments of a call if they are not a JSON object."""


def normalize(messages: Sequence[Body]) -> Sequence[Body]:
    """The messages in this form; the same list if nothing changes. Raises `InvalidParameter`, which names the wrong place."""
    waiting: list[str] = []
    found = [_message(message, index, waiting) for index, message in enumerate(messages)]
    same = all(new is old for new, old in zip(found, messages, strict=True))
    return messages if same else found


def without_nulls(fields: Body) -> Body:
    """An object without its fields that are null."""
    return {name: value for name, value in fields.items() if value is not None}


def _message(message: Body, index: int, waiting: list[str]) -> Body:
    """`waiting` holds the ids of calls that have no result yet."""
    place = f"messages[{index}]"
    new = {name: value for name, value in message.items() if value is not None or name == "content"}
    _rename_functions(new, index, waiting)
    if new["role"] == "tool":
        if "tool_call_id" not in new and waiting:
            new["tool_call_id"] = waiting[0]
        if new.get("tool_call_id") in waiting:
            waiting.remove(new["tool_call_id"])
    if calls := new.pop("tool_calls", None):
        new["tool_calls"] = [_call(call, f"{place}.tool_calls[{each}]", index) for each, call in enumerate(calls)]
        waiting[:] = [call["id"] for call in new["tool_calls"]]
    content = new.get("content")
    if isinstance(content, list):
        new["content"] = [part(each, f"{place}.content[{number}]") for number, each in enumerate(content)] or ""
    elif content is None and not calls:
        if new["role"] in NEEDS_CONTENT:
            raise InvalidParameter(f"{place}.content", "it is required: a text, or a list of parts.")
        new["content"] = ""
    return message if new == message else new


def _rename_functions(new: Body, index: int, waiting: Sequence[str]) -> None:
    """OpenAI's older names, in place."""
    call = new.pop("function_call", None)
    if call is not None and not new.get("tool_calls"):
        new["tool_calls"] = [{"id": f"call_{index}_0", "type": "function", "function": call}]
    if new["role"] == "function" and waiting:
        new["role"] = "tool"


def _call(original: Body, place: str, index: int) -> Body:
    call = without_nulls(original)
    number = place.rpartition("[")[2].rstrip("]")
    call.setdefault("id", f"call_{index}_{number}")
    if call.setdefault("type", "function") != "function":
        raise InvalidParameter(f"{place}.type", "it must be 'function'; calls of other kinds are not known here.")
    if not isinstance(call["id"], str):
        raise InvalidParameter(f"{place}.id", "it must be a text.")
    if not isinstance(call.get("function"), dict):
        raise InvalidParameter(f"{place}.function", "it is required: an object with 'name' and 'arguments'.")
    function = without_nulls(call["function"])
    _named(function, f"{place}.function")
    function["arguments"] = arguments(function.get("arguments", ""), f"{place}.function.arguments")
    return {**call, "function": function}


def arguments(value: Any, place: str) -> str:
    """The arguments of a call as the text of a JSON object. Raises `InvalidParameter` for other values than text and objects."""
    if isinstance(value, dict):
        return msgspec.json.encode(value).decode()
    if not isinstance(value, str):
        raise InvalidParameter(place, "it must be a text: the JSON of an object.")
    if value.strip() in ("", "null"):
        return "{}"
    try:
        object_of = isinstance(msgspec.json.decode(value), dict)
    except (msgspec.DecodeError, ValueError, RecursionError):
        object_of = False
    return value if object_of else msgspec.json.encode({INVALID: value}).decode()


def _named(function: Body, place: str) -> None:
    name = function.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidParameter(f"{place}.name", "it is required: a text that is not empty.")


def part(original: Body, place: str) -> Body:
    """One part of a message's content. Raises `InvalidParameter`."""
    new = without_nulls(original)
    kind = new.setdefault("type", next((name for name in PARTS if name in new), None))
    if kind is None:
        raise InvalidParameter(f"{place}.type", f"it is required, such as {', '.join(COMMON_PARTS)}.")
    if not isinstance(kind, str) or kind not in PARTS:
        raise InvalidParameter(f"{place}.type", f"'{kind}' is not known here; parts are {', '.join(COMMON_PARTS)}.")
    new = PARTS[kind](new, place)
    return original if new == original else new


def _text_in(name: str) -> Callable[[Body, str], Body]:
    def read(original: Body, place: str) -> Body:
        if not isinstance(original.get(name), str):
            raise InvalidParameter(f"{place}.{name}", "it is required: a text.")
        return original if name == "text" and original["type"] == "text" else {"type": "text", "text": original[name]}

    return read


def _address_in(name: str, kind: str) -> Callable[[Body, str], Body]:
    """A part that holds an address, plainly or as an object with `url`."""

    def read(original: Body, place: str) -> Body:
        found = original.get(name, original.get("url"))
        where = f"{place}.{name}"
        if isinstance(found, dict):
            found, where = without_nulls(found), f"{where}.url"
            url = found.get("url")
        else:
            url, found = found, {"url": found}
        if not isinstance(url, str) or not url:
            raise InvalidParameter(where, "it is required: an address, or an object with a 'url'.")
        rest = {key: value for key, value in original.items() if key not in (name, "url", "type")}
        return {"type": kind, kind: found, **rest}

    return read


def _audio(original: Body, place: str) -> Body:
    audio = original.get("input_audio")
    if not isinstance(audio, dict):
        raise InvalidParameter(f"{place}.input_audio", "it is required: an object with 'data' and 'format'.")
    for name in ("data", "format"):
        if not isinstance(audio.get(name), str):
            raise InvalidParameter(f"{place}.input_audio.{name}", "it is required: a text.")
    return original


def _unchanged(original: Body, place: str) -> Body:
    return original


PARTS: Mapping[str, Callable[[Body, str], Body]] = {
    "text": _text_in("text"),
    "image_url": _address_in("image_url", "image_url"),
    "input_audio": _audio,
    "audio_url": _address_in("audio_url", "audio_url"),
    "video_url": _address_in("video_url", "video_url"),
    "input_text": _text_in("text"),
    "output_text": _text_in("text"),
    "refusal": _text_in("refusal"),
    "image": _address_in("image", "image_url"),
    "input_image": _address_in("image_url", "image_url"),
    **dict.fromkeys(("audio_embeds", "image_embeds", "thinking", "tool_reference"), _unchanged),
}
"""Type of a content part → the function that checks it. The last types are vLLM's own."""
COMMON_PARTS = ("text", "image_url", "input_audio", "audio_url", "video_url")


def tools(original: Sequence[Body]) -> Sequence[Body]:
    """The tools that a request offers; the same object if nothing changes. Raises `InvalidParameter`."""
    found = [_tool(tool, f"tools[{index}]") for index, tool in enumerate(original)]
    return original if all(new is old for new, old in zip(found, original, strict=True)) else found


def _tool(original: Body, place: str) -> Body:
    tool = without_nulls(original)
    if tool.setdefault("type", "function") != "function":
        raise InvalidParameter(f"{place}.type", "it must be 'function'; tools of other kinds are not known here.")
    if not isinstance(tool.get("function"), dict):
        raise InvalidParameter(f"{place}.function", "it is required: an object with a 'name'.")
    new = {**tool, "function": offered_function(tool["function"], f"{place}.function")}
    return original if new == original else new


def offered_function(original: Body, place: str) -> Body:
    """A function that a request offers, without null fields. Raises `InvalidParameter`."""
    found = without_nulls(original)
    _named(found, place)
    if not isinstance(found.get("description", ""), str):
        raise InvalidParameter(f"{place}.description", "it must be a text.")
    if not isinstance(found.get("strict", False), bool):
        raise InvalidParameter(f"{place}.strict", "it must be true or false.")
    if found.get("parameters") is True:
        found["parameters"] = {"type": "object", "properties": {}}
    if not isinstance(found.get("parameters", {}), dict):
        raise InvalidParameter(f"{place}.parameters", "it must be a JSON schema, an object.")
    return found


CHOICES = ("none", "auto", "required")
CHOICE_FORM = 'it must be \'none\', \'auto\', \'required\' or {"type": "function", "function": {"name": …}}.'


def tool_choice(original: str | Body, offers: Sequence[Body]) -> str | Body | None:
    """Which tool an answer must call; None if the request offers no tools. Raises `InvalidParameter`."""
    if isinstance(original, str):
        if original not in CHOICES:
            raise InvalidParameter("tool_choice", CHOICE_FORM)
        if original == "required":
            _need(offers)
        return original if offers else None
    choice = without_nulls(original)
    function = choice.get("function")
    name = function.get("name") if isinstance(function, dict) else None
    if choice.setdefault("type", "function") != "function" or not isinstance(name, str) or not name:
        raise InvalidParameter("tool_choice", CHOICE_FORM)
    _need(offers)
    if name not in [tool["function"]["name"] for tool in offers]:
        raise InvalidParameter("tool_choice", f"there is no tool '{name}'.")
    return original if choice == original else choice


def _need(offers: Sequence[Body]) -> None:
    if not offers:
        raise InvalidParameter("tool_choice", "there are no 'tools' to choose from.")
