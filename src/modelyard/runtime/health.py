"""Checks whether a server is healthy, by one GET on a connection of its own."""

from __future__ import annotations

import asyncio
from enum import Enum, auto

from modelyard.core.types import Address
from modelyard.runtime.get import sent


class Health(Enum):
    """The result of a health check."""

    GOOD = auto()
    """It answered 200."""
    NOT_YET = auto()
    """It answered something else, or nothing, or nobody listens there."""
    NOT_HTTP = auto()
    """It answered, and not in HTTP: it will never be healthy."""


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
