"""Finds the field `model` of a multipart form: its value, and the position of that value. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from modelyard.core.errors import InvalidParameter, MalformedBody, WrongContentType

FORM = "multipart/form-data"
BOUNDARY = re.compile(rb'boundary=(?:"([^"]{1,200})"|([^;\s]{1,200}))', re.IGNORECASE)
NAME = re.compile(rb'content-disposition:[^\r\n]*?;\s*name="?(?P<name>[^";\r\n]*)"?(?P<rest>[^\r\n]*)', re.IGNORECASE)
NAME_LIMIT = 500
MOST_PARTS = 1000
"""Maximum number of parts that are searched."""
LONGEST_HEAD = 16 << 10
"""Maximum bytes of a part's headers. Searching further for their end would take quadratic time in a form of many parts."""


@dataclass(frozen=True, slots=True)
class ByteSpan:
    """The position of a value in a body."""

    start: int
    end: int


def boundary(content_type: bytes | None) -> bytes:
    """The line that separates the parts of a form. Raises `WrongContentType`."""
    kind, _, parameters = (content_type or b"").partition(b";")
    if kind.strip().lower() != FORM.encode():
        raise WrongContentType((content_type or b"").decode("latin-1"), FORM)
    match = BOUNDARY.search(parameters)
    if match is None:
        raise WrongContentType((content_type or b"").decode("latin-1"), f"{FORM} with a boundary")
    return b"--" + (match[1] or match[2])


def find_model(body: bytes, content_type: bytes | None) -> tuple[str, ByteSpan]:
    """The name of the model and its position. Raises `WrongContentType`, `MalformedBody` or `InvalidParameter`."""
    divider = boundary(content_type)
    start = body.find(divider)
    if start < 0:
        raise MalformedBody("The form does not contain the boundary that its content-type names.")
    for _ in range(MOST_PARTS):
        head = start + len(divider)
        if body.startswith(b"--", head):
            raise InvalidParameter("model", "it is required")
        end_of_head = body.find(b"\r\n\r\n", head, head + LONGEST_HEAD)
        end = body.find(b"\r\n" + divider, head)
        if end < 0 or end_of_head < 0:
            raise MalformedBody("The form ends in the middle of a part.")
        if end_of_head < end and (match := NAME.search(body, head, end_of_head)) and match["name"] == b"model":
            return _name(body[end_of_head + 4 : end]), ByteSpan(end_of_head + 4, end)
        start = end + 2
    raise MalformedBody(f"The form has no field 'model' among its first {MOST_PARTS} parts.")


def with_field(body: bytes, content_type: bytes | None, name: str, value: str) -> bytes:
    """The form with a further field before all others, so that `find_model` finds it first."""
    head = f'\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
    return boundary(content_type) + head.encode() + body


def _name(value: bytes) -> str:
    try:
        name = value.decode()
    except UnicodeDecodeError:
        raise InvalidParameter("model", "it is not UTF-8") from None
    if not 1 <= len(name) <= NAME_LIMIT:
        raise InvalidParameter("model", f"it must have 1 to {NAME_LIMIT} characters.")
    return name
