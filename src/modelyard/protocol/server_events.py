"""Bodies of `GET /v1/events`: every kind of event in the server's stream of events, and the snapshot that is the first event."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelyard.protocol.cache import DownloadInfo
from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.jobs import JobInfo
from modelyard.protocol.lists import ListPage
from modelyard.protocol.models import LaunchProgress, ModelEvent, ModelInfo, ReplicaInfo

Topic = Literal["models", "replicas", "progress", "model_events", "downloads", "jobs", "gauges"]


class ModelReplicas(DeferredModel):
    """All replicas of a model; empty if the model is gone."""

    model_uid: str
    replicas: list[ReplicaInfo]


class ModelProgress(DeferredModel):
    """Progress of a model's launch; `pending` with 0.0 if the model is gone."""

    model_uid: str
    progress: LaunchProgress


class ModelHappening(DeferredModel):
    """A new event in the history of a model."""

    model_uid: str
    event: ModelEvent


class PastEvent(DeferredModel):
    """An event in the history of a model, which may be gone."""

    id: int
    """Later events have greater ids."""
    model_uid: str
    type: Literal["INFO", "WARNING", "ERROR"]
    at: float
    """Unix time in seconds."""
    text: str
    """A sentence for people."""


class PastEventList(ListPage):
    """Answer of `GET /v1/events/models`, newest first."""

    data: list[PastEvent]


class RemovedName(DeferredModel):
    """The id of something that is no longer in its list."""

    id: str


class DeviceGauge(DeferredModel):
    """The memory of a device: `cpu` or a GPU."""

    name: str
    """`cpu`, `cuda:0`, …"""
    title: str
    memory_total: int
    """Total memory in bytes."""
    memory_free: int
    """Free memory in bytes."""


class ReplicaGauge(DeferredModel):
    """Present activity of a replica. Values that are not known are null."""

    in_flight: int
    """Number of requests that the replica has not finished."""
    queued: int | None
    """Number of these requests that wait to be computed."""
    cpu_percent: float | None
    """Use of processor time in percent of one core, a mean over some seconds."""
    memory: int | None
    """Main memory of its processes in bytes."""
    gpu_memory: int | None
    """GPU memory of its processes in bytes."""
    kv_cache_percent: float | None
    """Used part of the KV cache in percent."""
    prefix_queries: int | None
    """Prompt tokens that were looked up in the prefix cache since the replica started."""
    prefix_hits: int | None
    """Prompt tokens that were found in the prefix cache since the replica started."""


class ModelGauge(DeferredModel):
    """Present activity of a model."""

    in_flight: int
    """Number of requests that the model has not finished."""
    queued: int | None
    """Number of these requests that wait to be computed; null if no replica reports it."""
    tokens_per_second: float
    """Tokens of answers per second, a mean over the last three seconds."""
    replicas: dict[str, int]
    """Number of a replica → its requests in progress."""
    figures: dict[str, ReplicaGauge]
    """Number of a replica → its activity."""


class Gauges(DeferredModel):
    """Present activity of the machine and the models."""

    in_flight: int
    """Number of requests that replicas have not finished."""
    cpu_percent: float
    """Use of all cores of the machine since the previous measurement, 0 to 100."""
    server_cpu_percent: float
    """Processor time of the server's process, in percent of one core."""
    server_memory: int
    """Memory of the server's process in bytes."""
    devices: list[DeviceGauge]
    """Main memory first, then each GPU."""
    models: dict[str, ModelGauge]
    """Uid of each model → its activity."""
    readers: int
    """Number of open streams of events."""


class ServerSnapshot(DeferredModel):
    """The present state of every topic that the reader follows; other topics are null."""

    models: list[ModelInfo] | None = None
    """As `GET /v1/models` lists them."""
    replicas: list[ModelReplicas] | None = None
    progress: list[ModelProgress] | None = None
    downloads: list[DownloadInfo] | None = None
    jobs: list[JobInfo] | None = None
    """The newest hundred jobs that the caller may see, as `GET /v1/jobs` lists them."""
    gauges: Gauges | None = None


class ServerEventFields(DeferredModel):
    """Fields that every event has."""

    id: str
    """`EPOCH-NUMBER`, which is also the `id` of the server-sent event. Each start of the server has another epoch."""
    at: float
    """Unix time in seconds."""


class SnapshotEvent(ServerEventFields):
    """The first event for a new reader, and for one that has missed more events than the server keeps."""

    topic: Literal["snapshot"]
    type: Literal["snapshot"]
    data: ServerSnapshot


class ModelChanged(ServerEventFields):
    """A model or an adapter is new or has changed."""

    topic: Literal["models"]
    type: Literal["model"]
    data: ModelInfo


class ModelRemoved(ServerEventFields):
    """A model or an adapter is gone."""

    topic: Literal["models"]
    type: Literal["model_removed"]
    data: RemovedName


class ReplicasChanged(ServerEventFields):
    """The replicas of a model have changed."""

    topic: Literal["replicas"]
    type: Literal["replicas"]
    data: ModelReplicas


class ProgressChanged(ServerEventFields):
    """The progress of a launch has changed."""

    topic: Literal["progress"]
    type: Literal["progress"]
    data: ModelProgress


class ModelHappened(ServerEventFields):
    """An event was added to the history of a model."""

    topic: Literal["model_events"]
    type: Literal["model_event"]
    data: ModelHappening


class DownloadChanged(ServerEventFields):
    """A download is new or has progressed."""

    topic: Literal["downloads"]
    type: Literal["download"]
    data: DownloadInfo


class DownloadRemoved(ServerEventFields):
    """A download is no longer in the list."""

    topic: Literal["downloads"]
    type: Literal["download_removed"]
    data: RemovedName


class JobChanged(ServerEventFields):
    """A job is new or has changed."""

    topic: Literal["jobs"]
    type: Literal["job"]
    data: JobInfo


class JobRemoved(ServerEventFields):
    """A job was deleted."""

    topic: Literal["jobs"]
    type: Literal["job_removed"]
    data: RemovedName


class GaugesMeasured(ServerEventFields):
    """New measurements, every two seconds."""

    topic: Literal["gauges"]
    type: Literal["gauges"]
    data: Gauges


ServerEvent = Annotated[
    SnapshotEvent
    | ModelChanged
    | ModelRemoved
    | ReplicasChanged
    | ProgressChanged
    | ModelHappened
    | DownloadChanged
    | DownloadRemoved
    | JobChanged
    | JobRemoved
    | GaugesMeasured,
    Field(discriminator="type"),
]
"""One event of `GET /v1/events`."""
