"""Checks the items of a conversation before they are stored, so that later requests can use all that is in it."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.core.access import Grant
from modelyard.dialects.attachments import Attachments
from modelyard.dialects.responses.conversation import MessageJoiner
from modelyard.dialects.responses.documents import with_content
from modelyard.dialects.responses.request import read_items
from modelyard.protocol.responses_items import Item


async def check_items(items: Sequence[Item], place: str, attachments: Attachments, grant: Grant | None) -> None:
    """Raise what a request would be refused with that has these items; `place` is their parameter."""
    placed = read_items(items, place)
    await with_content(placed, attachments, grant)
    joiner = MessageJoiner()
    for item, where in placed:
        joiner.add(item, where)
