"""The hosted tool `mcp`: tools of the MCP servers that the owner of this server has configured, by their label."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from modelyard.chats.tools.base import tool_definition
from modelyard.chats.tools.mcp_servers import McpTool
from modelyard.chats.tools.toolbox import Toolbox
from modelyard.core.access import TOOLS
from modelyard.core.errors import InvalidParameter, ToolFailed
from modelyard.dialects.responses.hosted import HostedCall, HostedRequest, HostedResult, OpenTool, object_of
from modelyard.dialects.responses.request import converted
from modelyard.protocol.responses_hosted import McpOffer, ToolFilter
from modelyard.protocol.responses_items import Item

ELSEWHERE = (
    "only MCP servers that the owner of this server has configured are used; name one of them as 'server_label'."
)
APPROVAL = (
    "calls of tools are not submitted for approval here; set it to 'never', for all tools or for those to be called."
)


@dataclass(frozen=True, slots=True)
class McpServerTools:
    """Opens MCP servers."""

    toolbox: Toolbox

    async def open(self, tool: Item, place: str, request: HostedRequest) -> OpenTool:
        """The tools of a server. Raises `InvalidParameter`, `PermissionDenied`, and `ToolFailed` if the server does not start."""
        offer = converted(tool, McpOffer, place)
        for name in ("server_url", "connector_id", "tunnel_id", "authorization", "headers"):
            if getattr(offer, name):
                raise InvalidParameter(f"{place}.{name}", ELSEWHERE)
        if request.caller.grant is not None:
            request.caller.grant.check(TOOLS)
        allowed = _both(_allowed(offer, place), _unapproved(offer, place))
        server = await self.toolbox.mcp_server(offer.server_label)
        if server is None:
            names = [each.name for each in await self.toolbox.mcp_servers(ask=False)]
            known = f"There are: {', '.join(names)}." if names else "There are none: see MODELYARD_MCP_SERVERS."
            raise InvalidParameter(
                f"{place}.server_label", f"no MCP server '{offer.server_label}' is configured. {known}"
            )
        if server.tools is None:
            raise ToolFailed(server.name, server.error or "it has no tools.")
        tools = [each for each in server.tools if isinstance(each, McpTool)]
        unknown = sorted(set(allowed or ()) - {each.server_name for each in tools})
        if unknown:
            raise InvalidParameter(f"{place}.allowed_tools", f"the server '{server.name}' has no tool '{unknown[0]}'.")
        return OpenMcp(
            server.name, {each.name: each for each in tools if allowed is None or each.server_name in allowed}
        )


def _both(first: Collection[str] | None, second: Collection[str] | None) -> Collection[str] | None:
    """The names that are in both; None stands for all."""
    if first is None or second is None:
        return second if first is None else first
    return [each for each in first if each in second]


def _allowed(offer: McpOffer, place: str) -> Collection[str] | None:
    """The names of the tools that may be called; None for all. Raises `InvalidParameter`."""
    if isinstance(offer.allowed_tools, ToolFilter):
        return _names(offer.allowed_tools, f"{place}.allowed_tools")
    return offer.allowed_tools


def _unapproved(offer: McpOffer, place: str) -> Collection[str] | None:
    """The names of the tools that need no approval; None for all. Raises `InvalidParameter`: OpenAI's default is approval."""
    approval = offer.require_approval
    if approval == "never":
        return None
    if approval is None or isinstance(approval, str) or approval.never is None:
        raise InvalidParameter(f"{place}.require_approval", APPROVAL)
    return _names(approval.never, f"{place}.require_approval.never")


def _names(tools: ToolFilter, place: str) -> Collection[str] | None:
    if tools.read_only is not None:
        raise InvalidParameter(f"{place}.read_only", "name the tools with 'tool_names' instead.")
    return tools.tool_names


@dataclass(slots=True)
class OpenMcp:
    """The tools of one server for one request."""

    label: str
    tools: Mapping[str, McpTool]
    """Name of the function → the tool."""
    kind: ClassVar[str] = "mcp_call"
    prefix: ClassVar[str] = "mcp"
    stages: ClassVar[Sequence[str]] = ()
    functions: Sequence[Item] = field(init=False)
    items: Sequence[Item] = field(init=False)

    def __post_init__(self) -> None:
        self.functions = [tool_definition(each) for each in self.tools.values()]
        listed = [
            {
                "name": each.server_name,
                "description": each.description,
                "input_schema": dict(each.parameters),
                "annotations": None,
            }
            for each in self.tools.values()
        ]
        identity = f"mcpl_{secrets.token_hex(16)}"
        self.items = [{"id": identity, "type": "mcp_list_tools", "server_label": self.label, "tools": listed}]

    def begun(self, call: HostedCall) -> Item:
        """The call as the item shows it."""
        named = {"name": self.tools[call.name].server_name, "server_label": self.label, "arguments": call.arguments}
        return {**named, "output": None, "error": None, "approval_request_id": None}

    async def run(self, call: HostedCall) -> HostedResult:
        """Call the tool. Its error is the result."""
        item = self.begun(call)
        arguments = object_of(call)
        if arguments is None:
            return _failed(item, "the arguments must be a JSON object.")
        try:
            output = await self.tools[call.name].call(arguments)
        except ToolFailed as error:
            return _failed(item, error.message)
        return HostedResult(output, {**item, "output": output})


def _failed(item: Item, message: str) -> HostedResult:
    error = {"type": "mcp_tool_execution_error", "content": [{"type": "text", "text": message}]}
    return HostedResult(f"Error: {message}", {**item, "error": error}, failed=True)
