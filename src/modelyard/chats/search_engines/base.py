"""The protocol of a search engine, and HTTP requests to one with limits of time and size."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from modelyard.core.errors import SearchFailed
from modelyard.core.fetching import tls

if TYPE_CHECKING:
    import httpx

SECONDS = 20.0
MOST_BYTES = 5 * 1024 * 1024
MOST_HITS = 20
"""Maximum number of hits of a search; SearXNG and DuckDuckGo return one page."""
QUOTED = 300
"""Maximum characters of an engine's own message that an error quotes."""


@dataclass(frozen=True, slots=True)
class WebHit:
    """A page that a search engine found."""

    title: str
    url: str
    snippet: str
    """An excerpt of the page or a description, in plain text; may be empty."""


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """The name, address and key of a search engine."""

    engine: str
    url: str = ""
    key: str = field(default="", repr=False)


class SearchEngine(Protocol):
    """Searches the web."""

    async def search(self, query: str, k: int) -> list[WebHit]:
        """Return at most `k` pages, best first. Raises `SearchFailed`."""


MakeEngine = Callable[[SearchSettings], SearchEngine]
"""The factory that a search engine is registered as. Raises `SearchNotConfigured` if its address or its key is missing."""


@dataclass(frozen=True, slots=True)
class WebSearchRequest:
    """An HTTP request to a search engine."""

    url: str
    method: str = "GET"
    params: Mapping[str, str | int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: object = None
    redirects: bool = False
    """Whether to follow redirects. Must not be set if a key is sent, which would be sent to the redirect's target too."""


@dataclass(frozen=True, slots=True)
class SearchResponse:
    """The response of a search engine."""

    status: int
    text: str
    retry_after: str = ""


async def send(engine: str, request: WebSearchRequest) -> SearchResponse:
    """Send a request, and return the response whatever its status. Raises `SearchFailed` if there is none."""
    import httpx  # takes 5 MB, which a server whose models search no web saves

    try:
        async with (
            asyncio.timeout(SECONDS),
            httpx.AsyncClient(verify=tls(), timeout=SECONDS, follow_redirects=request.redirects) as client,
            client.stream(
                request.method,
                request.url,
                params=dict(request.params) or None,
                headers=dict(request.headers),
                json=request.json,
            ) as response,
        ):
            body = await _read(engine, response)
            text = body.decode(response.charset_encoding or "utf-8", "replace")
            return SearchResponse(response.status_code, text, response.headers.get("retry-after", ""))
    except (httpx.TimeoutException, TimeoutError) as error:
        raise SearchFailed(engine, f"no answer within {SECONDS:g} s.") from error
    except (httpx.HTTPError, httpx.InvalidURL, LookupError) as error:
        raise SearchFailed(engine, f"{type(error).__name__}: {error}".rstrip(": ")) from error


async def _read(engine: str, response: httpx.Response) -> bytes:
    read = bytearray()
    async for part in response.aiter_bytes():
        read += part
        if len(read) > MOST_BYTES:
            raise SearchFailed(engine, f"its answer has more than {MOST_BYTES} bytes.")
    return bytes(read)


async def send_json(
    engine: str, request: WebSearchRequest, refusals: Mapping[int, str] | None = None
) -> dict[str, Any]:
    """Send a request, and return the JSON object of the response. Raises `SearchFailed` for any other response.

    `refusals` has error messages for statuses that have a special meaning at this engine.
    """
    answer = await send(engine, request)
    if refusals and answer.status in refusals:
        raise SearchFailed(engine, refusals[answer.status])
    check_status(engine, answer)
    try:
        return msgspec.json.decode(answer.text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise SearchFailed(engine, f"its answer is no JSON object: {_short(one_line(answer.text))}") from error


def check_status(engine: str, answer: SearchResponse) -> None:
    """Raise `SearchFailed` for a response that is an error."""
    if 200 <= answer.status < 300:
        return
    words = _words(answer.text)
    if answer.status == 401:
        raise SearchFailed(engine, f"it rejects the key (401): {words}")
    if answer.status == 429:
        wait = f" Try again in {answer.retry_after} s." if answer.retry_after.isdigit() else ""
        raise SearchFailed(engine, f"too many searches (429): {words}{wait}")
    raise SearchFailed(engine, f"it answers {answer.status}: {words}")


def _words(text: str) -> str:
    """Return a response's own error message: the innermost text of its JSON, or its whole text."""
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return _short(one_line(re.sub(r"<[^<>]*>", " ", text))) or "without a word"
    for name in ("detail", "error", "errors", "message"):
        while isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, dict):
            value = value.get(name, value)
    return _short(value if isinstance(value, str) else text)


def web_hits(items: object, title: str, snippet: str, k: int) -> list[WebHit]:
    """Return the hits in a list of JSON objects, with the given keys for title and snippet. Items without `url` are left out."""
    hits = []
    for each in items if isinstance(items, list) else []:
        url = each.get("url") if isinstance(each, dict) else None
        if isinstance(url, str) and url.startswith(("http://", "https://")):
            hits.append(WebHit(one_line(each.get(title)) or url, url, one_line(each.get(snippet))))
    return hits[:k]


def one_line(text: object) -> str:
    """Return a text with its white space collapsed; empty for anything but a text."""
    return " ".join(text.split()) if isinstance(text, str) else ""


def _short(text: str) -> str:
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}…"
