"""What the services of stored responses and conversations take and return."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

Json = dict[str, Any]
Freed = Counter[str]
"""Owner id → bytes that a deletion has freed."""

QUEUED, IN_PROGRESS = "queued", "in_progress"
COMPLETED, INCOMPLETE, FAILED, CANCELLED = "completed", "incomplete", "failed", "cancelled"
UNENDED = (QUEUED, IN_PROGRESS)
"""Statuses of responses that have not ended."""
ANSWERED = (COMPLETED, INCOMPLETE)
"""Statuses of responses that others can follow."""


@dataclass(frozen=True, slots=True)
class StoredItem:
    """An item of a conversation, or of the input or output of a response."""

    id: str
    json: str
    """The item in OpenAI's form."""

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.json.encode())


@dataclass(frozen=True, slots=True)
class ThreadPlace:
    """A place in a list of items: behind so many positions of a thread. The default is the beginning of a new one."""

    thread: str | None = None
    length: int = 0


@dataclass(frozen=True, slots=True)
class ResponseContext:
    """What a new response is answered from, before its own input."""

    place: ThreadPlace = field(default_factory=ThreadPlace)
    history: str = "[]"
    """The items, as a JSON array."""
    conversation: str | None = None
    """Id of the conversation to which input and output are appended."""
    previous: str | None = None
    """Id of the response that it follows."""

    def items(self) -> list[Json]:
        """The items in OpenAI's form."""
        found: list[Json] = msgspec.json.decode(self.history)
        return found


@dataclass(frozen=True, slots=True)
class NewResponse:
    """A response that is to be stored."""

    body: Json
    """The response in OpenAI's form. Its `status` says whether it has ended."""
    input: Sequence[StoredItem]
    """Its own items of input, without those of the context."""
    context: ResponseContext


@dataclass(frozen=True, slots=True)
class ItemPage:
    """Successive items of a list."""

    items: Sequence[StoredItem]
    more: bool
    """Whether others follow."""


@dataclass(frozen=True, slots=True)
class StoredConversation:
    """A conversation without its items."""

    id: str
    created_at: float
    """Unix time."""
    metadata: Mapping[str, str]
