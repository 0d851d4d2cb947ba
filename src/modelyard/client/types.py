"""TypedDicts of the answers that the client returns. A test compares them with the bodies in `protocol/`."""

from __future__ import annotations

from typing import Any, TypedDict


class ReplicaDict(TypedDict):
    """One replica of a model."""

    replica_id: int
    replica_model_uid: str
    worker_address: str
    model_address: str | None
    accelerators: list[str]
    status: str
    created_ts: int
    error_message: str | None
    replica_uid: str | None
    gpu_idx: list[int] | None
    pid: int | None
    in_flight: int
    restarts: int


class ReplicaStatusDict(TypedDict):
    """One replica in a listing of instances."""

    replica_id: int
    replica_model_uid: str
    worker_address: str
    status: str
    model_state: str | None
    created_ts: int
    error_message: str | None
    replica_uid: str | None
    gpu_idx: list[int] | None


class InstanceDict(TypedDict):
    """A launched model with the state of its replicas."""

    model_name: str
    model_uid: str
    model_version: str | None
    model_ability: list[str]
    replica: int
    status: str
    instance_created_ts: int
    n_worker: int
    replica_statuses: list[ReplicaStatusDict]


class AdapterDict(TypedDict):
    """A LoRA adapter of a launched model."""

    id: str
    object: str
    parent: str
    root: str
    status: str
    error: str | None
    rank: int
    target_modules: list[str]
    scale: float
    size_bytes: int
    replica_ready: int


class ModelDict(TypedDict):
    """A launched model."""

    id: str
    object: str
    created: int
    owned_by: str
    model_uid: str
    model_type: str
    model_name: str
    model_engine: str | None
    model_format: str | None
    model_size_in_billions: float | int | str | None
    model_family: str | None
    quantization: str | None
    context_length: int | None
    model_ability: list[str]
    model_lang: list[str]
    model_description: str
    model_hub: str | None
    model_revision: str | None
    revision: str | None
    dimensions: int | None
    max_tokens: int | None
    max_model_len: int | None
    root: str | None
    is_chat: bool | None
    is_multimodal: bool | None
    parent: str | None
    alias_of: str | None
    aliases: list[str]
    multimodal_projector: str | None
    address: str | None
    accelerators: list[str]
    replica: int
    replica_ready: int
    n_worker: int
    status: str
    error: str | None
    memory: dict[str, int] | None


class ReplicaProgressDict(TypedDict):
    """Progress of one replica of a launch."""

    replica_id: int
    replica_model_uid: str
    progress: float
    stage: str
    info: str
    updated_at: float


class LaunchProgressDict(TypedDict):
    """The progress of a launch: `progress` from 0 to 1 and its `stage`."""

    progress: float
    stage: str
    info: str
    download_files: list[dict[str, Any]]
    replicas: list[ReplicaProgressDict]


class EventDict(TypedDict):
    """One event of a model."""

    event_type: str
    event_ts: int
    event_content: str


class ScaleDict(TypedDict):
    """The replicas that were added."""

    replica: int
    replicas: list[ReplicaDict]
    replica_id: int
    replica_model_uid: str
    worker_address: str


class LogsDict(TypedDict):
    """The last lines that a replica printed."""

    uid: str
    replica: str | None
    lines: list[str]


class LogPortionDict(TypedDict):
    """Lines that a replica printed. `id` is the place after them; `ended` says that the model is gone."""

    id: str
    uid: str
    replica: str | None
    offset: int
    lines: list[str]
    ended: bool


class AbortedDict(TypedDict):
    """The result of an abort: `msg` is `DONE`, `NOT_FOUND` or `NO_OP`."""

    msg: str


class EngineEstimateDict(TypedDict):
    """Bytes that one replica would take on one engine."""

    n_parallel: int
    weights: int
    kv_cache: int
    activations: int
    overhead: int
    total: int
    fits: dict[str, bool]


class EstimateDict(EngineEstimateDict):
    """Bytes that a launch would take: on the first engine, and in `engines` on each."""

    model_name: str
    model_type: str
    model_format: str
    quantization: str | None
    model_size_in_billions: float | None
    context_length: int
    kv_cache_dtype: str
    model_engine: str
    engines: dict[str, EngineEstimateDict]


class EngineEntryDict(TypedDict, total=False):
    """The parts of a model that an engine can run; sizes and quantisations depend on the model's type."""

    model_name: str
    model_format: str
    model_size_in_billions: int | float | str | None
    quantizations: list[str] | None
    quantization: str | None
    support_draft_model: bool | None


class ArchitecturesDict(TypedDict):
    """Architectures that vLLM runs on the server."""

    chat: list[str]
    generate: list[str]


class ModelVersionDict(TypedDict):
    """One size, format and quantisation of a family."""

    model_version: str
    model_file_location: dict[str, str] | None
    cache_status: bool
    quantization: str
    multimodal_projector: str | None
    model_format: str
    model_size_in_billions: int | float | str | None
    model_type: str


class AutostartStateDict(TypedDict):
    """The outcome of an autostart entry since the server started."""

    status: str
    attempts: int
    error: str | None
    updated_at: float


class AutostartEntryDict(TypedDict):
    """One model that the server launches when it starts."""

    enabled: bool
    priority: int
    max_retries: int
    retry_interval_seconds: float
    launch: dict[str, Any]
    state: AutostartStateDict
    model_uid: str


class AutostartListDict(TypedDict):
    """Every autostart entry."""

    models: list[AutostartEntryDict]


class AutostartItemDict(TypedDict):
    """An autostart entry without its launch."""

    model_uid: str
    model_name: str | None
    model_type: str | None
    enabled: bool
    priority: int
    status: str


class AutostartSummaryDict(TypedDict):
    """The autostart entries without their launches."""

    total: int
    enabled: int
    models: list[AutostartItemDict]


class AutostartRemovedDict(TypedDict):
    """The autostart entry that was removed."""

    model_uid: str
    result: bool


class CachedModelDict(TypedDict):
    """A model whose files are on the server."""

    model_name: str
    model_type: str | None
    model_engine: list[str] | None
    model_size_in_billions: float | None
    model_format: str
    quantization: str
    model_version: str
    model_hub: str
    model_id: str
    revision: str
    path: str
    real_path: str
    actor_ip_address: str
    size_bytes: int


class CachedFilesDict(TypedDict):
    """The files of a cached model."""

    model_version: str
    worker_ip: str
    paths: list[str]


class DownloadDict(TypedDict):
    """One download."""

    uid: str
    names: list[str]
    model_id: str
    model_hub: str
    revision: str
    status: str
    progress: float
    downloaded: int
    total: int
    info: str
    files: list[dict[str, Any]]


class HealthDict(TypedDict):
    """The server's own state, and that of each model by uid."""

    status: str
    version: str
    models: dict[str, str]


class VersionDict(TypedDict):
    """The server's version."""

    version: str


class WorkerStatusDict(TypedDict):
    """One machine: `status` has `cpu`, and one `gpu-<n>` for each GPU."""

    update_time: float
    failure_remaining_count: int
    status: dict[str, dict[str, Any]]


class ServerStatusDict(TypedDict):
    """The server's uptime, and the load of its machines."""

    uptime: int
    workers: dict[str, WorkerStatusDict]


class SupervisorDict(TypedDict):
    """The server's address."""

    supervisor_ip: str


class NodeDict(TypedDict, total=False):
    """One machine; the fields from `gpu_vram_available` on come with `detailed`."""

    node_type: str
    ip_address: str
    gpu_count: int
    gpu_vram_total: int
    gpu_vram_available: int | None
    gpu_utilization: float | None
    cpu_available: float | None
    cpu_count: int | None
    mem_used: int | None
    mem_available: int | None
    mem_total: int | None
    software_version: str | None
    devices: list[dict[str, str | int]] | None


class DoneDict(TypedDict):
    """Whether something was done."""

    result: bool
