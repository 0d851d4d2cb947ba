"""Search results as text for a model that searches with a tool."""

from __future__ import annotations

from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.answering.evidence import evidence
from modelyard.knowledge.search.search import LONGEST_QUERY, Query, Search
from modelyard.knowledge.types import Models
from modelyard.protocol.hits import Hit

MOST_HITS = 5


async def excerpts(search: Search, base: KnowledgeBase, query: str, models: Models | None = None) -> str:
    """The chunks of a base that are about the query, numbered, or a sentence that says that there are none.

    `models` embed the query, so that its tokens count for a caller; None for the models of the server.
    """
    found = await search.search(Query(text=query[:LONGEST_QUERY], bases=[base], k=MOST_HITS, models=models))
    hits = evidence(found.hits, query)
    return "\n\n".join(map(_numbered, range(1, len(hits) + 1), hits)) or f"'{base.name}' has nothing about this."


def _numbered(number: int, hit: Hit) -> str:
    page = f", page {hit.page}" if hit.page is not None else ""
    return f"[{number}] {hit.document}{page}\n{hit.text}"
