"""Connections to replicas: which are kept for the next request, and what is said of a server that cannot be reached."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from modelyard.core.types import Address
from modelyard.gateway import upstream
from modelyard.gateway.upstream import ConnectFailed, Connection, Pool, Stalled, UpstreamLost, UpstreamProblem
from tests.gateway.conftest import free_port

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """A server that answers each request with the same bytes, as often as it is asked."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.accepted = 0
        self.closed = asyncio.Event()
        self._writers: list[asyncio.StreamWriter] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._writers.append(writer)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(self.answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()
        self.closed.set()

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()


async def ended(made: asyncio.Server, server: Server) -> None:
    """Close every connection of a server, and wait for that: `wait_closed` does so from Python 3.12 on only."""
    async with asyncio.timeout(10):
        while made._active_count:  # type: ignore[attr-defined]
            server.hang_up()
            await asyncio.sleep(0.001)


@asynccontextmanager
async def serving(answer: bytes = OK, uds: str | None = None) -> AsyncIterator[tuple[Server, Address]]:
    server = Server(answer)
    if uds is None:
        made = await asyncio.start_server(server, "127.0.0.1", 0)
        address = Address(port=made.sockets[0].getsockname()[1])
    else:
        made, address = await asyncio.start_unix_server(server, uds), Address(uds=uds)
    try:
        yield server, address
    finally:
        made.close()
        await ended(made, server)


async def exchange(connection: Connection) -> bytes:
    """Send a request, and return the body of its answer."""
    connection.send(b"POST / HTTP/1.1\r\n\r\n", b"", 10)
    await connection.head(10)
    parts = []

    async def forward(data: bytes) -> None:
        parts.append(data)

    parts.append(await connection.pump(forward))
    return b"".join(parts)


async def answered(pool: Pool, address: Address) -> Connection:
    """A connection whose answer is complete."""
    connection = pool.reuse(address) or await pool.connect(address)
    assert await exchange(connection) == b"{}"
    return connection


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the transports tell nobody
            await asyncio.sleep(0)


def test_the_connection_used_last_is_used_next(tmp_path: Path) -> None:
    async def go() -> None:
        pool = Pool(5)
        async with serving() as (server, address), serving(uds=str(tmp_path / "s")) as (other, local):
            assert pool.reuse(address) is None
            connections = [await pool.connect(address) for _ in range(2)]
            for connection in connections:
                await exchange(connection)
                pool.put_back(connection)
            pool.put_back(there := await answered(pool, local))
            assert [pool.reuse(address) for _ in range(3)] == [connections[1], connections[0], None]
            assert pool.reuse(local) is there
            for connection in (*connections, there):
                assert await exchange(connection) == b"{}"
                pool.put_back(connection)
            assert (server.accepted, other.accepted) == (2, 1)
            pool.close()
            assert all(connection.transport.is_closing() for connection in (*connections, there))
            assert pool.reuse(address) is pool.reuse(local) is None

    asyncio.run(go())


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    ],
)
def test_a_connection_that_its_server_ends_is_not_kept(answer: bytes) -> None:
    async def go() -> None:
        pool = Pool(5)
        async with serving(answer) as (_, address):
            connection = await answered(pool, address)
            assert not connection.reusable
            pool.put_back(connection)
            assert connection.transport.is_closing() and pool.reuse(address) is None

    asyncio.run(go())


def test_a_connection_whose_server_hangs_up_leaves_nothing() -> None:
    async def go() -> None:
        pool = Pool(5)
        async with serving() as (server, address):
            for _ in range(2):
                pool.put_back(await answered(pool, address))
            server.hang_up()
            await until(lambda: not pool._idle)
            assert pool.reuse(address) is None

    asyncio.run(go())


def test_only_so_many_connections_are_kept_and_for_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "IDLE_LIMIT", 2)

    async def go() -> None:
        pool = Pool(5)
        async with serving() as (_, address):
            made = [await pool.connect(address) for _ in range(3)]
            for connection in made:
                await exchange(connection)
            for connection in made:
                pool.put_back(connection)
            assert [connection.transport.is_closing() for connection in made] == [False, False, True]
            now = asyncio.get_running_loop().time()
            made[0].idle_since, made[1].idle_since = now - 50, now - 61
            assert pool.reuse(address) is made[0], "one that is too old is passed over"
            assert made[1].transport.is_closing() and pool.reuse(address) is None
            pool.put_back(made[0])
            assert pool.reuse(address) is made[0], "its time begins anew"
            made[0].transport.abort()

    asyncio.run(go())


def test_servers_that_cannot_be_reached_are_named(tmp_path: Path) -> None:
    async def go() -> None:
        port = free_port()
        for address, words in (
            (Address(port=port), f"http://127.0.0.1:{port} cannot be reached"),
            (Address(uds=str(tmp_path / "none")), f"unix:{tmp_path}/none cannot be reached"),
        ):
            with pytest.raises(ConnectFailed, match=words):
                await Pool(5).connect(address)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = Address(port=listener.getsockname()[1])
            with pytest.raises(ConnectFailed, match="did not accept a connection within 0 s"):
                await Pool(0).connect(address)

    asyncio.run(go())


def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    import ssl

    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()

    async def go() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        server = Server(OK)
        made = await asyncio.start_server(server, "127.0.0.1", 0, ssl=context)
        address = Address(port=made.sockets[0].getsockname()[1], tls=True)
        pool = Pool(5)
        with pytest.raises(ConnectFailed, match="certificate"):
            await pool.connect(address)
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        pool._tls = trusting
        connection = await pool.connect(address)
        assert await exchange(connection) == b"{}"
        connection.transport.close()
        await asyncio.wait_for(server.closed.wait(), 10)
        made.close()
        await ended(made, server)

    asyncio.run(go())


def test_a_server_that_says_nothing_is_given_up() -> None:
    async def go() -> None:
        pool = Pool(5)
        for answer, received in ((b"", False), (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{", True)):
            async with serving(answer) as (_, address):
                connection = await pool.connect(address)
                connection.send(b"POST / HTTP/1.1\r\n\r\n", b"", 10 if received else 0.01)
                with pytest.raises(Stalled, match=r"it sent nothing for 0\.01 s") as stalled:
                    await connection.head(0.01)
                    await connection.pump(_ignore)
                assert stalled.value.seconds == 0.01 and connection.received is received
                assert connection.transport.is_closing() and not connection.reusable

    asyncio.run(go())


async def _ignore(data: bytes) -> None:
    pass


def test_silence_counts_only_while_the_server_is_waited_for() -> None:
    """A client may take its time with what has come already."""

    async def go() -> None:
        pool, gate = Pool(5), asyncio.Event()
        answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n"
        async with serving(answer) as (_, address):
            connection = await pool.connect(address)
            connection.send(b"POST / HTTP/1.1\r\n\r\n", b"", 10)
            await connection.head(0.02)
            seen: list[bytes] = []

            async def forward(data: bytes) -> None:
                seen.append(data)
                await gate.wait()

            pumping = asyncio.create_task(connection.pump(forward))
            done, _ = await asyncio.wait([pumping], timeout=0.1)
            assert not done and seen == [b"{}"] and not connection.transport.is_closing()
            gate.set()
            with pytest.raises(Stalled):
                await pumping

    asyncio.run(go())


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{}", UpstreamLost),
        (b"", UpstreamLost),
    ],
)
def test_a_server_that_hangs_up_too_early_has_not_answered(answer: bytes, problem: type[UpstreamProblem]) -> None:
    async def hanging(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async def go() -> None:
        made = await asyncio.start_server(hanging, "127.0.0.1", 0)
        connection = await Pool(5).connect(Address(port=made.sockets[0].getsockname()[1]))
        with pytest.raises(problem, match="closed the connection before its answer was complete"):
            await exchange(connection)
        assert connection.received is bool(answer) and not connection.reusable
        made.close()
        await made.wait_closed()

    asyncio.run(go())


def test_an_aborted_exchange_ends_at_once_with_its_reason() -> None:
    async def go() -> None:
        async with serving(b"") as (server, address):
            connection = await Pool(5).connect(address)
            waiting = asyncio.create_task(exchange(connection))
            await asyncio.sleep(0)
            connection.abort(UpstreamLost("the client left"))
            connection.abort(UpstreamLost("another reason"))
            with pytest.raises(UpstreamLost, match="the client left"):
                await waiting
            await asyncio.wait_for(server.closed.wait(), 10)

    asyncio.run(go())


def test_much_that_waits_for_a_client_stops_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "HIGH_WATER", 1000)

    async def go() -> None:
        body = b"x" * 3_000_000
        answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        async with serving(answer) as (_, address):
            connection = await Pool(5).connect(address)
            connection.send(b"POST / HTTP/1.1\r\n\r\n", b"", 10)
            await connection.head(10)
            await until(lambda: not connection.transport.is_reading())
            assert connection._size < len(body), "the rest stays where it is"
            seen = bytearray()

            async def forward(data: bytes) -> None:
                seen.extend(data)

            seen += await connection.pump(forward)
            assert bytes(seen) == body and connection.reusable
            connection.transport.abort()

    asyncio.run(go())
