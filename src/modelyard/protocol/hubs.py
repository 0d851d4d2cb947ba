"""Bodies of `GET /v1/hubs/search`, which searches the model hubs."""

from __future__ import annotations

from typing import Literal

from modelyard.protocol.deferred import DeferredModel


class HubModel(DeferredModel):
    """A repository on a hub. Facts that the hub does not report are null."""

    id: str
    """`owner/name`, which a launch accepts as `model_name`."""
    hub: str
    """`huggingface` or `modelscope`, which a launch accepts as `download_hub`."""
    downloads: int | None
    likes: int | None
    updated_at: float | None
    """Unix time in seconds."""
    type: str | None
    """Type of model by the repository's task, such as `LLM`."""
    formats: list[str]
    """Formats by the repository's tags and name, such as `ggufv2`; its files are not examined."""
    gated: bool | None
    """Whether users must be granted access by the repository's owner."""
    cached: bool
    """Whether a complete model of this repository is on this machine."""
    family: str | None
    """Name of the catalog's family that uses these files; null if none does."""


class HubFailure(DeferredModel):
    """Why a hub could not be searched, when another hub could."""

    hub: str
    code: str
    message: str


class HubModelPage(DeferredModel):
    """Answer of `GET /v1/hubs/search`. Repositories are sorted by downloads within each hub, and the hubs alternate."""

    object: Literal["list"] = "list"
    data: list[HubModel]
    failures: list[HubFailure]
    has_more: bool
    next_cursor: str | None
    """Value of `cursor` for the next page; null on the last page."""
