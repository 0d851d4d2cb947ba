"""Tavily, a search engine for models: `POST /search`."""

from __future__ import annotations

from modelyard.chats.search_engines.base import (
    MOST_HITS,
    SearchSettings,
    WebHit,
    WebSearchRequest,
    send_json,
    web_hits,
)
from modelyard.core.errors import SearchNotConfigured


class Tavily:
    """Its snippets are longer than other engines': the sentences of a page that answer the query."""

    def __init__(self, settings: SearchSettings) -> None:
        if not settings.key:
            raise SearchNotConfigured(settings.engine, "set MODELYARD_TAVILY_API_KEY")
        if not settings.url:
            raise SearchNotConfigured(settings.engine, "set MODELYARD_TAVILY_URL")
        self._settings = settings

    async def search(self, query: str, k: int) -> list[WebHit]:
        """See `SearchEngine.search`."""
        request = WebSearchRequest(
            f"{self._settings.url.rstrip('/').removesuffix('/search')}/search",
            "POST",
            headers={"Authorization": f"Bearer {self._settings.key}"},
            json={"query": query, "max_results": min(k, MOST_HITS)},
        )
        body = await send_json(self._settings.engine, request)
        return web_hits(body.get("results"), "title", "content", k)
