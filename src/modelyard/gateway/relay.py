"""Carries one request to a replica and its answer back: picks, retries before the head, and never parses what passes.

Whatever goes wrong after the head was sent ends the answer so that nobody can take it for a complete one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field

from modelyard.core.config import Settings
from modelyard.core.errors import (
    ModelNotReady,
    ModelyardError,
    RateLimited,
    RequestAborted,
    UpstreamFailed,
    UpstreamTimeout,
)
from modelyard.core.traffic import Traffic
from modelyard.core.types import Endpoint, Route
from modelyard.gateway.adaptation import adapt_body, adapt_target
from modelyard.gateway.asgi import ClientLeft, Headers, Receive, Send, header
from modelyard.gateway.balancer import affinity, pick
from modelyard.gateway.exchange import Exchange
from modelyard.gateway.headers import error_headers, request_head, response_headers
from modelyard.gateway.model_call import Peeked
from modelyard.gateway.open_requests import Running
from modelyard.gateway.parameters import by_first_names
from modelyard.gateway.paths import PATHS
from modelyard.gateway.upstream import ConnectFailed, Connection, Lost, Pool, Silent, UpstreamProblem
from modelyard.protocol.errors import sse_event, translated

log = logging.getLogger(__name__)

ERROR_BYTES = 64 * 1024
"""Of an engine's error, no more is read."""

PENALTY_SECONDS = 2.0
"""How long a replica that could not be reached is passed over while others can."""


@dataclass(slots=True)
class Request:
    """One request on its way to a replica."""

    exchange: Exchange
    route: Route
    peeked: Peeked
    query: bytes
    headers: Headers


class Client:
    """Watches whether the client is still there. When it leaves, the upstream connection is cut at that moment."""

    def __init__(self, receive: Receive) -> None:
        self.left = False
        self.aborted: RequestAborted | None = None
        """Set when somebody else ended the request."""
        self.connection: Connection | None = None
        self._task = asyncio.create_task(self._watch(receive))

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left = True
        if self.connection:
            self.connection.abort(Lost("the client left"))

    def cut(self, why: RequestAborted) -> None:
        """End the answer, though the client is there."""
        self.aborted = why
        if self.connection:
            self.connection.abort(Lost("the request was aborted"))

    def hold(self, connection: Connection) -> None:
        """From now until `release`, this connection dies with the client."""
        if self.gone is not None:
            connection.abort(Lost("nobody waits for the answer"))
            raise self.gone
        self.connection = connection

    @property
    def gone(self) -> ClientLeft | RequestAborted | None:
        """Why nobody waits for an answer any more."""
        return ClientLeft() if self.left else self.aborted

    def release(self) -> None:
        """The answer has come; the connection may serve others."""
        self.connection = None

    def close(self) -> None:
        self._task.cancel()


@dataclass(slots=True)
class Relay:
    """What all requests share: the pool, the counters, and which replicas were lately out of reach."""

    settings: Settings
    traffic: Traffic
    pool: Pool
    running: Running = field(default_factory=Running)
    penalties: dict[str, float] = field(default_factory=dict)
    """Replica → monotonic time until which others are preferred."""

    async def run(self, request: Request, receive: Receive, send: Send) -> None:
        """Answer a request. Raises a `ModelyardError` or `ClientLeft`, both only before anything was sent."""
        client = Client(receive)
        try:
            with self.running.noted(request.route.uid, _names(request), client, request.exchange.grant):
                await self._try(request, client, send)
        finally:
            client.close()

    async def _try(self, request: Request, client: Client, send: Send) -> None:
        """One replica after the other, until one answers."""
        tried: set[str] = set()
        problem: UpstreamProblem | None = None
        while endpoint := self._pick(request, tried):
            tried.add(endpoint.replica)
            try:
                await self._attempt(request, endpoint, client, send)
                return
            except (ConnectFailed, Lost) as failed:
                problem = failed
                self.penalties[endpoint.replica] = time.monotonic() + PENALTY_SECONDS
                log.warning("replica %s of %s: %s", endpoint.replica, request.route.name, failed)
        raise _given_up(request.route, problem)

    def _pick(self, request: Request, tried: set[str]) -> Endpoint | None:
        """The next replica to try; None when all were. Raises `RateLimited` when those left have all they may have."""
        endpoints = [endpoint for endpoint in request.route.endpoints if endpoint.replica not in tried]
        if endpoints and (limit := request.route.request_limit) is not None:
            endpoints = [each for each in endpoints if self.traffic.in_flight.get(each.replica, 0) < limit]
            if not endpoints:
                raise RateLimited(
                    f"model '{request.route.name}' takes {limit} requests at a time on each of its replicas.", 1
                )
        if len(endpoints) < 2:
            return endpoints[0] if endpoints else None
        now = time.monotonic()
        self.penalties = {replica: until for replica, until in self.penalties.items() if until > now}
        key = affinity(request.peeked.request)
        in_flight = self.traffic.in_flight
        return pick(endpoints, in_flight, self.penalties, key) or pick(endpoints, in_flight, (), key)

    async def _attempt(self, request: Request, endpoint: Endpoint, client: Client, send: Send) -> None:
        """Answer from one replica. Raises `ConnectFailed` or `Lost` only if not one byte of an answer came."""
        request.exchange.replica = endpoint.replica
        self.traffic.begin(request.route.uid, endpoint.replica)
        try:
            connection = await self._ask(request, endpoint, client)
            try:
                await self._answer(request, connection, client, send)
            finally:
                if client.connection is connection:
                    client.release()
                    connection.abort(Lost("the answer was given up"))
        finally:
            self.traffic.end(endpoint.replica)

    async def _ask(self, request: Request, endpoint: Endpoint, client: Client) -> Connection:
        """Send the request and wait for the head of the answer.

        A kept-alive connection may have been closed by the replica at the moment we used it: that is tried once more on
        a fresh one.
        """
        body = adapt_body(request.peeked, request.route, PATHS[request.exchange.path].task)
        target = adapt_target(request.exchange.path, request.query, endpoint.address)
        plain = request.exchange.tap is not None
        head = request_head(target, request.headers, endpoint, request.exchange.request_id, len(body), plain)
        connection = self.pool.reuse(endpoint.address)
        while True:
            fresh = connection is None
            if connection is None:
                connection = await self.pool.connect(endpoint.address)
            client.hold(connection)
            try:
                connection.ask(head, body, self.settings.response_timeout)
                await connection.head(self.settings.stall_timeout)
                return connection
            except UpstreamProblem as problem:
                if client.gone is not None:
                    raise client.gone from None
                if isinstance(problem, Lost) and not connection.heard:
                    if fresh:
                        raise
                    connection = None
                else:
                    raise _error(request.route, problem) from None
            except BaseException:
                connection.abort(Lost("the request was cancelled"))
                raise

    async def _answer(self, request: Request, connection: Connection, client: Client, send: Send) -> None:
        """Pass the answer on as it comes."""
        exchange, traffic = request.exchange, self.traffic
        exchange.status = connection.status
        if connection.status >= 400 and header(connection.headers, b"content-encoding") is None:
            await self._refuse(request, connection, client, send)
            return
        headers = response_headers(connection.headers, exchange.request_id)
        exchange.started_answer = True
        await send({"type": "http.response.start", "status": connection.status, "headers": headers})
        last, tap = b"", exchange.tap

        def forward(data: bytes, more: bool = True) -> Awaitable[None]:
            """Once for each chunk: nothing that can wait belongs here."""
            nonlocal last
            last = data
            traffic.touch(exchange.replica)
            if not exchange.first_byte:
                exchange.first_byte = time.monotonic()
            exchange.bytes_out += len(data)
            if tap is not None:
                tap.see(data)
            return send({"type": "http.response.body", "body": data, "more_body": more})

        try:
            data = await connection.pump(forward)
        except UpstreamProblem as problem:
            await self._break_off(request, problem, client, headers, last, send)
            return
        client.release()
        self.pool.give_back(connection)
        await forward(data, more=False)

    async def _refuse(self, request: Request, connection: Connection, client: Client, send: Send) -> None:
        """Pass an engine's error on in our envelope. Nothing is sent before it is whole, so it may still become another."""
        exchange, parts = request.exchange, bytearray()

        async def gather(data: bytes) -> None:
            parts.extend(data[: ERROR_BYTES - len(parts)])

        try:
            parts += await connection.pump(gather)
        except UpstreamProblem as problem:
            raise client.gone or _error(request.route, problem) from None
        client.release()
        self.pool.give_back(connection)
        body = translated(connection.status, bytes(parts[:ERROR_BYTES]))
        body = by_first_names(body, request.route, PATHS[exchange.path].task, request.peeked)
        headers = error_headers(connection.headers, exchange.request_id, len(body))
        exchange.started_answer = True
        exchange.first_byte, exchange.bytes_out = time.monotonic(), len(body)
        await send({"type": "http.response.start", "status": connection.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _break_off(
        self, request: Request, problem: UpstreamProblem, client: Client, headers: Headers, last: bytes, send: Send
    ) -> None:
        """End an answer that the replica did not end: an error event for a stream, a broken connection for the rest."""
        exchange = request.exchange
        if client.left:
            exchange.outcome = "left"
            return
        exchange.outcome = "aborted" if client.aborted else "broken"
        if not client.aborted:
            log.warning("replica %s of %s broke off: %s", exchange.replica, request.route.name, problem)
        kind = header(headers, b"content-type") or b""
        if not kind.startswith(b"text/event-stream") or header(headers, b"content-length") is not None:
            return  # the server closes a connection whose answer was left incomplete
        gap = b"" if last.endswith(b"\n\n") or not last else b"\n\n"
        body = gap + sse_event(client.aborted or _error(request.route, problem))
        await send({"type": "http.response.body", "body": body, "more_body": False})


def _names(request: Request) -> set[str]:
    """What the client calls its request."""
    named = getattr(request.peeked.request, "request_id", None)
    return {request.exchange.request_id.decode(), *([named] if isinstance(named, str) else [])}


def _error(route: Route, problem: UpstreamProblem) -> ModelyardError:
    """The public error of a problem that no other replica can mend."""
    if isinstance(problem, Silent):
        return UpstreamTimeout(route.name, problem.seconds)
    return UpstreamFailed(route.name, f"{problem}.")


def _given_up(route: Route, problem: UpstreamProblem | None) -> ModelyardError:
    """The public error when every replica was tried."""
    if isinstance(problem, ConnectFailed):
        return ModelNotReady(route.name, "unreachable", str(problem))
    return UpstreamFailed(route.name, f"{problem}.")
