"""Apps of this process that answer inference requests in place of a replica.

An app is plain ASGI. It may raise a `ModelyardError` at any moment. It is cancelled when its client disconnects or its request is
aborted, so it need not check for either. `caller_of(scope)` returns the request's caller, for a `Sender` to models.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass

from modelyard.core.asgi import App, Headers, Message, Receive, Scope, Send
from modelyard.core.errors import InternalError, ModelyardError
from modelyard.gateway.asgi import end_stream
from modelyard.gateway.client import RequestClient
from modelyard.gateway.exchange import Exchange
from modelyard.gateway.headers import response_headers
from modelyard.gateway.sender import Caller
from modelyard.gateway.upstream import UpstreamProblem

log = logging.getLogger(__name__)


def caller_of(scope: Scope) -> Caller:
    """The caller of a request that the gateway passed to an app."""
    caller: Caller = scope["state"]["caller"]
    return caller


@dataclass(slots=True)
class AppCall:
    """The run of an app for one request."""

    app: App
    exchange: Exchange
    client: RequestClient
    downstream: Send
    task: asyncio.Task[object] | None = None
    headers: Headers | None = None
    """The headers of the answer, once it has begun."""
    last: bytes = b""

    async def run(self, scope: Scope, body: bytes) -> None:
        """Answer a request. Raises a `ModelyardError` or `ClientLeft`, only before anything was sent."""
        self.task = asyncio.current_task()
        self.client.hold(self)
        try:
            await self.app(self._scope_for_app(scope), replay(body), self.send)
        except asyncio.CancelledError:
            if self.client.gone is None or (self.task is not None and self.task.uncancel() > 0):
                raise
            await self._end_early()
        except ModelyardError as error:
            await self._break_off(error)
        except Exception as error:  # the top of an app: an unexpected error during a stream becomes its last event
            if self.headers is None:
                raise
            log.exception("the app behind '%s' failed", self.exchange.model or self.exchange.path)
            await self._break_off(InternalError(f"Internal error: {type(error).__name__}."))
        finally:
            self.client.release()

    def abort(self, problem: UpstreamProblem) -> None:
        """Cancel the app."""
        if self.task is not None:
            self.task.cancel()

    async def send(self, message: Message) -> None:
        """Pass a message of the app to the client, and record it in the exchange."""
        exchange = self.exchange
        if message["type"] == "http.response.start":
            self.headers = response_headers(message["headers"], exchange.request_id)
            exchange.status, exchange.started_answer = message["status"], True
            await self.downstream({**message, "headers": self.headers})
            return
        body = message.get("body", b"")
        if body:
            self.last = body
            exchange.bytes_out += len(body)
            if not exchange.first_byte:
                exchange.first_byte = time.monotonic()
        await self.downstream(message)

    def _scope_for_app(self, scope: Scope) -> Scope:
        caller = Caller(self.exchange.grant, self.exchange.request_id, background=self.exchange.background)
        return {**scope, "state": {**scope.get("state", {}), "caller": caller}}

    async def _end_early(self) -> None:
        """After a cancellation: end the stream of an aborted request with its error. Raises if nothing was sent yet."""
        exchange, gone = self.exchange, self.client.gone
        if self.headers is None and gone is not None:
            raise gone
        exchange.outcome = "left" if self.client.left else "aborted"
        if self.client.aborted is not None and self.headers is not None and not self.client.left:
            await end_stream(self.downstream, self.headers, self.last, self.client.aborted)

    async def _break_off(self, error: ModelyardError) -> None:
        """After an error of the app: end the stream with it. Raises the error if nothing was sent yet."""
        if self.headers is None:
            raise error
        self.exchange.outcome = "broken"
        await end_stream(self.downstream, self.headers, self.last, error)


def replay(body: bytes) -> Receive:
    """A `receive` that returns a body and then waits forever, because the app is cancelled when its client disconnects."""
    rest: list[bytes] = [body]

    async def receive() -> Message:
        if not rest:
            await asyncio.get_running_loop().create_future()
        return {"type": "http.request", "body": rest.pop(), "more_body": False}

    return receive
