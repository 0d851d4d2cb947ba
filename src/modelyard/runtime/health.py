"""Checks whether a server is healthy, by one GET request on a connection of its own."""

from __future__ import annotations

import asyncio
from enum import Enum, auto

from modelyard.core.types import Address
from modelyard.runtime.get import sent


class Health(Enum):
    """The result of a health check."""

    GOOD = auto()
    """The server answered with status 200."""
    NOT_YET = auto()
    """The server answered with another status or not at all, or nothing listens at the address."""
    NOT_HTTP = auto()
    """The answer was not HTTP, so the server will never be healthy."""


async def check(address: Address, path: str, timeout: float) -> Health:
    """Check once, for at most `timeout` seconds. Never raises."""
    try:
        async with asyncio.timeout(timeout), sent(address, path) as reader:
            line = await reader.readuntil(b"\n")
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return Health.NOT_YET
    except asyncio.LimitOverrunError:
        return Health.NOT_HTTP
    words = line.split(maxsplit=2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/"):
        return Health.NOT_HTTP
    return Health.GOOD if words[1] == b"200" else Health.NOT_YET
