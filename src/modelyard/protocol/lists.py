"""The fields that every page of a list has."""

from __future__ import annotations

from typing import Literal

from modelyard.protocol.deferred import DeferredModel


class ListPage(DeferredModel):
    """A page of a list, in an order that does not change."""

    object: Literal["list"] = "list"
    has_more: bool = False
    """Whether there is a further page."""
    next: str | None = None
    """Value of `after` for the next page; null on the last page. It stays valid if rows are deleted."""
