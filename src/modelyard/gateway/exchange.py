"""What is known of one request while it passes: filled in along the way, read by the taps when it has ended."""

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
    """Whether the path is one of ours."""
    model: str = ""
    """Public name, once it is known to be one of ours."""
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
    """What the key allows; None where no key is asked for."""
    tap: Tap | None = None
    """Counts tokens, for keys that have a limit of them."""
