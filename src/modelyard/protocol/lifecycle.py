"""Bodies of the routes about instances and versions of models, reloading, and autostart."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from modelyard.protocol.bounds import Few, Fields, Many
from modelyard.protocol.deferred import DeferredModel


class ReplicaStatus(DeferredModel):
    """One replica, as `GET /v1/models/instances` lists it."""

    model_config = ConfigDict(protected_namespaces=())

    replica_id: int
    replica_model_uid: str
    worker_address: str
    status: str
    """`CREATING`, `LOADING`, `READY`, `TERMINATING`, `TERMINATED` or `ERROR`."""
    model_state: str | None = None
    """The value of `status` once more, in the field that Xinference's clients read."""
    created_ts: int = 0
    """Unix time in seconds."""
    error_message: str | None = None
    """Why the replica failed; null if it did not."""
    replica_uid: str | None = None
    gpu_idx: list[int] | None = None
    """Indexes of its GPUs."""


class Instance(DeferredModel):
    """A launched model, as `GET /v1/models/instances` lists it."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    model_uid: str
    model_version: str | None = None
    """`<name>--<size>B--<format>--<quantization>`, with which `POST /v1/models/instance` launches the model again."""
    model_ability: list[str] = []
    replica: int = 1
    """Number of replicas that should run."""
    status: str
    instance_created_ts: int = 0
    """Unix time in seconds."""
    n_worker: int = 1
    """Number of machines."""
    replica_statuses: list[ReplicaStatus] = []


class ModelVersionInfo(DeferredModel):
    """One size, format and quantisation of a family, as `GET /v1/models/{type}/{name}/versions` lists it."""

    model_config = ConfigDict(protected_namespaces=())

    model_version: str
    model_file_location: dict[str, str] | None = None
    """Address of a machine → path of the files on it; null if the files are on no machine."""
    cache_status: bool
    """Whether the files are on this machine."""
    quantization: str
    multimodal_projector: str | None = None
    model_format: str
    model_size_in_billions: int | float | str | None = None
    model_type: str


class VersionLaunchRequest(DeferredModel):
    """Body of `POST /v1/models/instance`. Further keys are those of `POST /v1/models`."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    model_version: str = Field(min_length=1)
    """`<name>--<size>B--<format>--<quantization>`, as `GET /v1/models/{type}/{name}/versions` lists it."""
    model_uid: str | None = Field(None, max_length=100)
    """Name under which the model will answer; the model's name if left out."""
    model_type: str | None = None
    """`LLM`, `embedding`, `rerank`, `image`, `audio` or `video`."""
    model_engine: str | None = None
    """Name of the engine; if left out, the best one that can run the model."""
    replica: int = Field(1, ge=1, le=64)
    """Number of replicas."""
    n_gpu: int | str | None = "auto"
    """GPUs per replica: a number, `auto`, or null for none."""
    replica_config: Few[Fields[Any]] | None = None
    """Settings per replica."""


class ReloadRequest(DeferredModel):
    """Body of `POST /v1/models/{uid}/reload`."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    configuration: Fields[Any] = Field({}, alias="model_config")
    """Parameters of the model to change."""


class SupportedArchitectures(DeferredModel):
    """Answer of `GET /v1/models/vllm-supported`."""

    chat: list[str] = []
    generate: list[str] = []


class AutostartState(DeferredModel):
    """What the server has done with an autostart entry since it started."""

    status: str = "idle"
    """`idle` (added after the server started), `disabled`, `waiting` (for entries of higher priority), `starting`, `retrying`,
    `ready`, `failed` or `cancelled`."""
    attempts: int = 0
    """Number of launches since the server started."""
    error: str | None = None
    """Why the last launch failed."""
    updated_at: float = 0
    """Unix time in seconds."""


class AutostartEntry(DeferredModel):
    """One model that the server launches when it starts."""

    model_config = ConfigDict(protected_namespaces=())

    enabled: bool = True
    """If false, the model is not launched when the server starts."""
    priority: int = Field(100, ge=0, le=1_000_000)
    """Entries with a lower number are launched first; those with the next number follow when these are ready or have failed."""
    max_retries: int = Field(3, ge=0, le=1000)
    """Number of further launches after one that failed."""
    retry_interval_seconds: float = Field(30, ge=0, le=86_400)
    """Seconds between two launches."""
    launch: Fields[Any]
    """The launch request: the body of `POST /v1/models`."""
    state: AutostartState = AutostartState()
    """Set by the server; ignored in requests."""
    model_uid: str = ""
    """Set by the server: `model_uid` of the launch request, or its `model_name`."""


class AutostartList(DeferredModel):
    """Body and answer of the autostart routes."""

    models: Many[AutostartEntry]


class AutostartSummaryItem(DeferredModel):
    """An autostart entry without its launch request."""

    model_config = ConfigDict(protected_namespaces=())

    model_uid: str
    model_name: str | None = None
    model_type: str | None = None
    enabled: bool
    priority: int
    status: str


class AutostartSummary(DeferredModel):
    """Answer of `GET /v1/autostart/models/summary`."""

    total: int
    """Number of entries."""
    enabled: int
    """Number of enabled entries."""
    models: list[AutostartSummaryItem]


class AutostartRemoved(DeferredModel):
    """Answer of `DELETE /v1/autostart/models/{uid}`."""

    model_config = ConfigDict(protected_namespaces=())

    model_uid: str
    result: bool = True
