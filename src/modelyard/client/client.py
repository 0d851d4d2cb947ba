"""The two clients: who sends a `Request`, and how. Every management call is one line here and one function in `resources/`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import httpx

from modelyard.client import handles
from modelyard.client._request import DEFAULT_TIMEOUT, Request, Target
from modelyard.client.resources import cluster, models, replicas
from modelyard.client.stream import AsyncStream, Stream

P = ParamSpec("P")
T = TypeVar("T")


def _call(build: Callable[P, Request[T]]) -> Callable[Concatenate[Client, P], T]:
    """The method of `Client` that builds this request and sends it."""

    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.send(build(*args, **kwargs))

    _describe(method, build)
    return method


def _async_call(build: Callable[P, Request[T]]) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]:
    """The method of `AsyncClient` that builds this request and sends it."""

    async def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.send(build(*args, **kwargs))

    _describe(method, build)
    return method


def _describe(method: Callable[..., Any], build: Callable[..., Any]) -> None:
    """Give a method the name, manual and signature of what builds its request, for `help()` and editors."""
    functools.update_wrapper(method, build)
    signature = inspect.signature(build)
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    answer = str(signature.return_annotation).removeprefix("Request[").removesuffix("]")
    signature = signature.replace(parameters=[own, *signature.parameters.values()], return_annotation=answer)
    setattr(method, "__signature__", signature)  # noqa: B010 - functions have no such attribute for the type checker


class Client:
    """A connection to a Modelyard server. Close it, or use it in a `with` block.

    `base_url` is taken from `MODELYARD_ENDPOINT`, `api_key` from `MODELYARD_API_KEY` when left out; `timeout` is in
    seconds of silence. What the server refuses is raised as the class of `modelyard.core.errors` that it raised itself.
    """

    def __init__(
        self, base_url: str | None = None, api_key: str | None = None, timeout: float | None = DEFAULT_TIMEOUT
    ) -> None:
        self._target = Target.find(base_url, api_key, timeout)
        self._http = httpx.Client(**self._target.http_options())

    @property
    def base_url(self) -> str:
        """Where the server is; OpenAI's routes are below `/v1` of it."""
        return self._target.url

    launch_model = _call(models.launch_model)
    list_models = _call(models.list_models)
    describe_model = _call(models.describe_model)
    terminate_model = _call(models.terminate_model)
    get_launch_model_progress = _call(models.get_launch_model_progress)
    cancel_launch_model = _call(models.cancel_launch_model)
    get_events = _call(models.get_events)
    get_logs = _call(models.get_logs)
    get_replicas = _call(replicas.get_replicas)
    add_replicas = _call(replicas.add_replicas)
    remove_replica = _call(replicas.remove_replica)
    health = _call(cluster.health)
    get_cluster_version = _call(cluster.get_cluster_version)
    get_cluster_info = _call(cluster.get_cluster_info)
    get_cluster_devices = _call(cluster.get_cluster_devices)
    is_auth_required = _call(cluster.is_auth_required)

    def get_model(self, model_uid: str) -> Any:
        """A handle of the launched model: `ChatModel`, `GenerateModel`, `EmbeddingModel` or `RerankModel`."""
        info = self.describe_model(model_uid)
        return handles.HANDLES[handles.kind(info, self.base_url)][0](self, info)

    def send(self, request: Request[T]) -> T:
        """Send any request and read its answer."""
        try:
            response = self._http.request(**self._target.http_request(request))
        except httpx.RequestError as error:
            raise self._target.failure(error) from None
        return self._target.read(request, response)

    def open(self, request: Request[Any]) -> Stream:
        """Send any request whose answer comes in chunks."""
        try:
            response = self._http.send(self._http.build_request(**self._target.http_request(request)), stream=True)
            if not response.is_success:
                response.read()
        except httpx.RequestError as error:
            raise self._target.failure(error) from None
        self._target.check(response)
        return Stream(self._target, response)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient:
    """The async twin of `Client`: the same methods, awaited."""

    def __init__(
        self, base_url: str | None = None, api_key: str | None = None, timeout: float | None = DEFAULT_TIMEOUT
    ) -> None:
        self._target = Target.find(base_url, api_key, timeout)
        self._http = httpx.AsyncClient(**self._target.http_options())

    @property
    def base_url(self) -> str:
        """Where the server is; OpenAI's routes are below `/v1` of it."""
        return self._target.url

    launch_model = _async_call(models.launch_model)
    list_models = _async_call(models.list_models)
    describe_model = _async_call(models.describe_model)
    terminate_model = _async_call(models.terminate_model)
    get_launch_model_progress = _async_call(models.get_launch_model_progress)
    cancel_launch_model = _async_call(models.cancel_launch_model)
    get_events = _async_call(models.get_events)
    get_logs = _async_call(models.get_logs)
    get_replicas = _async_call(replicas.get_replicas)
    add_replicas = _async_call(replicas.add_replicas)
    remove_replica = _async_call(replicas.remove_replica)
    health = _async_call(cluster.health)
    get_cluster_version = _async_call(cluster.get_cluster_version)
    get_cluster_info = _async_call(cluster.get_cluster_info)
    get_cluster_devices = _async_call(cluster.get_cluster_devices)
    is_auth_required = _async_call(cluster.is_auth_required)

    async def get_model(self, model_uid: str) -> Any:
        """A handle of the launched model, such as `AsyncChatModel`."""
        info = await self.describe_model(model_uid)
        return handles.HANDLES[handles.kind(info, self.base_url)][1](self, info)

    async def send(self, request: Request[T]) -> T:
        """Send any request and read its answer."""
        try:
            response = await self._http.request(**self._target.http_request(request))
        except httpx.RequestError as error:
            raise self._target.failure(error) from None
        return self._target.read(request, response)

    async def open(self, request: Request[Any]) -> AsyncStream:
        """Send any request whose answer comes in chunks."""
        try:
            response = await self._http.send(
                self._http.build_request(**self._target.http_request(request)), stream=True
            )
            if not response.is_success:
                await response.aread()
        except httpx.RequestError as error:
            raise self._target.failure(error) from None
        self._target.check(response)
        return AsyncStream(self._target, response)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
