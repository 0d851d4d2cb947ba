"""What the service and its callers know of a generation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

END = "end"
"""Type of the last event of every generation, whose data has `state` and `error`."""


class GenerationState(StrEnum):
    """The state of a generation. All but `RUNNING` are final."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"
    """Its owner stopped it."""
    INTERRUPTED = "interrupted"
    """The server ended while it ran."""


@dataclass(frozen=True, slots=True)
class EndProblem:
    """Why a generation failed."""

    code: str
    """As in the errors of all routes."""
    message: str


@dataclass(frozen=True, slots=True)
class Generation:
    """A generation at one moment."""

    id: str
    owner: str
    """Owner id."""
    kind: str
    """The kind of work, which names the function that takes over the result (`Generations.settle_with`)."""
    details: Mapping[str, Any]
    """Small facts of the package that began it, such as the model."""
    created_at: float
    """Unix time."""
    state: GenerationState = GenerationState.RUNNING
    ended_at: float | None = None
    """Unix time."""
    error: EndProblem | None = None
    events: int = 0
    """The number of its newest event."""
    size: int = 0
    """Bytes of its file up to the newest event."""


@dataclass(frozen=True, slots=True)
class GenerationEvent:
    """An event that is in the file of its generation."""

    number: int
    """From 1, without gaps."""
    type: str
    json: bytes
    """The whole event: `{"number", "type", "at", "data"}`, where `at` is Unix time."""


class EventWriter(Protocol):
    """Writes the events of one generation."""

    async def emit(self, type: str, data: Any) -> None:
        """Add an event; `data` is anything that msgspec encodes as JSON. Waits while many bytes are not yet written."""


Make = Callable[[EventWriter], Coroutine[Any, Any, None]]
"""The work of a generation. It ends normally, raises a `ModelyardError`, or is cancelled when the generation is stopped."""
Settle = Callable[[Generation], Awaitable[None]]
"""Takes over the result of an ended generation, such as into a row. It is repeated after a kill of the server or an error."""
