"""Errors of `/v1/responses`: OpenAI's envelope, with the names of its fields. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from modelyard.core.errors import ModelyardError
from modelyard.gateway.asgi import ErrorForm
from modelyard.protocol import errors

NAMES: Mapping[str, str] = {
    "max_tokens": "max_output_tokens",
    "messages": "input",
    "response_format": "text.format",
    "response_format.json_schema.schema": "text.format.schema",
    "reasoning_effort": "reasoning.effort",
    "enable_thinking": "reasoning.effort",
    "logprobs": "include",
}
"""Fields of chat completions → those of `/v1/responses`."""

EARLIER = re.compile(r"earlier\[(?P<index>\d+)\](?P<rest>\S*)")
"""The place of an item that is not in the request."""


def with_own_names(error: ModelyardError) -> ModelyardError:
    """The error, in place, with the field's name in this API."""
    if error.param is not None and (name := NAMES.get(error.param)) is not None:
        error.message = error.message.replace(f"'{error.param}'", f"'{name}'")
        error.param = name
    return error


def with_item(error: ModelyardError, earlier: str, param: str) -> ModelyardError:
    """An error about an item `earlier[n]` of a JSON array, in place, with the item's id and the parameter that it comes from."""
    place = EARLIER.match(error.param or "")
    if place is not None:
        item = msgspec.json.decode(earlier)[int(place["index"])].get("id")
        sentence = error.message.replace(place[0], place["rest"].removeprefix(".") or "item", 1)
        error.message = (
            f"Item '{item}' of '{param}' cannot be used. {sentence} Delete the item, or begin another conversation."
        )
        error.param = param
    return error


def error_event(error: ModelyardError, number: int = 0) -> bytes:
    """The event `error`, for a stream that has no response yet."""
    fields = {"type": "error", "code": error.code, "message": error.message, "param": error.param}
    return b"event: error\ndata: " + msgspec.json.encode({**fields, "sequence_number": number}) + b"\n\n"


FORM = ErrorForm(
    body=lambda error, _: errors.encode(with_own_names(error)),
    event=lambda error, _: error_event(with_own_names(error)),
)
