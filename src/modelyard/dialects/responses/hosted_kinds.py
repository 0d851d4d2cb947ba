"""The kinds of tools that this server runs for `/v1/responses`."""

from __future__ import annotations

from modelyard.dialects.responses.file_search import FileSearch
from modelyard.dialects.responses.hosted import HostedTools
from modelyard.dialects.responses.mcp_tools import McpServerTools
from modelyard.dialects.responses.web_search import WebSearch
from modelyard.web.deps import Parts

WEB_SEARCHES = ("web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11")


def hosted_tools(parts: Parts) -> HostedTools:
    """All kinds, each with who runs it."""
    toolbox = parts.chats.toolbox
    return {
        "file_search": FileSearch(parts),
        "mcp": McpServerTools(toolbox),
        **dict.fromkeys(WEB_SEARCHES, WebSearch(toolbox)),
    }
