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
    install_job: str | None
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


class CommandLaunchDict(TypedDict):
    """The launch that a command line asks for."""

    program: str
    launch: dict[str, Any]
    without_effect: list[str]


class LaunchRecordDict(TypedDict):
    """What a model was launched with."""

    launch: dict[str, Any]
    hidden: list[str]
    command: str | None


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


class FittingVersionDict(TypedDict):
    """The version of a family that a launch by its name would choose."""

    model_engine: str
    model_format: str
    model_size_in_billions: float | None
    quantization: str | None
    cached: bool
    comfortable: bool
    memory: int
    memory_total: int
    n_gpu: int
    weights: int | None


class CatalogEntryDict(TypedDict):
    """A family of the catalog."""

    model_name: str
    model_type: str
    model_description: str
    model_description_zh: str | None
    model_ability: list[str]
    model_lang: list[str]
    context_length: int | None
    dimensions: int | None
    sizes: list[int | float | str]
    formats: list[str]
    is_builtin: bool
    cached: bool
    fits: bool
    best: FittingVersionDict | None
    reason: str | None


class CatalogPageDict(TypedDict):
    """A page of the catalog."""

    object: str
    data: list[CatalogEntryDict]
    total: int | None
    has_more: bool
    next_cursor: str | None


class HubModelDict(TypedDict):
    """A repository on a hub."""

    id: str
    hub: str
    downloads: int | None
    likes: int | None
    updated_at: float | None
    type: str | None
    formats: list[str]
    gated: bool | None
    cached: bool
    family: str | None


class HubFailureDict(TypedDict):
    """A hub that did not answer."""

    hub: str
    code: str
    message: str


class HubModelPageDict(TypedDict):
    """A page of repositories on hubs."""

    object: str
    data: list[HubModelDict]
    failures: list[HubFailureDict]
    has_more: bool
    next_cursor: str | None


class RegistrationCheckDict(TypedDict):
    """What a registration would do."""

    record: dict[str, Any]
    entry: CatalogEntryDict


class RegistrationDraftDict(TypedDict):
    """A record that was made of files."""

    model_type: str
    model: dict[str, Any]
