"""Requests about models: launch, list, describe, terminate, and what happened to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelyard.client.target import Request, a_list, an_object, at, given

if TYPE_CHECKING:
    from modelyard.client.types import Event, LaunchProgress, Logs, ModelInfo


def launch_model(
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
    **kwargs: Any,
) -> Request[str]:
    """Launch a model and return its uid, under which it answers.

    `model_name` is a family of the catalog, the id of a repository on a hub, or a path. Keyword arguments that are not
    listed are options of the engine.
    With `wait_ready=False` the uid comes back at once, and `get_launch_model_progress` tells the rest.
    """
    # every parameter is the key of the same name in the body, but for these
    others = ("kwargs", "n_gpu", "wait_ready")
    body = given(**{name: value for name, value in locals().items() if name not in (*others, "others")})
    body |= kwargs
    body["n_gpu"] = n_gpu  # null means none, which leaving it out does not
    return Request(
        "POST",
        at("models"),
        lambda answer: str(answer["model_uid"]),
        {"wait_ready": "true" if wait_ready else "false"},
        body,
        patient=True,
    )


def launch_model_by_version(
    model_version: str,
    model_uid: str | None = None,
    model_type: str | None = None,
    model_engine: str | None = None,
    replica: int = 1,
    n_gpu: int | str | None = "auto",
    wait_ready: bool = True,
) -> Request[str]:
    """Launch a model by its version, as `list_model_versions` has it, and return its uid."""
    body = given(
        model_version=model_version,
        model_uid=model_uid,
        model_type=model_type,
        model_engine=model_engine,
        replica=replica,
    )
    return Request(
        "POST",
        at("models", "instance"),
        lambda answer: str(answer["model_uid"]),
        {"wait_ready": "true" if wait_ready else "false"},
        {**body, "n_gpu": n_gpu},
        patient=True,
    )


def list_models() -> Request[dict[str, ModelInfo]]:
    """Every launched model by its uid."""
    return Request("GET", at("models"), lambda answer: {model["id"]: model for model in answer["data"]})


def describe_model(model_uid: str) -> Request[ModelInfo]:
    """What a launched model is and can do."""
    return Request("GET", at("models", model_uid), an_object)


def terminate_model(model_uid: str) -> Request[None]:
    """Stop a model; comes back when its processes are gone."""
    return Request("DELETE", at("models", model_uid), _nothing, patient=True)


def get_launch_model_progress(model_uid: str) -> Request[LaunchProgress]:
    """How far a launch is; an unknown uid is `pending` with 0.0."""
    return Request("GET", at("models", model_uid, "progress"), an_object)


def cancel_launch_model(model_uid: str) -> Request[None]:
    """Give up a launch that is not ready yet."""
    return Request("POST", at("models", model_uid, "cancel"), _nothing, patient=True)


def get_events(model_uid: str) -> Request[list[Event]]:
    """What happened to a model, oldest first."""
    return Request("GET", at("models", model_uid, "events"), a_list)


def get_logs(model_uid: str, lines: int = 200, replica: str | None = None) -> Request[Logs]:
    """The last lines that a replica wrote; without `replica`, the newest one of the model."""
    return Request("GET", at("models", model_uid, "logs"), an_object, given(lines=str(lines), replica=replica))


def get_instance_info(model_name: str | None = None, model_uid: str | None = None) -> Request[list[dict[str, Any]]]:
    """The launched models of a name or a uid, each with the state of its replicas."""
    return Request("GET", at("models", "instances"), a_list, given(model_name=model_name, model_uid=model_uid))


def abort_request(model_uid: str, request_id: str, block_duration: int = 30) -> Request[dict[str, Any]]:
    """End an answer that is under way; `msg` is `DONE`, `NOT_FOUND` or `NO_OP`."""
    path = at("models", model_uid, "requests", request_id, "abort")
    return Request("POST", path, an_object, body={"block_duration": block_duration})


def reload_model(
    model_uid: str,
    model_config: Mapping[str, Any],
    drain_timeout: float = 300,
    python_executable: str | None = None,
) -> Request[dict[str, Any]]:
    """Change parameters of a model while it runs, where its engine can."""
    body = {"model_config": model_config, "drain_timeout": drain_timeout, **given(python_executable=python_executable)}
    return Request("POST", at("models", model_uid, "reload"), an_object, body=body)


def get_model_reload_status(model_uid: str) -> Request[dict[str, Any]]:
    """How far the last reload of a model is."""
    return Request("GET", at("models", model_uid, "reload"), an_object)


def get_model_reload_config(model_uid: str) -> Request[dict[str, Any]]:
    """Which parameters of a model can change while it runs."""
    return Request("GET", at("models", model_uid, "reload", "config"), an_object)


def _nothing(answer: Any) -> None:
    return None
