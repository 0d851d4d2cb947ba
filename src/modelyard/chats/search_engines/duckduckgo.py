"""DuckDuckGo's HTML page. It needs no key, but stops answering clients that search too often."""

from __future__ import annotations

from urllib.parse import parse_qs, urljoin, urlsplit

from lxml import etree, html

from modelyard.chats.search_engines.base import (
    SearchSettings,
    WebHit,
    WebSearchRequest,
    check_status,
    one_line,
    send,
)
from modelyard.core.errors import SearchFailed, SearchNotConfigured

HEADERS = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
"""DuckDuckGo sends no results to clients other than browsers."""
CHALLENGE = (
    "it asks for proof of a human, as it does after many searches (202). Try again later, or configure another engine."
)
RESULT = "//*[contains(concat(' ', normalize-space(@class), ' '), ' result ')]"
LINK = ".//a[contains(concat(' ', normalize-space(@class), ' '), ' result__a ')]"
SNIPPET = ".//*[contains(concat(' ', normalize-space(@class), ' '), ' result__snippet ')]"
NONE = "//*[contains(@class, 'no-results')]"
CHALLENGES = "//*[contains(@class, 'anomaly-modal') or @id='challenge-form']"


class DuckDuckGo:
    """Searches by reading the page `html.duckduckgo.com`."""

    def __init__(self, settings: SearchSettings) -> None:
        if not settings.url:
            raise SearchNotConfigured(settings.engine, "set MODELYARD_DUCKDUCKGO_URL")
        self._settings = settings

    async def search(self, query: str, k: int) -> list[WebHit]:
        """See `SearchEngine.search`."""
        name = self._settings.engine
        answer = await send(
            name, WebSearchRequest(self._settings.url, params={"q": query}, headers=HEADERS, redirects=True)
        )
        if answer.status == 202:
            raise SearchFailed(name, CHALLENGE)
        check_status(name, answer)
        return read(name, answer.text)[:k]


def read(engine: str, page: str) -> list[WebHit]:
    """Return the hits on a page, without advertisements. Raises `SearchFailed` for a page of another form."""
    try:
        root = html.document_fromstring(page)
    except (etree.LxmlError, ValueError) as error:
        raise SearchFailed(engine, f"its answer is no page: {error}") from error
    results = root.xpath(RESULT)
    hits = [hit for hit in map(_hit, results) if hit is not None]
    if not hits and root.xpath(CHALLENGES):
        raise SearchFailed(engine, CHALLENGE)
    if not results and not root.xpath(NONE):
        raise SearchFailed(engine, "the page has an unknown format.")
    return hits


def _hit(result: html.HtmlElement) -> WebHit | None:
    links = result.xpath(LINK)
    target = _target(str(links[0].get("href", ""))) if links else None
    if target is None:
        return None
    snippets = result.xpath(SNIPPET)
    snippet = one_line(snippets[0].text_content()) if snippets else ""
    return WebHit(one_line(links[0].text_content()) or target, target, snippet)


def _target(link: str) -> str | None:
    """Return the target of a link through `duckduckgo.com/l/?uddg=`; None for advertisements, whose links have `y.js`."""
    parts = urlsplit(urljoin("https://duckduckgo.com/", link))
    if (parts.hostname or "").endswith("duckduckgo.com"):
        named = parse_qs(parts.query).get("uddg", [""])[0]
        ours = (urlsplit(named).hostname or "").endswith("duckduckgo.com")
        return named if named.startswith(("http://", "https://")) and not ours else None
    return parts.geturl() if parts.scheme in ("http", "https") else None
