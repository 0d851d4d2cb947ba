"""Launch keys that programs written for the peer send: what they ask for here, and what is refused rather than ignored."""

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

ENVIRONMENTS = "engines have no environments of their own here yet; install what is needed beside the server."
SAME_FOR_ALL = "replicas that differ from each other are not supported; every replica runs as launched."
DEVICE_KEYS = ("worker_ip", "n_gpu", "gpu_idx")
ENTRY_KEYS = ("replica_uid", "role", "devices", "model_engine", "engine_config")

HARMLESS = ("trust_remote_code",)
"""Options that mean nothing to an engine that does not have them: no code comes with GGUF files."""


def refuse_unsupported(request: LaunchRequest) -> None:
    """Raises `InvalidParameter` for what this server cannot do."""
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
        raise InvalidParameter("request_limits", "must be 0 or more; leave it out for no limit.")
    if request.replica_config:
        _refuse_differences(request, request.replica_config)


def warnings(request: LaunchRequest) -> list[str]:
    """Sentences about what was asked for, does no harm, and does not happen. They become events of the model."""
    found = []
    if request.enable_virtual_env:
        found.append(f"enable_virtual_env has no effect: {ENVIRONMENTS}")
    if request.request_limits == 0:
        found.append("request_limits 0 refuses every request; leave it out for no limit.")
    return found


def without_harmless(options: Mapping[str, Json], engine: Engine) -> dict[str, Json]:
    """Options without those that an engine does not have and does not need."""
    known = engine.Options.__struct_fields__
    return {key: value for key, value in options.items() if key in known or key not in HARMLESS}


def is_this_machine(address: str) -> bool:
    """Whether an address or name, with or without a port, is one of this machine's own."""
    name = address.strip().rpartition(":")[0] if address.count(":") == 1 else address.strip()
    name = name.strip("[]").lower()
    if name in ("localhost", socket.gethostname().lower()):
        return True
    try:
        wanted = ipaddress.ip_address(name)
    except ValueError:
        return False
    if wanted.is_loopback or wanted.is_unspecified:
        return True
    own = (each.address.partition("%")[0] for each in _interfaces())
    return str(wanted) in own


def _interfaces() -> list[Any]:
    kinds = (socket.AF_INET, socket.AF_INET6)
    return [each for found in psutil.net_if_addrs().values() for each in found if each.family in kinds]


def _refuse_differences(request: LaunchRequest, entries: list[dict[str, Any]]) -> None:
    """An entry per replica is fine as long as each asks for what the launch says anyway."""
    if len(entries) != request.replica:
        raise InvalidParameter(
            "replica_config", f"has {len(entries)} entries, and {request.replica} replicas are asked for."
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


def _refuse_keys(given: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in given:
        if key not in known:
            raise InvalidParameter("replica_config", f"has no key '{key}'; it has {', '.join(known)}.")
