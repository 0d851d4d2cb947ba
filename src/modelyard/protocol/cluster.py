"""Bodies of the routes about the server itself: health, version, devices, nodes."""

from __future__ import annotations

from pydantic import ConfigDict

from modelyard.protocol.deferred import DeferredModel


class HealthInfo(DeferredModel):
    """Answer of `GET /health`."""

    status: str = "ok"
    version: str
    models: dict[str, str]
    """Model uid → its state."""


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
    """One machine, as `GET /v1/cluster/info?detailed=true` lists it; without `detailed` the first four fields."""

    model_config = ConfigDict(extra="allow")

    node_type: str
    """`Supervisor` or `Worker`; one machine is both and is listed twice, as Xinference's clients expect."""
    ip_address: str
    gpu_count: int
    gpu_vram_total: int
    gpu_vram_available: int | None = None
    gpu_utilization: float | None = None
    cpu_available: float | None = None
    cpu_count: int | None = None
    mem_used: int | None = None
    mem_available: int | None = None
    mem_total: int | None = None
    software_version: str | None = None
    devices: list[dict[str, str | int]] | None = None
