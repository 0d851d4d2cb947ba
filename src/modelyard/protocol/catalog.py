"""Bodies of `GET /v1/catalog`, which lists the model families that can be launched, page by page."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict

from modelyard.protocol.deferred import DeferredModel


class FittingVersion(DeferredModel):
    """The size, format and quantisation of a family that a launch by the family's name would choose on this machine."""

    model_config = ConfigDict(protected_namespaces=())

    model_engine: str
    model_format: str
    model_size_in_billions: float | None
    """Number of parameters in billions."""
    quantization: str | None
    cached: bool
    """Whether the files of this version are on this machine."""
    comfortable: bool
    """Whether this version needs at most half of the memory, answers at reading speed, and is not a long download."""
    memory: int
    """Estimated bytes of memory of one replica, from the catalog's figures; `POST /v1/models/plan` reads the files and is more
    precise."""
    memory_total: int
    """Bytes of memory, used or free, of the devices that would run it."""
    n_gpu: int
    """Number of GPUs that one replica would use."""
    weights: int | None
    """Size of the weights in bytes; null if unknown."""


class CatalogEntry(DeferredModel):
    """A model family, as `GET /v1/catalog` lists it."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    model_type: str
    model_description: str
    model_description_zh: str | None
    """The description in Chinese; null if there is none."""
    model_ability: list[str]
    model_lang: list[str]
    context_length: int | None
    """Maximum number of tokens of prompt and answer; null if unknown."""
    dimensions: int | None
    """Length of the vectors of an embedding model; null for other types."""
    sizes: list[int | float | str]
    """Sizes in billions of parameters, spelled as in the family's record."""
    formats: list[str]
    is_builtin: bool
    """Whether the family comes with Modelyard; otherwise a user registered it."""
    cached: bool
    """Whether files of any version are on this machine."""
    fits: bool
    """Whether a launch by the family's name would find an engine and enough memory now."""
    best: FittingVersion | None
    """The version that such a launch would choose. If none fits, the smallest one; null if no engine on this machine can run the
    family."""
    reason: str | None
    """Why such a launch would be refused; null if it would not."""


class CatalogPage(DeferredModel):
    """Answer of `GET /v1/catalog`, in the order of types and names."""

    object: Literal["list"] = "list"
    data: list[CatalogEntry]
    total: int | None
    """Number of families on all pages; null if `cached` or `fits` filters the list, because then not every family is examined."""
    has_more: bool
    next_cursor: str | None
    """Value of `cursor` for the next page; null on the last page."""
