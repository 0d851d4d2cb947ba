"""Bodies of the routes about engines and memory estimates."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from modelyard.protocol.deferred import DeferredModel


class EngineEntry(DeferredModel):
    """A format of a model that an engine runs. Language models have sizes and quantisations, encoders one of these."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    model_format: str
    model_size_in_billions: int | float | str | None = None
    quantizations: list[str] | None = None
    quantization: str | None = None
    support_draft_model: bool | None = None


class EstimateRequest(DeferredModel):
    """Body of `POST /v1/models/estimate`. Fields that are left out are chosen as in a launch."""

    model_config = ConfigDict(use_attribute_docstrings=True, protected_namespaces=(), extra="ignore")

    model_name: str = Field(min_length=1, max_length=1000)
    """A family of the catalog, a path, or the id of a repository on a hub."""
    model_type: str | None = None
    """`LLM`, `embedding`, `rerank`, `image`, `audio` or `video`."""
    model_size_in_billions: int | float | str | None = None
    """Size to pick when a family has several."""
    model_format: str | None = None
    """Format to pick."""
    quantization: str | None = None
    """Quantisation to pick."""
    model_path: str | None = None
    """Describe these files instead of the family's."""
    context_length: int | None = Field(None, ge=1, le=100_000_000)
    """Tokens of one request; the model's own up to 8192 if left out, as in a launch."""
    n_parallel: int | None = Field(None, ge=1, le=4096)
    """Requests computed at once; the engine's own default if left out."""
    kv_cache_dtype: str | int | None = None
    """`8`, `16` or `32` bits, or a type such as `f16`, `q8_0`, `fp8`."""
    model_engine: str | None = None
    """Estimate for this engine only."""
    download_hub: str | None = None
    """Hub to ask about files that are not here."""


class EngineEstimate(DeferredModel):
    """Bytes of one replica on one engine."""

    n_parallel: int
    weights: int
    kv_cache: int
    activations: int
    overhead: int
    total: int
    fits: dict[str, bool]
    """Device → whether there is room for it now."""


class EstimateResponse(EngineEstimate):
    """Answer of `POST /v1/models/estimate`: the figures of the first engine, and those of each."""

    model_config = ConfigDict(use_attribute_docstrings=True, protected_namespaces=())

    model_name: str
    model_type: str
    model_format: str
    quantization: str | None = None
    model_size_in_billions: float | None = None
    context_length: int
    kv_cache_dtype: str
    model_engine: str
    """The engine of these figures."""
    engines: dict[str, EngineEstimate]
    """Xinference's name of each engine that runs such models, here or elsewhere."""


class OwnEnvironment(DeferredModel):
    """An engine's own virtual environment."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    installed_at: float
    """Unix time."""
    versions: dict[str, str]
    """Versions of its most important packages."""


class EngineInfo(DeferredModel):
    """One engine, as `GET /v1/engines` lists it."""

    model_config = ConfigDict(use_attribute_docstrings=True, protected_namespaces=())

    id: str
    """The name that a launch gives as `model_engine`."""
    object: Literal["engine"] = "engine"
    title: str
    """Its name for people."""
    installed: bool
    """Whether it can run here."""
    missing: list[str] = []
    """Why it cannot, as sentences with the way out."""
    installable: bool = False
    """Whether it has an environment of its own, which a job of the kind `engine_install` makes."""
    environment: OwnEnvironment | None = None
    """That environment, if it is there; without it the engine runs with the server's own libraries."""
    install_job: str | None = None
    """Id of the job that installs it now; jobs are read with the scope of their kind."""
    devices: list[str] = []
    """`cpu`, `gpu`: where it can compute."""
    uses_gpus: bool = False
    """Whether it computes on the GPUs of this machine, as it is installed."""
    formats: list[str] = []
    """Formats of weights that it runs; `remote` and the like for models without files."""
    model_types: list[str] = []
    """Types of models that it runs: `LLM`, `embedding`, …"""
    aliases: list[str] = []
    """Other names for it."""
    only_by_name: bool = False
    """Whether it is used only by launches that name it."""
    options: dict[str, Any] = {}
    """JSON Schema of its launch options. Each has `default`, `description`, and two keywords of ours: `group`, and `advanced`."""


class InstallRequest(DeferredModel):
    """Body of `POST /v1/engines/{engine}/install`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    upgrade: bool = False
    """Make the environment anew although it is there, from the lock file of this Modelyard."""


class EngineList(DeferredModel):
    """Answer of `GET /v1/engines`."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    object: Literal["list"] = "list"
    data: list[EngineInfo]
    launch: dict[str, Any]
    """JSON Schema of the body of a launch without the engine's options, with `group` and `advanced` as there."""


EngineTable = dict[str, list[EngineEntry] | str]
"""Xinference's name of an engine → what it runs of the model, or why it runs nothing."""
