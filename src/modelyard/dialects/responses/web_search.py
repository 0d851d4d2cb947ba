"""The hosted tool `web_search`: the server's search engine, and its reader of pages, which the model calls as functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urlsplit

from modelyard.chats.search_engines.base import SearchEngine, WebHit
from modelyard.chats.tools.base import Tool
from modelyard.chats.tools.toolbox import Toolbox
from modelyard.core.access import TOOLS
from modelyard.core.errors import ModelyardError
from modelyard.dialects.responses.hosted import (
    HostedCall,
    HostedRequest,
    HostedResult,
    OpenTool,
    failed,
    text_arguments,
)
from modelyard.dialects.responses.request import converted
from modelyard.protocol.responses_hosted import SizeOfContext, WebPageSource, WebSearchOffer
from modelyard.protocol.responses_items import Item

SOURCES = "web_search_call.action.sources"
"""The item of `include` with which the addresses of all hits stand in the output."""
COUNTS: dict[SizeOfContext, int] = {"low": 3, "medium": 5, "high": 10}
"""Size of the context → hits of a search."""
NOTHING = "Nothing was found."
QUERY = {"type": "string", "description": "A few words, as one types them into a search engine"}
ADDRESS = {"type": "string", "description": "An http or https address"}
SEARCH, OPEN = "web_search", "open_page"
ABOUT = {
    SEARCH: "Search the web for what is new, or not known to you. The pages are numbered: behind each statement that is taken "
    "from one, write its number in brackets, such as [1].",
    OPEN: "Read a page of the web as text.",
}


def _function(name: str, parameter: str, schema: Item) -> Item:
    parameters = {"type": "object", "properties": {parameter: schema}, "required": [parameter]}
    return {"type": "function", "function": {"name": name, "description": ABOUT[name], "parameters": parameters}}


FUNCTIONS = (_function(SEARCH, "query", QUERY), _function(OPEN, "url", ADDRESS))


@dataclass(frozen=True, slots=True)
class WebSearch:
    """Opens searches of the web where the owner has chosen a search engine and the caller may use it."""

    toolbox: Toolbox

    async def open(self, tool: Item, place: str, request: HostedRequest) -> OpenTool | None:
        """A search of the web; None without a search engine, without the scope, or if the request wants no pages fetched."""
        offer = converted(tool, WebSearchOffer, place)
        grant = request.caller.grant
        if offer.external_web_access is False or (grant is not None and not grant.allows(TOOLS)):
            return None
        engine = self.toolbox.search_engine(chosen=True)
        if engine is None:
            return None
        domains = (offer.filters.allowed_domains if offer.filters else None) or ()
        count = COUNTS[offer.search_context_size or "medium"]
        return OpenWebSearch(engine, self.toolbox.page_reader(), count, domains, request)


@dataclass(slots=True)
class OpenWebSearch:
    """A search of the web for one request."""

    engine: SearchEngine
    reader: Tool
    count: int
    domains: Sequence[str]
    """Sites whose pages may be found and read; empty for all."""
    request: HostedRequest
    kind: ClassVar[str] = "web_search_call"
    prefix: ClassVar[str] = "ws"
    items: ClassVar[Sequence[Item]] = ()
    stages: ClassVar[Sequence[str]] = ("searching",)
    functions: ClassVar[Sequence[Item]] = FUNCTIONS
    numbers: dict[str, int] = field(default_factory=dict)
    """Address of a page → its number."""

    def begun(self, call: HostedCall) -> Item:
        """What a call does."""
        if call.name == OPEN:
            return {"action": {"type": "open_page", "url": next(iter(text_arguments(call, "url")), None)}}
        texts = text_arguments(call, "query", "queries")
        return {"action": {"type": "search", "query": " ".join(texts), "queries": texts}}

    async def run(self, call: HostedCall) -> HostedResult:
        """Search, or read a page. An error of either is the result."""
        item = self.begun(call)
        action: dict[str, Any] = item["action"]
        name = "url" if call.name == OPEN else "query"
        if not action[name]:
            return failed(f"'{name}' must be a text that is not empty.", item)
        try:
            if call.name == OPEN:
                return await self._read(item, action["url"])
            return await self._search(item, action["query"])
        except ModelyardError as error:
            return failed(error.message, item)

    async def _search(self, item: Item, query: str) -> HostedResult:
        hits = await self.engine.search(query, self.count * (2 if self.domains else 1))
        found = [self._source(hit) for hit in hits if self._allows(hit.url)][: self.count]
        if SOURCES in self.request.include:
            item["action"]["sources"] = [{"type": "url", "url": each.url} for each in found]
        pages = [f"{each.title}\n{each.url}\n{each.text}".rstrip() for each in found]
        lines = [f"[{each.number}] {page}" for each, page in zip(found, pages, strict=True)]
        item["output"] = "\n\n".join(pages) or NOTHING
        return HostedResult("\n\n".join(lines) or NOTHING, item, found)

    async def _read(self, item: Item, url: str) -> HostedResult:
        if not host_of(url):
            return failed(f"'{url[:100]}' is not the address of a page.", item)
        if not self._allows(url):
            return failed(f"only pages of {', '.join(self.domains)} may be read.", item)
        text = await self.reader.call({"url": url})
        source = self._source(WebHit(text.partition("\n")[0], url, text))
        return HostedResult(f"[{source.number}] {text}", {**item, "output": text}, [source])

    def _source(self, hit: WebHit) -> WebPageSource:
        """A page as a source, which keeps the number that it has got from an earlier call."""
        number = self.numbers.setdefault(hit.url, 0) or next(self.request.numbers)
        self.numbers[hit.url] = number
        return WebPageSource(number=number, url=hit.url, title=hit.title, text=hit.snippet)

    def _allows(self, url: str) -> bool:
        host = host_of(url)
        return not self.domains or any(
            host == each.lower() or host.endswith(f".{each.lower()}") for each in self.domains
        )


def host_of(url: str) -> str:
    """The host of an address, in small letters; empty for what is no address."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""
