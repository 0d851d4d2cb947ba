"""Routes for the server itself: health, metrics, version, machines."""

from __future__ import annotations

from typing import Any

import psutil
from fastapi import Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from modelyard import __version__
from modelyard.core.access import ADMIN
from modelyard.core.types import Hardware
from modelyard.protocol.cluster import Auth, HealthInfo, NodeInfo, ServerName, ServerVersion
from modelyard.web.deps import TheAddress, TheGrant, TheParts
from modelyard.web.router import ANYBODY, Router
from modelyard.web.views import STATUS

router = Router(tags=["cluster"])


@router.get("/", scope=ANYBODY)
async def root() -> ServerName:
    """What answers here, for programs that look first, as Claude Code does with `HEAD /`. Browsers get the page."""
    return ServerName(version=__version__)


@router.get("/version", scope=ANYBODY)
async def vllm_version() -> ServerVersion:
    """The version of the server, at the path where vLLM has its own."""
    return ServerVersion(version=__version__)


@router.get("/health", scope=ANYBODY)
async def health(parts: TheParts, grant: TheGrant) -> HealthInfo:
    """200 while the server answers, with the state of each model that the key may see."""
    views = parts.deployments.views()
    if parts.keys.access.required:
        views = [view for view in views if grant and grant.allows("models:list") and grant.sees(view.desired.uid)]
    return HealthInfo(version=__version__, models={view.desired.uid: STATUS[view.state] for view in views})


@router.get("/metrics", scope="monitor:view", response_class=PlainTextResponse)
async def metrics(parts: TheParts) -> Response:
    """Metrics in Prometheus' text format."""
    return Response(parts.gateway.meter.render(), media_type=CONTENT_TYPE_LATEST)


@router.get("/v1/cluster/auth", scope=ANYBODY)
async def auth(parts: TheParts) -> Auth:
    """Whether requests need a key."""
    return Auth(auth=parts.keys.access.required)


@router.get("/v1/cluster/version", scope=ADMIN)
async def version() -> ServerVersion:
    """The version of the server."""
    return ServerVersion(version=__version__)


@router.get("/v1/cluster/devices", scope="models:list")
def devices(parts: TheParts) -> int:
    """Number of GPUs."""
    return len(parts.host.hardware().gpus)


@router.get("/v1/cluster/info", scope=ADMIN, response_model_exclude_none=True)
def info(parts: TheParts, address: TheAddress, detailed: bool = False) -> list[NodeInfo]:
    """This machine, once as a supervisor and once as a worker, as in Xinference."""
    hardware = parts.host.hardware()
    common = _node(hardware, address.rpartition(":")[0])
    if detailed:
        common |= _details(hardware)
    return [NodeInfo(node_type=kind, **common) for kind in ("Supervisor", "Worker")]


def _node(hardware: Hardware, host: str) -> dict[str, Any]:
    total = sum(gpu.memory_total for gpu in hardware.gpus)
    return {"ip_address": host, "gpu_count": len(hardware.gpus), "gpu_vram_total": total}


def _details(hardware: Hardware) -> dict[str, Any]:
    cpu = hardware.cpu
    return {
        "gpu_vram_available": sum(gpu.memory_free for gpu in hardware.gpus),
        "cpu_available": round(hardware.cpu_count * (1 - psutil.cpu_percent() / 100), 2),
        "cpu_count": hardware.cpu_count,
        "mem_used": cpu.memory_total - cpu.memory_free,
        "mem_available": cpu.memory_free,
        "mem_total": cpu.memory_total,
        "software_version": __version__,
        "devices": [
            {"name": each.name, "title": each.title, "memory_total": each.memory_total, "memory_free": each.memory_free}
            for each in hardware.devices
        ],
    }
