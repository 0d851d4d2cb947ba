"""Bodies of the routes about the server itself: findings of `doctor`, settings, prompt templates, tools, MCP servers."""

from __future__ import annotations

from typing import Any, Literal

from modelyard.protocol.deferred import DeferredModel


class FindingInfo(DeferredModel):
    """A result of `modelyard doctor`."""

    state: Literal["ok", "warning", "blocked"]
    """`blocked` means that the server cannot start."""
    subject: str
    """The subject of the check: `python`, `engine vllm`, `disk`, `base NAME`, …"""
    detail: str
    """A sentence that says what was found, and what to do."""


class FindingList(DeferredModel):
    """Answer of `GET /v1/server/doctor`."""

    object: Literal["list"] = "list"
    data: list[FindingInfo]


class SettingInfo(DeferredModel):
    """A setting of the server."""

    name: str
    variable: str
    """The environment variable that sets it when the server starts."""
    description: str
    value: Any
    """The present value; null for secrets."""
    default: Any
    is_set: bool
    """Whether the value was set, by the environment variable, a file or the command line."""
    secret: bool
    """Whether the value is never shown."""
    value_schema: dict[str, Any]
    """JSON Schema of the value."""


class SettingList(DeferredModel):
    """Answer of `GET /v1/server/settings`, in the order of the manual."""

    object: Literal["list"] = "list"
    data: list[SettingInfo]


class PromptTemplate(DeferredModel):
    """A prompt template of the server."""

    kind: str
    """`knowledge_base` for answers of knowledge bases, which may override it; other kinds are used by Chatchat's routes."""
    name: str
    template: str
    """Jinja text."""


class PromptTemplateList(DeferredModel):
    """Answer of `GET /v1/server/prompts`."""

    object: Literal["list"] = "list"
    data: list[PromptTemplate]


class ToolInfo(DeferredModel):
    """A tool that a model can call."""

    name: str
    """Name of the tool, by which models call it."""
    description: str
    parameters: dict[str, Any]
    """JSON Schema of the arguments."""


class McpServerInfo(DeferredModel):
    """A configured MCP server."""

    name: str
    transport: Literal["stdio", "http", "sse"]
    tools: list[ToolInfo] | None
    """Tools of the MCP server; null if they were not requested or could not be listed."""
    error: str | None
    """Why the tools could not be listed; null if they could."""


class McpServerList(DeferredModel):
    """Answer of `GET /v1/server/mcp_servers`."""

    object: Literal["list"] = "list"
    data: list[McpServerInfo]


class ToolList(DeferredModel):
    """Answer of `GET /v1/server/tools`."""

    object: Literal["list"] = "list"
    data: list[ToolInfo]
    search_engines: list[str]
    """Names of the web search engines that are configured and that the key may use."""
