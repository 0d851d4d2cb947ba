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
from modelyard.core.errors import ModelNotReady, ModelyardError, UpstreamFailed, UpstreamTimeout
from modelyard.core.traffic import Traffic
from modelyard.core.types import Endpoint, Route
from modelyard.gateway.adapt import adapt_body, adapt_target
from modelyard.gateway.asgi import ClientLeft, Headers, Receive, Send, header
from modelyard.gateway.exchange import Exchange
from modelyard.gateway.headers import request_head, response_headers
from modelyard.gateway.peek import Peeked
from modelyard.gateway.pick import affinity, pick
from modelyard.gateway.upstream import ConnectFailed, Connection, Lost, Pool, Silent, UpstreamProblem
from modelyard.protocol.errors import sse_event

log = logging.getLogger(__name__)

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
        self.connection: Connection | None = None
        self._task = asyncio.create_task(self._watch(receive))

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left = True
        if self.connection:
            self.connection.abort(Lost("the client left"))

    def hold(self, connection: Connection) -> None:
        """From now until `release`, this connection dies with the client."""
        if self.left:
            connection.abort(Lost("the client left"))
            raise ClientLeft
        self.connection = connection

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
    penalties: dict[str, float] = field(default_factory=dict)
    """Replica → monotonic time until which others are preferred."""

    async def run(self, request: Request, receive: Receive, send: Send) -> None:
        """Answer a request. Raises a `ModelyardError` or `ClientLeft`, both only before anything was sent."""
        client = Client(receive)
        tried: set[str] = set()
        problem: UpstreamProblem | None = None
        try:
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
        finally:
            client.close()

    def _pick(self, request: Request, tried: set[str]) -> Endpoint | None:
        endpoints = request.route.endpoints
        if len(tried) == len(endpoints):
            return None
        if len(endpoints) == 1:
            return endpoints[0]
        now = time.monotonic()
        self.penalties = {replica: until for replica, until in self.penalties.items() if until > now}
        key = affinity(request.peeked.request)
        in_flight = self.traffic.in_flight
        return pick(endpoints, in_flight, tried | self.penalties.keys(), key) or pick(endpoints, in_flight, tried, key)

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
        body = adapt_body(request.peeked, request.route)
        target = adapt_target(request.exchange.path, request.query, endpoint.address)
        head = request_head(target, request.headers, endpoint, request.exchange.request_id, len(body))
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
                if client.left:
                    raise ClientLeft from None
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
        headers = response_headers(connection.headers, exchange.request_id)
        exchange.started_answer = True
        await send({"type": "http.response.start", "status": connection.status, "headers": headers})
        last = b""

        def forward(data: bytes, more: bool = True) -> Awaitable[None]:
            """Once for each chunk: nothing that can wait belongs here."""
            nonlocal last
            last = data
            traffic.touch(exchange.replica)
            if not exchange.first_byte:
                exchange.first_byte = time.monotonic()
            exchange.bytes_out += len(data)
            return send({"type": "http.response.body", "body": data, "more_body": more})

        try:
            data = await connection.pump(forward)
        except UpstreamProblem as problem:
            await self._break_off(request, problem, client, headers, last, send)
            return
        client.release()
        self.pool.give_back(connection)
        await forward(data, more=False)

    async def _break_off(
        self, request: Request, problem: UpstreamProblem, client: Client, headers: Headers, last: bytes, send: Send
    ) -> None:
        """End an answer that the replica did not end: an error event for a stream, a broken connection for the rest."""
        exchange = request.exchange
        if client.left:
            exchange.outcome = "left"
            return
        exchange.outcome = "broken"
        log.warning("replica %s of %s broke off: %s", exchange.replica, request.route.name, problem)
        kind = header(headers, b"content-type") or b""
        if not kind.startswith(b"text/event-stream") or header(headers, b"content-length") is not None:
            return  # the server closes a connection whose answer was left incomplete
        gap = b"" if last.endswith(b"\n\n") or not last else b"\n\n"
        body = gap + sse_event(_error(request.route, problem))
        await send({"type": "http.response.body", "body": body, "more_body": False})


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
