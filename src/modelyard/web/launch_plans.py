"""Converts the result of a dry run, and the request of a running model, to answers about launches."""

from __future__ import annotations

from typing import Any

from modelyard.control.command_line import command_line
from modelyard.control.dry_run import DryRun
from modelyard.control.placement import usable
from modelyard.control.unsupported_keys import warnings
from modelyard.core.errors import ModelyardError
from modelyard.core.secrets import holds_secrets
from modelyard.core.types import Launch
from modelyard.protocol.launch_plans import LaunchPlanInfo, LaunchRecord, LaunchRefusal, PlannedDevice, PlannedDownload
from modelyard.protocol.models import LaunchRequest


def launch_plan(result: DryRun, request: LaunchRequest) -> LaunchPlanInfo:
    """The answer about one request."""
    return LaunchPlanInfo(
        refusal=_refusal(result.refusal) if result.refusal else None,
        replica=request.replica,
        devices=_devices(result),
        placements=[list(spot.devices) for spot in result.placements],
        warnings=warnings(request),
        command=command_line(request),
        **(_of_launch(result, result.launch) if result.launch else {}),
    )


def launch_record(request: LaunchRequest, replicas: int) -> LaunchRecord:
    """The request of a running model, without its secrets."""
    given = request.model_copy(update={"replica": replicas}).model_dump(mode="json", exclude_defaults=True)
    hidden = [name for name, value in given.items() if holds_secrets(name, value)]
    launch = {name: value for name, value in given.items() if name not in hidden}
    command = None if hidden else command_line(LaunchRequest.model_validate(launch))
    return LaunchRecord(launch=launch, hidden=hidden, command=command)


def _refusal(error: ModelyardError) -> LaunchRefusal:
    memory = None if error.memory is None else dict(error.memory)
    return LaunchRefusal(code=error.code, message=error.message, param=error.param, memory=memory)


def _of_launch(result: DryRun, launch: Launch) -> dict[str, Any]:
    model = launch.model
    return {
        "model_uid": launch.uid,
        "model_name": model.name,
        "model_type": model.type.value,
        "model_engine": launch.engine,
        "model_format": model.format,
        "model_size_in_billions": model.size_in_billions,
        "quantization": model.quantization,
        "context_length": model.context_length or None,
        "root": model.path or model.model_id,
        "multimodal_projector": model.projector,
        "aliases": list(launch.aliases),
        "n_gpu": launch.gpus,
        "memory": result.need.figures(),
        "download": _download(result, launch),
    }


def _download(result: DryRun, launch: Launch) -> PlannedDownload | None:
    download = launch.model.download
    if download is None:
        return None
    return PlannedDownload(
        model_hub=download.hub,
        model_id=download.model_id,
        revision=download.revision,
        files=len(download.files),
        total_bytes=download.size,
        missing_bytes=result.missing_bytes,
        disk_free=result.disk_free,
    )


def _devices(result: DryRun) -> list[PlannedDevice]:
    machine = result.machine
    return [
        PlannedDevice(
            name=device.name,
            title=device.title,
            memory_total=device.memory_total,
            memory_free=device.memory_free,
            usable=usable(device, machine.claims, machine.headroom),
            needed=sum(spot.bytes_each for spot in result.placements if device.name in spot.devices),
        )
        for device in machine.hardware.devices
    ]
