"""The error envelope: OpenAI's, carrying `detail` beside it, which Xinference's clients read. Built here and only here."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from modelyard.core.errors import BadRequest, InternalError, ModelyardError, error_classes


def envelope(error: ModelyardError) -> dict[str, object]:
    """The JSON body of an error answer."""
    return {
        "error": {"message": error.message, "type": error.type, "code": error.code, "param": error.param},
        "detail": error.message,
    }


def encode(error: ModelyardError) -> bytes:
    """`envelope` as JSON bytes."""
    return msgspec.json.encode(envelope(error))


def headers(error: ModelyardError) -> dict[str, str]:
    """Headers that belong to an error answer, beside its content type."""
    return {} if error.retry_after is None else {"retry-after": str(error.retry_after)}


def sse_event(error: ModelyardError) -> bytes:
    """The event that ends a stream which broke after its head was sent."""
    return b"data: " + encode(error) + b"\n\n"


def read(status: int, body: object, retry_after: str | None = None) -> ModelyardError:
    """An error answer as the exception that caused it; an answer in another shape becomes the class of its status.

    `body` is the decoded JSON, or the text if it was not JSON.
    """
    message, code, param = f"HTTP {status}", "", None
    if isinstance(body, Mapping):
        inner = body.get("error")
        if isinstance(inner, Mapping):
            message, code, param = str(inner.get("message")), str(inner.get("code")), inner.get("param")
        elif isinstance(body.get("detail"), str):
            message = str(body["detail"])
    elif isinstance(body, str) and body.strip():
        message = body.strip()[:500]
    classes = error_classes()
    alike = sorted((cls for cls in classes.values() if cls.status == status), key=lambda cls: len(cls.__mro__))
    other = BadRequest if 400 <= status < 500 else InternalError
    cls = classes.get(code) or (alike or [other])[0]
    seconds = int(retry_after) if retry_after and retry_after.isdigit() else None
    return cls.from_wire(message, param if isinstance(param, str) else None, seconds)
