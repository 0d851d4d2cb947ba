"""How a function of `resources/` becomes a method of a client: it builds the request, the client sends it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from modelyard.client.handles import AsyncSender, Sender, described
from modelyard.client.stream import AsyncStream, Stream
from modelyard.client.target import Request

P = ParamSpec("P")
T = TypeVar("T")


def call(build: Callable[P, Request[T]]) -> Callable[Concatenate[Sender, P], T]:
    """The method of `Client` that builds this request and sends it."""

    def method(self: Sender, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.send(build(*args, **kwargs))

    described(method, build, leave_out=0)
    return method


def async_call(build: Callable[P, Request[T]]) -> Callable[Concatenate[AsyncSender, P], Coroutine[Any, Any, T]]:
    """The method of `AsyncClient` that builds this request and sends it."""

    async def method(self: AsyncSender, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.send(build(*args, **kwargs))

    described(method, build, leave_out=0)
    return method


def stream_call(build: Callable[P, Request[Any]]) -> Callable[Concatenate[Sender, P], Stream]:
    """The method of `Client` that builds this request and gives its events."""

    def method(self: Sender, /, *args: P.args, **kwargs: P.kwargs) -> Stream:
        return self.open(build(*args, **kwargs))

    described(method, build, leave_out=0)
    return method


def async_stream_call(
    build: Callable[P, Request[Any]],
) -> Callable[Concatenate[AsyncSender, P], Coroutine[Any, Any, AsyncStream]]:
    """The method of `AsyncClient` that builds this request and gives its events."""

    async def method(self: AsyncSender, /, *args: P.args, **kwargs: P.kwargs) -> AsyncStream:
        return await self.open(build(*args, **kwargs))

    described(method, build, leave_out=0)
    return method
