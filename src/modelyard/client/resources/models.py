"""`client.models`: launch, list, describe and terminate models, and their history."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from modelyard.client import kinds
from modelyard.client.calls import CallGroup, ClientMethod, S, Steps, call, stream_call
from modelyard.client.request import Request, a_list, an_object, at, flag, given, nothing

if TYPE_CHECKING:
    from modelyard.client.form_types import CommandLaunchDict, LaunchPlanDict, LaunchRecordDict
    from modelyard.client.types import (
        AbortedDict,
        ArchitecturesDict,
        EstimateDict,
        EventDict,
        InstanceDict,
        LaunchProgressDict,
        LogPortionDict,
        LogsDict,
        ModelDict,
    )

H = TypeVar("H")

EventList = list["EventDict"]
InstanceList = list["InstanceDict"]


class GetModel(Protocol):
    """The type of `client.models.get`: returns a handle, of the named class if one is given."""

    @overload
    def __call__(self, model_uid: str) -> Any: ...
    @overload
    def __call__(self, model_uid: str, handle: type[H]) -> H: ...


class AsyncGetModel(Protocol):
    """`GetModel` of the async client."""

    @overload
    def __call__(self, model_uid: str) -> Coroutine[Any, Any, Any]: ...
    @overload
    def __call__(self, model_uid: str, handle: type[H]) -> Coroutine[Any, Any, H]: ...


class ModelCalls(CallGroup[S]):
    """Models: launch, list, describe and terminate them, and read their logs and events."""

    @call
    def launch(
        self,
        /,
        model_name: str | None = None,
        model_type: str | None = None,
        model_engine: str | None = None,
        model_uid: str | None = None,
        model_size_in_billions: int | float | str | None = None,
        model_format: str | None = None,
        quantization: str | None = None,
        replica: int = 1,
        n_worker: int = 1,
        n_gpu: int | str | None = "auto",
        peft_model_config: Mapping[str, Any] | None = None,
        request_limits: int | None = None,
        worker_ip: str | None = None,
        gpu_idx: int | str | Sequence[int] | None = None,
        replica_config: Sequence[Mapping[str, Any]] | None = None,
        model_path: str | None = None,
        enable_thinking: bool | None = None,
        enable_virtual_env: bool | None = None,
        virtual_env_packages: Sequence[str] | None = None,
        envs: Mapping[str, str] | None = None,
        virtual_env_find_links: Sequence[str] | None = None,
        wait_ready: bool = True,
        aliases: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> Request[str]:
        """Launch a model and return its uid, under which it answers.

        `model_name` is a family of the catalog, the id of a repository on a hub, or a path. Keyword arguments that are
        not listed are options of the engine. `aliases` are other names under which it will answer.
        With `wait_ready=False` the uid comes back at once, and `progress` says how far the launch is.
        """
        # Every parameter has the name of its field in the body, except for these.
        others = ("self", "kwargs", "n_gpu", "wait_ready", "others")
        body = given(**{name: value for name, value in locals().items() if name not in others})
        return _launch(at("models"), {**body, **kwargs, "n_gpu": n_gpu}, wait_ready)

    @call
    def plan(
        self, /, model_name: str | None = None, n_gpu: int | str | None = "auto", **launch: Any
    ) -> Request[LaunchPlanDict]:
        """What a launch would do, or in `refusal` why it would be refused; takes the arguments of `launch` and starts nothing.

        The answer has engine, file, size, quantisation, memory beside what is free on each device, download and free disk,
        and the command line.
        """
        body = given(model_name=model_name, **launch)
        return Request("POST", at("models", "plan"), an_object, body={**body, "n_gpu": n_gpu})

    @call
    def from_command(self, command: str) -> Request[CommandLaunchDict]:
        """The launch that a command line asks for: `modelyard launch`, `xinference launch`, `vllm serve` or `swift deploy`."""
        return Request("POST", at("launch_commands"), an_object, body={"command": command})

    @call
    def launched_with(self, uid: str) -> Request[LaunchRecordDict]:
        """What a model was launched with, without secrets: the arguments of `launch` for another like it, and the command."""
        return Request("GET", at("launches", uid), an_object)

    @call
    def launch_version(
        self,
        model_version: str,
        model_uid: str | None = None,
        model_type: str | None = None,
        model_engine: str | None = None,
        replica: int = 1,
        n_gpu: int | str | None = "auto",
        wait_ready: bool = True,
    ) -> Request[str]:
        """Launch a model by its version, as `registrations.versions` lists it, and return its uid."""
        body = given(
            model_version=model_version,
            model_uid=model_uid,
            model_type=model_type,
            model_engine=model_engine,
            replica=replica,
        )
        return _launch(at("models", "instance"), {**body, "n_gpu": n_gpu}, wait_ready)

    @ClientMethod[GetModel, AsyncGetModel]
    def get(self, model_uid: str, handle: type | None = None) -> Steps[Any]:
        """A handle of a launched model, such as `ChatModel`, which sends requests to it.

        With `handle`, a model of another kind is refused, and type checkers know the result's type:
        `client.models.get("qwen3", ChatModel)`.
        """
        info: ModelDict = yield ModelCalls.describe.build(self, model_uid)
        return kinds.handle_of(self._sender, info, handle)

    @call
    def describe(self, model_uid: str) -> Request[ModelDict]:
        """The description and abilities of a launched model."""
        return Request("GET", at("models", model_uid), an_object)

    @call
    def instances(self, model_name: str | None = None, model_uid: str | None = None) -> Request[InstanceList]:
        """The launched models of a name or a uid, each with the state of its replicas."""
        return Request("GET", at("models", "instances"), a_list, given(model_name=model_name, model_uid=model_uid))

    @call
    def terminate(self, model_uid: str) -> Request[None]:
        """Stop a model; returns when its processes are gone."""
        return Request("DELETE", at("models", model_uid), nothing, patient=True)

    @call
    def progress(self, model_uid: str) -> Request[LaunchProgressDict]:
        """The progress of a launch; an unknown uid is `pending` with 0.0."""
        return Request("GET", at("models", model_uid, "progress"), an_object)

    @call
    def cancel(self, model_uid: str) -> Request[None]:
        """Cancel a launch that is not ready yet."""
        return Request("POST", at("models", model_uid, "cancel"), nothing, patient=True)

    @call
    def events(self, model_uid: str) -> Request[EventList]:
        """The events of a model, oldest first."""
        return Request("GET", at("models", model_uid, "events"), a_list)

    @call
    def logs(self, model_uid: str, lines: int = 200, replica: str | None = None) -> Request[LogsDict]:
        """The last lines that a replica printed; without `replica`, the model's newest one."""
        return Request("GET", at("models", model_uid, "logs"), an_object, given(lines=str(lines), replica=replica))

    @stream_call
    def follow_logs(
        self, model_uid: str, lines: int = 200, replica: str | None = None, offset: int | None = None
    ) -> Request[LogPortionDict]:
        """What a model's replicas print: the last lines, or those from an offset on, and then all further ones.

        It ends when the model is gone. When the connection breaks, it is made again, and no line is missed or repeated.
        """
        query = given(lines=str(lines), replica=replica, offset=None if offset is None else str(offset))
        path = at("models", model_uid, "logs")
        return Request("GET", path, an_object, {**query, "follow": "true"}, streams=True, rejoin=_after)

    @call
    def abort(self, model_uid: str, request_id: str, block_duration: int = 30) -> Request[AbortedDict]:
        """End the answer to a request; `msg` is `DONE`, `NOT_FOUND` or `NO_OP`."""
        path = at("models", model_uid, "requests", request_id, "abort")
        return Request("POST", path, an_object, body={"block_duration": block_duration})

    @call
    def reload(
        self,
        model_uid: str,
        model_config: Mapping[str, Any],
        drain_timeout: float = 300,
        python_executable: str | None = None,
    ) -> Request[dict[str, Any]]:
        """Change parameters of a model while it runs, if its engine supports that."""
        body = {"model_config": model_config, "drain_timeout": drain_timeout}
        body |= given(python_executable=python_executable)
        return Request("POST", at("models", model_uid, "reload"), an_object, body=body)

    @call
    def reload_status(self, model_uid: str) -> Request[dict[str, Any]]:
        """The progress of a model's last reload."""
        return Request("GET", at("models", model_uid, "reload"), an_object)

    @call
    def reload_config(self, model_uid: str) -> Request[dict[str, Any]]:
        """The parameters of a model that can be changed while it runs."""
        return Request("GET", at("models", model_uid, "reload", "config"), an_object)

    @call
    def estimate(
        self,
        model_name: str,
        model_type: str | None = None,
        model_size_in_billions: int | float | str | None = None,
        model_format: str | None = None,
        quantization: str | None = None,
        context_length: int | None = None,
        kv_cache_dtype: int | str | None = None,
        model_engine: str | None = None,
    ) -> Request[EstimateDict]:
        """Bytes that a launch would take: `weights`, `kv_cache`, `activations`, `overhead`, `total`."""
        body = given(
            model_name=model_name,
            model_type=model_type,
            model_size_in_billions=model_size_in_billions,
            model_format=model_format,
            quantization=quantization,
            context_length=context_length,
            kv_cache_dtype=kv_cache_dtype,
            model_engine=model_engine,
        )
        return Request("POST", at("models", "estimate"), an_object, body=body)

    @call
    def vllm_architectures(self) -> Request[ArchitecturesDict]:
        """The architectures that vLLM would run on the server, by `chat` and `generate`."""
        return Request("GET", at("models", "vllm-supported"), an_object)

    @call
    def generation_progress(self, request_id: str) -> Request[dict[str, Any]]:
        """The progress of generating an image or video."""
        return Request("GET", at("requests", request_id, "progress"), an_object)

    @call
    def list(self) -> Request[dict[str, ModelDict]]:
        """Every launched model by its uid."""
        return Request("GET", at("models"), lambda answer: {model["id"]: model for model in answer["data"]})


def _after(portion: LogPortionDict) -> dict[str, str] | None:
    return None if portion["ended"] else {"after": portion["id"]}


def _launch(path: str, body: dict[str, Any], wait_ready: bool) -> Request[str]:
    """`n_gpu` is always in the body, because null means no GPU, unlike an omitted field."""
    return Request(
        "POST",
        path,
        lambda answer: str(answer["model_uid"]),
        {"wait_ready": flag(wait_ready)},
        body,
        patient=True,
    )
