"""GET a small document from a replica outside of inference, such as its metrics. Not for large answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httptools

from modelyard.core.types import Address

LARGEST = 4 << 20
"""Bytes of an answer."""


class _Answer:
    """The callbacks of a parser, which collect an answer's body."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.complete = False

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True


async def get(address: Address, path: str, headers: Sequence[tuple[bytes, bytes]], timeout: float) -> bytes:
    """The body of an answer with status 200. Raises `OSError` if there is none within `timeout` seconds."""
    try:
        async with asyncio.timeout(timeout):
            return await _get(address, path, headers)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
        raise OSError(f"it answered something that is not HTTP ({type(error).__name__})") from error


async def _get(address: Address, path: str, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    if address.uds:
        reader, writer = await asyncio.open_unix_connection(address.uds)
    else:
        reader, writer = await asyncio.open_connection(address.host, address.port)
    answer = _Answer()
    parser = httptools.HttpResponseParser(answer)
    try:
        lines = [f"GET {path} HTTP/1.1".encode(), b"Host: replica", b"Connection: close"]
        lines += [name + b": " + value for name, value in headers]
        writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
        while not answer.complete and (data := await reader.read(1 << 16)):
            parser.feed_data(data)
            if len(answer.body) > LARGEST:
                raise OSError(f"its answer is longer than {LARGEST} bytes")
    finally:
        writer.transport.abort()
    if not answer.complete:
        raise OSError("its answer broke off")
    if parser.get_status_code() != 200:
        raise OSError(f"it answered with status {parser.get_status_code()}")
    return bytes(answer.body)
