"""Bodies of the routes about the server itself: findings of the doctor, settings, prompt templates, MCP servers."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict

from modelyard.protocol.deferred import DeferredModel


class FindingInfo(DeferredModel):
    """One finding of the doctor."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    state: Literal["ok", "warning", "blocked"]
    """`blocked` keeps a server from starting."""
    subject: str
    """What was checked: `python`, `engine vllm`, `disk`, `base NAME`, …"""
    detail: str


class FindingList(DeferredModel):
    """Answer of `GET /v1/server/doctor`."""

    object: Literal["list"] = "list"
    data: list[FindingInfo]


class SettingInfo(DeferredModel):
    """One setting of the server."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    variable: str
    """The environment variable that sets it, when the server starts."""
    description: str
    value: Any
    """What is in force; null for secrets."""
    default: Any
    is_set: bool
    """Whether it was given, by its variable or on the command line."""
    secret: bool
    """Whether its value is never shown."""
    value_schema: dict[str, Any]
    """JSON Schema of its values."""


class SettingList(DeferredModel):
    """Answer of `GET /v1/server/settings`, in the order of the manual."""

    object: Literal["list"] = "list"
    data: list[SettingInfo]


class PromptTemplate(DeferredModel):
    """One prompt template of the server."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    kind: str
    """`knowledge_base` for answers of bases, which may have templates of their own; the others are of Chatchat's routes."""
    name: str
    template: str
    """Jinja text."""


class PromptTemplateList(DeferredModel):
    """Answer of `GET /v1/server/prompts`."""

    object: Literal["list"] = "list"
    data: list[PromptTemplate]


class ToolInfo(DeferredModel):
    """A tool that a model can call."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    """Its name for models."""
    description: str
    parameters: dict[str, Any]
    """JSON Schema of its arguments."""


class McpServerInfo(DeferredModel):
    """One configured MCP server."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    transport: Literal["stdio", "http", "sse"]
    tools: list[ToolInfo] | None
    """Null if it was not asked, or could not be."""
    error: str | None
    """Why its tools are missing."""


class McpServerList(DeferredModel):
    """Answer of `GET /v1/server/mcp_servers`."""

    object: Literal["list"] = "list"
    data: list[McpServerInfo]


class ToolList(DeferredModel):
    """Answer of `GET /v1/server/tools`."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    object: Literal["list"] = "list"
    data: list[ToolInfo]
    search_engines: list[str]
    """Names of the search engines that are configured and that the key may use, for answers from the web."""
