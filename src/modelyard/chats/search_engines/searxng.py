"""SearXNG, a self-hosted metasearch engine: `/search?format=json`."""

from __future__ import annotations

from modelyard.chats.search_engines.base import SearchSettings, WebHit, WebSearchRequest, send_json, web_hits
from modelyard.core.errors import SearchFailed, SearchNotConfigured

REFUSALS = {403: "it does not serve JSON (403): add `json` to `search.formats` in the settings.yml of the instance."}


class SearXNG:
    """One instance. It needs no key, but `json` must be among its formats."""

    def __init__(self, settings: SearchSettings) -> None:
        if not settings.url:
            raise SearchNotConfigured(settings.engine, "set MODELYARD_SEARXNG_URL to the address of an instance")
        self._name = settings.engine
        self._url = f"{settings.url.rstrip('/').removesuffix('/search')}/search"

    async def search(self, query: str, k: int) -> list[WebHit]:
        """See `SearchEngine.search`."""
        request = WebSearchRequest(self._url, params={"q": query, "format": "json"}, redirects=True)
        body = await send_json(self._name, request, REFUSALS)
        hits = web_hits(body.get("results"), "title", "content", k)
        silent = body.get("unresponsive_engines")
        if not hits and isinstance(silent, list) and silent:
            # Each item is a pair of an engine and its error.
            troubles = ", ".join(": ".join(map(str, each)) if isinstance(each, list) else str(each) for each in silent)
            raise SearchFailed(self._name, f"none of its engines answers ({troubles}).")
        return hits
