"""Bodies of the routes about machines and the server as a whole, in the shapes of Xinference's clients."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.models import ModelInfo


class WorkerStatus(DeferredModel):
    """One machine in `GET /status`."""

    update_time: float
    """Unix time."""
    failure_remaining_count: int
    """Constant: there is no other machine that could be lost."""
    status: dict[str, dict[str, Any]]
    """`cpu`, and one `gpu-<n>` for each GPU."""


class ServerStatus(DeferredModel):
    """Answer of `GET /status`."""

    uptime: int
    """Seconds."""
    workers: dict[str, WorkerStatus]
    """Address → state of the machine."""


class Supervisor(DeferredModel):
    """Answer of `GET /v1/supervisor`."""

    supervisor_ip: str


class SuccessResult(DeferredModel):
    """Answer of routes that do something and return nothing else."""

    result: bool = True


class Relaunch(DeferredModel):
    """One relaunch of a part of Xinference. This server has none, so the lists of them are empty."""

    operation_id: str


class WorkerModels(DeferredModel):
    """One machine in `GET /v1/workers`."""

    work_ip: str = Field(alias="work-ip")
    """Its address, as Xinference spells the field."""
    models: dict[str, ModelInfo]
    """Replica → its model."""


class VirtualEnvironment(DeferredModel):
    """One engine's environment in `GET /v1/virtualenvs`."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str | None
    """The name that the request selects by; an environment serves every model of its engine."""
    model_engine: str
    python_version: str
    path: str
    real_path: str
    actor_ip_address: str
    versions: dict[str, str]
    """Of the packages that matter most."""
    installed_at: float
    """Unix time."""


class VirtualEnvironmentList(DeferredModel):
    """Answer of `GET /v1/virtualenvs`."""

    list: list[VirtualEnvironment]


class InstalledPackage(DeferredModel):
    """A package in an engine's environment."""

    model_config = ConfigDict(protected_namespaces=())

    model_engine: str
    name: str
    version: str


class InstalledPackageList(DeferredModel):
    """Answer of `GET /v1/virtualenvs/packages`."""

    list: list[InstalledPackage]


class SystemSettings(DeferredModel):
    """Answer of `GET /v1/cluster/system_settings`: what is in force. It is set by `MODELYARD_*` and not over HTTP."""

    download_source: str
    hf_endpoint: str
    hf_token: str
    """Always empty: a secret is not shown."""
    pip_index_url: str
    download_max_attempts: int
    hub_detect_timeout: float
    model_download_workers: int


class UiConfig(DeferredModel):
    """Answer of `GET /v1/cluster/ui_config`: which of Xinference's companions there are."""

    cluster_name: str = ""
    grafana_url: str = ""
    grafana_dashboards: list[dict[str, Any]] = []
    es_enabled: bool = False
    auth_advanced: bool
    oidc_enabled: bool = False
    token_router_enabled: bool = False
