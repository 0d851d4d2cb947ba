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
    """An engine's error body in our envelope. What it says, its `type` and its `code` stay, where they are words."""
    try:
        said: object = msgspec.json.decode(body)
    except msgspec.MsgspecError:
        said = body.decode("utf-8", "replace")
    ours = envelope(read(status, said))
    inner = said.get("error") if isinstance(said, Mapping) else None
    if isinstance(inner, Mapping):
        kept = {name: inner[name] for name in ("type", "code") if isinstance(inner.get(name), str)}
        ours["error"] = {**cast("dict[str, object]", ours["error"]), **kept}
    return msgspec.json.encode(ours)


def sse_event(error: ModelyardError) -> bytes:
    """The event that ends a stream which broke after its head was sent."""
    return b"data: " + encode(error) + b"\n\n"


def _sentence(body: Mapping[str, object]) -> str:
    """What other servers' errors say: `detail` of FastAPI and Xinference, `message` of vLLM, `error` of Ollama."""
    for name in ("detail", "message", "error"):
        said = body.get(name)
        if isinstance(said, str) and said:
            return said
        if isinstance(said, list) and said and isinstance(said[0], Mapping) and "msg" in said[0]:
            where = ".".join(str(part) for part in said[0].get("loc", ()))
            return f"{where}: {said[0]['msg']}" if where else str(said[0]["msg"])
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
