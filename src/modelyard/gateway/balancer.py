"""Picks the replica for a request: the least busy one, and among equals the one of the conversation's last request. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from zlib import crc32

import msgspec

from modelyard.core.types import Endpoint

PREFIX = 2048
"""Characters of each text that the affinity key depends on."""


def pick(
    endpoints: Sequence[Endpoint], in_flight: Mapping[str, int], avoid: Collection[str], key: bytes
) -> Endpoint | None:
    """Return the endpoint with the fewest requests in flight that is not in `avoid`; None if there is none.

    Among equals, rendezvous hashing of `key` decides, so that equal keys get the same replica, and a replica that is added or
    removed moves only its own share of the keys.
    """
    free = [endpoint for endpoint in endpoints if endpoint.replica not in avoid]
    if len(free) < 2:
        return free[0] if free else None
    fewest = min(in_flight.get(endpoint.replica, 0) for endpoint in free)
    tied = [endpoint for endpoint in free if in_flight.get(endpoint.replica, 0) == fewest]
    return max(tied, key=lambda endpoint: crc32(endpoint.replica.encode(), crc32(key)))


def affinity(request: msgspec.Struct) -> bytes:
    """A key that is constant during a conversation and differs between conversations: the texts up to the first user message."""
    messages = getattr(request, "messages", None)
    if messages is None:
        text = getattr(request, "prompt", None) or getattr(request, "input", None) or getattr(request, "query", "")
        return str(text)[:PREFIX].encode("utf-8", "replace")
    texts: list[str] = []
    for message in messages:
        texts.append(str(message.content)[:PREFIX])
        if message.role == "user":
            break
    return "\n".join(texts).encode("utf-8", "replace")
