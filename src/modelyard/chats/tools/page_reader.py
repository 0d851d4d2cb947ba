"""The web page tool, which reads a page in parts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

from modelyard.chats.tools.base import integer_argument, object_schema, text_argument
from modelyard.core.fetching import PUBLIC, Fetched, Hosts, fetch

MOST_CHARACTERS = 8000
"""Maximum characters of one part."""
READ: Sequence[str] = ("text/", "application/xhtml+xml", "application/json", "application/xml", "application/rss+xml",
                       "application/atom+xml", "application/ld+json", "application/yaml")  # fmt: skip


class PageText(Protocol):
    """The text of a web page."""

    @property
    def title(self) -> str:
        """The title; empty if there is none."""

    @property
    def text(self) -> str:
        """The text without scripts and menus."""


ReadPage = Callable[[Fetched], PageText]
"""Converts a fetched page to text; blocking."""


class PageReader:
    """Reads text and HTML pages at public addresses."""

    name: ClassVar[str] = "read_url"
    description: ClassVar[str] = (
        "Read a page of the web as text. A long page comes in parts: ask again with the `start` that the answer names."
    )
    parameters: ClassVar[dict[str, Any]] = object_schema(
        {"url": {"type": "string", "description": "An http or https address"}},
        {"start": {"type": "integer", "description": "Character to begin with", "default": 0}},
    )

    def __init__(self, read_page: ReadPage, hosts: Hosts = PUBLIC) -> None:
        self._read_page = read_page
        self._hosts = hosts

    async def call(self, arguments: dict[str, Any]) -> str:
        """Return a part of the page, with its title. Raises `AddressRefused` and `FetchFailed`."""
        url = text_argument(arguments, "url")
        start = integer_argument(arguments, "start", 0, 0, 1 << 31)
        fetched = await fetch(url, hosts=self._hosts, accept=READ)
        page = await asyncio.to_thread(self._read_page, fetched)
        part = page.text[start : start + MOST_CHARACTERS]
        end = start + len(part)
        head = f"{page.title}\n{fetched.url}\n\n" if page.title else f"{fetched.url}\n\n"
        if not part:
            return f"{head}(There is no text {'here' if not page.text else f'beyond character {len(page.text)}'}.)"
        more = f"\n\n(Characters {start} to {end} of {len(page.text)}; go on with start={end}.)"
        return f"{head}{part}{more if end < len(page.text) else ''}"
