"""Bodies of `GET /v1/events`: every kind of event of the server's one stream, and the snapshot that a reader begins with."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from modelyard.protocol.cache import DownloadInfo
from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.jobs import JobInfo
from modelyard.protocol.lists import ListPage
from modelyard.protocol.models import LaunchProgress, ModelEvent, ModelInfo, ReplicaInfo

Topic = Literal["models", "replicas", "progress", "model_events", "downloads", "jobs", "gauges"]


class ModelReplicas(DeferredModel):
    """All replicas of a model; none once it is gone."""

    model_uid: str
    replicas: list[ReplicaInfo]


class ModelProgress(DeferredModel):
    """How far the launch of a model is; `pending` with 0.0 once it is gone."""

    model_uid: str
    progress: LaunchProgress


class ModelHappening(DeferredModel):
    """One more line of a model's history."""

    model_uid: str
    event: ModelEvent


class PastEvent(DeferredModel):
    """Something that happened to a model, which may be gone."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: int
    """Later events have greater ids."""
    model_uid: str
    type: Literal["INFO", "WARNING", "ERROR"]
    at: float
    """Unix time."""
    text: str
    """A sentence for people."""


class PastEventList(ListPage):
    """Answer of `GET /v1/events/models`, newest first."""

    data: list[PastEvent]


class RemovedName(DeferredModel):
    """The id of something that is in its list no more."""

    id: str


class DeviceGauge(DeferredModel):
    """A device with memory: `cpu`, or a GPU."""

    name: str
    """`cpu`, `cuda:0`, …"""
    title: str
    memory_total: int
    """Bytes."""
    memory_free: int
    """Bytes that are free at present."""


class ReplicaGauge(DeferredModel):
    """What a replica does at this moment. What is not known is null."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    in_flight: int
    """Requests that it has and has not answered to their end."""
    queued: int | None
    """Those of them that wait in it to be computed."""
    cpu_percent: float | None
    """Use of one core by its processes, a mean over some seconds."""
    memory: int | None
    """Bytes of main memory of its processes."""
    gpu_memory: int | None
    """Bytes of GPU memory of its processes."""
    kv_cache_percent: float | None
    """How full its KV cache is."""
    prefix_queries: int | None
    """Tokens of prompts that were looked up in its prefix cache, since it started."""
    prefix_hits: int | None
    """Tokens of these that were found there."""


class ModelGauge(DeferredModel):
    """What a model does at this moment."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    in_flight: int
    """Requests that a replica is answering."""
    queued: int | None
    """Those of them that wait to be computed; null if no replica tells."""
    tokens_per_second: float
    """Tokens of its answers, a mean over the last three seconds."""
    replicas: dict[str, int]
    """Requests in flight by the number of the replica."""
    figures: dict[str, ReplicaGauge]
    """All figures by the number of the replica."""


class Gauges(DeferredModel):
    """What the machine and the models do at this moment."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    in_flight: int
    """Requests that replicas are answering."""
    cpu_percent: float
    """Use of all cores of the machine since the gauges before, from 0 to 100."""
    server_cpu_percent: float
    """Use of one core by the server's own process."""
    server_memory: int
    """Bytes of the server's own process."""
    devices: list[DeviceGauge]
    """Main memory first, then each GPU."""
    models: dict[str, ModelGauge]
    readers: int
    """Streams of events that are open at present."""


class ServerSnapshot(DeferredModel):
    """Everything of the reader's topics as it is now; a topic that the reader did not ask for is null."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    models: list[ModelInfo] | None = None
    """As `GET /v1/models` lists them."""
    replicas: list[ModelReplicas] | None = None
    progress: list[ModelProgress] | None = None
    downloads: list[DownloadInfo] | None = None
    jobs: list[JobInfo] | None = None
    """The newest hundred that the caller sees, as `GET /v1/jobs` lists them."""
    gauges: Gauges | None = None


class ServerEventFields(DeferredModel):
    """What all events have."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    """`EPOCH-NUMBER`, which is the `id` of the server-sent event, too. The epoch differs in every run of the server."""
    at: float
    """Unix time."""


class SnapshotEvent(ServerEventFields):
    """The first event of a reader that has seen nothing, or that has missed more than the server keeps."""

    topic: Literal["snapshot"]
    type: Literal["snapshot"]
    data: ServerSnapshot


class ModelChanged(ServerEventFields):
    """A model or an adapter, which is new or differs from before."""

    topic: Literal["models"]
    type: Literal["model"]
    data: ModelInfo


class ModelRemoved(ServerEventFields):
    """A model or an adapter is gone."""

    topic: Literal["models"]
    type: Literal["model_removed"]
    data: RemovedName


class ReplicasChanged(ServerEventFields):
    """The replicas of a model differ from before."""

    topic: Literal["replicas"]
    type: Literal["replicas"]
    data: ModelReplicas


class ProgressChanged(ServerEventFields):
    """The launch of a model is at another point."""

    topic: Literal["progress"]
    type: Literal["progress"]
    data: ModelProgress


class ModelHappened(ServerEventFields):
    """Something happened to a model."""

    topic: Literal["model_events"]
    type: Literal["model_event"]
    data: ModelHappening


class DownloadChanged(ServerEventFields):
    """A download is new or at another point."""

    topic: Literal["downloads"]
    type: Literal["download"]
    data: DownloadInfo


class DownloadRemoved(ServerEventFields):
    """A download is in the list no more."""

    topic: Literal["downloads"]
    type: Literal["download_removed"]
    data: RemovedName


class JobChanged(ServerEventFields):
    """A job of any kind is new or at another point."""

    topic: Literal["jobs"]
    type: Literal["job"]
    data: JobInfo


class JobRemoved(ServerEventFields):
    """A job was deleted."""

    topic: Literal["jobs"]
    type: Literal["job_removed"]
    data: RemovedName


class GaugesMeasured(ServerEventFields):
    """The gauges, every two seconds."""

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
