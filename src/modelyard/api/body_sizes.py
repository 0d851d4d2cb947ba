"""How large the body of each management route may be, as data. Inference paths are the gateway's, with a limit of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from modelyard.api.paths import route_of
from modelyard.api.permissions import ANYBODY, PERMISSIONS
from modelyard.core.config import Settings

SMALL = 16 * 1024
"""Bytes that every path takes, also those that need no key: a login is far smaller."""
ORDINARY = 1024 * 1024
"""Bytes of a route that carries settings and names."""
ORDINARY_VALUES = 10_000
"""Values in the JSON of such a body."""
FORM_MARGIN = 1024 * 1024
"""Bytes of a form beside its one file."""


class Kind(Enum):
    """What a route's body carries."""

    OPEN = "open"
    """Anybody may send it, or no route takes it."""
    ORDINARY = "ordinary"
    TEXT = "text"
    """Messages, pictures in messages, texts to embed, long lists of names."""
    DOCUMENT = "document"
    """A form with one file."""
    DOCUMENTS = "documents"
    """A form with many files."""


KINDS: Mapping[Kind, frozenset[str]] = {
    Kind.OPEN: frozenset(PERMISSIONS[ANYBODY]),
    Kind.TEXT: frozenset(
        {
            "/chat/agent_chat",
            "/chat/chat",
            "/chat/chat/completions",
            "/chat/file_chat",
            "/chat/kb_chat",
            "/chat/knowledge_base_chat",
            "/chat/search_engine_chat",
            "/count_token",
            "/fastchat/{}/count_token",
            "/fastchat/{}/worker_generate",
            "/fastchat/{}/worker_generate_stream",
            "/fastchat/{}/worker_get_embeddings",
            "/knowledge_base/delete_docs",
            "/knowledge_base/kb_summary_api/summary_doc_ids_to_vector_store",
            "/knowledge_base/update_docs",
            "/knowledge_base/update_docs_by_id",
            "/knowledge_base/{}/{}/chat/completions",
            "/other/completion",
            "/other/embed_texts",
            "/v1/conversations/import",
            "/v1/knowledge_bases/answer",
            "/v1/knowledge_bases/{}/answer",
            "/v1/knowledge_bases/{}/chunks/{}",
            "/v1/knowledge_bases/{}/documents/delete",
            "/v1/knowledge_bases/{}/documents/index",
            "/v1/knowledge_bases/{}/documents/{}/chunks",
            "/worker_generate",
            "/worker_generate_stream",
            "/worker_get_embeddings",
        }
    ),
    Kind.DOCUMENT: frozenset({"/v1/knowledge_bases/{}/documents/preview"}),
    Kind.DOCUMENTS: frozenset(
        {
            "/knowledge_base/upload_docs",
            "/knowledge_base/upload_temp_docs",
            "/v1/knowledge_bases/{}/documents",
        }
    ),
}
"""Kind → paths, `{}` for a part that may be anything; what is not listed is ordinary."""

KIND_OF: Mapping[str, Kind] = {path: kind for kind, paths in KINDS.items() for path in paths}


@dataclass(frozen=True, slots=True)
class Limit:
    """What a request's body may be."""

    size: int
    setting: str | None
    """Field of the settings that the size comes from; None where it is fixed."""
    most_values: int | None = None
    """Most values of its JSON; None for a form."""
    values_setting: str | None = None
    """Field of the settings that the number of values comes from; None where it is fixed."""


def limit_of(scope: MutableMapping[str, Any], form: bool, settings: Settings) -> Limit:
    """The limit of a request by its route; `form` says whether the body is a multipart form."""
    kind = kind_of(scope)
    if form and kind is Kind.DOCUMENT:
        return Limit(settings.max_document_bytes + FORM_MARGIN, "max_document_bytes")
    if form and kind is Kind.DOCUMENTS:
        size = max(settings.max_upload_bytes, settings.max_document_bytes + FORM_MARGIN)
        return Limit(size, "max_upload_bytes")
    body, values = "max_body_bytes", "max_json_values"
    if kind is Kind.TEXT:
        return Limit(settings.max_body_bytes, body, settings.max_json_values, values)
    fixed = SMALL if kind is Kind.OPEN else ORDINARY
    fewer, less = settings.max_json_values < ORDINARY_VALUES, settings.max_body_bytes < fixed
    return Limit(
        settings.max_body_bytes if less else fixed,
        body if less else None,
        settings.max_json_values if fewer else ORDINARY_VALUES,
        values if fewer else None,
    )


def kind_of(scope: MutableMapping[str, Any]) -> Kind:
    """What the body of a request carries, by its path and method."""
    route = route_of(scope)
    return Kind.OPEN if route is None else KIND_OF.get(re.sub(r"\{[^}]*\}", "{}", route.path), Kind.ORDINARY)
