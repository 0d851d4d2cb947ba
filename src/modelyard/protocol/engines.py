"""Bodies of the routes about engines and memory estimates."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from modelyard.protocol.deferred import DeferredModel


class EngineEntry(DeferredModel):
    """A format of a model that an engine can run. Language models have `model_size_in_billions` and `quantizations`; encoders
    have one `quantization`."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    model_format: str
    model_size_in_billions: int | float | str | None = None
    quantizations: list[str] | None = None
    quantization: str | None = None
    support_draft_model: bool | None = None


class EstimateRequest(DeferredModel):
    """Body of `POST /v1/models/estimate`. Fields that are left out are chosen as in a launch."""

    model_config = ConfigDict(protected_namespaces=(), extra="ignore")

    model_name: str = Field(min_length=1, max_length=1000)
    """A family of the catalog, a path, or the id of a repository on a hub."""
    model_type: str | None = None
    """`LLM`, `embedding`, `rerank`, `image`, `audio` or `video`."""
    model_size_in_billions: int | float | str | None = None
    """Size to choose if the family has several."""
    model_format: str | None = None
    """Format to choose if the family has several."""
    quantization: str | None = None
    """Quantisation to choose if the format has several."""
    model_path: str | None = None
    """Path of files to estimate in place of the family's."""
    context_length: int | None = Field(None, ge=1, le=100_000_000)
    """Tokens of prompt and answer of one request; if left out, the model's own context length, at most 8192, as in a launch."""
    n_parallel: int | None = Field(None, ge=1, le=4096)
    """Number of requests that are computed at the same time; if left out, the engine's default."""
    kv_cache_dtype: str | int | None = None
    """Type of the KV cache's values: `8`, `16` or `32` bits, or a name such as `f16`, `q8_0`, `fp8`."""
    model_engine: str | None = None
    """Estimate for this engine only."""
    download_hub: str | None = None
    """Hub to query about files that are not on this machine."""


class EngineEstimate(DeferredModel):
    """Estimated memory of one replica on one engine, in bytes."""

    n_parallel: int
    """Number of requests that are computed at the same time."""
    weights: int
    kv_cache: int
    activations: int
    overhead: int
    total: int
    """Sum of the four figures above."""
    fits: dict[str, bool]
    """Name of each device → whether the replica would fit into its free memory."""


class EstimateResponse(EngineEstimate):
    """Answer of `POST /v1/models/estimate`: the figures of the preferred engine, and under `engines` those of each engine."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    model_type: str
    model_format: str
    quantization: str | None = None
    model_size_in_billions: float | None = None
    context_length: int
    kv_cache_dtype: str
    model_engine: str
    """Name of the engine whose figures stand at the top level."""
    engines: dict[str, EngineEstimate]
    """Xinference's name of each engine that can run such models, installed here or not → its figures."""


class OwnEnvironment(DeferredModel):
    """The virtual environment of one engine."""

    installed_at: float
    """Unix time in seconds."""
    versions: dict[str, str]
    """Package → version, for the most important packages."""


class EngineInfo(DeferredModel):
    """One engine, as `GET /v1/engines` lists it."""

    model_config = ConfigDict(protected_namespaces=())

    id: str
    """The name that a launch gives as `model_engine`."""
    object: Literal["engine"] = "engine"
    title: str
    """Name of the engine for people."""
    installed: bool
    """Whether the engine can run on this machine now."""
    missing: list[str] = []
    """If it cannot: sentences that say why, and what to do."""
    installable: bool = False
    """Whether the engine has a virtual environment of its own, which a job of the kind `engine_install` creates."""
    environment: OwnEnvironment | None = None
    """The engine's virtual environment; null if there is none, so that the engine runs with the server's own libraries."""
    install_job: str | None = None
    """Id of the job that is installing the engine now; null if there is none. Reading the job needs the scope of its kind."""
    devices: list[str] = []
    """Kinds of devices that the engine can compute on: `cpu`, `gpu`."""
    uses_gpus: bool = False
    """Whether the engine, as it is installed, computes on the GPUs of this machine."""
    formats: list[str] = []
    """Formats of weights that the engine runs; `remote` and similar for models without files."""
    model_types: list[str] = []
    """Types of models that the engine runs: `LLM`, `embedding`, …"""
    aliases: list[str] = []
    """Other names of the engine."""
    only_by_name: bool = False
    """Whether the engine is chosen only by launches that name it."""
    options: dict[str, Any] = {}
    """JSON Schema of the engine's launch options. Each option has `default`, `description` and two keywords of ours: `group` and
    `advanced`."""


class InstallRequest(DeferredModel):
    """Body of `POST /v1/engines/{engine}/install`."""

    model_config = ConfigDict(extra="forbid")

    upgrade: bool = False
    """Create the environment anew, even if it exists, from the lock file of this version of Modelyard."""


class EngineList(DeferredModel):
    """Answer of `GET /v1/engines`."""

    object: Literal["list"] = "list"
    data: list[EngineInfo]
    launch: dict[str, Any]
    """JSON Schema of the body of a launch, without the options of engines; fields have the keywords `group` and `advanced`, as
    options of engines do."""


EngineTable = dict[str, list[EngineEntry] | str]
"""Xinference's name of an engine → what it runs of the model, or why it runs nothing."""
