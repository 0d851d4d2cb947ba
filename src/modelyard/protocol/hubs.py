"""Bodies of the route that searches hubs."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict

from modelyard.protocol.deferred import DeferredModel


class HubModel(DeferredModel):
    """A repository on a hub. What the hub does not say is null."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    """`owner/name`; a launch takes it as `model_name`."""
    hub: str
    """`huggingface` or `modelscope`; a launch takes it as `download_hub`."""
    downloads: int | None
    likes: int | None
    updated_at: float | None
    """Unix time."""
    type: str | None
    """The type of model that its task belongs to, such as `LLM`."""
    formats: list[str]
    """Formats by its tags and its name, such as `ggufv2`; its files were not looked at."""
    gated: bool | None
    """Whether its owner must accept each user."""
    cached: bool
    """Whether a complete model of it is on this machine."""
    family: str | None
    """The family of the catalog whose files it has."""


class HubFailure(DeferredModel):
    """A hub that did not answer, while another one did."""

    hub: str
    code: str
    message: str


class HubModelPage(DeferredModel):
    """Answer of `GET /v1/hubs/search`: of each hub those with most downloads first, the hubs alternately."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    object: Literal["list"] = "list"
    data: list[HubModel]
    failures: list[HubFailure]
    has_more: bool
    next_cursor: str | None
    """`cursor` of the next page; null on the last one."""
