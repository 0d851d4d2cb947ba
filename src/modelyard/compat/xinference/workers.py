"""Routes for machines and the server as a whole, which Xinference's clients and command line use."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import psutil
from fastapi import BackgroundTasks

from modelyard.catalog.hubs.queries import PROBE
from modelyard.core.access import ADMIN
from modelyard.core.environment import without_password
from modelyard.core.types import Hardware
from modelyard.protocol.workers import (
    ServerStatus,
    SuccessResult,
    Supervisor,
    SystemSettings,
    UiConfig,
    WorkerModels,
    WorkerStatus,
)
from modelyard.web.deps import TheAddress, TheDeployments, TheParts
from modelyard.web.router import ANYBODY, Router
from modelyard.web.views import model_info

router = Router(tags=["cluster"])

MISSED_CHECKS = 5
"""The number of health checks that Xinference's workers may miss."""


@router.get("/status", scope=ANYBODY)
def status(parts: TheParts, address: TheAddress) -> ServerStatus:
    """The uptime of the server and the load of the machine."""
    now = time.time()
    return ServerStatus(
        uptime=int(now - psutil.Process().create_time()),
        workers={
            address: WorkerStatus(
                update_time=now, failure_remaining_count=MISSED_CHECKS, status=_devices(parts.host.hardware())
            )
        },
    )


def _devices(hardware: Hardware) -> dict[str, dict[str, Any]]:
    cpu = hardware.cpu
    found: dict[str, dict[str, Any]] = {
        "cpu": {
            "usage": round(psutil.cpu_percent() / 100, 4),
            "total": hardware.cpu_count,
            "memory_used": cpu.memory_total - cpu.memory_free,
            "memory_available": cpu.memory_free,
            "memory_total": cpu.memory_total,
        }
    }
    for number, gpu in enumerate(hardware.gpus):
        found[f"gpu-{number}"] = {
            "name": gpu.title,
            "mem_total": gpu.memory_total,
            "mem_free": gpu.memory_free,
            "mem_used": gpu.memory_total - gpu.memory_free,
        }
    return found


@router.get("/v1/address", scope=ANYBODY)
async def server_address(address: TheAddress) -> str:
    """Host and port of the server."""
    return address


@router.get("/v1/supervisor", scope=ADMIN)
async def supervisor(address: TheAddress) -> Supervisor:
    """Host and port of the server."""
    return Supervisor(supervisor_ip=address)


@router.get("/v1/workers", scope=ADMIN)
async def workers(deployments: TheDeployments, address: TheAddress) -> list[WorkerModels]:
    """Every machine and the replicas on it."""
    models = {
        f"{view.desired.uid}-rep{running.replica.ordinal}": model_info(view)
        for view in deployments.views()
        for running in view.replicas
    }
    return [WorkerModels.model_validate({"work-ip": address, "models": models})]


@router.delete("/v1/clusters", scope=ADMIN)
async def stop(after: BackgroundTasks) -> SuccessResult:
    """Stop the server and every replica. The models are started again with the server."""
    after.add_task(signal.raise_signal, signal.SIGINT)
    return SuccessResult()


@router.get("/v1/cluster/system_settings", scope="settings:read")
async def system_settings(parts: TheParts) -> SystemSettings:
    """The server's settings under Xinference's names. They are set in the environment, not over HTTP."""
    return SystemSettings(
        download_source="offline" if parts.settings.offline else parts.settings.hub,
        hf_endpoint=without_password(os.environ.get("HF_ENDPOINT", "")),
        hf_token="",
        pip_index_url="",
        download_max_attempts=parts.settings.download_attempts,
        hub_detect_timeout=PROBE,
        model_download_workers=parts.settings.downloads_at_once,
    )


@router.get("/v1/cluster/ui_config", scope=ANYBODY)
async def ui_config(parts: TheParts) -> UiConfig:
    """Whether requests need a key, and which of Xinference's companion services exist: none."""
    return UiConfig(auth_advanced=parts.keys.access.required)
