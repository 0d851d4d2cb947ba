"""The knowledge base search tool."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from modelyard.chats.tools.base import object_schema, text_argument
from modelyard.core.errors import UnknownName, nearest

Search = Callable[[str, str], Awaitable[str]]
"""`search(query, base)` returns the hits as text for the model."""


class KnowledgeSearch:
    """Searches the bases that it was created with, and no others."""

    name: ClassVar[str] = "search_knowledge"

    def __init__(self, search: Search, bases: Mapping[str, str]) -> None:
        """`bases` maps the names of the bases to their descriptions."""
        self._search = search
        self._bases = dict(bases)
        names = "; ".join(f"{name}: {about}" if about else name for name, about in self._bases.items())
        self.description = f"Search the documents of a knowledge base. Bases: {names}."
        self.parameters = object_schema(
            {
                "query": {"type": "string", "description": "What is wanted, as a question or in key words"},
                "base": {"type": "string", "enum": list(self._bases), "description": "Which base"},
            }
        )

    async def call(self, arguments: dict[str, Any]) -> str:
        """Search a base. Raises `UnknownName` for a base that is not one of the tool's."""
        query = text_argument(arguments, "query")
        if len(self._bases) == 1 and "base" not in arguments:
            return await self._search(query, next(iter(self._bases)))
        base = text_argument(arguments, "base")
        if base not in self._bases:
            raise UnknownName("bases", base, list(self._bases), nearest(base, self._bases))
        return await self._search(query, base)
