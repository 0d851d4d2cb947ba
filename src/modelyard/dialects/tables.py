"""The tables of all dialects, for the documentation."""

from __future__ import annotations

from collections.abc import Mapping

from modelyard.dialects.anthropic import features as anthropic
from modelyard.dialects.features import Table
from modelyard.dialects.ollama import features as ollama
from modelyard.dialects.responses import features as responses

FIELDS_OF_DIALECTS: Mapping[str, Mapping[str, Table]] = {
    "OpenAI: `/v1/responses`, `/v1/responses/input_tokens`": {
        "field of a request": responses.FIELDS,
        "item of `input`": responses.ITEMS,
        "part of a message": responses.PARTS,
        "kind of tool": responses.TOOLS,
    },
    "Anthropic: `/v1/messages`, `/v1/messages/count_tokens`": {
        "field of a request": anthropic.FIELDS,
        "block of a message": anthropic.BLOCKS,
        "source of a picture or document": anthropic.SOURCES,
        "kind of tool": anthropic.TOOLS,
    },
    "Ollama": {
        "field of `/api/chat`": ollama.CHAT,
        "field of `/api/generate`": ollama.GENERATE,
        "field of `/api/embed` and `/api/embeddings`": ollama.EMBED,
        "field of `/api/create`": ollama.CREATE,
        "option": ollama.OPTIONS,
    },
}
"""Dialect → subject of a table → table."""
