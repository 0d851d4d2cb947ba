"""What a search on a hub asks for and finds, and what the name and the tags of a repository tell. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from modelyard.core.types import ModelType

GGUF, PYTORCH = "ggufv2", "pytorch"
TAGS: Mapping[str, tuple[str, ...]] = {
    GGUF: ("gguf",),
    "gptq": ("gptq",),
    "awq": ("awq",),
    "fp8": ("fp8",),
    "mlx": ("mlx",),
    "bnb": ("bitsandbytes", "bnb"),
    "compressed-tensors": ("compressed-tensors",),
    PYTORCH: ("safetensors", "pytorch", "transformers"),
}
"""Format → tags that hubs give such repositories, and words in their names; the first tag is what Hugging Face filters by."""
MOST_FOUND = 50
"""Repositories on a page; ModelScope gives no more."""


class SearchQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A search on one hub."""

    hub: str
    text: str
    type: ModelType | None = None
    format: str | None = None
    limit: int = 20
    cursor: str | None = None
    """`FoundPage.cursor` of the page before."""


class FoundRepository(msgspec.Struct, frozen=True, kw_only=True):
    """One repository as a hub lists it. What a hub does not say is None."""

    model_id: str
    downloads: int | None = None
    likes: int | None = None
    updated_at: float | None = None
    """Unix time."""
    type: ModelType | None = None
    formats: list[str]
    """By its tags and its name; its files were not looked at."""
    gated: bool | None = None
    """Whether its owner must accept each user."""


class FoundPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of repositories."""

    data: list[FoundRepository]
    cursor: str | None = None
    """Where the next page begins; None on the last one."""


def formats_of(model_id: str, tags: Iterable[str]) -> list[str]:
    """The formats that a repository seems to have. One of a quantised format is not listed as `pytorch`, too."""
    words = {tag.lower() for tag in tags} | set(re.split(r"[^a-z0-9]+", model_id.lower()))
    found = [name for name, known in TAGS.items() if words.intersection(known)]
    return [name for name in found if name != PYTORCH] or found


def type_of(tasks: Mapping[ModelType, tuple[str, ...]], names: Iterable[str]) -> ModelType | None:
    """The type of model that tasks of a hub belong to."""
    given = set(names)
    return next((type for type, known in tasks.items() if given.intersection(known)), None)
