"""What every page of a list has."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict

from modelyard.protocol.deferred import DeferredModel


class ListPage(DeferredModel):
    """A page of a list, in an order that does not change."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    object: Literal["list"] = "list"
    has_more: bool = False
    next: str | None = None
    """What `after` takes for the page behind this one; null if this is the last. It stays valid if rows are deleted."""
