"""Which replica takes a request: the least busy, and on a tie the one that saw the conversation before. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from zlib import crc32

import msgspec

from modelyard.core.types import Endpoint

PREFIX = 2048
"""Characters of each text that count for affinity."""


def pick(
    endpoints: Sequence[Endpoint], in_flight: Mapping[str, int], avoid: Collection[str], key: bytes
) -> Endpoint | None:
    """The endpoint with the fewest requests in flight among those not in `avoid`; None when there is none.

    Ties are broken by rendezvous hashing of `key`, so equal keys meet again, and a replica that comes or goes moves only
    its own share of them.
    """
    free = [endpoint for endpoint in endpoints if endpoint.replica not in avoid]
    if len(free) < 2:
        return free[0] if free else None
    fewest = min(in_flight.get(endpoint.replica, 0) for endpoint in free)
    tied = [endpoint for endpoint in free if in_flight.get(endpoint.replica, 0) == fewest]
    return max(tied, key=lambda endpoint: crc32(endpoint.replica.encode(), crc32(key)))


def affinity(request: msgspec.Struct) -> bytes:
    """What tells conversations apart and stays while one goes on: everything up to the first words of the user."""
    messages = getattr(request, "messages", None)
    if messages is None:
        given = getattr(request, "prompt", None) or getattr(request, "input", None) or getattr(request, "query", "")
        return str(given)[:PREFIX].encode("utf-8", "replace")
    texts: list[str] = []
    for message in messages:
        texts.append(str(message.content)[:PREFIX])
        if message.role == "user":
            break
    return "\n".join(texts).encode("utf-8", "replace")
