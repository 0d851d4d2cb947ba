"""Requests about models: launch, a_list, describe, terminate, and what happened to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelyard.client._request import Request, a_list, an_object, at, given

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
    envs: Mapping[str, str] | None = None,
    wait_ready: bool = True,
    **kwargs: Any,
) -> Request[str]:
    """Launch a model and return its uid, under which it answers.

    `model_name` is a family of the catalog or a path. Keyword arguments that are not listed are options of the engine.
    With `wait_ready=False` the uid comes back at once, and `get_launch_model_progress` tells the rest.
    """
    body = given(
        model_name=model_name,
        model_type=model_type,
        model_engine=model_engine,
        model_uid=model_uid,
        model_size_in_billions=model_size_in_billions,
        model_format=model_format,
        quantization=quantization,
        replica=replica,
        n_worker=n_worker,
        peft_model_config=peft_model_config,
        request_limits=request_limits,
        worker_ip=worker_ip,
        gpu_idx=gpu_idx,
        replica_config=replica_config,
        model_path=model_path,
        enable_thinking=enable_thinking,
        envs=envs,
    )
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


def _nothing(answer: Any) -> None:
    return None
