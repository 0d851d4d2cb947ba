"""The tools of MCP servers, which are started when their tools are first needed, and restarted after they end."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from modelyard.chats.tools import mcp_config
from modelyard.chats.tools.base import Tool
from modelyard.core.errors import MissingLibrary, ToolFailed

if TYPE_CHECKING:
    from modelyard.chats.tools.mcp_session import McpConnection

log = logging.getLogger(__name__)

START_SECONDS = 60.0
"""Seconds; long, because the first start may download the server, as `npx` and `uvx` do."""
CALL_SECONDS = 120.0
MOST_NAME = 64


@dataclass(frozen=True, slots=True)
class McpTool:
    """A tool of an MCP server."""

    name: str
    """`<server>__<tool>`, with `_` in place of characters that a tool's name may not contain."""
    description: str
    parameters: Mapping[str, Any]
    connection: McpConnection
    server_name: str
    """The tool's name on its server."""

    async def call(self, arguments: dict[str, Any]) -> str:
        """Call the tool and return its output as text. Raises `ToolFailed`, also if the server has ended or does not answer."""
        return await self.connection.call(self.server_name, arguments)


@dataclass(frozen=True, slots=True)
class McpSummary:
    """An MCP server as it is listed."""

    name: str
    transport: Literal["stdio", "http", "sse"]
    tools: Sequence[Tool] | None = None
    """Its tools; None if it was not asked, or could not be."""
    error: str | None = None
    """Why its tools are missing."""


class McpServers:
    """The configured MCP servers. Belongs to one event loop, in which it must be closed."""

    def __init__(
        self,
        servers: Iterable[mcp_config.McpServer],
        *,
        start_timeout: float = START_SECONDS,
        call_timeout: float = CALL_SECONDS,
    ) -> None:
        self._servers = list(servers)
        self._timeouts = (start_timeout, call_timeout)
        self._connections: dict[str, McpConnection] = {}
        self.failures: dict[str, str] = {}
        """Server → why its tools are missing, at the last call of `tools`."""

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read the servers of a configuration file. Raises `InvalidParameter`."""
        return cls(mcp_config.read(path))

    async def tools(self) -> list[Tool]:
        """Return the tools of all servers. A server that fails to start is left out, and is named in `failures`.

        Raises `MissingLibrary` if there are servers and the library `mcp` is not installed.
        """
        self._connect()
        tools = await asyncio.gather(*map(self._tools_of, self._connections.items()))
        return list(_renamed([each for some in tools for each in some]))

    async def server(self, name: str) -> McpSummary | None:
        """One server with its tools, or why they are missing; None for a name that is not configured. Raises `MissingLibrary`."""
        described = next((each for each in self._servers if each.name == name), None)
        if described is None:
            return None
        self._connect()
        tools = _renamed(await self._tools_of((name, self._connections[name])))
        return self._summary(described, tools, True)

    async def summaries(self, *, ask: bool) -> list[McpSummary]:
        """Describe every server; with `ask` they are started and asked for their tools. Raises `MissingLibrary`."""
        tools = [tool for tool in await self.tools() if isinstance(tool, McpTool)] if ask else []
        return [self._summary(each, tools, ask) for each in self._servers]

    def _summary(self, server: mcp_config.McpServer, tools: Sequence[McpTool], ready: bool) -> McpSummary:
        transport: Literal["stdio", "http", "sse"] = "stdio" if server.command else "sse" if server.sse else "http"
        if not ready or (error := self.failures.get(server.name)):
            return McpSummary(server.name, transport, error=error if ready else None)
        own = [tool for tool in tools if tool.connection is self._connections[server.name]]
        return McpSummary(server.name, transport, own)

    def _connect(self) -> None:
        if self._connections or not self._servers:
            return
        try:
            from modelyard.chats.tools.mcp_session import McpConnection
        except ModuleNotFoundError as error:
            raise MissingLibrary("MCP servers", "mcp", "pip install mcp") from error
        self._connections = {each.name: McpConnection(each, *self._timeouts) for each in self._servers}

    async def _tools_of(self, server: tuple[str, McpConnection]) -> list[McpTool]:
        name, connection = server
        try:
            tools = await connection.tools()
        except ToolFailed as error:
            log.warning("%s", error.message)
            self.failures[name] = error.message
            return []
        self.failures.pop(name, None)
        return [
            McpTool(f"{name}__{each.name}", each.description or "", each.input_schema, connection, each.name)
            for each in tools
        ]

    async def close(self) -> None:
        """End all servers. Requesting tools again starts them again."""
        await asyncio.gather(*(each.close() for each in self._connections.values()))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _renamed(tools: Sequence[McpTool]) -> list[McpTool]:
    """The tools under names that a model may call, each once."""
    taken: dict[str, McpTool] = {}
    for tool in tools:
        name = tool_name(tool.name, taken)
        taken[name] = McpTool(name, tool.description, tool.parameters, tool.connection, tool.server_name)
    return list(taken.values())


def tool_name(name: str, taken: Iterable[str]) -> str:
    """Return a name that OpenAI's API allows (letters, digits, `_`, `-`, at most 64) and that is not taken yet."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", name)
    if len(plain) <= MOST_NAME and re.search(r"[A-Za-z0-9]", plain.partition("__")[2]) and plain not in taken:
        return plain
    mark = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{plain[: MOST_NAME - 9]}_{mark}"
