"""`truncation: auto`: a conversation that is too long loses its beginning. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.core.errors import ContextLengthExceeded
from modelyard.dialects.anthropic.errors import LENGTHS
from modelyard.protocol.responses_items import Item

RESERVE = 0.1
"""Part of the context that is left for the answer if the request has no bound of its own."""
LEAST = 0.1
"""Part of the conversation that is removed at least, because the sizes of messages only estimate their tokens."""


def shortened(messages: Sequence[Item], error: ContextLengthExceeded, max_tokens: int | None) -> list[Item] | None:
    """The messages without so many at the beginning that the prompt should fit; None if nothing can be removed.

    Messages of developers stay, and the last message of the user with what follows it. The results of tools go with their calls.
    """
    begin = 1 if messages and messages[0]["role"] == "system" else 0
    groups = _groups(messages[begin:])
    last = max((index for index, group in enumerate(groups) if group[0]["role"] == "user"), default=len(groups) - 1)
    droppable = [index for index in range(len(groups) - 1) if index != last]
    if not droppable:
        return None
    excess = _excess(error, max_tokens) * sum(map(_size, groups))
    dropped: set[int] = set()
    for index in droppable:
        dropped.add(index)
        excess -= _size(groups[index])
        if excess <= 0:
            break
    kept = [message for index, group in enumerate(groups) if index not in dropped for message in group]
    return [*messages[:begin], *kept]


def _groups(messages: Sequence[Item]) -> list[list[Item]]:
    """Messages that stay or go together: one of the assistant with the results of its calls, or one of the user."""
    groups: list[list[Item]] = []
    for message in messages:
        if message["role"] == "tool" and groups:
            groups[-1].append(message)
        else:
            groups.append([message])
    return groups


def _excess(error: ContextLengthExceeded, max_tokens: int | None) -> float:
    """The part of the prompt that is too much."""
    found = LENGTHS.search(error.message)
    if found is None:
        return 0.5
    limit, given = int(found["limit"]), int(found["given"])
    room = limit - min(max_tokens or int(limit * RESERVE), limit // 2)
    return max(LEAST, (given - room) / given) if given else LEAST


def _size(group: Sequence[Item]) -> int:
    return sum(len(str(message)) for message in group)
