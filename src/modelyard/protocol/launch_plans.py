"""Bodies of routes that describe launches: plans, command lines, and the requests with which running models were launched."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from modelyard.protocol.deferred import DeferredModel


class PlannedDevice(DeferredModel):
    """A device of the machine, and the memory that a launch would take from it."""

    name: str
    """`cpu`, `cuda:0`, …"""
    title: str
    """Name of the device for people."""
    memory_total: int
    """Total memory in bytes."""
    memory_free: int
    """Memory in bytes that the device reports as free."""
    usable: int
    """Bytes that a launch may take: the free memory, less the memory that starting replicas will take, less the server's
    reserve."""
    needed: int
    """Bytes that all replicas of this launch would take from this device."""


class PlannedDownload(DeferredModel):
    """What a launch would download."""

    model_config = ConfigDict(protected_namespaces=())

    model_hub: str
    model_id: str
    revision: str
    files: int
    """Number of files, including those that are on this machine."""
    total_bytes: int
    missing_bytes: int
    """Bytes that are not yet on this machine."""
    disk_free: int
    """Free bytes of the disk to which the files would be downloaded."""


class LaunchRefusal(DeferredModel):
    """The error with which `POST /v1/models` would refuse a launch."""

    code: str
    """Stable code of the error."""
    message: str
    """A sentence that says what is wrong and what to do."""
    param: str | None = None
    """The field of the request that is wrong; null if no single field is."""
    memory: dict[str, int | str] | None = None
    """Figures in bytes, if the model does not fit into memory."""


class LaunchPlanInfo(DeferredModel):
    """Answer of `POST /v1/models/plan`. If the launch would be refused, fields that the refusal left undecided are null."""

    model_config = ConfigDict(protected_namespaces=())

    refusal: LaunchRefusal | None = None
    """Why the launch would be refused; null if it would be accepted now."""
    model_uid: str | None = None
    """The name under which the model would answer."""
    model_name: str | None = None
    model_type: str | None = None
    model_engine: str | None = None
    """Name of the engine, which a launch accepts as `model_engine`."""
    model_format: str | None = None
    model_size_in_billions: float | int | str | None = None
    quantization: str | None = None
    context_length: int | None = None
    """Tokens of prompt and answer for which the model was trained; null if unknown."""
    root: str | None = None
    """Path at which the weights are or would be."""
    multimodal_projector: str | None = None
    aliases: list[str] = []
    replica: int
    """Number of replicas that would be started."""
    n_gpu: int | None = None
    """Number of GPUs of each replica."""
    memory: dict[str, int] | None = None
    """Expected memory of one replica in bytes: `weights`, `kv_cache`, `overhead`, `activations`, `total`."""
    placements: list[list[str]] = []
    """For each replica, the names of the devices that it would use."""
    devices: list[PlannedDevice]
    """Every device of the machine."""
    download: PlannedDownload | None = None
    """What would be downloaded; null if all files are on this machine."""
    warnings: list[str] = []
    """Sentences about fields that are accepted and have no effect."""
    command: str | None = None
    """The command line of this launch; null if it has fields without a command-line option."""


class CommandLine(DeferredModel):
    """Body of `POST /v1/launch_commands`."""

    model_config = ConfigDict(extra="forbid")

    command: str = Field(min_length=1, max_length=20_000)
    """`modelyard launch …`, `xinference launch …`, `vllm serve …` or `swift deploy …`, as in a shell."""


class CommandLaunch(DeferredModel):
    """Answer of `POST /v1/launch_commands`."""

    program: str
    """`modelyard`, `xinference`, `vllm` or `swift`."""
    launch: dict[str, Any]
    """The body of `POST /v1/models` that launches the model of the command; values of engine options may be strings."""
    without_effect: list[str]
    """Options of the command that do not concern the model, such as `--port`."""


class LaunchRecord(DeferredModel):
    """Answer of `GET /v1/launches/{uid}`."""

    launch: dict[str, Any]
    """The body of `POST /v1/models` that launches the model again with its present number of replicas, without secrets."""
    hidden: list[str]
    """Names of fields that are left out of `launch` because they hold secrets, such as `envs`."""
    command: str | None
    """The command line of this launch; null if it has fields without a command-line option, or if fields are hidden."""
