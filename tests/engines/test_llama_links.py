"""The connections to llama.cpp where the client has disconnected and is not yet noticed to be gone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest
import uvloop

from modelyard.engines.llama_cpp.links import EventRelay, Link, Pipe

ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    b"9\r\ndata: a\n\n\r\n0\r\n\r\n"
)


class Unchanged:
    """A rewriter that changes nothing."""

    def feed(self, data: bytes) -> bytes:
        return data

    def end(self) -> bytes:
        return b""


class Sink:
    """A client's connection."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def follow(self, link: Link) -> None:
        pass


MAKE: list[Callable[[Any], Link]] = [Pipe, lambda client: EventRelay(client, Unchanged())]


@pytest.mark.parametrize("make", MAKE, ids=["unchanged", "rewritten"])
@pytest.mark.parametrize("connected", [True, False], ids=["connected", "gone"])
def test_an_answer_ends_whether_or_not_its_client_is_there(make: Callable[[Any], Link], connected: bool) -> None:
    async def go() -> tuple[int, bytes]:
        ours, theirs = socket.socketpair()
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
        link = make(Sink(transport))
        if not connected:
            transport.abort()
            await asyncio.sleep(0)
        link.data_received(ANSWER)
        status, _ = await link.done
        transport.close()
        received = await asyncio.to_thread(theirs.recv, 1000)
        theirs.close()
        return status, received

    status, received = uvloop.run(go())
    assert status == 200 and (b"data: a" in received) is connected
