"""The record of one request, which the gateway fills in, and which metrics, limits and the access log read at its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelyard.core.access import Grant
from modelyard.core.asgi import Headers
from modelyard.gateway.middleware.tokens import NO_USAGE, Tap, TokenCounts
from modelyard.gateway.tracing import Span

if TYPE_CHECKING:
    from modelyard.gateway.middleware.tally import Tally

LEFT = 499
"""Status in logs and metrics of a request whose client disconnected before it was answered."""


@dataclass(slots=True, eq=False)
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
    limits: Headers = field(default_factory=list)
    """Headers with the key's remaining limits."""
    tap: Tap | None = None
    """Observes the answer of a replica."""
    usage: TokenCounts = NO_USAGE
    """Numbers of tokens, once the answer has ended."""
    tally: Tally | None = None
    """The counters of its model and replica, once the model is known."""
    span: Span | None = None
    """Its span in a trace; None if nothing is traced."""
    inside: bool = False
    """Whether code of this process sent the request, such as an answer of a knowledge base."""

    background: bool = False
    """Whether the server sent it for its own purposes rather than for a caller, such as to embed documents."""

    @property
    def ttft(self) -> float | None:
        """Seconds to the first token of its answer; None if a replica has sent none."""
        return self.tap.first_token - self.began if self.tap and self.tap.first_token else None

    @property
    def failed(self) -> bool:
        """Whether it ended with an error; a client that disconnects does not count as one."""
        return (self.status >= 400 and self.status != LEFT) or self.outcome == "broken"
