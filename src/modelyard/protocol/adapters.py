"""Bodies of the routes about LoRA adapters of running models: vLLM's fields and a few of ours."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from modelyard.protocol.deferred import DeferredModel


class LoadAdapterRequest(DeferredModel):
    """Body of `POST /v1/load_lora_adapter`."""

    model_config = ConfigDict(extra="ignore")

    lora_name: str
    """The name that requests give as `model` to use the adapter."""
    lora_path: str
    """The folder that PEFT saved the adapter to, or a GGUF file, on the server's machine."""
    model: str | None = None
    """Uid of the running model to load the adapter into; may be left out if only one running model fits."""
    lora_scale: float = Field(1.0, gt=0)
    """Factor by which the adapter's own scaling is multiplied."""
    load_inplace: bool = False
    """Whether an adapter that has this name already is replaced; otherwise the request is refused."""


class UnloadAdapterRequest(DeferredModel):
    """Body of `POST /v1/unload_lora_adapter`."""

    model_config = ConfigDict(extra="ignore")

    lora_name: str
    """Name of the adapter to unload."""


class AdapterInfo(DeferredModel):
    """One adapter, as `GET /v1/adapters` lists it."""

    id: str
    """Name of the adapter, which requests give as `model`."""
    object: str = "adapter"
    parent: str
    """Uid of the model that the adapter belongs to."""
    root: str
    """Path of the adapter's files on the server's machine."""
    status: str
    """`READY`, `LOADING`, `CREATING` or `ERROR`."""
    error: str | None = None
    """Why the adapter could not be loaded; null if it could."""
    rank: int = 0
    """Rank of the LoRA matrices; 0 if unknown."""
    target_modules: list[str] = []
    """Names of the model's modules that the adapter changes."""
    scale: float = 1.0
    """The `lora_scale` with which the adapter was loaded."""
    size_bytes: int = 0
    """Size of the adapter's files in bytes."""
    replica_ready: int = 0
    """Number of replicas that have loaded the adapter."""


class AdapterList(DeferredModel):
    """Answer of `GET /v1/adapters`."""

    object: str = "list"
    data: list[AdapterInfo]
