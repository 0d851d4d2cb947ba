"""The last event of a stream that failed, for `/openapi.json`. `errors.py` writes it."""

from __future__ import annotations

from modelyard.protocol.deferred import DeferredModel


class ErrorEvent(DeferredModel):
    """Last event of a stream that failed: the error, as in other answers."""

    error: dict[str, str | None]
