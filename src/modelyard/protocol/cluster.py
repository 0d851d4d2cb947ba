"""Bodies of the routes about the server itself: health, version, devices, nodes."""

from __future__ import annotations

from pydantic import ConfigDict

from modelyard.protocol.deferred import DeferredModel


class HealthInfo(DeferredModel):
    """Answer of `GET /health`."""

    status: str = "ok"
    version: str
    models: dict[str, str]
    """Uid of each model → its state, such as `READY`."""


class Auth(DeferredModel):
    """Answer of `GET /v1/cluster/auth`: whether requests need a key."""

    auth: bool


class ServerName(DeferredModel):
    """Answer of `GET /` to programs."""

    name: str = "modelyard"
    version: str
    documentation: str = "/docs"


class ServerVersion(DeferredModel):
    """Answer of `GET /v1/cluster/version` and `GET /version`."""

    version: str


class NodeInfo(DeferredModel):
    """One machine, as `GET /v1/cluster/info?detailed=true` lists it. Without `detailed` only the first four fields are sent."""

    model_config = ConfigDict(extra="allow")

    node_type: str
    """`Supervisor` or `Worker`; one machine is both and is listed twice, as Xinference's clients expect."""
    ip_address: str
    gpu_count: int
    gpu_vram_total: int
    """Bytes of GPU memory."""
    gpu_vram_available: int | None = None
    """Free bytes of GPU memory."""
    gpu_utilization: float | None = None
    """Use of the GPUs in percent."""
    cpu_available: float | None = None
    cpu_count: int | None = None
    mem_used: int | None = None
    """Bytes of main memory in use."""
    mem_available: int | None = None
    """Bytes of main memory that programs may take."""
    mem_total: int | None = None
    """Bytes of main memory."""
    software_version: str | None = None
    devices: list[dict[str, str | int]] | None = None
