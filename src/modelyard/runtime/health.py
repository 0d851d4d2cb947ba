"""Checks whether a server is healthy, by one GET on a connection of its own. Standard library only."""

from __future__ import annotations

import asyncio
from enum import Enum, auto

from modelyard.core.types import Address


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
        async with asyncio.timeout(timeout):
            line = await _first_line(address, path)
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return Health.NOT_YET
    except asyncio.LimitOverrunError:
        return Health.NOT_HTTP
    words = line.split(maxsplit=2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/"):
        return Health.NOT_HTTP
    return Health.GOOD if words[1] == b"200" else Health.NOT_YET


async def _first_line(address: Address, path: str) -> bytes:
    if address.uds:
        reader, writer = await asyncio.open_unix_connection(address.uds)
    else:
        reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: replica\r\nConnection: close\r\n\r\n".encode())
        return await reader.readuntil(b"\n")
    finally:
        writer.transport.abort()
