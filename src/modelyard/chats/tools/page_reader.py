"""Pages of the web read by an agent, a part at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar

from modelyard.chats.tools.base import schema, text, whole
from modelyard.core.fetching import PUBLIC, Hosts, fetch
from modelyard.knowledge.web_pages import readable

MOST_CHARACTERS = 8000
"""Of one answer."""
READ: Sequence[str] = ("text/", "application/xhtml+xml", "application/json", "application/xml", "application/rss+xml",
                       "application/atom+xml", "application/ld+json", "application/yaml")  # fmt: skip


class PageReader:
    """Reads text and HTML at public addresses."""

    name: ClassVar[str] = "read_url"
    description: ClassVar[str] = (
        "Read a page of the web as text. A long page comes in parts: ask again with the `start` that the answer names."
    )
    parameters: ClassVar[dict[str, Any]] = schema(
        {"url": {"type": "string", "description": "An http or https address"}},
        {"start": {"type": "integer", "description": "Character to begin with", "default": 0}},
    )

    def __init__(self, hosts: Hosts = PUBLIC) -> None:
        self._hosts = hosts

    async def call(self, arguments: dict[str, Any]) -> str:
        """A part of the page, with its title. Raises `AddressRefused` and `FetchFailed`."""
        url = text(arguments, "url")
        start = whole(arguments, "start", 0, 0, 1 << 31)
        fetched = await fetch(url, hosts=self._hosts, accept=READ)
        page = await asyncio.to_thread(readable, fetched)
        part = page.text[start : start + MOST_CHARACTERS]
        end = start + len(part)
        head = f"{page.title}\n{fetched.url}\n\n" if page.title else f"{fetched.url}\n\n"
        if not part:
            return f"{head}(There is no text {'here' if not page.text else f'beyond character {len(page.text)}'}.)"
        more = f"\n\n(Characters {start} to {end} of {len(page.text)}; go on with start={end}.)"
        return f"{head}{part}{more if end < len(page.text) else ''}"
