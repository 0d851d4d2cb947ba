"""The two clients: who sends a `Request`, and how. Every management call is one line here and one function in `resources/`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import httpx

from modelyard.client import kinds
from modelyard.client._request import DEFAULT_TIMEOUT, Request, Target
from modelyard.client.handles import described
from modelyard.client.resources import adapters, autostart, cache, cluster, models, registrations, relaunches, replicas
from modelyard.client.stream import AsyncStream, Stream, async_portions, portions

P = ParamSpec("P")
T = TypeVar("T")


def _call(build: Callable[P, Request[T]]) -> Callable[Concatenate[Client, P], T]:
    """The method of `Client` that builds this request and sends it."""

    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.send(build(*args, **kwargs))

    described(method, build, leave_out=0)
    return method


def _async_call(build: Callable[P, Request[T]]) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]:
    """The method of `AsyncClient` that builds this request and sends it."""

    async def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.send(build(*args, **kwargs))

    described(method, build, leave_out=0)
    return method


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
    launch_model_by_version = _call(models.launch_model_by_version)
    list_models = _call(models.list_models)
    describe_model = _call(models.describe_model)
    get_instance_info = _call(models.get_instance_info)
    terminate_model = _call(models.terminate_model)
    get_launch_model_progress = _call(models.get_launch_model_progress)
    cancel_launch_model = _call(models.cancel_launch_model)
    get_events = _call(models.get_events)
    get_logs = _call(models.get_logs)
    abort_request = _call(models.abort_request)
    reload_model = _call(models.reload_model)
    get_model_reload_status = _call(models.get_model_reload_status)
    get_model_reload_config = _call(models.get_model_reload_config)
    get_replicas = _call(replicas.get_replicas)
    add_replicas = _call(replicas.add_replicas)
    add_model_replica = _call(replicas.add_model_replica)
    remove_replica = _call(replicas.remove_replica)
    terminate_model_replica = _call(replicas.remove_replica)
    load_lora_adapter = _call(adapters.load_lora_adapter)
    unload_lora_adapter = _call(adapters.unload_lora_adapter)
    list_adapters = _call(adapters.list_adapters)
    register_model = _call(registrations.register_model)
    unregister_model = _call(registrations.unregister_model)
    list_model_registrations = _call(registrations.list_model_registrations)
    get_model_registration = _call(registrations.get_model_registration)
    query_engine_by_model_name = _call(registrations.query_engine_by_model_name)
    list_model_versions = _call(registrations.list_model_versions)
    get_prompts = _call(registrations.get_prompts)
    get_families = _call(registrations.get_families)
    vllm_models = _call(registrations.vllm_models)
    estimate_memory = _call(registrations.estimate_memory)
    list_cached_models = _call(cache.list_cached_models)
    list_deletable_models = _call(cache.list_deletable_models)
    confirm_and_remove_model = _call(cache.confirm_and_remove_model)
    list_downloads = _call(cache.list_downloads)
    pause_download = _call(cache.pause_download)
    resume_download = _call(cache.resume_download)
    remove_download = _call(cache.remove_download)
    get_autostart_config = _call(autostart.get_autostart_config)
    get_autostart_model_summary = _call(autostart.get_autostart_model_summary)
    upsert_autostart_model = _call(autostart.upsert_autostart_model)
    remove_autostart_model = _call(autostart.remove_autostart_model)
    health = _call(cluster.health)
    get_status = _call(cluster.get_status)
    get_cluster_version = _call(cluster.get_cluster_version)
    get_cluster_info = _call(cluster.get_cluster_info)
    get_cluster_devices = _call(cluster.get_cluster_devices)
    is_auth_required = _call(cluster.is_auth_required)
    get_workers_info = _call(cluster.get_workers_info)
    get_supervisor_info = _call(cluster.get_supervisor_info)
    _get_supervisor_internal_address = _call(cluster.get_supervisor_internal_address)
    abort_cluster = _call(cluster.abort_cluster)
    get_progress = _call(cluster.get_progress)
    relaunch_api = _call(relaunches.relaunch_api)
    get_api_relaunch = _call(relaunches.get_api_relaunch)
    list_api_relaunches = _call(relaunches.list_api_relaunches)
    relaunch_supervisor = _call(relaunches.relaunch_supervisor)
    get_supervisor_relaunch = _call(relaunches.get_supervisor_relaunch)
    list_supervisor_relaunches = _call(relaunches.list_supervisor_relaunches)
    relaunch_worker = _call(relaunches.relaunch_worker)
    get_worker_relaunch = _call(relaunches.get_worker_relaunch)
    list_worker_relaunches = _call(relaunches.list_worker_relaunches)

    def login(self, username: str, password: str) -> None:
        """Log in by name and password; later requests carry the token. Nothing where no key is asked for."""
        if self.is_auth_required():
            token = self.send(cluster.token(username, password))
            self._set_token(token)

    def _set_token(self, token: str | None) -> None:
        """Carry another key from now on."""
        if token is not None:
            self._http.headers["authorization"] = f"Bearer {token}"

    def _get_token(self) -> str | None:
        """The key that requests carry."""
        return self._http.headers.get("authorization", "").removeprefix("Bearer ") or None

    def get_model(self, model_uid: str) -> Any:
        """A handle of the launched model: `ChatModel`, `GenerateModel`, `EmbeddingModel` or `RerankModel`."""
        info = self.describe_model(model_uid)
        return kinds.HANDLES[kinds.kind(info, self.base_url)][0](self, info)

    def send(self, request: Request[T]) -> T:
        """Send any request and read its answer."""
        try:
            response = self._http.request(**self._target.http_request(request))
        except httpx.RequestError as error:
            raise self._target.failure(error) from None
        return self._target.read(request, response)

    def open(self, request: Request[Any]) -> Stream:
        """Send any request whose answer comes in chunks."""
        return Stream(self._target, self._opened(request))

    def open_bytes(self, request: Request[bytes]) -> Iterator[bytes]:
        """Send any request whose answer comes as bytes, in portions. Closing the iterator closes the connection."""
        return portions(self._target, self._opened(request))

    def _opened(self, request: Request[Any]) -> httpx.Response:
        try:
            response = self._http.send(self._http.build_request(**self._target.http_request(request)), stream=True)
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


class AsyncClient:
    """The async twin of `Client`: the same methods, awaited. `uds` is the Unix socket of a server that listens on one."""

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout: float | None = DEFAULT_TIMEOUT,
        uds: str | None = None,
    ) -> None:
        self._target = Target.find(base_url, api_key, timeout)
        options = self._target.http_options()
        if uds is not None:
            options["transport"] = httpx.AsyncHTTPTransport(uds=uds, limits=options.pop("limits"))
        self._http = httpx.AsyncClient(**options)

    @property
    def base_url(self) -> str:
        """Where the server is; OpenAI's routes are below `/v1` of it."""
        return self._target.url

    launch_model = _async_call(models.launch_model)
    launch_model_by_version = _async_call(models.launch_model_by_version)
    list_models = _async_call(models.list_models)
    describe_model = _async_call(models.describe_model)
    get_instance_info = _async_call(models.get_instance_info)
    terminate_model = _async_call(models.terminate_model)
    get_launch_model_progress = _async_call(models.get_launch_model_progress)
    cancel_launch_model = _async_call(models.cancel_launch_model)
    get_events = _async_call(models.get_events)
    get_logs = _async_call(models.get_logs)
    abort_request = _async_call(models.abort_request)
    reload_model = _async_call(models.reload_model)
    get_model_reload_status = _async_call(models.get_model_reload_status)
    get_model_reload_config = _async_call(models.get_model_reload_config)
    get_replicas = _async_call(replicas.get_replicas)
    add_replicas = _async_call(replicas.add_replicas)
    add_model_replica = _async_call(replicas.add_model_replica)
    remove_replica = _async_call(replicas.remove_replica)
    terminate_model_replica = _async_call(replicas.remove_replica)
    load_lora_adapter = _async_call(adapters.load_lora_adapter)
    unload_lora_adapter = _async_call(adapters.unload_lora_adapter)
    list_adapters = _async_call(adapters.list_adapters)
    register_model = _async_call(registrations.register_model)
    unregister_model = _async_call(registrations.unregister_model)
    list_model_registrations = _async_call(registrations.list_model_registrations)
    get_model_registration = _async_call(registrations.get_model_registration)
    query_engine_by_model_name = _async_call(registrations.query_engine_by_model_name)
    list_model_versions = _async_call(registrations.list_model_versions)
    get_prompts = _async_call(registrations.get_prompts)
    get_families = _async_call(registrations.get_families)
    vllm_models = _async_call(registrations.vllm_models)
    estimate_memory = _async_call(registrations.estimate_memory)
    list_cached_models = _async_call(cache.list_cached_models)
    list_deletable_models = _async_call(cache.list_deletable_models)
    confirm_and_remove_model = _async_call(cache.confirm_and_remove_model)
    list_downloads = _async_call(cache.list_downloads)
    pause_download = _async_call(cache.pause_download)
    resume_download = _async_call(cache.resume_download)
    remove_download = _async_call(cache.remove_download)
    get_autostart_config = _async_call(autostart.get_autostart_config)
    get_autostart_model_summary = _async_call(autostart.get_autostart_model_summary)
    upsert_autostart_model = _async_call(autostart.upsert_autostart_model)
    remove_autostart_model = _async_call(autostart.remove_autostart_model)
    health = _async_call(cluster.health)
    get_status = _async_call(cluster.get_status)
    get_cluster_version = _async_call(cluster.get_cluster_version)
    get_cluster_info = _async_call(cluster.get_cluster_info)
    get_cluster_devices = _async_call(cluster.get_cluster_devices)
    is_auth_required = _async_call(cluster.is_auth_required)
    get_workers_info = _async_call(cluster.get_workers_info)
    get_supervisor_info = _async_call(cluster.get_supervisor_info)
    _get_supervisor_internal_address = _async_call(cluster.get_supervisor_internal_address)
    abort_cluster = _async_call(cluster.abort_cluster)
    get_progress = _async_call(cluster.get_progress)
    relaunch_api = _async_call(relaunches.relaunch_api)
    get_api_relaunch = _async_call(relaunches.get_api_relaunch)
    list_api_relaunches = _async_call(relaunches.list_api_relaunches)
    relaunch_supervisor = _async_call(relaunches.relaunch_supervisor)
    get_supervisor_relaunch = _async_call(relaunches.get_supervisor_relaunch)
    list_supervisor_relaunches = _async_call(relaunches.list_supervisor_relaunches)
    relaunch_worker = _async_call(relaunches.relaunch_worker)
    get_worker_relaunch = _async_call(relaunches.get_worker_relaunch)
    list_worker_relaunches = _async_call(relaunches.list_worker_relaunches)

    async def login(self, username: str, password: str) -> None:
        """Log in by name and password; later requests carry the token. Nothing where no key is asked for."""
        if await self.is_auth_required():
            token = await self.send(cluster.token(username, password))
            self._set_token(token)

    def _set_token(self, token: str | None) -> None:
        """Carry another key from now on."""
        if token is not None:
            self._http.headers["authorization"] = f"Bearer {token}"

    def _get_token(self) -> str | None:
        """The key that requests carry."""
        return self._http.headers.get("authorization", "").removeprefix("Bearer ") or None

    async def get_model(self, model_uid: str) -> Any:
        """A handle of the launched model, such as `AsyncChatModel`."""
        info = await self.describe_model(model_uid)
        return kinds.HANDLES[kinds.kind(info, self.base_url)][1](self, info)

    async def send(self, request: Request[T]) -> T:
        """Send any request and read its answer."""
        try:
            response = await self._http.request(**self._target.http_request(request))
        except httpx.RequestError as error:
            raise self._target.failure(error) from None
        return self._target.read(request, response)

    async def open(self, request: Request[Any]) -> AsyncStream:
        """Send any request whose answer comes in chunks."""
        return AsyncStream(self._target, await self._opened(request))

    async def open_bytes(self, request: Request[bytes]) -> AsyncIterator[bytes]:
        """Send any request whose answer comes as bytes, in portions. Closing the iterator closes the connection."""
        return async_portions(self._target, await self._opened(request))

    async def _opened(self, request: Request[Any]) -> httpx.Response:
        try:
            response = await self._http.send(
                self._http.build_request(**self._target.http_request(request)), stream=True
            )
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
