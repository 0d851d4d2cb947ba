"""Bodies of the route that lists the catalog page by page."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict

from modelyard.protocol.deferred import DeferredModel


class FittingVersion(DeferredModel):
    """The size, format and quantisation of a family that a launch by its name would choose here."""

    model_config = ConfigDict(use_attribute_docstrings=True, protected_namespaces=())

    model_engine: str
    model_format: str
    model_size_in_billions: float | None
    quantization: str | None
    cached: bool
    """Whether these files are on this machine."""
    comfortable: bool
    """Whether it takes at most half of the memory, answers at reading pace, and is no long download."""
    memory: int
    """Bytes that a replica needs, by the catalog's figures; a plan knows them by the files."""
    memory_total: int
    """Bytes of memory, free or not, of the devices where it would run."""
    n_gpu: int
    """GPUs that it would take."""
    weights: int | None
    """Bytes of its weights; null if unknown."""


class CatalogEntry(DeferredModel):
    """A family, as `GET /v1/catalog` lists it."""

    model_config = ConfigDict(use_attribute_docstrings=True, protected_namespaces=())

    model_name: str
    model_type: str
    model_description: str
    model_description_zh: str | None
    """The same in Chinese; null if there is none."""
    model_ability: list[str]
    model_lang: list[str]
    context_length: int | None
    dimensions: int | None
    """Width of its vectors; of embedding models only."""
    sizes: list[int | float | str]
    """In billions of parameters, as its versions spell them."""
    formats: list[str]
    is_builtin: bool
    """Whether it comes with Modelyard; other families were registered."""
    cached: bool
    """Whether files of any version are on this machine."""
    fits: bool
    """Whether a launch by its name would find an engine and memory now."""
    best: FittingVersion | None
    """What that launch would choose; if none fits, the smallest version; null if no engine here can run it."""
    reason: str | None
    """Why it would be refused."""


class CatalogPage(DeferredModel):
    """Answer of `GET /v1/catalog`, in the order of types and names."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    object: Literal["list"] = "list"
    data: list[CatalogEntry]
    total: int | None
    """Number of families on all pages; null where `cached` or `fits` filters, because then not all are looked at."""
    has_more: bool
    next_cursor: str | None
    """`cursor` of the next page; null on the last one."""
