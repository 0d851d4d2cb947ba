"""The ASGI application of a replica: checks the token, finds the route, and cancels the work when the client disconnects.

A route's handler returns the whole body, or a generator of server-sent events.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

import msgspec

from modelyard.core.asgi import Headers, Receive, Scope, Send
from modelyard.core.errors import (
    InternalError,
    InvalidKey,
    MethodNotAllowed,
    ModelNotReady,
    ModelyardError,
    PathNotFound,
)
from modelyard.protocol import errors
from modelyard.protocol.requests import decode

S = TypeVar("S", bound=msgspec.Struct)

log = logging.getLogger(__name__)

JSON: Headers = [(b"content-type", b"application/json")]
EVENTS: Headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]
TEXT: Headers = [(b"content-type", b"text/plain; charset=utf-8")]


@dataclass(frozen=True, slots=True)
class ReplicaRequest:
    """One request with its whole body."""

    path: str
    body: bytes

    def read(self, kind: type[S]) -> S:
        """Decode the body as a struct. Raises `MalformedBody` or `InvalidParameter`."""
        return decode(self.body, kind)


class ServedModel(Protocol):
    """What a handler receives: the loaded weights and the thread that computes with them."""

    def counters(self) -> Mapping[str, float]:
        """Figures for `/metrics`, by name."""
        ...

    def parts(self) -> Mapping[str, str]:
        """The adapters that are served beside the model: name → path."""
        ...

    def close(self) -> None:
        """Stop the thread without finishing the work in progress."""
        ...


Answer: TypeAlias = bytes | AsyncGenerator[bytes]
"""A JSON document, or the events of a stream. A handler raises every refusal before it returns one of these."""

Handler: TypeAlias = Callable[[ReplicaRequest, Any], Awaitable[Answer]]
"""Answers one request with the model that `serving.routes` prepared. It is cancelled when the client disconnects."""


class App:
    """The ASGI application of one replica. `model` is None until the weights are loaded."""

    def __init__(self, uid: str, token: str, routes: Mapping[str, Handler]) -> None:
        self.model: ServedModel | None = None
        self._uid = uid
        self._token = b"Bearer " + token.encode() if token else b""
        self._routes = routes
        self._counters: Counter[str] = Counter()
        self._running: set[asyncio.Task[Answer]] = set()
        self._failed: BaseException | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            await self._answer(scope, receive, send)
        except ModelyardError as error:
            await self._refuse(send, error)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        if path == "/health":
            loaded = self.model is not None
            body = msgspec.json.encode({"status": "ok" if loaded else "loading"})
            await whole(send, 200 if loaded else 503, body)
            return
        self._check(scope["headers"])
        if path in self._readable_paths() and method == "GET":
            kind, body = self._readable_paths()[path]()
            await whole(send, 200, body, kind)
            return
        handler = self._routes.get(path)
        if handler is None:
            raise PathNotFound(method, path)
        if method != "POST":
            raise MethodNotAllowed(method, path, ["POST"])
        if self.model is None:
            raise ModelNotReady(self._uid, "loading")
        await self._work(handler, ReplicaRequest(path, await read_body(receive)), receive, send)

    async def _work(self, handler: Handler, request: ReplicaRequest, receive: Receive, send: Send) -> None:
        """Run the handler; cancel it when the client disconnects."""
        self._counters["requests"] += 1
        work = asyncio.ensure_future(self._carry_out(handler, request, send))
        disconnect = asyncio.ensure_future(disconnected(receive))
        self._running.add(work)
        try:
            await asyncio.wait((work, disconnect), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                self._counters["abandoned"] += 1
        finally:
            self._running.discard(work)
            disconnect.cancel()
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work

    async def _carry_out(self, handler: Handler, request: ReplicaRequest, send: Send) -> Any:
        """Answer one request, from the first byte to the last."""
        began = False
        try:
            answer = await handler(request, self.model)
            if isinstance(answer, bytes):
                await whole(send, 200, answer)
                return
            await send({"type": "http.response.start", "status": 200, "headers": EVENTS})
            began = True
            async with contextlib.aclosing(answer) as events:
                async for event in events:
                    await send({"type": "http.response.body", "body": event, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except ModelyardError as error:
            await self._fail(send, error, began)
        except Exception as error:
            # the top of a request: whatever a library raises, this client gets an error and other requests continue
            log.exception("a request failed")
            await self._fail(send, InternalError(f"{type(error).__name__}: {error}"), began)

    async def _fail(self, send: Send, error: ModelyardError, began: bool) -> None:
        if not began:
            await self._refuse(send, error)
            return
        self._counters["errors"] += 1
        await send({"type": "http.response.body", "body": errors.sse_event(error), "more_body": False})

    async def _refuse(self, send: Send, error: ModelyardError) -> None:
        self._counters["errors"] += 1
        extra = [(name.encode(), value.encode()) for name, value in errors.headers(error).items()]
        await whole(send, error.status, errors.encode(error), [*JSON, *extra])

    def _check(self, headers: Headers) -> None:
        given = next((value for name, value in headers if name == b"authorization"), b"")
        if self._token and not hmac.compare_digest(given, self._token):
            raise InvalidKey("The token of this replica is wrong or missing.")

    def _readable_paths(self) -> Mapping[str, Callable[[], tuple[Headers, bytes]]]:
        return {"/metrics": self._metrics, "/v1/models": self._models}

    def _models(self) -> tuple[Headers, bytes]:
        parts = self.model.parts() if self.model else {}
        cards = [{"id": self._uid, "object": "model", "owned_by": "modelyard", "parent": None}]
        cards += [{"id": name, "object": "model", "root": path, "parent": self._uid} for name, path in parts.items()]
        return JSON, msgspec.json.encode({"object": "list", "data": cards})

    def _metrics(self) -> tuple[Headers, bytes]:
        """Counters in Prometheus' text format."""
        figures: dict[str, float] = {
            f"{name}_total": self._counters[name] for name in ("requests", "errors", "abandoned")
        }
        figures["requests_in_progress"] = len(self._running)
        figures |= self.model.counters() if self.model else {}
        return TEXT, "".join(f"replica_{name} {value:g}\n" for name, value in figures.items()).encode()

    def stop(self) -> None:
        """Cancel the requests in progress; the control plane has drained this replica already."""
        for work in self._running:
            work.cancel()


async def read_body(receive: Receive) -> bytes:
    """Read the whole body. The gateway has limited its length already."""
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def disconnected(receive: Receive) -> None:
    """Return when the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def whole(send: Send, status: int, body: bytes, headers: Headers = JSON) -> None:
    """Send an answer in one piece."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body, "more_body": False})
