"""Hosted tools of OpenAI's `/v1/responses`, which this server runs: settings in a request, and sources of their results."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Label = Annotated[str, Meta(min_length=1, max_length=200)]
Names = Annotated[list[Label], Meta(max_length=1000)]
SizeOfContext = Literal["low", "medium", "high"]


class FileRanking(msgspec.Struct):
    """Settings for the ranking of hits."""

    ranker: Annotated[str, Meta(max_length=200)] | None = None
    score_threshold: Annotated[float, Meta(ge=0, le=1)] | None = None
    hybrid_search: dict[str, Any] | None = None
    """Refused: the weights of words and vectors are measured by the probe of each base."""


class FileSearchOffer(msgspec.Struct):
    """The tool `file_search`: a search in knowledge bases."""

    vector_store_ids: Annotated[list[Label], Meta(min_length=1, max_length=100)]
    """Ids of vector stores, or names of knowledge bases."""
    filters: dict[str, Any] | None = None
    max_num_results: Annotated[int, Meta(ge=1, le=50)] | None = None
    ranking_options: FileRanking | None = None


class Domains(msgspec.Struct):
    """The sites to which a web search is limited."""

    allowed_domains: Names | None = None


class WebSearchOffer(msgspec.Struct):
    """The tool `web_search`."""

    filters: Domains | None = None
    search_context_size: SizeOfContext | None = None
    external_web_access: bool | None = None


class ToolFilter(msgspec.Struct):
    """A selection of an MCP server's tools."""

    tool_names: Names | None = None
    read_only: bool | None = None


class ApprovalFilter(msgspec.Struct):
    """Which tools of an MCP server need the user's approval."""

    always: ToolFilter | None = None
    never: ToolFilter | None = None


class McpOffer(msgspec.Struct):
    """The tool `mcp`: the tools of an MCP server."""

    server_label: Label
    server_url: str | None = None
    connector_id: str | None = None
    tunnel_id: str | None = None
    authorization: str | None = None
    headers: dict[str, str] | None = None
    allowed_tools: Names | ToolFilter | None = None
    require_approval: Literal["always", "never"] | ApprovalFilter | None = None


class FilePassage(msgspec.Struct, frozen=True, kw_only=True):
    """A passage of a document that the model read, with the number by which it is cited."""

    number: int
    file_id: str
    filename: str
    text: str


class WebPageSource(msgspec.Struct, frozen=True, kw_only=True):
    """A web page that the model read, with the number by which it is cited."""

    number: int
    url: str
    title: str
    text: str


Source = FilePassage | WebPageSource
