"""Reads and checks the parts of a request that routing needs: content type, body up to the limit, and known fields.

The replica receives the client's bytes, unless they have to be corrected (`protocol/requests.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import msgspec

from modelyard.core.asgi import Headers, Receive
from modelyard.core.errors import BodyTooLarge, InvalidParameter, WrongContentType
from modelyard.core.types import Task
from modelyard.gateway.asgi import ClientLeft, header
from modelyard.gateway.exchange import Exchange
from modelyard.gateway.form import ByteSpan, boundary, find_model, with_field
from modelyard.gateway.paths import BodyFormat, InferencePath
from modelyard.protocol.inference import FormRequest
from modelyard.protocol.requests import read, with_changes, with_model

JSON = "application/json"
DEPLOYMENT = "modelyard.deployment"
"""Key of the ASGI scope with the model that the request's original path names."""


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A request to a model: its body, and its checked fields."""

    body: bytes
    request: msgspec.Struct
    model: str
    place: ByteSpan | None = None
    """The position of the model's name in a form; None for JSON."""

    def renamed(self, model: str) -> ModelCall:
        """This request for a model of another name."""
        request = msgspec.structs.replace(self.request, model=model)
        if self.place is None:
            return ModelCall(with_changes(self.body, {"model": model}), request, model)
        name, start = model.encode(), self.place.start
        body = self.body[:start] + name + self.body[self.place.end :]
        return ModelCall(body, request, model, ByteSpan(start, start + len(name)))


async def read_call(
    path: InferencePath,
    exchange: Exchange,
    headers: Headers,
    receive: Receive,
    limit: int,
    deployment: str = "",
    chat_input: Callable[[bytes], bytes | None] = lambda body: None,
) -> ModelCall:
    """Read and check a request, and record in `exchange` what was read. A `deployment` replaces the model of the body.

    `chat_input` translates a body of chats that has no messages; None if it cannot.

    Raises `WrongContentType`, `BodyTooLarge`, `MalformedBody`, `InvalidParameter`, and `ClientLeft`.
    """
    kind = header(headers, b"content-type")
    if path.format is BodyFormat.FORM:
        boundary(kind)
    else:
        check_content_type(headers)
    body = await read_body(headers, receive, limit)
    exchange.body_read, exchange.bytes_in = True, len(body)
    if path.format is BodyFormat.FORM:
        if deployment:
            body = with_field(body, kind, "model", deployment)
        model, place = find_model(body, kind)
        return ModelCall(body, FormRequest(model=model), model, place)
    body = with_model(body, deployment) if deployment else body
    try:
        return json_call(path, body)
    except InvalidParameter as error:
        without = path.task is Task.CHAT and error.param == "messages" and b'"input"' in body
        if not without or (chat := chat_input(body)) is None:
            raise
    return json_call(path, chat)


def json_call(path: InferencePath, body: bytes) -> ModelCall:
    """Check a JSON body. Raises `MalformedBody` or `InvalidParameter`."""
    request, body = read(body, path.request, path.plain)
    return ModelCall(body, request, cast(str, request.model))  # type: ignore[attr-defined]


def check_content_type(headers: Headers) -> None:
    """Raise `WrongContentType` unless the content type is JSON.

    Pages of other sites can send bodies without a type, or with that of a form, without a preflight request.
    """
    content_type = header(headers, b"content-type")
    if not is_json(content_type) and (content_type is not None or has_body(headers)):
        raise WrongContentType((content_type or b"").decode("latin-1"), JSON)
    coding = header(headers, b"content-encoding")
    if coding is not None and coding.strip().lower() not in (b"", b"identity"):
        raise WrongContentType(f"content-encoding: {coding.decode('latin-1')}", f"{JSON} without content-encoding")


def is_json(content_type: bytes | None) -> bool:
    """Whether a `content-type` is JSON: `application/json`, or a derived type such as `application/ld+json`."""
    kind = (content_type or b"").partition(b";")[0].strip().lower()
    return kind == b"application/json" or (kind.startswith(b"application/") and kind.endswith(b"+json"))


def has_body(headers: Headers) -> bool:
    """Whether a request's headers announce a non-empty body."""
    length = header(headers, b"content-length")
    return header(headers, b"transfer-encoding") is not None or (length is not None and length.strip(b"0") != b"")


async def read_body(headers: Headers, receive: Receive, limit: int) -> bytes:
    """Read the whole body. Raises `BodyTooLarge` as soon as more than `limit` bytes have arrived, or are announced."""
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
