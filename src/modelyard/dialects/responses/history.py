"""What a response has from earlier ones, and where it goes when it has ended: the seam for stored responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from modelyard.gateway.sender import Caller
from modelyard.protocol.responses import CountedInput
from modelyard.protocol.responses_answer import ResponseAnswer
from modelyard.protocol.responses_items import Item
from modelyard.responses.items import REFERENCE


class ResponseSink(Protocol):
    """Receives one response as it is made."""

    async def begin(self, answer: ResponseAnswer) -> None:
        """The response before it has any output; its fields may be changed here, such as `store` and `conversation`."""

    async def queue(self, answer: ResponseAnswer) -> None:
        """The same response if it is made in the background, before that begins."""

    async def end(self, answer: ResponseAnswer) -> None:
        """The response, once it has ended; it is cancelled if the client of its stream has disconnected."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The history of one request."""

    earlier: str = "[]"
    """The items before those of the request, as a JSON array."""
    references: Mapping[str, Item] = field(default_factory=dict)
    """The items that `item_reference` of the request stand for, by their ids."""
    sink: ResponseSink | None = None


class ResponseHistory(Protocol):
    """Finds the earlier items of requests."""

    async def open(self, request: CountedInput, items: Sequence[Item], caller: Caller) -> Opened:
        """The history of a request, whose own items are `items`. Raises the errors of what it names and may not use."""


def resolved(items: Sequence[Item], references: Mapping[str, Item]) -> list[Item]:
    """The items, with those that references stand for."""
    return [references.get(str(item.get("id")), item) if is_reference(item) else item for item in items]


def is_reference(item: Item) -> bool:
    """Whether an item names another one that is stored."""
    return item.get("type") == REFERENCE or set(item) == {"id"}
