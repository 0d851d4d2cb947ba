"""TypedDicts of the answers that a launch form is made of: engines, plans of launches, the catalog."""

from __future__ import annotations

from typing import Any, TypedDict


class OwnEnvironmentDict(TypedDict):
    """An engine's own virtual environment."""

    installed_at: float
    versions: dict[str, str]


class EngineInfoDict(TypedDict):
    """One engine of the server."""

    id: str
    object: str
    title: str
    installed: bool
    missing: list[str]
    installable: bool
    environment: OwnEnvironmentDict | None
    devices: list[str]
    uses_gpus: bool
    formats: list[str]
    model_types: list[str]
    aliases: list[str]
    only_by_name: bool
    options: dict[str, Any]


class EngineListDict(TypedDict):
    """Every engine of the server, and the schema of a launch."""

    object: str
    data: list[EngineInfoDict]
    launch: dict[str, Any]


class PlannedDeviceDict(TypedDict):
    """A device, with the memory that a launch would take of it."""

    name: str
    title: str
    memory_total: int
    memory_free: int
    usable: int
    needed: int


class PlannedDownloadDict(TypedDict):
    """What a launch would download."""

    model_hub: str
    model_id: str
    revision: str
    files: int
    total_bytes: int
    missing_bytes: int
    disk_free: int


class LaunchRefusalDict(TypedDict):
    """Why a launch would be refused."""

    code: str
    message: str
    param: str | None
    memory: dict[str, int | str] | None


class LaunchPlanDict(TypedDict):
    """What a launch would do."""

    refusal: LaunchRefusalDict | None
    model_uid: str | None
    model_name: str | None
    model_type: str | None
    model_engine: str | None
    model_format: str | None
    model_size_in_billions: float | int | str | None
    quantization: str | None
    context_length: int | None
    root: str | None
    multimodal_projector: str | None
    aliases: list[str]
    replica: int
    n_gpu: int | None
    memory: dict[str, int] | None
    placements: list[list[str]]
    devices: list[PlannedDeviceDict]
    download: PlannedDownloadDict | None
    warnings: list[str]
    command: str | None
