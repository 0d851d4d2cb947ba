"""`client.server`: the server itself, as its owner sees it: findings, settings, prompt templates, tools, MCP servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.client.calls import CallGroup, S, call
from modelyard.client.request import Request, at, data_of, flag

if TYPE_CHECKING:
    from modelyard.client.server_types import FindingDict, McpServerDict, PromptTemplateDict, SettingDict, ToolDict


class ServerCalls(CallGroup[S]):
    """The server itself: what the doctor finds, its settings, prompt templates, tools and MCP servers."""

    @call
    def doctor(self) -> Request[list[FindingDict]]:
        """What `modelyard doctor` finds on the server's machine, and models and knowledge bases that do not work well."""
        return Request("GET", at("server", "doctor"), data_of)

    @call
    def settings(self) -> Request[list[SettingDict]]:
        """Every setting with its value, default and manual; secrets without their values."""
        return Request("GET", at("server", "settings"), data_of)

    @call
    def prompts(self) -> Request[list[PromptTemplateDict]]:
        """The prompt templates of the server."""
        return Request("GET", at("server", "prompts"), data_of)

    @call
    def tools(self) -> Request[list[ToolDict]]:
        """The tools that answers of chats can use for this key."""
        return Request("GET", at("server", "tools"), data_of)

    @call
    def mcp_servers(self, tools: bool = False) -> Request[list[McpServerDict]]:
        """The configured MCP servers; with `tools` they are started and asked for their tools."""
        return Request("GET", at("server", "mcp_servers"), data_of, {"tools": flag(tools)})
