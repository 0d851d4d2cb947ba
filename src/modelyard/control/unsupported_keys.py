"""Launch keys of Xinference's clients that this server refuses, ignores, or accepts with a warning."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from typing import Any

import psutil

from modelyard.core.errors import InvalidParameter
from modelyard.core.types import Json
from modelyard.engines.base import Engine
from modelyard.protocol.models import LaunchRequest

ENVIRONMENTS = (
    "an engine runs in its own environment wherever it has one, whatever a launch says, and a launch installs nothing; "
    "`modelyard engine install` makes an engine's environment."
)
SAME_FOR_ALL = "replicas that differ from each other are not supported; every replica runs as launched."
DEVICE_KEYS = ("worker_ip", "n_gpu", "gpu_idx")
ENTRY_KEYS = ("replica_uid", "role", "devices", "model_engine", "engine_config")

HARMLESS = ("trust_remote_code",)
"""Options that an engine may ignore if it lacks them: GGUF files, for example, contain no code to trust."""


def refuse_unsupported(request: LaunchRequest) -> None:
    """Raise `InvalidParameter` for keys that this server does not support."""
    if request.n_worker not in (None, 1):
        raise InvalidParameter("n_worker", "this server runs on a single machine.")
    if request.worker_ip is not None and not is_this_machine(request.worker_ip):
        raise InvalidParameter(
            "worker_ip", f"'{request.worker_ip}' is not this machine, and this server runs on a single one."
        )
    for key in ("virtual_env_packages", "virtual_env_find_links"):
        if getattr(request, key):
            raise InvalidParameter(key, ENVIRONMENTS)
    if request.request_limits is not None and request.request_limits < 0:
        raise InvalidParameter("request_limits", "it must be 0 or more; leave it out for no limit.")
    if request.replica_config:
        _refuse_differences(request, request.replica_config)


def warnings(request: LaunchRequest) -> list[str]:
    """Return warnings about accepted keys with surprising effects. They become events of the model."""
    sentences = []
    if request.enable_virtual_env:
        sentences.append(f"enable_virtual_env has no effect: {ENVIRONMENTS}")
    if request.request_limits == 0:
        sentences.append("request_limits 0 refuses every request; leave it out for no limit.")
    return sentences


def without_harmless(options: Mapping[str, Json], engine: Engine) -> dict[str, Json]:
    """Return the options without those of `HARMLESS` that the engine lacks."""
    names = engine.Options.__struct_fields__
    return {key: value for key, value in options.items() if key in names or key not in HARMLESS}


def is_this_machine(address: str) -> bool:
    """Whether an address or host name, with or without a port, refers to this machine."""
    name = address.strip().rpartition(":")[0] if address.count(":") == 1 else address.strip()
    name = name.strip("[]").lower()
    if name in ("localhost", socket.gethostname().lower()):
        return True
    try:
        ip = ipaddress.ip_address(name)
    except ValueError:
        return False
    if ip.is_loopback or ip.is_unspecified:
        return True
    own = (each.address.partition("%")[0] for each in _interfaces())
    return str(ip) in own


def _interfaces() -> list[Any]:
    kinds = (socket.AF_INET, socket.AF_INET6)
    return [each for addresses in psutil.net_if_addrs().values() for each in addresses if each.family in kinds]


def _refuse_differences(request: LaunchRequest, entries: list[dict[str, Any]]) -> None:
    """Raise `InvalidParameter` unless each replica's entry equals what the launch requests."""
    if len(entries) != request.replica:
        raise InvalidParameter(
            "replica_config", f"it has {len(entries)} entries, and {request.replica} replicas are asked for."
        )
    for entry in entries:
        _refuse_keys(entry, ENTRY_KEYS)
        if entry.get("role") not in (None, "hybrid") or entry.get("engine_config"):
            raise InvalidParameter("replica_config", SAME_FOR_ALL)
        if entry.get("model_engine") not in (None, request.model_engine):
            raise InvalidParameter("replica_config", SAME_FOR_ALL)
        devices = entry.get("devices") or []
        if not isinstance(devices, list) or len(devices) > 1 or not all(isinstance(each, dict) for each in devices):
            raise InvalidParameter(
                "replica_config", "'devices' must be a list of one object: a replica is on one machine."
            )
        for device in devices:
            _refuse_device(request, device)


def _refuse_device(request: LaunchRequest, device: dict[str, Any]) -> None:
    _refuse_keys(device, DEVICE_KEYS)
    address = device.get("worker_ip")
    if address is not None and not is_this_machine(str(address)):
        raise InvalidParameter(
            "replica_config", f"'{address}' is not this machine, and this server runs on a single one."
        )
    if device.get("n_gpu") not in (None, request.n_gpu) or device.get("gpu_idx") not in (None, request.gpu_idx):
        raise InvalidParameter("replica_config", SAME_FOR_ALL)


def _refuse_keys(entry: dict[str, Any], names: tuple[str, ...]) -> None:
    for key in entry:
        if key not in names:
            raise InvalidParameter("replica_config", f"it has no key '{key}'; it has {', '.join(names)}.")
