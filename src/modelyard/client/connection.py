"""The sync and the async connection to a server, which send requests. The requests are defined in `resources/`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import httpx

from modelyard.client.request import Request
from modelyard.client.stream import AsyncStream, Stream, async_portions, portions
from modelyard.client.target import ServerTarget

T = TypeVar("T")
H = TypeVar("H", bound=httpx.Client | httpx.AsyncClient)


class HttpConnection(Generic[H]):
    """What both connections share: the server's address, and the key that is sent with requests."""

    def __init__(self, target: ServerTarget, http: H) -> None:
        self._target = target
        self._http: H = http

    @property
    def target(self) -> ServerTarget:
        """The server that requests go to."""
        return self._target

    @property
    def base_url(self) -> str:
        """The server's base URL; OpenAI's routes are below `/v1`."""
        return self._target.url

    def _set_token(self, token: str | None) -> None:
        """Send another key from now on."""
        if token is not None:
            self._http.headers["authorization"] = f"Bearer {token}"

    def _get_token(self) -> str | None:
        """The key that is sent with requests."""
        return self._http.headers.get("authorization", "").removeprefix("Bearer ") or None

    def _http_request(self, request: Request[Any]) -> dict[str, Any]:
        """Arguments of httpx for a request. With the cookie of a session it shows that it is of no other site's page."""
        options = self._target.http_request(request)
        if self._http.cookies:
            options.setdefault("headers", {})["sec-fetch-site"] = "same-origin"
        return options


class SyncConnection(HttpConnection[httpx.Client]):
    """Sends requests and waits for their answers."""

    def send(self, request: Request[T]) -> T:
        """Send any request and read its answer."""
        try:
            response = self._http.request(**self._http_request(request))
        except httpx.RequestError as error:
            raise self._target.failure(error) from None
        return self._target.read(request, response)

    def open(self, request: Request[T]) -> Stream[T]:
        """Send any request whose answer comes in events."""
        return Stream(self._target, self.opened(request))

    def open_bytes(self, request: Request[bytes]) -> Iterator[bytes]:
        """Send any request whose answer is a stream of bytes. Closing the iterator closes the connection."""
        return portions(self._target, self.opened(request))

    def opened(self, request: Request[Any]) -> httpx.Response:
        """The response to a request, whose body is still to be read."""
        try:
            response = self._http.send(self._http.build_request(**self._http_request(request)), stream=True)
            if not response.is_success:
                response.read()
        except httpx.RequestError as error:
            raise self._target.failure(error) from None
        self._target.check(response)
        return response

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncConnection(HttpConnection[httpx.AsyncClient]):
    """Sends requests while other tasks run."""

    async def send(self, request: Request[T]) -> T:
        """Send any request and read its answer."""
        try:
            response = await self._http.request(**self._http_request(request))
        except httpx.RequestError as error:
            raise self._target.failure(error) from None
        return self._target.read(request, response)

    async def open(self, request: Request[T]) -> AsyncStream[T]:
        """Send any request whose answer comes in events."""
        return AsyncStream(self._target, await self.opened(request))

    async def open_bytes(self, request: Request[bytes]) -> AsyncIterator[bytes]:
        """Send any request whose answer is a stream of bytes. Closing the iterator closes the connection."""
        return async_portions(self._target, await self.opened(request))

    async def opened(self, request: Request[Any]) -> httpx.Response:
        """The response to a request, whose body is still to be read."""
        try:
            response = await self._http.send(self._http.build_request(**self._http_request(request)), stream=True)
            if not response.is_success:
                await response.aread()
        except httpx.RequestError as error:
            raise self._target.failure(error) from None
        self._target.check(response)
        return response

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
