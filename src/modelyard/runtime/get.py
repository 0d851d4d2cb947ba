"""GET requests to a replica that are not inference, such as for its health or metrics, each on its own connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from modelyard.core.answers import BadAnswer, HttpAnswer
from modelyard.core.types import Address

LARGEST = 4 << 20
"""Maximum bytes of an answer that `get` reads."""


async def get(address: Address, path: str, headers: Sequence[tuple[bytes, bytes]], timeout: float) -> bytes:
    """The body of an answer with status 200. Raises `OSError` if there is none within `timeout` seconds."""
    answer = HttpAnswer(LARGEST)
    try:
        async with asyncio.timeout(timeout), sent(address, path, headers) as reader:
            while not answer.complete and (data := await reader.read(1 << 16)):
                answer.feed(data)
            answer.end()
    except BadAnswer as error:
        raise OSError(f"its answer cannot be read: {error}") from error
    if answer.status != 200:
        raise OSError(f"it answered with status {answer.status}")
    return bytes(answer.body)


@asynccontextmanager
async def sent(
    address: Address, path: str, headers: Sequence[tuple[bytes, bytes]] = ()
) -> AsyncIterator[asyncio.StreamReader]:
    """The reader of a connection on which a GET request was sent. Raises `OSError`."""
    if address.uds:
        reader, writer = await asyncio.open_unix_connection(address.uds)
    else:
        reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        lines = [f"GET {path} HTTP/1.1".encode(), b"Host: replica", b"Connection: close"]
        lines += [name + b": " + value for name, value in headers]
        writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
        yield reader
    finally:
        writer.transport.abort()
