"""Checks that a request for more replicas asks for replicas like the running ones; others are not supported. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelyard.core.errors import InvalidParameter
from modelyard.core.types import Launch
from modelyard.engines.names import canonical_name
from modelyard.protocol.models import ScaleRequest

ROLES = (None, "", "hybrid")
"""Xinference's roles of a replica that does all work."""


def check_alike(request: ScaleRequest, launch: Launch, address: str) -> None:
    """Raise `InvalidParameter` if a request to scale names another engine, other GPUs or another machine."""
    _check_engine("model_engine", request.model_engine, launch)
    _check_gpus("n_gpu", request.n_gpu, launch)
    configs = request.replica_config or []
    for config in [configs] if isinstance(configs, Mapping) else configs:
        _check_config(config, launch, address)


def _check_config(config: Mapping[str, Any], launch: Launch, address: str) -> None:
    where = "replica_config"
    for key in ("replica_uid", "engine_config"):
        if config.get(key):
            raise InvalidParameter(where, f"'{key}' per replica is not supported; all replicas of a model are alike.")
    if config.get("role") not in ROLES:
        raise InvalidParameter(where, f"there is no role '{config['role']}' here; every replica does all of the work.")
    _check_engine(where, config.get("model_engine"), launch)
    devices = config.get("devices") or []
    if not isinstance(devices, list) or not all(isinstance(device, Mapping) for device in devices):
        raise InvalidParameter(where, "'devices' is a list of objects.")
    for device in devices:
        _check_machine(where, device.get("worker_ip"), address)
        _check_gpus(where, device.get("n_gpu"), launch)
        if (indexes := device.get("gpu_idx")) and indexes not in ([*launch.gpu_idx], *launch.gpu_idx):
            raise InvalidParameter(where, f"'{launch.uid}' was launched on {_pinned(launch)}; its replicas stay there.")


def _check_engine(param: str, engine: object, launch: Launch) -> None:
    if engine and canonical_name(str(engine)) != launch.engine:
        raise InvalidParameter(param, f"'{launch.uid}' runs on {launch.engine}, and so do all of its replicas.")


def _check_gpus(param: str, count: object, launch: Launch) -> None:
    if count not in (None, "auto", launch.gpus, str(launch.gpus)):
        raise InvalidParameter(param, f"every replica of '{launch.uid}' has {launch.gpus} GPUs.")


def _check_machine(param: str, machine: object, address: str) -> None:
    host = address.rpartition(":")[0]
    if machine not in (None, "", address, host, "localhost", "127.0.0.1"):
        raise InvalidParameter(param, f"there is no machine '{machine}'; this server runs on {host} alone.")


def _pinned(launch: Launch) -> str:
    return f"GPUs {', '.join(map(str, launch.gpu_idx))}" if launch.gpu_idx else "no GPU in particular"
