"""Routes about machines and the server as a whole, as the peer's clients and command line ask for them."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import psutil
from fastapi import APIRouter, BackgroundTasks

from modelyard.api.deps import TheAddress, TheDeployments, TheParts
from modelyard.api.views import model_info
from modelyard.catalog.hubs.queries import PROBE
from modelyard.core.environment import without_password
from modelyard.core.errors import Conflict, NotFound
from modelyard.core.types import Hardware
from modelyard.protocol.workers import (
    Done,
    Listing,
    ServerStatus,
    Supervisor,
    SystemSettings,
    UiConfig,
    WorkerStatus,
)

router = APIRouter(tags=["cluster"])

CHANCES = 5
"""Health checks that the peer's workers may miss."""


@router.get("/status")
def status(parts: TheParts, address: TheAddress) -> ServerStatus:
    """How long the server runs, and how busy the machine is."""
    now = time.time()
    return ServerStatus(
        uptime=int(now - psutil.Process().create_time()),
        workers={
            address: WorkerStatus(
                update_time=now, failure_remaining_count=CHANCES, status=_devices(parts.host.hardware())
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


@router.get("/v1/address")
async def server_address(address: TheAddress) -> str:
    """Host and port of the server."""
    return address


@router.get("/v1/supervisor")
async def supervisor(address: TheAddress) -> Supervisor:
    """Host and port of the server."""
    return Supervisor(supervisor_ip=address)


@router.get("/v1/workers")
async def workers(deployments: TheDeployments, address: TheAddress) -> list[dict[str, Any]]:
    """Every machine and the replicas on it; `work-ip` is how the peer spells its address."""
    models = {
        f"{view.desired.uid}-rep{running.replica.ordinal}": model_info(view).model_dump(mode="json")
        for view in deployments.views()
        for running in view.replicas
    }
    return [{"work-ip": address, "models": models}]


@router.delete("/v1/clusters")
async def stop(after: BackgroundTasks) -> Done:
    """Stop the server and every replica. Models stay wanted and come back when it starts again."""
    after.add_task(signal.raise_signal, signal.SIGINT)
    return Done()


@router.post("/v1/workers/{worker}/relaunch")
async def relaunch_worker(worker: str) -> dict[str, Any]:
    """Replace the process of a worker: there is none of its own."""
    return await relaunch()


@router.post("/v1/api/relaunch")
@router.post("/v1/supervisor/relaunch")
async def relaunch() -> dict[str, Any]:
    """Replace a part of the server while the others go on: it has no parts to replace one by one."""
    raise Conflict(
        "This server is one process and cannot replace a part of itself; start it again, and every model comes back."
    )


@router.get("/v1/worker-relaunches")
@router.get("/v1/api-relaunches")
@router.get("/v1/supervisor-relaunches")
async def relaunches() -> list[dict[str, Any]]:
    """The relaunches so far: there are none."""
    return []


@router.get("/v1/worker-relaunches/{operation}")
@router.get("/v1/api-relaunches/{operation}")
@router.get("/v1/supervisor-relaunches/{operation}")
async def one_relaunch(operation: str) -> dict[str, Any]:
    """One relaunch: there are none."""
    raise NotFound(f"There was no relaunch '{operation}'.")


@router.get("/v1/virtualenvs")
@router.get("/v1/virtualenvs/packages")
async def virtual_environments() -> Listing:
    """The virtual environments that were made for engines: none are."""
    return Listing(list=[])


@router.delete("/v1/virtualenvs")
async def remove_virtual_environment() -> Done:
    """Remove such an environment: there are none."""
    raise NotFound("There are no virtual environments here: engines run in that of the server.")


@router.get("/v1/cluster/system_settings")
async def system_settings(parts: TheParts) -> SystemSettings:
    """The settings of the server under the peer's names. They are set in its environment, not over HTTP."""
    return SystemSettings(
        download_source="offline" if parts.settings.offline else parts.settings.hub,
        hf_endpoint=without_password(os.environ.get("HF_ENDPOINT", "")),
        hf_token="",
        pip_index_url="",
        download_max_attempts=parts.settings.download_attempts,
        hub_detect_timeout=PROBE,
        model_download_workers=parts.settings.downloads_at_once,
    )


@router.get("/v1/cluster/ui_config")
async def ui_config(parts: TheParts) -> UiConfig:
    """Whether keys are asked for, and which of the peer's companions there are: none."""
    return UiConfig(auth_advanced=parts.keys.access.required)
