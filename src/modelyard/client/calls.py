"""Turns a function that describes a request into a method of both clients.

A method of a `CallGroup` is written once, as a function that returns a `Request`, and decorated:

    class ModelCalls(CallGroup[S]):
        @call
        def describe(self, model_uid: str) -> Request[ModelDict]:
            "What a launched model is and can do."
            return Request("GET", at("models", model_uid), an_object)

`client.models.describe("m")` then returns a `ModelDict` where the group belongs to a `Client`, and a coroutine of one where
it belongs to an `AsyncClient`; type checkers see the one or the other.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from modelyard.client.connection import AsyncConnection, SyncConnection
from modelyard.client.rejoining import AsyncRejoinedStream, RejoinedStream
from modelyard.client.request import Request
from modelyard.client.stream import AsyncStream, Stream
from modelyard.core.errors import ModelyardError

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound=SyncConnection | AsyncConnection)
"""The connection that sends the requests of a group."""
SyncForm = TypeVar("SyncForm")
AsyncForm = TypeVar("AsyncForm")

Steps = Generator[Request[Any] | Callable[[], Any], Any, T]
"""A call with several requests: yields each and receives its answer. It yields blocking work, such as reading files, as a
function without parameters, which the async client runs in a thread."""


class CallGroup(Generic[S]):
    """Calls about one noun, and the connection that sends them."""

    def __init__(self, sender: S) -> None:
        self._connection = sender

    @property
    def _sender(self) -> S:
        return self._connection


class ClientMethod(Generic[SyncForm, AsyncForm]):
    """A method of a group: of type `SyncForm` on a sync client, of type `AsyncForm` on an async one."""

    def __init__(self, build: Callable[..., Any]) -> None:
        self.build = build
        """Describe the call without sending it: its `Request`, given a group, which most requests do not depend on."""
        functools.update_wrapper(self, build)

    @functools.cached_property
    def _forms(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """The function and the coroutine function, made on first use: an import of the client makes none."""
        build = self.build

        def method(group: CallGroup[SyncConnection], /, *args: Any, **kwargs: Any) -> Any:
            return _answer(group._sender, build(group, *args, **kwargs))

        async def coroutine(group: CallGroup[AsyncConnection], /, *args: Any, **kwargs: Any) -> Any:
            return await _async_answer(group._sender, build(group, *args, **kwargs))

        forms: tuple[Callable[..., Any], Callable[..., Any]] = (method, coroutine)
        for each in forms:
            functools.update_wrapper(each, build)
            setattr(each, "__signature__", self.__signature__)  # noqa: B010 - unknown to the type checker
        return forms

    def __getattr__(self, name: str) -> Any:
        """`__signature__`, for `help()` and editors: that of the function that builds the request, with the answer's type."""
        if name != "__signature__":
            raise AttributeError(name)
        signature = inspect.signature(self.build)
        answer = str(signature.return_annotation).removeprefix("Request[").removeprefix("Steps[").removesuffix("]")
        self.__dict__[name] = signature.replace(return_annotation=answer)
        return self.__dict__[name]

    @overload
    def __get__(self, group: None, owner: type) -> Self: ...
    @overload
    def __get__(self, group: CallGroup[SyncConnection], owner: type | None = None) -> SyncForm: ...
    @overload
    def __get__(self, group: CallGroup[AsyncConnection], owner: type | None = None) -> AsyncForm: ...

    def __get__(self, group: CallGroup[Any] | None, owner: type | None = None) -> Any:
        if group is None:
            return self
        return MethodType(self._forms[isinstance(group._sender, AsyncConnection)], group)

    def __call__(self, group: CallGroup[Any], /, *args: Any, **kwargs: Any) -> Any:
        """`Group.method(group, …)`, which is what `group.method(…)` does."""
        return self.__get__(group)(*args, **kwargs)


class PagesMethod(ClientMethod[SyncForm, AsyncForm]):
    """A method that walks all pages of a list; it describes the request of the page behind a cursor, `after`."""

    @functools.cached_property
    def _forms(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        build = self.build

        def method(group: CallGroup[SyncConnection], /, *args: Any, **kwargs: Any) -> Iterator[Any]:
            while True:
                page = group._sender.send(build(group, *args, **kwargs))
                yield from page["data"]
                if (after := _cursor(page)) is None:
                    return
                kwargs["after"] = after

        async def generator(group: CallGroup[AsyncConnection], /, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            while True:
                page = await group._sender.send(build(group, *args, **kwargs))
                for each in page["data"]:
                    yield each
                if (after := _cursor(page)) is None:
                    return
                kwargs["after"] = after

        forms: tuple[Callable[..., Any], Callable[..., Any]] = (method, generator)
        for each in forms:
            functools.update_wrapper(each, build)
            setattr(each, "__signature__", self.__signature__)  # noqa: B010 - unknown to the type checker
        return forms


def _cursor(page: Any) -> str | None:
    """What `after` takes for the page behind this one; None behind the last one."""
    found: str | None = page.get("next") or page.get("last_id")
    return found if page.get("has_more") else None


def call(
    build: Callable[Concatenate[Any, P], Request[T]],
) -> ClientMethod[Callable[P, T], Callable[P, Coroutine[Any, Any, T]]]:
    """A method that sends one request and returns its answer."""
    return ClientMethod(build)


def stream_call(
    build: Callable[Concatenate[Any, P], Request[T]],
) -> ClientMethod[Callable[P, Stream[T]], Callable[P, Coroutine[Any, Any, AsyncStream[T]]]]:
    """A method that sends one request and returns the events of its answer; the request `streams`."""
    return ClientMethod(build)


def bytes_call(
    build: Callable[Concatenate[Any, P], Request[bytes]],
) -> ClientMethod[Callable[P, Iterator[bytes]], Callable[P, Coroutine[Any, Any, AsyncIterator[bytes]]]]:
    """A method that sends one request and returns the bytes of its answer while they arrive; it `streams` and is `raw`."""
    return ClientMethod(build)


def pages_call(
    build: Callable[Concatenate[Any, P], Request[T]],
) -> ClientMethod[Callable[P, Iterator[T]], Callable[P, AsyncIterator[T]]]:
    """A method that yields the items of all pages of a list, in requests that are sent when their items are needed.

    It describes the request of a page, whose cursor is the keyword `after`; `T` is the type of an item.
    """
    return PagesMethod(build)


def exchange(
    build: Callable[Concatenate[Any, P], Steps[T]],
) -> ClientMethod[Callable[P, T], Callable[P, Coroutine[Any, Any, T]]]:
    """A method of several requests, which a generator yields."""
    return ClientMethod(build)


def _answer(sender: SyncConnection, plan: Request[Any] | Steps[Any]) -> Any:
    if isinstance(plan, Request):
        return _send(sender, plan)
    resume = functools.partial(next, plan)
    try:
        while True:
            step = resume()
            try:
                answer = _send(sender, step) if isinstance(step, Request) else step()
            except ModelyardError as error:
                resume = functools.partial(plan.throw, error)
            else:
                resume = functools.partial(plan.send, answer)
    except StopIteration as end:
        return end.value


async def _async_answer(sender: AsyncConnection, plan: Request[Any] | Steps[Any]) -> Any:
    if isinstance(plan, Request):
        return await _async_send(sender, plan)
    resume = functools.partial(next, plan)
    try:
        while True:
            step = resume()
            try:
                answer = await (_async_send(sender, step) if isinstance(step, Request) else asyncio.to_thread(step))
            except ModelyardError as error:
                resume = functools.partial(plan.throw, error)
            else:
                resume = functools.partial(plan.send, answer)
    except StopIteration as end:
        return end.value


def _send(sender: SyncConnection, request: Request[Any]) -> Any:
    if not request.streams:
        return sender.send(request)
    if request.rejoin is not None:
        return RejoinedStream(sender, request)
    return sender.open_bytes(request) if request.raw else sender.open(request)


async def _async_send(sender: AsyncConnection, request: Request[Any]) -> Any:
    if not request.streams:
        return await sender.send(request)
    if request.rejoin is not None:
        return await AsyncRejoinedStream.opened(sender, request)
    return await (sender.open_bytes(request) if request.raw else sender.open(request))
