"""Bing's web search API, version 7. Microsoft closed it to new customers; compatible services still exist."""

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


class Bing:
    """`GET /v7.0/search` with a subscription key."""

    def __init__(self, settings: SearchSettings) -> None:
        if not settings.key:
            raise SearchNotConfigured(settings.engine, "set MODELYARD_BING_SUBSCRIPTION_KEY")
        if not settings.url:
            raise SearchNotConfigured(settings.engine, "set MODELYARD_BING_URL")
        self._settings = settings

    async def search(self, query: str, k: int) -> list[WebHit]:
        """See `SearchEngine.search`."""
        request = WebSearchRequest(
            self._settings.url,
            params={"q": query, "count": min(k, MOST_HITS), "textDecorations": "false", "textFormat": "Raw"},
            headers={"Ocp-Apim-Subscription-Key": self._settings.key},
        )
        pages = (await send_json(self._settings.engine, request)).get("webPages")
        return web_hits(pages.get("value") if isinstance(pages, dict) else None, "name", "snippet", k)
