"""Knowledge bases searched by an agent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from modelyard.chats.tools.base import schema, text
from modelyard.core.errors import UnknownName, nearest

Search = Callable[[str, str], Awaitable[str]]
"""`search(query, base)` gives what was found, as the model shall read it."""


class KnowledgeSearch:
    """Searches some bases, and no others."""

    name: ClassVar[str] = "search_knowledge"

    def __init__(self, search: Search, bases: Mapping[str, str]) -> None:
        """`bases` has a description for each name that may be searched."""
        self._search = search
        self._bases = dict(bases)
        listed = "; ".join(f"{name}: {about}" if about else name for name, about in self._bases.items())
        self.description = f"Search the documents of a knowledge base. Bases: {listed}."
        self.parameters = schema(
            {
                "query": {"type": "string", "description": "What is wanted, as a question or in key words"},
                "base": {"type": "string", "enum": list(self._bases), "description": "Which base"},
            }
        )

    async def call(self, arguments: dict[str, Any]) -> str:
        """What the base has. Raises `UnknownName` for a base that is not among these."""
        query = text(arguments, "query")
        if len(self._bases) == 1 and "base" not in arguments:
            return await self._search(query, next(iter(self._bases)))
        base = text(arguments, "base")
        if base not in self._bases:
            raise UnknownName("bases", base, list(self._bases), nearest(base, self._bases))
        return await self._search(query, base)
