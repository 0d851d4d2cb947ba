"""The web search engines. Each is one file and one line here, or an entry point of another package."""

from __future__ import annotations

from modelyard.chats.search_engines.base import MakeEngine, SearchEngine, SearchSettings
from modelyard.core.config import Settings
from modelyard.core.errors import SearchNotConfigured
from modelyard.core.registry import Registry

SEARCH_ENGINES: Registry[MakeEngine] = Registry(
    "search_engines",
    {
        "bing": "modelyard.chats.search_engines.bing:Bing",
        "duckduckgo": "modelyard.chats.search_engines.duckduckgo:DuckDuckGo",
        "searxng": "modelyard.chats.search_engines.searxng:SearXNG",
        "tavily": "modelyard.chats.search_engines.tavily:Tavily",
    },
)


def engine(settings: Settings, name: str) -> SearchEngine:
    """Return a search engine by name. Raises `UnknownName`, and `SearchNotConfigured`, which says what to set."""
    return SEARCH_ENGINES.get(name)(search_settings(settings, name))


def configured_engines(settings: Settings) -> dict[str, SearchEngine]:
    """Return the search engines that are configured, by name."""
    configured: dict[str, SearchEngine] = {}
    for name in SEARCH_ENGINES:
        try:
            configured[name] = engine(settings, name)
        except SearchNotConfigured:
            continue
    return configured


def search_settings(settings: Settings, name: str) -> SearchSettings:
    """Return the address and key of a search engine. A third-party engine has neither here, and reads its own settings."""
    urls = {
        "bing": settings.bing_url,
        "duckduckgo": settings.duckduckgo_url,
        "searxng": settings.searxng_url,
        "tavily": settings.tavily_url,
    }
    keys = {"bing": settings.bing_subscription_key, "tavily": settings.tavily_api_key}
    return SearchSettings(name, urls.get(name, ""), keys.get(name, ""))
