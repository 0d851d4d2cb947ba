"""The record of one request: filled in on its way, read by the meter, the limits and the access log at its end."""

from __future__ import annotations

from dataclasses import dataclass

from modelyard.core.access import Grant
from modelyard.gateway.middleware.tokens import Tap

LEFT = 499
"""Status in logs and metrics of a request whose client left before it was answered."""


@dataclass(slots=True)
class Exchange:
    """One request and its answer. Times are monotonic seconds."""

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
    """`complete`, `broken` when the replica broke off, `left` when the client did, `aborted` when somebody ended it."""
    started_answer: bool = False
    first_byte: float = 0.0
    ended: float = 0.0
    body_read: bool = False
    """Whether the whole request body was taken in."""
    bytes_in: int = 0
    bytes_out: int = 0
    grant: Grant | None = None
    """What the key allows; None if no key is required."""
    tap: Tap | None = None
    """Counts tokens, for keys that have a limit of them."""
