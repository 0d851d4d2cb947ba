"""How the web is searched. One search engine is one file; its name stands in one line here, or in a stranger's entry point."""

from __future__ import annotations

from modelyard.chats.search_engines.base import Make, SearchEngine, SearchSettings
from modelyard.core.config import Settings
from modelyard.core.errors import SearchNotConfigured
from modelyard.core.registry import Registry

SEARCH_ENGINES: Registry[Make] = Registry(
    "search_engines",
    {
        "bing": "modelyard.chats.search_engines.bing:Bing",
        "duckduckgo": "modelyard.chats.search_engines.duckduckgo:DuckDuckGo",
        "searxng": "modelyard.chats.search_engines.searxng:SearXNG",
        "tavily": "modelyard.chats.search_engines.tavily:Tavily",
    },
)


def engine(settings: Settings, name: str) -> SearchEngine:
    """The search engine of that name. Raises `UnknownName`, and `SearchNotConfigured`, which says what to set."""
    return SEARCH_ENGINES.get(name)(of(settings, name))


def engines(settings: Settings) -> dict[str, SearchEngine]:
    """Every search engine that can be used as things are set, by name."""
    found: dict[str, SearchEngine] = {}
    for name in SEARCH_ENGINES:
        try:
            found[name] = engine(settings, name)
        except SearchNotConfigured:
            continue
    return found


def of(settings: Settings, name: str) -> SearchSettings:
    """Where a search engine is and its key. A stranger's has neither here, and looks for itself."""
    urls = {
        "bing": settings.bing_url,
        "duckduckgo": settings.duckduckgo_url,
        "searxng": settings.searxng_url,
        "tavily": settings.tavily_url,
    }
    keys = {"bing": settings.bing_subscription_key, "tavily": settings.tavily_api_key}
    return SearchSettings(name, urls.get(name, ""), keys.get(name, ""))
