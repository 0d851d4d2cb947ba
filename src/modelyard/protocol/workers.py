"""Bodies of the routes about machines and the server as a whole, in the shapes of the peer's clients."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class WorkerStatus(BaseModel):
    """One machine in `GET /status`."""

    update_time: float
    """Unix time."""
    failure_remaining_count: int
    """Always the same: there is no other machine that could be lost."""
    status: dict[str, dict[str, Any]]
    """`cpu`, and one `gpu-<n>` for each GPU."""


class ServerStatus(BaseModel):
    """Answer of `GET /status`."""

    uptime: int
    """Seconds."""
    workers: dict[str, WorkerStatus]
    """Address → state of the machine."""


class Supervisor(BaseModel):
    """Answer of `GET /v1/supervisor`."""

    supervisor_ip: str


class Done(BaseModel):
    """Answer of routes that only do something."""

    result: bool = True


class Listing(BaseModel):
    """Answer of routes that list something in a field `list`."""

    list: list[dict[str, Any]]


class SystemSettings(BaseModel):
    """Answer of `GET /v1/cluster/system_settings`: what is in force. It is set by `MODELYARD_*` and not over HTTP."""

    download_source: str
    hf_endpoint: str
    hf_token: str
    """Always empty: a secret is not shown."""
    pip_index_url: str
    download_max_attempts: int
    hub_detect_timeout: float
    model_download_workers: int


class UiConfig(BaseModel):
    """Answer of `GET /v1/cluster/ui_config`: which of the peer's companions there are."""

    cluster_name: str = ""
    grafana_url: str = ""
    grafana_dashboards: list[dict[str, Any]] = []
    es_enabled: bool = False
    auth_advanced: bool
    oidc_enabled: bool = False
    token_router_enabled: bool = False
