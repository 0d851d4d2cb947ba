"""Apps of this process that answer inference requests in place of a replica.

An app is plain ASGI. It may raise a `ModelyardError` at any moment. It is cancelled when its client disconnects or its request is
aborted, so it need not check for either. `caller_of(scope)` returns the request's caller, for a `Sender` to models.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from modelyard.core.asgi import App, Headers, Message, Receive, Scope, Send
from modelyard.core.errors import InternalError, ModelyardError
from modelyard.gateway.asgi import OWN_FORM, ClientLeft, ErrorForm, end_stream
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


def end_with(scope: Scope, event: Callable[[ModelyardError], bytes]) -> None:
    """Use `event` to write the error that ends the stream of a request, in place of the form of its path.

    This is for streams whose last event depends on the events before it.
    """
    call: AppCall | None = scope.get("state", {}).get("call")
    if call is not None:
        call.form = replace(call.form, event=lambda error, _: event(error))


@dataclass(slots=True)
class AppCall:
    """The run of an app for one request."""

    app: App
    exchange: Exchange
    client: RequestClient
    downstream: Send
    form: ErrorForm = OWN_FORM
    head: Headers = field(default_factory=list)
    """Further headers of the answer."""
    own_models: bool = False
    """Whether the app may use only the models that the caller may name."""
    task: asyncio.Task[object] | None = None
    headers: Headers | None = None
    """The headers of the answer, once it has begun."""
    last: bytes = b""

    async def run(self, scope: Scope, receive: Receive) -> None:
        """Answer a request. Raises a `ModelyardError` or `ClientLeft`, only before anything was sent."""
        self.task = asyncio.current_task()
        self.client.hold(self)
        try:
            await self.app(self._scope_for_app(scope), receive, self.send)
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
            self.headers = [*response_headers(message["headers"], exchange.request_id), *self.head]
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
        exchange = self.exchange
        caller = Caller(
            exchange.grant,
            exchange.request_id,
            background=exchange.background,
            own_models=self.own_models,
            span=exchange.span,
        )
        return {**scope, "state": {**scope.get("state", {}), "caller": caller, "call": self}}

    async def _end_early(self) -> None:
        """After a cancellation: end the stream of an aborted request with its error. Raises if nothing was sent yet."""
        exchange, error = self.exchange, self.client.gone
        if self.headers is None and error is not None:
            raise error
        exchange.outcome = "left" if self.client.left else "aborted"
        if self.client.aborted is not None and self.headers is not None and not self.client.left:
            await self._end_stream(self.headers, self.client.aborted)

    async def _break_off(self, error: ModelyardError) -> None:
        """After an error of the app: end the stream with it. Raises the error if nothing was sent yet."""
        if self.headers is None:
            raise error
        self.exchange.outcome = "broken"
        await self._end_stream(self.headers, error)

    async def _end_stream(self, headers: Headers, error: ModelyardError) -> None:
        await end_stream(self.downstream, headers, self.last, error, self.form, self.exchange.request_id.decode())


def arriving(receive: Receive, exchange: Exchange) -> Receive:
    """A `receive` of a body while it arrives, which counts its bytes. It raises `ClientLeft` instead of reporting it."""

    async def next_part() -> Message:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        exchange.bytes_in += len(message.get("body", b""))
        exchange.body_read = not message.get("more_body", False)
        return message

    return next_part
