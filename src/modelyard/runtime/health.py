"""Is a server at an address healthy? One GET on a connection of its own, standard library only."""

from __future__ import annotations

import asyncio

from modelyard.core.types import Address


async def healthy(address: Address, path: str, timeout: float) -> bool:
    """True when `GET path` is answered with 200 within `timeout` seconds; any failure is False."""
    try:
        async with asyncio.timeout(timeout):
            return await _status(address, path) == 200
    except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return False


async def _status(address: Address, path: str) -> int:
    if address.uds:
        reader, writer = await asyncio.open_unix_connection(address.uds)
    else:
        reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: replica\r\nConnection: close\r\n\r\n".encode())
        line = await reader.readuntil(b"\n")
        protocol, status, *_ = line.split(maxsplit=2)
        if not protocol.startswith(b"HTTP/"):
            raise ValueError("not HTTP")
        return int(status)
    finally:
        writer.transport.abort()
