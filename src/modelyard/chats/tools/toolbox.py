"""The tools that a model can call on this server: the calculator, knowledge bases, the web, MCP servers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from modelyard.chats.search_engines import engine
from modelyard.chats.search_engines.base import SearchEngine
from modelyard.chats.tools import mcp_config
from modelyard.chats.tools.base import Tool
from modelyard.chats.tools.calculator import Calculator
from modelyard.chats.tools.internet_search import InternetSearch
from modelyard.chats.tools.knowledge_search import KnowledgeSearch, Search
from modelyard.chats.tools.mcp_servers import McpServers, McpSummary
from modelyard.chats.tools.page_reader import PageReader, ReadPage
from modelyard.core.config import Settings
from modelyard.core.errors import SearchNotConfigured
from modelyard.core.fetching import Hosts

PREFERRED = ("searxng", "tavily", "bing", "duckduckgo")
"""Search engines in order of preference; the first that is configured is used."""
UNSET = "duckduckgo"
"""The search engine that works without a setting."""


class Toolbox:
    """Creates the tools. MCP servers are started when a chat with external tools first needs them, and ended by `close`."""

    def __init__(self, settings: Settings, read_page: ReadPage) -> None:
        self._settings = settings
        self._read_page = read_page
        self._mcp: McpServers | None = None

    async def tools(self, bases: Mapping[str, str], search: Search, outside: bool) -> list[Tool]:
        """Return the tools of one chat: search in these bases only; web search, web pages and MCP servers only if `outside`.

        `bases` has a description for each name; `search` searches one of them.

        Raises `InvalidParameter` for an invalid file of MCP servers, and `MissingLibrary`, `UnknownName` and
        `SearchNotConfigured` for settings that cannot be used.
        """
        tools: list[Tool] = [Calculator()]
        if bases:
            tools.append(KnowledgeSearch(search, bases))
        if outside:
            if (web := self.search_engine()) is not None:
                tools.append(InternetSearch(web))
            tools += [self.page_reader(), *await self._mcp_tools()]
        return tools

    def page_reader(self) -> PageReader:
        """The reader of web pages, which reads those that the settings allow."""
        return PageReader(self._read_page, Hosts.read(self._settings.fetch_hosts))

    async def close(self) -> None:
        """End the MCP servers."""
        if self._mcp is not None:
            await self._mcp.close()

    def search_engine(self, *, chosen: bool = False) -> SearchEngine | None:
        """The search engine of the settings, else the first one that is configured; None if there is none.

        With `chosen`, not one that works without a setting.
        Raises `UnknownName` and `SearchNotConfigured` for a setting that cannot be used.
        """
        if self._settings.search_engine:
            return engine(self._settings, self._settings.search_engine)
        for name in PREFERRED if not chosen else [each for each in PREFERRED if each != UNSET]:
            try:
                return engine(self._settings, name)
            except SearchNotConfigured:
                continue
        return None

    async def mcp_servers(self, *, ask: bool) -> list[McpSummary]:
        """List the configured MCP servers; with `ask` they are started and asked for their tools.

        Raises `InvalidParameter` for an invalid file of MCP servers, and `MissingLibrary`.
        """
        servers = await self._configured_servers()
        return await servers.summaries(ask=ask) if servers is not None else []

    async def mcp_server(self, name: str) -> McpSummary | None:
        """One configured MCP server with its tools; None if there is none of this name. Raises the errors of `mcp_servers`."""
        servers = await self._configured_servers()
        return await servers.server(name) if servers is not None else None

    async def _mcp_tools(self) -> list[Tool]:
        servers = await self._configured_servers()
        return await servers.tools() if servers is not None else []

    async def _configured_servers(self) -> McpServers | None:
        """The MCP servers of the settings' file; None if there is no such setting."""
        if self._settings.mcp_servers and self._mcp is None:
            servers = await asyncio.to_thread(mcp_config.read, Path(self._settings.mcp_servers).expanduser())
            self._mcp = self._mcp or McpServers(servers)
        return self._mcp
