"""Decodes the body of an inference request into its struct, and turns msgspec's errors into ours. Pure."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, inspect

from modelyard.core.errors import InvalidParameter, MalformedBody, ModelyardError
from modelyard.core.mismatches import FRACTION, reworded
from modelyard.protocol import checks, messages
from modelyard.protocol.inference import ChatRequest, RequestMessage, Sampling
from modelyard.protocol.json_values import MOST_INFERENCE_VALUES, bound_values
from modelyard.protocol.misspelled import check_spelling
from modelyard.protocol.tokens import TokenizeRequest

S = TypeVar("S", bound=msgspec.Struct)

MISSING = re.compile(r"missing required field `(?P<field>[^`]*)`")
PLACE = re.compile(r" - at `(?:(?P<key>key)` in `)?\$\.?(?P<place>[^`]*)`$")
SURROGATE = re.compile("[\ud800-\udfff]")
OLD_FUNCTIONS = "functions"
"""Field that is kept in the struct, because the answer to a request with it is translated (`protocol/old_functions.py`)."""
NAMED = 1024 * 1024
"""Maximum bytes of an invalid body that is searched for half of a surrogate pair, to name its place."""


def decode(body: bytes, kind: type[S]) -> S:
    """The body as a struct. Raises `MalformedBody`, `TooManyValues` or `InvalidParameter`."""
    if not body.strip(b" \t\r\n"):
        raise MalformedBody("The request body is empty; it must be a JSON object.")
    bound_values(body, MOST_INFERENCE_VALUES)
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), kind) from None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _malformed(body, error) from None


def read(body: bytes, kind: type[msgspec.Struct], plain: type[msgspec.Struct] | None) -> tuple[msgspec.Struct, bytes]:
    """The body as its struct, and the bytes to send to the engine: those of the client, unless something had to be changed.

    `plain` is the struct of bodies that need no further checks. Raises the errors of `decode`, with the place of the mistake.
    """
    if plain is not None and (found := _plain(body, plain)) is not None:
        return found, body
    try:
        request = decode(body, kind)
    except InvalidParameter as error:
        if FRACTION not in error.message:
            raise
        body = _with_integers(body, kind)
        request = decode(body, kind)
    _check_fields(body, kind)
    found_changes = checks.changes(request)
    if isinstance(request, ChatRequest | TokenizeRequest) and isinstance(request.messages, list):
        found_changes |= _messages(body, request.messages)
    if not found_changes:
        return request, body
    for name, value in found_changes.items():
        if value is UNSET and name != OLD_FUNCTIONS:
            setattr(request, name, UNSET)
    return request, with_changes(body, found_changes)


def with_changes(body: bytes, found: checks.Changes) -> bytes:
    """The body with some fields changed, and without those that are `UNSET`; other fields keep their bytes."""
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    for name, value in found.items():
        fields.pop(name, None)
        if value is not UNSET:
            fields[name] = msgspec.Raw(msgspec.json.encode(value))
    return msgspec.json.encode(fields)


def with_model(body: bytes, model: str) -> bytes:
    """The body with another `model`. A body that is not a JSON object is returned as it is; decoding it fails later."""
    bound_values(body, MOST_INFERENCE_VALUES)
    try:
        return with_changes(body, {"model": model})
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return body


def _plain(body: bytes, plain: type[msgspec.Struct]) -> msgspec.Struct | None:
    if len(body) >= 2 * MOST_INFERENCE_VALUES:  # its values are to be counted before they are decoded
        return None
    try:
        return msgspec.json.decode(body, type=plain)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _check_fields(body: bytes, kind: type[msgspec.Struct]) -> None:
    """Raise `InvalidParameter` for a field of a chat or completion request that is a misspelled known one."""
    if not issubclass(kind, Sampling):
        return
    known = _fields(kind)
    if others := msgspec.json.decode(body, type=dict[str, msgspec.Raw]).keys() - known:
        check_spelling(others, known)


@functools.cache
def _fields(kind: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(each.encode_name for each in msgspec.structs.fields(kind))


def _messages(body: bytes, given: Sequence[RequestMessage]) -> checks.Changes:
    """The changed messages; empty if nothing must change. They are decoded a second time to keep fields that no struct has."""
    if b"null" not in body:
        if all(map(checks.is_plain, given)):
            return {}
        known = [messages.without_nulls(msgspec.structs.asdict(each)) for each in given]
        if messages.normalize(known) is known:
            return {}
    raw = msgspec.json.decode(body, type=dict[str, msgspec.Raw])["messages"]
    whole = msgspec.json.decode(raw, type=list[dict[str, Any]])
    normal = messages.normalize(whole)
    return {} if normal is whole else {"messages": normal}


def _invalid(sentence: str, kind: type) -> ModelyardError:
    """An error of ours for a sentence of msgspec, such as `Expected … - at `$.messages[0].role``."""
    found = PLACE.search(sentence)
    problem = sentence[: found.start()] if found else sentence
    field = found["place"].removesuffix("[...]") if found else ""
    if missing := MISSING.search(problem):
        name = missing["field"]
        return InvalidParameter(f"{field}.{name}" if field else name, "it is required")
    if not field and not problem.startswith("Expected"):
        return MalformedBody(f"The request body holds what no field takes: {problem}.")
    if not field:
        return MalformedBody("The request body must be a JSON object.")
    assert found is not None
    problem = reworded(problem, kind, found["place"])
    if found["key"]:
        problem = f"a key is not as it must be: {problem}"
    return InvalidParameter(field, f"{problem}.")


def _malformed(body: bytes, error: Exception) -> ModelyardError:
    """The error for a body that is not JSON. Half of a surrogate pair, which some libraries write, is named with its place."""
    if len(body) <= NAMED and (b"\\ud" in body or b"\\uD" in body):
        try:
            place = next(_surrogates(json.loads(body)), None)
        except (ValueError, RecursionError):
            place = None
        if place is not None:
            return InvalidParameter(
                place, "it holds half of a surrogate pair (such as \\ud800), which is no character."
            )
    return MalformedBody(f"The request body is not valid JSON: {error}")


def _surrogates(value: Any, place: str = "") -> Iterator[str]:
    """The places of strings that contain half of a surrogate pair."""
    if isinstance(value, str):
        if SURROGATE.search(value):
            yield place
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _surrogates(each, f"{place}[{index}]")
    elif isinstance(value, dict):
        for name, each in value.items():
            if SURROGATE.search(name):
                yield place or "body"
            yield from _surrogates(each, f"{place}.{name}" if place else name)


def _with_integers(body: bytes, kind: type[msgspec.Struct]) -> bytes:
    """The body with `47` in place of `47.0` in fields that are integers, because some clients write all numbers as floats."""
    try:
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, ValueError, RecursionError):  # wrong further on; `decode` says it
        return body
    found: checks.Changes = {}
    for name, type_of in _types(kind).items():
        if name in fields:
            value = msgspec.json.decode(fields[name])
            changed = _integers(value, type_of)
            if changed is not value:
                found[name] = changed
    return with_changes(body, found) if found else body


@functools.cache
def _types(kind: type[msgspec.Struct]) -> dict[str, inspect.Type]:
    described = inspect.type_info(kind)
    assert isinstance(described, inspect.StructType)
    return {field.encode_name: field.type for field in described.fields}


def _integers(value: Any, meant: inspect.Type) -> Any:
    """A value with integers in place of whole floats where the type requires it; the same object if nothing changes."""
    kinds = meant.types if isinstance(meant, inspect.UnionType) else (meant,)
    if isinstance(value, float):
        whole = value.is_integer() and any(isinstance(each, inspect.IntType) for each in kinds)
        return int(value) if whole and not any(isinstance(each, inspect.FloatType) for each in kinds) else value
    if isinstance(value, list):
        lists = [each for each in kinds if isinstance(each, inspect.ListType)]
        new = [_integers(each, lists[0].item_type) for each in value] if lists else value
        return value if all(a is b for a, b in zip(new, value, strict=True)) else new
    if isinstance(value, dict):
        structs = [each for each in kinds if isinstance(each, inspect.StructType)]
        types = {field.encode_name: field.type for field in structs[0].fields} if structs else {}
        changed = {name: _integers(each, types[name]) for name, each in value.items() if name in types}
        return value if all(changed[name] is value[name] for name in changed) else {**value, **changed}
    return value
