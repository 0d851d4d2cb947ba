"""Converts a fetched web page to text for people and models, without scripts, menus and advertisements."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from modelyard.core.fetching import Fetched
from modelyard.knowledge.documents.loaders.encoding import NotText, decode
from modelyard.knowledge.documents.loaders.html import declared

DROPPED = frozenset(
    ("script", "style", "noscript", "template", "svg", "math", "iframe", "object", "canvas", "audio", "video", "form",
     "button", "input", "select", "textarea", "nav", "aside", "footer", "dialog", "head", "link", "meta")
)  # fmt: skip
BLOCKS = frozenset(
    ("p", "div", "section", "article", "main", "header", "blockquote", "ul", "ol", "dl", "dt", "dd", "table", "tr", "pre",
     "figure", "figcaption", "address", "details", "summary", "h1", "h2", "h3", "h4", "h5", "h6", "li", "hr", "br", "body")
)  # fmt: skip
HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
APART = HEADINGS | {"p", "ul", "ol", "table", "pre", "blockquote", "hr"}
"""Elements with an empty line before and after."""
MAIN_PART = 0.25
"""A `main` or `article` element with at least this part of a page's text is used as the page."""
HTML_TYPES = ("text/html", "application/xhtml+xml")


@dataclass(frozen=True, slots=True)
class Page:
    """A page as text."""

    title: str
    """Empty if the page has none."""
    text: str


def parse_page(fetched: Fetched) -> Page:
    """Return the text of a page: the content of HTML, anything else unchanged. Blocks while it parses."""
    text = decode_text(fetched.data, fetched.charset)
    if fetched.content_type in HTML_TYPES:
        return parse_html(text)
    return Page("", text.replace("\r\n", "\n").strip())


def decode_text(data: bytes, charset: str = "") -> str:
    """Decode bytes by their byte order mark, as UTF-8, by the charset of the host or the page, or by the best guess."""
    try:
        return decode(data, charset or declared(data))[0]
    except NotText:
        return data.decode("utf-8", "replace")


def parse_html(source: str) -> Page:
    """Return the title and text of an HTML page: headings with `#`, items with `-`, ` | ` between cells."""
    from lxml import etree, html  # takes 4 MB, which a server that reads no pages saves

    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        root = html.document_fromstring(source.encode("utf-8", "replace"), parser=parser)
    except (etree.LxmlError, ValueError):
        return Page("", "")
    titles = root.xpath("//head//title | //title")
    title = " ".join(titles[0].text_content().split()) if titles else ""
    whole = _text(root)
    for part in root.xpath("//main | //*[@role='main'] | //article"):
        text = _text(part)
        if len(text) >= max(200, MAIN_PART * len(whole)):
            return Page(title, text)
    return Page(title, whole)


def _text(root: Any) -> str:
    """Return the text below an element, block by block. Walks without recursion, because pages may be nested deeply."""
    from lxml import etree

    writer = _Writer()
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        tag = element.tag if isinstance(element.tag, str) else ""
        if event == "start":
            if not tag or tag in DROPPED or _is_hidden(element):
                walk.skip_subtree()
                continue
            writer.open(tag)
            writer.write(element.text)
        else:
            if tag and tag not in DROPPED and not _is_hidden(element):
                writer.close(tag)
            if element is not root:
                writer.write(element.tail)
    return writer.finish()


def _is_hidden(element: Any) -> bool:
    style = (element.get("style") or "").replace(" ", "").lower()
    return (
        element.get("hidden") is not None
        or element.get("aria-hidden") == "true"
        or "display:none" in style
        or "visibility:hidden" in style
    )


class _Writer:
    """Assembles lines from pieces of text and the elements around them."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line = ""
        self._kept = 0
        """The number of open `pre` elements, in which spaces and line ends are kept."""
        self._items = 0
        """The number of open `li` elements, in which there are no empty lines."""

    def open(self, tag: str) -> None:
        if tag in BLOCKS and not self._is_mark():
            self._end(tag in APART)
        if tag in ("td", "th") and self._line.strip():
            self._line += " | "
        if tag in HEADINGS:
            self._line = f"{'#' * int(tag[1])} "
        if tag == "li":
            self._line = "- "
        self._kept += tag == "pre"
        self._items += tag == "li"

    def close(self, tag: str) -> None:
        self._kept -= tag == "pre"
        self._items -= tag == "li"
        if self._is_mark():
            self._line = "" if tag == "li" or tag in HEADINGS else self._line
        elif tag in BLOCKS:
            self._end(tag in APART)

    def write(self, text: str | None) -> None:
        if not text:
            return
        if self._kept:
            first, *rest = text.split("\n")
            self._line += first
            for each in rest:
                self._lines.append(self._line.rstrip())
                self._line = each
            return
        words = " ".join(text.split())
        before = " " if text[0].isspace() and self._line and not self._line[-1].isspace() else ""
        after = " " if words and text[-1].isspace() else ""
        self._line += f"{before}{words}{after}"

    def _is_mark(self) -> bool:
        """Whether the line has only the mark of a heading or an item so far."""
        return bool(self._line) and not self._line.strip("#- ")

    def _end(self, apart: bool) -> None:
        if line := self._line.rstrip():
            self._lines.append(line)
        self._line = ""
        if apart and not self._items and self._lines and self._lines[-1]:
            self._lines.append("")

    def finish(self) -> str:
        self._end(False)
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self._lines)).strip()
