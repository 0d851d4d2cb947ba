"""Routes for the server itself: the doctor's findings, settings with their manual, prompt templates, MCP servers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from modelyard.api import absent_models
from modelyard.chats.search_engines import configured_engines
from modelyard.chats.tools.base import Tool
from modelyard.chats.tools.mcp_servers import McpSummary
from modelyard.compat.chatchat.prompts import TEMPLATES
from modelyard.control.doctor import Finding, of_machine, of_settings
from modelyard.control.setting_list import setting_list
from modelyard.core.access import TOOLS, Grant
from modelyard.core.types import ReplicaState
from modelyard.knowledge.answering.prompts import DEFAULTS
from modelyard.protocol.server import (
    FindingInfo,
    FindingList,
    McpServerInfo,
    McpServerList,
    PromptTemplate,
    PromptTemplateList,
    SettingList,
    ToolInfo,
    ToolList,
)
from modelyard.web.deps import Parts, TheChats, TheGrant, TheParts
from modelyard.web.router import ANY_KEY, Router
from modelyard.web.server_tools import server_tools

router = Router("/v1/server", tags=["server"])


@router.get("/doctor", scope="settings:read")
async def doctor(parts: TheParts, grant: TheGrant) -> FindingList:
    """What `modelyard doctor` finds on the server's machine, and models and knowledge bases that do not work well."""
    found = await asyncio.to_thread(lambda: [*of_machine(), *of_settings(parts.settings)])
    found += [*_models(parts), *await _bases(parts, grant)]
    return FindingList(data=[FindingInfo(state=each.state, subject=each.subject, detail=each.detail) for each in found])


def _models(parts: Parts) -> Iterator[Finding]:
    """Models that failed."""
    for view in parts.deployments.views():
        if view.state is ReplicaState.FAILED:
            yield Finding("warning", f"model {view.desired.uid}", view.reason)


async def _bases(parts: Parts, grant: Grant | None) -> list[Finding]:
    """Features of knowledge bases that do not work because their models are absent, of those that the key may read."""
    return [
        Finding("warning", f"base {base.name}", sentence)
        for base in await parts.knowledge.bases.all()
        if grant is None or grant.sees_base(base.name)
        for sentence in absent_models.warnings(parts.gateway, parts.catalog, base)
    ]


@router.get("/settings", scope="settings:read")
async def settings(parts: TheParts) -> SettingList:
    """Every setting with its value, default and manual. They are set by variables when the server starts, and not over HTTP."""
    return SettingList(data=setting_list(parts.settings))


@router.get("/prompts", scope=ANY_KEY)
async def prompts() -> PromptTemplateList:
    """The prompt templates of the server: those of knowledge bases without their own, and those of Chatchat's routes."""
    kinds = {"knowledge_base": DEFAULTS, **TEMPLATES}
    return PromptTemplateList(
        data=[
            PromptTemplate(kind=kind, name=name, template=text)
            for kind, templates in kinds.items()
            for name, text in templates.items()
        ]
    )


@router.get("/tools", scope="models:read")
async def tools(parts: TheParts, grant: TheGrant) -> ToolList:
    """The tools that answers of chats can use for this key, and the search engines of answers from the web."""
    engines = configured_engines(parts.settings) if grant is None or grant.allows(TOOLS) else {}
    found = await server_tools(parts, grant)
    return ToolList(data=[_tool(each) for each in found], search_engines=list(engines))


def _tool(tool: Tool) -> ToolInfo:
    return ToolInfo(name=tool.name, description=tool.description, parameters=dict(tool.parameters))


@router.get("/mcp_servers", scope=TOOLS)
async def mcp_servers(chats: TheChats, tools: bool = False) -> McpServerList:
    """The configured MCP servers, without commands and addresses; `tools=true` starts them and asks for their tools."""
    return McpServerList(data=[_mcp_server(each) for each in await chats.toolbox.mcp_servers(ask=tools)])


def _mcp_server(each: McpSummary) -> McpServerInfo:
    tools = None
    if each.tools is not None:
        tools = [_tool(tool) for tool in each.tools]
    return McpServerInfo(name=each.name, transport=each.transport, tools=tools, error=each.error)
