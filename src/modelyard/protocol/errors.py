"""The error envelope, built here and only here: OpenAI's `error`; beside it `detail`, which Xinference's clients read, and
`object` and `message`, which those of ms-swift and of older vLLM read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import msgspec

from modelyard.core.errors import BadRequest, InternalError, ModelyardError, error_classes


def envelope(error: ModelyardError) -> dict[str, object]:
    """The JSON body of an error answer."""
    body: dict[str, object] = {
        "error": {"message": error.message, "type": error.type, "code": error.code, "param": error.param},
        "detail": error.message,
        "object": "error",
        "message": error.message,
    }
    return {**body, "memory": dict(error.memory)} if error.memory is not None else body


def encode(error: ModelyardError) -> bytes:
    """`envelope` as JSON bytes."""
    return msgspec.json.encode(envelope(error))


def headers(error: ModelyardError) -> dict[str, str]:
    """Headers that belong to an error answer, beside its content type."""
    found = {} if error.retry_after is None else {"retry-after": str(error.retry_after)}
    if error.status == 401:
        found["www-authenticate"] = "Bearer"
    return found


def translated(status: int, body: bytes) -> bytes:
    """An engine's error body in our envelope. Its message stays, as do its `type` and `code` if they are words."""
    try:
        decoded: object = msgspec.json.decode(body)
    except msgspec.MsgspecError:
        decoded = body.decode("utf-8", "replace")
    ours = envelope(read(status, decoded))
    inner = decoded.get("error") if isinstance(decoded, Mapping) else None
    if isinstance(inner, Mapping):
        words = {name: inner[name] for name in ("type", "code") if isinstance(inner.get(name), str)}
        ours["error"] = {**cast("dict[str, object]", ours["error"]), **words}
    return msgspec.json.encode(ours)


def sse_event(error: ModelyardError) -> bytes:
    """The last event of a stream that failed after its head was sent."""
    return b"data: " + encode(error) + b"\n\n"


def _sentence(body: Mapping[str, object]) -> str:
    """The sentence in another server's error: `detail` of FastAPI and Xinference, `message` of vLLM, `error` of Ollama."""
    for name in ("detail", "message", "error"):
        text = body.get(name)
        if isinstance(text, str) and text:
            return text
        if isinstance(text, list) and text and isinstance(text[0], Mapping) and "msg" in text[0]:
            where = ".".join(str(part) for part in text[0].get("loc", ()))
            return f"{where}: {text[0]['msg']}" if where else str(text[0]["msg"])
    return ""


def read(status: int, body: object, retry_after: str | None = None) -> ModelyardError:
    """An error answer as the exception that caused it; an answer in another shape becomes the class of its status.

    `body` is the decoded JSON, or the text if it was not JSON.
    """
    message, code, param = f"HTTP {status}", "", None
    if isinstance(body, Mapping):
        inner = body.get("error")
        if isinstance(inner, Mapping):
            message, code, param = str(inner.get("message")), str(inner.get("code")), inner.get("param")
        else:
            message = _sentence(body) or message
    elif isinstance(body, str) and body.strip():
        message = body.strip()[:500]
    classes = error_classes()
    alike = sorted((cls for cls in classes.values() if cls.status == status), key=lambda cls: len(cls.__mro__))
    other = BadRequest if 400 <= status < 500 else InternalError
    cls = classes.get(code) or (alike or [other])[0]
    seconds = int(retry_after) if retry_after and retry_after.isdigit() else None
    error = cls.from_wire(message, param if isinstance(param, str) else None, seconds)
    if isinstance(body, Mapping) and isinstance(body.get("memory"), Mapping):
        error.memory = body["memory"]
    return error
