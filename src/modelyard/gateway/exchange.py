"""The record of one request: filled in by the gateway, read by metrics, limits and access log at its end."""

from __future__ import annotations

from dataclasses import dataclass

from modelyard.core.access import Grant
from modelyard.gateway.middleware.tokens import Tap

LEFT = 499
"""Status in logs and metrics of a request whose client disconnected before it was answered."""


@dataclass(slots=True)
class Exchange:
    """One request and its answer. Times are in monotonic seconds."""

    request_id: bytes
    method: str
    path: str
    began: float
    known_path: bool = False
    """Whether the gateway handles the path."""
    model: str = ""
    """Public name of the model, once its route is found."""
    replica: str = ""
    status: int = 0
    outcome: str = "complete"
    """`complete`, `broken` (by the replica), `left` (the client disconnected), or `aborted` (by the request's id)."""
    started_answer: bool = False
    first_byte: float = 0.0
    ended: float = 0.0
    body_read: bool = False
    """Whether the whole request body was received."""
    bytes_in: int = 0
    bytes_out: int = 0
    grant: Grant | None = None
    """The key's grant; None if no key is required."""
    tap: Tap | None = None
    """Counts tokens, for keys with a token limit."""
