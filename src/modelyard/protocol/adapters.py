"""Bodies of the routes about LoRA adapters of running models, with vLLM's fields and some more."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from modelyard.protocol.deferred import DeferredModel


class LoadAdapterRequest(DeferredModel):
    """Body of `POST /v1/load_lora_adapter`."""

    model_config = ConfigDict(extra="ignore", use_attribute_docstrings=True)

    lora_name: str
    """The name under which it will answer."""
    lora_path: str
    """The folder that PEFT saved, on the server's machine."""
    model: str | None = None
    """Uid of its model; may be left out if only one running model fits."""
    lora_scale: float = Field(1.0, gt=0)
    """Factor on top of the adapter's own scaling."""
    load_inplace: bool = False
    """Replace an adapter of the same name, which is refused otherwise."""


class UnloadAdapterRequest(DeferredModel):
    """Body of `POST /v1/unload_lora_adapter`."""

    model_config = ConfigDict(extra="ignore", use_attribute_docstrings=True)

    lora_name: str
    """The adapter's name."""


class AdapterInfo(DeferredModel):
    """One adapter, as `GET /v1/adapters` lists it."""

    id: str
    """Its name, which requests give as `model`."""
    object: str = "adapter"
    parent: str
    """Uid of its model."""
    root: str
    """Where its files are."""
    status: str
    """`READY`, `LOADING`, `CREATING` or `ERROR`."""
    error: str | None = None
    rank: int = 0
    target_modules: list[str] = []
    scale: float = 1.0
    size_bytes: int = 0
    replica_ready: int = 0
    """Replicas that have it."""


class AdapterList(DeferredModel):
    """Answer of `GET /v1/adapters`."""

    object: str = "list"
    data: list[AdapterInfo]
