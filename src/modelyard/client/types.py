"""What the server answers, as the plain dicts that the client returns. The pydantic truth is in `protocol/`; a test compares."""

from __future__ import annotations

from typing import Any, TypedDict


class ReplicaInfo(TypedDict):
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


class AdapterInfo(TypedDict):
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


class ModelInfo(TypedDict):
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
    multimodal_projector: str | None
    address: str | None
    accelerators: list[str]
    replica: int
    replica_ready: int
    n_worker: int
    status: str
    error: str | None
    memory: dict[str, int] | None


class ReplicaProgress(TypedDict):
    """Progress of one replica of a launch."""

    replica_id: int
    replica_model_uid: str
    progress: float
    stage: str
    info: str
    updated_at: float


class LaunchProgress(TypedDict):
    """How far a launch is: `progress` 0 to 1 and its `stage`."""

    progress: float
    stage: str
    info: str
    download_files: list[dict[str, Any]]
    replicas: list[ReplicaProgress]


class Event(TypedDict):
    """One thing that happened to a model."""

    event_type: str
    event_ts: int
    event_content: str


class ScaleResponse(TypedDict):
    """The replicas that were added."""

    replica: int
    replicas: list[ReplicaInfo]
    replica_id: int
    replica_model_uid: str
    worker_address: str


class Logs(TypedDict):
    """The last lines that a replica wrote."""

    uid: str
    replica: str | None
    lines: list[str]


class Health(TypedDict):
    """The server's own state, and that of each model by uid."""

    status: str
    version: str
    models: dict[str, str]


class Version(TypedDict):
    """The server's version."""

    version: str


class NodeInfo(TypedDict, total=False):
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
