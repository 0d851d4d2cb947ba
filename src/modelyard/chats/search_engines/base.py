"""What a search engine is, and how one is asked: bounded in time and size, its refusals in its own words."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
import msgspec

from modelyard.core.errors import SearchFailed
from modelyard.core.fetching import tls

SECONDS = 20.0
MOST_BYTES = 5 * 1024 * 1024
MOST_HITS = 20
"""More is not asked for; SearXNG and DuckDuckGo give one page."""
SHOWN = 300
"""Characters of an engine's own words in our sentence."""


@dataclass(frozen=True, slots=True)
class WebHit:
    """A page that a search engine found."""

    title: str
    url: str
    snippet: str
    """Plain text from the page, or about it; may be empty."""


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """Where a search engine is asked."""

    engine: str
    url: str = ""
    key: str = field(default="", repr=False)


class SearchEngine(Protocol):
    """Searches the web."""

    async def search(self, query: str, k: int) -> list[WebHit]:
        """At most `k` pages, best first. Raises `SearchFailed`."""


Make = Callable[[SearchSettings], SearchEngine]
"""What a search engine is registered as. Raises `SearchNotConfigured` when it lacks its address or its key."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a search engine."""

    url: str
    method: str = "GET"
    params: Mapping[str, str | int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: object = None
    redirects: bool = False
    """Follow them. A key would go wherever they lead."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    text: str
    retry_after: str = ""


async def ask(engine: str, request: Request) -> Answer:
    """The answer of a search engine, whatever its status. Raises `SearchFailed` when there is none."""
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
            return Answer(response.status_code, text, response.headers.get("retry-after", ""))
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


async def ask_json(engine: str, request: Request, refusals: Mapping[int, str] | None = None) -> dict[str, Any]:
    """The JSON object that a search engine answers. Raises `SearchFailed` with its words for all else.

    `refusals` has sentences for statuses that mean something special here.
    """
    answer = await ask(engine, request)
    if refusals and answer.status in refusals:
        raise SearchFailed(engine, refusals[answer.status])
    check(engine, answer)
    try:
        return msgspec.json.decode(answer.text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise SearchFailed(engine, f"its answer is no JSON object: {_short(plain(answer.text))}") from error


def check(engine: str, answer: Answer) -> None:
    """Raises `SearchFailed` for an answer that is a refusal."""
    if 200 <= answer.status < 300:
        return
    words = _words(answer.text)
    if answer.status == 401:
        raise SearchFailed(engine, f"it does not take the key (401): {words}")
    if answer.status == 429:
        wait = f" Try again in {answer.retry_after} s." if answer.retry_after.isdigit() else ""
        raise SearchFailed(engine, f"too many searches (429): {words}{wait}")
    raise SearchFailed(engine, f"it answers {answer.status}: {words}")


def _words(text: str) -> str:
    """What an answer says went wrong: the innermost sentence of its JSON, or its text."""
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return _short(plain(re.sub(r"<[^<>]*>", " ", text))) or "without a word"
    for name in ("detail", "error", "errors", "message"):
        while isinstance(found, list) and found:
            found = found[0]
        if isinstance(found, dict):
            found = found.get(name, found)
    return _short(found if isinstance(found, str) else text)


def hits(found: object, title: str, snippet: str, k: int) -> list[WebHit]:
    """The hits in a list of JSON objects, whose keys for title and snippet are given; what has no `url` is left out."""
    made = []
    for each in found if isinstance(found, list) else []:
        url = each.get("url") if isinstance(each, dict) else None
        if isinstance(url, str) and url.startswith(("http://", "https://")):
            made.append(WebHit(plain(each.get(title)) or url, url, plain(each.get(snippet))))
    return made[:k]


def plain(text: object) -> str:
    """Text in one line."""
    return " ".join(text.split()) if isinstance(text, str) else ""


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
