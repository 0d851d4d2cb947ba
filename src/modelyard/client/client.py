"""The two clients: who sends a `Request`, and how. Every management call is one line here and one function in `resources/`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from modelyard.client import kinds
from modelyard.client.calls import async_call, call
from modelyard.client.knowledge_calls import AsyncKnowledgeCalls, KnowledgeCalls
from modelyard.client.resources import adapters, autostart, cache, cluster, models, registrations, relaunches, replicas
from modelyard.client.stream import AsyncStream, Stream, async_portions, portions
from modelyard.client.target import DEFAULT_TIMEOUT, Request, Target

T = TypeVar("T")


class Client(KnowledgeCalls):
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

    launch_model = call(models.launch_model)
    launch_model_by_version = call(models.launch_model_by_version)
    list_models = call(models.list_models)
    describe_model = call(models.describe_model)
    get_instance_info = call(models.get_instance_info)
    terminate_model = call(models.terminate_model)
    get_launch_model_progress = call(models.get_launch_model_progress)
    cancel_launch_model = call(models.cancel_launch_model)
    get_events = call(models.get_events)
    get_logs = call(models.get_logs)
    abort_request = call(models.abort_request)
    reload_model = call(models.reload_model)
    get_model_reload_status = call(models.get_model_reload_status)
    get_model_reload_config = call(models.get_model_reload_config)
    get_replicas = call(replicas.get_replicas)
    add_replicas = call(replicas.add_replicas)
    add_model_replica = call(replicas.add_model_replica)
    remove_replica = call(replicas.remove_replica)
    terminate_model_replica = call(replicas.remove_replica)
    load_lora_adapter = call(adapters.load_lora_adapter)
    unload_lora_adapter = call(adapters.unload_lora_adapter)
    list_adapters = call(adapters.list_adapters)
    register_model = call(registrations.register_model)
    unregister_model = call(registrations.unregister_model)
    list_model_registrations = call(registrations.list_model_registrations)
    get_model_registration = call(registrations.get_model_registration)
    query_engine_by_model_name = call(registrations.query_engine_by_model_name)
    list_model_versions = call(registrations.list_model_versions)
    get_prompts = call(registrations.get_prompts)
    get_families = call(registrations.get_families)
    vllm_models = call(registrations.vllm_models)
    estimate_memory = call(registrations.estimate_memory)
    list_cached_models = call(cache.list_cached_models)
    list_deletable_models = call(cache.list_deletable_models)
    confirm_and_remove_model = call(cache.confirm_and_remove_model)
    list_downloads = call(cache.list_downloads)
    pause_download = call(cache.pause_download)
    resume_download = call(cache.resume_download)
    remove_download = call(cache.remove_download)
    get_autostart_config = call(autostart.get_autostart_config)
    get_autostart_model_summary = call(autostart.get_autostart_model_summary)
    upsert_autostart_model = call(autostart.upsert_autostart_model)
    remove_autostart_model = call(autostart.remove_autostart_model)
    health = call(cluster.health)
    get_status = call(cluster.get_status)
    get_cluster_version = call(cluster.get_cluster_version)
    get_cluster_info = call(cluster.get_cluster_info)
    get_cluster_devices = call(cluster.get_cluster_devices)
    is_auth_required = call(cluster.is_auth_required)
    get_workers_info = call(cluster.get_workers_info)
    get_supervisor_info = call(cluster.get_supervisor_info)
    _get_supervisor_internal_address = call(cluster.get_supervisor_internal_address)
    abort_cluster = call(cluster.abort_cluster)
    get_progress = call(cluster.get_progress)
    relaunch_api = call(relaunches.relaunch_api)
    get_api_relaunch = call(relaunches.get_api_relaunch)
    list_api_relaunches = call(relaunches.list_api_relaunches)
    relaunch_supervisor = call(relaunches.relaunch_supervisor)
    get_supervisor_relaunch = call(relaunches.get_supervisor_relaunch)
    list_supervisor_relaunches = call(relaunches.list_supervisor_relaunches)
    relaunch_worker = call(relaunches.relaunch_worker)
    get_worker_relaunch = call(relaunches.get_worker_relaunch)
    list_worker_relaunches = call(relaunches.list_worker_relaunches)

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


class AsyncClient(AsyncKnowledgeCalls):
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

    launch_model = async_call(models.launch_model)
    launch_model_by_version = async_call(models.launch_model_by_version)
    list_models = async_call(models.list_models)
    describe_model = async_call(models.describe_model)
    get_instance_info = async_call(models.get_instance_info)
    terminate_model = async_call(models.terminate_model)
    get_launch_model_progress = async_call(models.get_launch_model_progress)
    cancel_launch_model = async_call(models.cancel_launch_model)
    get_events = async_call(models.get_events)
    get_logs = async_call(models.get_logs)
    abort_request = async_call(models.abort_request)
    reload_model = async_call(models.reload_model)
    get_model_reload_status = async_call(models.get_model_reload_status)
    get_model_reload_config = async_call(models.get_model_reload_config)
    get_replicas = async_call(replicas.get_replicas)
    add_replicas = async_call(replicas.add_replicas)
    add_model_replica = async_call(replicas.add_model_replica)
    remove_replica = async_call(replicas.remove_replica)
    terminate_model_replica = async_call(replicas.remove_replica)
    load_lora_adapter = async_call(adapters.load_lora_adapter)
    unload_lora_adapter = async_call(adapters.unload_lora_adapter)
    list_adapters = async_call(adapters.list_adapters)
    register_model = async_call(registrations.register_model)
    unregister_model = async_call(registrations.unregister_model)
    list_model_registrations = async_call(registrations.list_model_registrations)
    get_model_registration = async_call(registrations.get_model_registration)
    query_engine_by_model_name = async_call(registrations.query_engine_by_model_name)
    list_model_versions = async_call(registrations.list_model_versions)
    get_prompts = async_call(registrations.get_prompts)
    get_families = async_call(registrations.get_families)
    vllm_models = async_call(registrations.vllm_models)
    estimate_memory = async_call(registrations.estimate_memory)
    list_cached_models = async_call(cache.list_cached_models)
    list_deletable_models = async_call(cache.list_deletable_models)
    confirm_and_remove_model = async_call(cache.confirm_and_remove_model)
    list_downloads = async_call(cache.list_downloads)
    pause_download = async_call(cache.pause_download)
    resume_download = async_call(cache.resume_download)
    remove_download = async_call(cache.remove_download)
    get_autostart_config = async_call(autostart.get_autostart_config)
    get_autostart_model_summary = async_call(autostart.get_autostart_model_summary)
    upsert_autostart_model = async_call(autostart.upsert_autostart_model)
    remove_autostart_model = async_call(autostart.remove_autostart_model)
    health = async_call(cluster.health)
    get_status = async_call(cluster.get_status)
    get_cluster_version = async_call(cluster.get_cluster_version)
    get_cluster_info = async_call(cluster.get_cluster_info)
    get_cluster_devices = async_call(cluster.get_cluster_devices)
    is_auth_required = async_call(cluster.is_auth_required)
    get_workers_info = async_call(cluster.get_workers_info)
    get_supervisor_info = async_call(cluster.get_supervisor_info)
    _get_supervisor_internal_address = async_call(cluster.get_supervisor_internal_address)
    abort_cluster = async_call(cluster.abort_cluster)
    get_progress = async_call(cluster.get_progress)
    relaunch_api = async_call(relaunches.relaunch_api)
    get_api_relaunch = async_call(relaunches.get_api_relaunch)
    list_api_relaunches = async_call(relaunches.list_api_relaunches)
    relaunch_supervisor = async_call(relaunches.relaunch_supervisor)
    get_supervisor_relaunch = async_call(relaunches.get_supervisor_relaunch)
    list_supervisor_relaunches = async_call(relaunches.list_supervisor_relaunches)
    relaunch_worker = async_call(relaunches.relaunch_worker)
    get_worker_relaunch = async_call(relaunches.get_worker_relaunch)
    list_worker_relaunches = async_call(relaunches.list_worker_relaunches)

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
