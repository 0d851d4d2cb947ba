"""The tools that a model can call on this server: the calculator, knowledge bases, the web, MCP servers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from modelyard.chats.search_engines import engine
from modelyard.chats.search_engines.base import SearchEngine
from modelyard.chats.tools import mcp_config
from modelyard.chats.tools.base import Tool
from modelyard.chats.tools.calculator import Calculator
from modelyard.chats.tools.internet_search import InternetSearch
from modelyard.chats.tools.knowledge_search import KnowledgeSearch
from modelyard.chats.tools.mcp_servers import McpServers
from modelyard.chats.tools.page_reader import PageReader
from modelyard.core.config import Settings
from modelyard.core.errors import SearchNotConfigured
from modelyard.core.fetching import Hosts
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.answering.answer import is_evidence
from modelyard.knowledge.search.search import LONGEST_QUERY, Hit, Query, Search
from modelyard.knowledge.types import Models

PREFERRED = ("searxng", "tavily", "bing", "duckduckgo")
"""Search engines in order of preference; the first that is configured is used."""
MOST_HITS = 5


class Toolbox:
    """Makes the tools. MCP servers are started when tools that reach outside are first requested, and ended by `close`."""

    def __init__(self, settings: Settings, search: Search) -> None:
        self._settings = settings
        self._search = search
        self._mcp: McpServers | None = None

    async def tools(self, bases: Sequence[KnowledgeBase], outside: bool, models: Models | None = None) -> list[Tool]:
        """Return the tools of one chat: search in these bases only; web search, web pages and MCP servers only if `outside`.

        Searches use `models`, so that their tokens count for the caller; the server's own models if left out.

        Raises `InvalidParameter` for a file of MCP servers that is wrong, and `MissingLibrary`, `UnknownName` and
        `SearchNotConfigured` for settings that cannot be used.
        """
        tools: list[Tool] = [Calculator()]
        if bases:
            tools.append(self._bases(bases, models))
        if outside:
            if (web := self._engine()) is not None:
                tools.append(InternetSearch(web))
            tools += [PageReader(Hosts.read(self._settings.fetch_hosts)), *await self._mcp_tools()]
        return tools

    async def close(self) -> None:
        """End the MCP servers."""
        if self._mcp is not None:
            await self._mcp.close()

    def _bases(self, bases: Sequence[KnowledgeBase], models: Models | None) -> KnowledgeSearch:
        by_name = {base.name: base for base in bases}

        async def search(query: str, name: str) -> str:
            search_query = Query(text=query[:LONGEST_QUERY], bases=[by_name[name]], k=MOST_HITS, models=models)
            results = await self._search.search(search_query)
            hits = [hit for hit in results.hits if is_evidence(query, hit)]
            return "\n\n".join(map(_numbered, range(1, len(hits) + 1), hits)) or f"'{name}' has nothing about this."

        return KnowledgeSearch(search, {name: base.description for name, base in by_name.items()})

    def _engine(self) -> SearchEngine | None:
        if self._settings.search_engine:
            return engine(self._settings, self._settings.search_engine)
        for name in PREFERRED:
            try:
                return engine(self._settings, name)
            except SearchNotConfigured:
                continue
        return None

    async def _mcp_tools(self) -> list[Tool]:
        if not self._settings.mcp_servers:
            return []
        if self._mcp is None:
            servers = await asyncio.to_thread(mcp_config.read, Path(self._settings.mcp_servers).expanduser())
            self._mcp = self._mcp or McpServers(servers)
        return await self._mcp.tools()


def _numbered(number: int, hit: Hit) -> str:
    page = f", page {hit.row.page}" if hit.row.page is not None else ""
    return f"[{number}] {hit.row.document}{page}\n{hit.row.text}"
