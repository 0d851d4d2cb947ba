"""Reads a request far enough to know where it goes: the body up to the limit, its type, the fields we check.

What goes to the replica are the bytes that came, unless something in them has to be mended (`protocol/requests.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import msgspec

from modelyard.core.errors import BodyTooLarge, WrongContentType
from modelyard.gateway.asgi import ClientLeft, Headers, Receive, header
from modelyard.gateway.exchange import Exchange
from modelyard.gateway.form import Place, boundary, find_model
from modelyard.gateway.paths import Path, Where
from modelyard.protocol.inference import FormRequest
from modelyard.protocol.requests import read

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Peeked:
    """A request that may be routed."""

    body: bytes
    request: msgspec.Struct
    model: str
    place: Place | None = None
    """Where in a form the model's name stands; None for JSON."""


async def peek(path: Path, exchange: Exchange, headers: Headers, receive: Receive, limit: int) -> Peeked:
    """Read and check a request; notes in `exchange` what was read.

    Raises `WrongContentType`, `BodyTooLarge`, `MalformedBody`, `InvalidParameter`, and `ClientLeft` when there is nobody
    to tell.
    """
    kind = header(headers, b"content-type")
    if path.where is Where.FORM:
        boundary(kind)
    else:
        check_content_type(headers)
    body = await read_body(headers, receive, limit)
    exchange.body_read, exchange.bytes_in = True, len(body)
    if path.where is Where.FORM:
        model, place = find_model(body, kind)
        return Peeked(body, FormRequest(model=model), model, place)
    request, body = read(body, path.request, path.plain)
    return Peeked(body, request, cast(str, request.model))  # type: ignore[attr-defined]


def check_content_type(headers: Headers) -> None:
    """JSON, and said so: a page of another site can send all that has no type without asking the browser's leave."""
    given = header(headers, b"content-type")
    if not is_json(given) and (given is not None or has_body(headers)):
        raise WrongContentType((given or b"").decode("latin-1"), JSON)
    coding = header(headers, b"content-encoding")
    if coding is not None and coding.strip().lower() not in (b"", b"identity"):
        raise WrongContentType(f"content-encoding: {coding.decode('latin-1')}", f"{JSON} without content-encoding")


def is_json(content_type: bytes | None) -> bool:
    """Whether a `content-type` is JSON: `application/json`, or a kind of it such as `application/ld+json`."""
    kind = (content_type or b"").partition(b";")[0].strip().lower()
    return kind == b"application/json" or (kind.startswith(b"application/") and kind.endswith(b"+json"))


def has_body(headers: Headers) -> bool:
    """Whether a request announces a body that is not empty."""
    length = header(headers, b"content-length")
    return header(headers, b"transfer-encoding") is not None or (length is not None and length.strip(b"0") != b"")


async def read_body(headers: Headers, receive: Receive, limit: int) -> bytes:
    """The whole body, of at most `limit` bytes; stops reading at the first byte too many."""
    announced = header(headers, b"content-length")
    if announced is not None and int(announced) > limit:
        raise BodyTooLarge(limit)
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        part = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(part)
        if size > limit:
            raise BodyTooLarge(limit)
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
