"""Reads the body of an inference request as its struct; what is wrong with it becomes one of our errors. Pure."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from modelyard.core.errors import InvalidParameter, MalformedBody, ModelyardError
from modelyard.protocol.json_values import MOST_INFERENCE_VALUES, bound_values

S = TypeVar("S", bound=msgspec.Struct)

MISSING = re.compile(r"missing required field `(?P<field>[^`]*)`")


def decode(body: bytes, kind: type[S]) -> S:
    """The body as its struct. Raises `MalformedBody`, `TooManyValues` or `InvalidParameter`."""
    if not body.strip(b" \t\r\n"):
        raise MalformedBody("The request body is empty; it must be a JSON object.")
    bound_values(body, MOST_INFERENCE_VALUES)
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise MalformedBody(f"The request body is not valid JSON: {error}") from None


def _invalid(said: str) -> ModelyardError:
    """msgspec's sentence as our error: `Expected ... - at `$.messages[0].role``."""
    problem, _, where = said.partition(" - at `")
    field = where.removesuffix("`").removeprefix("$").removeprefix(".")
    if missing := MISSING.search(problem):
        name = missing["field"]
        return InvalidParameter(f"{field}.{name}" if field else name, "it is required")
    if not field:
        return MalformedBody(f"The request body must be a JSON object: {problem}.")
    return InvalidParameter(field, problem)
