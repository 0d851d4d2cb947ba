"""Limits on the number and depth of values in a JSON body, checked on its bytes before it is decoded. Pure.

Decoding and validating cost time and memory per value, not per byte: a body of a few MiB can hold a million values, and each
wrong one would become an error of its own. Counting commas, brackets and strings costs about a millisecond per MiB."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from modelyard.core.errors import BodyTooComplex, MalformedBody, TooManyValues
from modelyard.core.wording import reason

MOST_VALUES = 50_000
"""Maximum number of values (numbers, strings, objects, lists) of JSON in a form's field."""
MOST_INFERENCE_VALUES = 1_000_000
"""Maximum number of values in the body of an inference request, which may hold many token ids or texts to embed."""
MOST_FIELDS = 1000
"""Maximum number of fields of the outermost object of a management body."""
DEEPEST = 64
"""Maximum depth of nested lists and objects in a management body."""

SURROGATES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
BRACKETS = re.compile(rb"[][{}]")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def bound_values(body: bytes, most: int) -> None:
    """Raises `TooManyValues` if JSON holds more than `most` values."""
    if len(body) < 2 * most:  # a value and what separates it from the next are two bytes at least
        return
    separators = body.count(b",") + body.count(b"[") + body.count(b"{")
    if separators < most:
        return
    if body.count(b'"') > 4 * most:  # keys and values; this bounds the work of `outside_strings`, too
        raise TooManyValues(most, None)
    plain = outside_strings(body)
    if plain.count(b",") + plain.count(b"[") + plain.count(b"{") >= most:
        raise TooManyValues(most, None)


def outside_strings(body: bytes) -> bytes:
    """The JSON without the contents of its strings."""
    parts = body.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
    return b"".join(parts[::2])


def check_body(body: bytes, most: int = MOST_VALUES) -> Any:
    """The JSON value of a body of `most` values at most. Raises `TooManyValues`, `BodyTooComplex` and `MalformedBody`.

    Beyond what JSON allows, it refuses text that neither the database nor the file system can hold (half of a surrogate
    pair, the character U+0000), numbers that are none (`NaN`), and nesting deeper than `DEEPEST`.
    """
    bound_values(body, most)
    if body.count(b"[") + body.count(b"{") > DEEPEST:
        _check_depth(outside_strings(body))
    if b"\\u" in body:
        _check_escapes(body.replace(b"\\\\", b""))
    try:
        found = msgspec.json.decode(body.removeprefix(BYTE_ORDER_MARK))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise MalformedBody(f"The body is not JSON: {reason(error)}.") from None
    if isinstance(found, dict) and len(found) > MOST_FIELDS:
        raise BodyTooComplex(f"has more than {MOST_FIELDS:,} fields")
    return found


def check_text(name: str, text: str, most: int = MOST_VALUES) -> Any:
    """As `check_body`, for JSON in the field `name` of a form."""
    try:
        return check_body(text.encode(), most)
    except UnicodeEncodeError:
        raise MalformedBody(f"The field '{name}' holds half of a surrogate pair, which is no character.") from None


def _check_depth(plain: bytes) -> None:
    depth = 0
    for bracket in BRACKETS.finditer(plain):
        depth += 1 if bracket[0] in b"[{" else -1
        if depth > DEEPEST:
            raise BodyTooComplex(f"is nested deeper than {DEEPEST} levels")


def _check_escapes(body: bytes) -> None:
    """`body` comes without escaped backslashes, so that each `\\u` in it is an escape."""
    if b"\\u0000" in body:
        raise MalformedBody("The body holds the character U+0000, which no text here may hold.")
    if any(found["lone"] for found in SURROGATES.finditer(body)):
        raise MalformedBody("The body holds half of a surrogate pair (such as \\ud800), which is no character.")
