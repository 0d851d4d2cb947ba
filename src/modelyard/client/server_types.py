"""TypedDicts of the answers about the server itself: findings, settings, prompt templates, MCP servers."""

from __future__ import annotations

from typing import Any, TypedDict


class FindingDict(TypedDict):
    """One finding of the doctor."""

    state: str
    subject: str
    detail: str


class SettingDict(TypedDict):
    """One setting of the server."""

    name: str
    variable: str
    description: str
    value: Any
    default: Any
    is_set: bool
    secret: bool
    value_schema: dict[str, Any]


class PromptTemplateDict(TypedDict):
    """One prompt template of the server."""

    kind: str
    name: str
    template: str


class ToolDict(TypedDict):
    """A tool that a model can call."""

    name: str
    description: str
    parameters: dict[str, Any]


class McpServerDict(TypedDict):
    """One configured MCP server."""

    name: str
    transport: str
    tools: list[ToolDict] | None
    error: str | None
