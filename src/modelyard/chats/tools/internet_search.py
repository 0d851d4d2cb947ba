"""The web search tool."""

from __future__ import annotations

from typing import Any, ClassVar

from modelyard.chats.search_engines.base import SearchEngine, WebHit
from modelyard.chats.tools.base import integer_argument, object_schema, text_argument

MOST = 10


class InternetSearch:
    """Searches the web with one search engine."""

    name: ClassVar[str] = "search_internet"
    description: ClassVar[str] = (
        "Search the web for what is new, or not known to you. Gives titles, addresses and excerpts of pages; "
        "cite the addresses that you use."
    )
    parameters: ClassVar[dict[str, Any]] = object_schema(
        {"query": {"type": "string", "description": "A few words, as one types them into a search engine"}},
        {"count": {"type": "integer", "description": f"How many pages, at most {MOST}", "default": 5}},
    )

    def __init__(self, engine: SearchEngine) -> None:
        self._engine = engine

    async def call(self, arguments: dict[str, Any]) -> str:
        """Return the pages found, numbered. Raises `SearchFailed`."""
        query = text_argument(arguments, "query")
        hits = await self._engine.search(query, integer_argument(arguments, "count", 5, 1, MOST))
        return "\n\n".join(map(_numbered, range(1, len(hits) + 1), hits)) or f"Nothing was found for '{query}'."


def _numbered(number: int, hit: WebHit) -> str:
    return f"[{number}] {hit.title}\n{hit.url}\n{hit.snippet}".rstrip()
