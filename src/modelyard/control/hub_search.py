"""Searches hubs for models to launch, and reports which of them are on this machine and in the catalog."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain, zip_longest

import msgspec

from modelyard.catalog.hubs import REMOTE, cache, queries
from modelyard.catalog.hubs.complete import repository
from modelyard.catalog.hubs.search_results import TAGS, FoundPage, FoundRepository, SearchQuery
from modelyard.catalog.hubs.searches import HubSearches
from modelyard.catalog.index import Catalog
from modelyard.core.errors import InvalidParameter, ModelyardError
from modelyard.core.types import ModelType


@dataclass(frozen=True, slots=True)
class HubFilter:
    """The conditions of a search."""

    text: str
    hub: str | None = None
    """Hub to search; None for the hub of the settings, or all hubs that answer."""
    type: ModelType | None = None
    format: str | None = None
    limit: int = 20
    """Maximum number of repositories of each hub."""
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class HubHit:
    """A repository that was found."""

    hub: str
    repository: FoundRepository
    cached: bool
    """Whether a complete model of it is in the cache."""
    family: str | None
    """Name of the catalog's family that uses its files; None if none does."""


@dataclass(frozen=True, slots=True)
class HubHits:
    """Repositories of all hubs, alternating between hubs, and the hubs that did not answer."""

    hits: list[HubHit]
    cursor: str | None
    failures: dict[str, ModelyardError]


class HubSearch:
    """Searches hubs. Use it on one event loop."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._searches = HubSearches()

    async def search(self, filters: HubFilter) -> HubHits:
        """A page of repositories. Raises `HubsOffline`, `HubUnavailable` or `InvalidParameter`, and the error of the only hub."""
        cursors = _cursors(filters.cursor)
        if filters.hub is not None and filters.hub not in (queries.AUTO, *REMOTE):
            raise InvalidParameter("hub", f"'{filters.hub}' is none of {', '.join((queries.AUTO, *REMOTE))}.")
        if filters.format is not None and filters.format not in TAGS:
            raise InvalidParameter("format", f"'{filters.format}' is none of {', '.join(TAGS)}.")
        names = await asyncio.to_thread(queries.hubs_to_ask, None, filters.hub)
        names = [name for name in names if cursors is None or name in cursors]
        pages = await asyncio.gather(*(self._page(name, filters, cursors) for name in names))
        pages_by_hub = {name: page for name, page in zip(names, pages, strict=True) if isinstance(page, FoundPage)}
        failures = {name: page for name, page in zip(names, pages, strict=True) if not isinstance(page, FoundPage)}
        if failures and not pages_by_hub:
            raise next(iter(failures.values()))
        hits = await asyncio.to_thread(self._hits, pages_by_hub)
        following = {name: page.cursor for name, page in pages_by_hub.items() if page.cursor is not None}
        return HubHits(hits, _encoded(following) if following else None, failures)

    async def _page(
        self, hub: str, filters: HubFilter, cursors: Mapping[str, str] | None
    ) -> FoundPage | ModelyardError:
        query = SearchQuery(
            hub=hub,
            text=filters.text,
            type=filters.type,
            format=filters.format,
            limit=filters.limit,
            cursor=cursors[hub] if cursors else None,
        )
        try:
            return await self._searches.search(query)
        except ModelyardError as error:  # the other hub's answer counts
            return error

    def _hits(self, pages: Mapping[str, FoundPage]) -> list[HubHit]:
        """The repositories of all hubs, alternately, with what this machine knows of them."""
        families = self._families()
        lists = [[(hub, each) for each in page.data] for hub, page in pages.items()]
        return [
            HubHit(hub, each, cache.has_model(hub, each.model_id), families.get((hub, each.model_id.lower())))
            for hub, each in filter(None, chain.from_iterable(zip_longest(*lists)))
        ]

    def _families(self) -> dict[tuple[str, str], str]:
        """Hub and repository id in lower case → name of the family whose files it has."""
        families: dict[tuple[str, str], str] = {}
        for family in self._catalog.families():
            for spec in family.specs:
                for hub in REMOTE:
                    if (source := spec.src.get(hub)) is None:
                        continue
                    for quantization in spec.quantizations_of(source):
                        if (model_id := repository(source, quantization)) is not None:
                            families.setdefault((hub, model_id.lower()), family.name)
        return families


def _encoded(cursors: Mapping[str, str]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(cursors)).decode()


def _cursors(text: str | None) -> dict[str, str] | None:
    """Where each hub's next page begins; None for the first page. Raises `InvalidParameter`."""
    if text is None:
        return None
    try:
        cursors = msgspec.json.decode(base64.b64decode(text, altchars=b"-_", validate=True), type=dict[str, str])
    except (binascii.Error, msgspec.DecodeError, UnicodeEncodeError, ValueError):
        cursors = {}
    pages = cursors.get("modelscope", "1")
    if not cursors or set(cursors) - set(REMOTE) or not pages.isdecimal() or len(pages) > 4 or not pages.isascii():
        raise InvalidParameter("cursor", "it must be `next_cursor` of another page.")
    return cursors
