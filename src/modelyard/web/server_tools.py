"""The server's tools for a model that answers one caller."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.chats.tools.base import Tool
from modelyard.core.access import TOOLS, Grant
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.answering.excerpts import excerpts
from modelyard.web.base_access import models_for
from modelyard.web.deps import Parts
from modelyard.web.knowledge_views import readable


async def server_tools(parts: Parts, grant: Grant | None, bases: Sequence[KnowledgeBase] | None = None) -> list[Tool]:
    """Return the server's tools that a key may use, with a search in these bases; in all that it may read if there are none.

    Raises `InvalidParameter` and other errors for invalid settings.
    """
    outside = grant is None or grant.allows(TOOLS)
    models = models_for(parts, grant)
    by_name = {base.name: base for base in bases or await readable(parts.knowledge, grant)}

    async def search(query: str, name: str) -> str:
        return await excerpts(parts.knowledge.search, by_name[name], query, models)

    described = {name: base.description for name, base in by_name.items()}
    return await parts.chats.toolbox.tools(described, search, outside)
