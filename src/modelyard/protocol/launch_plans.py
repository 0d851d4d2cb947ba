"""Bodies of the routes about launches: what one would do, what a command line asks for, what a model was launched with."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from modelyard.protocol.deferred import DeferredModel


class PlannedDevice(DeferredModel):
    """A device of the machine, with the memory that a launch would take of it."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    """`cpu`, `cuda:0`, …"""
    title: str
    memory_total: int
    """Bytes."""
    memory_free: int
    """Bytes that the device reports as free."""
    usable: int
    """Bytes that a launch may take: what is free, less what starting replicas will take, and the server's headroom."""
    needed: int
    """Bytes that all replicas of this launch would take of it."""


class PlannedDownload(DeferredModel):
    """What a launch would download."""

    model_config = ConfigDict(use_attribute_docstrings=True, protected_namespaces=())

    model_hub: str
    model_id: str
    revision: str
    files: int
    """Number of files, also of those that are here."""
    total_bytes: int
    missing_bytes: int
    """Bytes that are not on this machine yet."""
    disk_free: int
    """Bytes that are free where they would be kept."""


class LaunchRefusal(DeferredModel):
    """Why a launch would be refused, as in the error of `POST /v1/models`."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    code: str
    message: str
    param: str | None = None
    """The field of the request that it is about."""
    memory: dict[str, int | str] | None = None
    """Figures of a launch that does not fit into memory."""


class LaunchPlanInfo(DeferredModel):
    """Answer of `POST /v1/models/plan`. What a refusal leaves undecided is null."""

    model_config = ConfigDict(use_attribute_docstrings=True, protected_namespaces=())

    refusal: LaunchRefusal | None = None
    """Null if the launch would be accepted now."""
    model_uid: str | None = None
    """The name under which it would answer."""
    model_name: str | None = None
    model_type: str | None = None
    model_engine: str | None = None
    """The name of the engine, as in a launch."""
    model_format: str | None = None
    model_size_in_billions: float | int | str | None = None
    quantization: str | None = None
    context_length: int | None = None
    """Tokens that the model was trained for; null if unknown."""
    root: str | None = None
    """Where the weights are, or would be."""
    multimodal_projector: str | None = None
    aliases: list[str] = []
    replica: int
    """Replicas that it would have."""
    n_gpu: int | None = None
    """GPUs of each replica."""
    memory: dict[str, int] | None = None
    """Expected bytes of one replica: `weights`, `kv_cache`, `overhead`, `activations`, `total`."""
    placements: list[list[str]] = []
    """For each replica, the devices that it would get."""
    devices: list[PlannedDevice]
    """Every device of the machine."""
    download: PlannedDownload | None = None
    """Null if the files are on this machine."""
    warnings: list[str] = []
    """Sentences about fields that are accepted and have no effect."""
    command: str | None = None
    """The same launch on the command line; null for fields that it has no option for."""


class CommandLine(DeferredModel):
    """Body of `POST /v1/launch_commands`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    command: str = Field(min_length=1, max_length=20_000)
    """`modelyard launch …`, `xinference launch …`, `vllm serve …` or `swift deploy …`, as in a shell."""


class CommandLaunch(DeferredModel):
    """Answer of `POST /v1/launch_commands`."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    program: str
    """`modelyard`, `xinference`, `vllm` or `swift`."""
    launch: dict[str, Any]
    """The body of `POST /v1/models` that starts the same model; options of the engine may be texts."""
    without_effect: list[str]
    """Options of the command that say nothing about the model, such as `--port`."""


class LaunchRecord(DeferredModel):
    """Answer of `GET /v1/launches/{uid}`."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    launch: dict[str, Any]
    """The body of `POST /v1/models` that starts the same model with the replicas that it has now, without secrets."""
    hidden: list[str]
    """Fields that are left out because they hold secrets, such as `envs`."""
    command: str | None
    """The same launch on the command line; null for fields that it has no option for, and where something is hidden."""
