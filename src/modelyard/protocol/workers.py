"""Bodies of the routes about machines and the whole server, in the form that Xinference's clients expect."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.models import ModelInfo


class WorkerStatus(DeferredModel):
    """A machine in `GET /status`."""

    update_time: float
    """Unix time in seconds."""
    failure_remaining_count: int
    """A constant, because there are no other machines that could fail."""
    status: dict[str, dict[str, Any]]
    """`cpu`, and `gpu-<n>` for each GPU."""


class ServerStatus(DeferredModel):
    """Answer of `GET /status`."""

    uptime: int
    """Seconds since the server started."""
    workers: dict[str, WorkerStatus]
    """Address of each machine → its state."""


class Supervisor(DeferredModel):
    """Answer of `GET /v1/supervisor`."""

    supervisor_ip: str


class SuccessResult(DeferredModel):
    """Answer of routes that return no data."""

    result: bool = True


class Relaunch(DeferredModel):
    """A relaunch of a part of Xinference. This server has no such parts, so lists of relaunches are empty."""

    operation_id: str


class WorkerModels(DeferredModel):
    """A machine and its models in `GET /v1/workers`."""

    work_ip: str = Field(alias="work-ip")
    """Address of the machine, in Xinference's spelling of the field."""
    models: dict[str, ModelInfo]
    """Name of each replica → its model."""


class VirtualEnvironment(DeferredModel):
    """An engine's virtual environment in `GET /v1/virtualenvs`."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str | None
    """The `model_name` of the request, if it has one; an environment serves every model of its engine."""
    model_engine: str
    python_version: str
    path: str
    real_path: str
    actor_ip_address: str
    versions: dict[str, str]
    """Package → version, for the most important packages."""
    installed_at: float
    """Unix time in seconds."""


class VirtualEnvironmentList(DeferredModel):
    """Answer of `GET /v1/virtualenvs`."""

    list: list[VirtualEnvironment]


class InstalledPackage(DeferredModel):
    """A package in an engine's virtual environment."""

    model_config = ConfigDict(protected_namespaces=())

    model_engine: str
    name: str
    version: str


class InstalledPackageList(DeferredModel):
    """Answer of `GET /v1/virtualenvs/packages`."""

    list: list[InstalledPackage]


class SystemSettings(DeferredModel):
    """Answer of `GET /v1/cluster/system_settings`: present values. They are set by variables `MODELYARD_*`, not over HTTP."""

    download_source: str
    hf_endpoint: str
    hf_token: str
    """Always empty, because secrets are not shown."""
    pip_index_url: str
    download_max_attempts: int
    hub_detect_timeout: float
    model_download_workers: int


class UiConfig(DeferredModel):
    """Answer of `GET /v1/cluster/ui_config`: which of Xinference's optional components exist."""

    cluster_name: str = ""
    grafana_url: str = ""
    grafana_dashboards: list[dict[str, Any]] = []
    es_enabled: bool = False
    auth_advanced: bool
    oidc_enabled: bool = False
    token_router_enabled: bool = False
