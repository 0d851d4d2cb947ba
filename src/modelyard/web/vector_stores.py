"""What routes and hosted tools share of vector stores: finding a caller's base, attaching stored files, searching."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from modelyard.core.access import READ, Grant, Owner
from modelyard.core.errors import BodyTooLarge, FileNotFound, KnowledgeBaseNotFound, VectorStoreNotFound
from modelyard.db.file_tables import FileRow
from modelyard.db.tables import KnowledgeBase, KnowledgeDocument
from modelyard.knowledge.search.search import Query
from modelyard.knowledge.service import KnowledgeService
from modelyard.knowledge.vector_stores.files import chunking_in_characters, details_of
from modelyard.knowledge.vector_stores.stores import base_number, check_alive
from modelyard.protocol import vector_stores as bodies
from modelyard.protocol.hits import Hit
from modelyard.web.deps import Parts

FILES_READ = "files:read"
OPENAI_RANKERS = ("none", "auto", "default-2024-11-15", "default_2024_08_21")
"""Names of OpenAI's rankers; `none` leaves ranking to words and vectors, the others mean the one of a search that names none."""


@dataclass(frozen=True, slots=True)
class StoreAccess:
    """The vector stores that the caller of one request may use."""

    knowledge: KnowledgeService
    grant: Grant | None

    async def base(self, name: str, level: str = READ, param: str = "vector_store_id") -> KnowledgeBase:
        """The base of a store's id or of its own name.

        Raises `VectorStoreNotFound`, also for a base of others, and `PermissionDenied` for one that the key may only read.
        """
        number = base_number(name)
        try:
            bases = self.knowledge.bases
            base = await (bases.get(name) if number is None else bases.numbered(number, name))
        except KnowledgeBaseNotFound:
            raise VectorStoreNotFound(name, param) from None
        hidden = self.grant is not None and not self.grant.sees_base(base.name)
        if hidden or (base.temporary and not Owner.of(self.grant).sees(base.owner)):
            raise VectorStoreNotFound(name, param)
        if self.grant is not None:
            self.grant.check_base(base.name, level)
        return base


async def attached(
    parts: Parts, grant: Grant | None, base: KnowledgeBase, items: Sequence[bodies.NewStoreFile]
) -> tuple[list[KnowledgeDocument], str]:
    """Make documents of stored files and index them in the background: the documents, and the id of the job.

    Nothing is stored if a file is missing or too large. Raises `VectorStoreExpired`, `FileNotFound`, `BodyTooLarge`,
    `InvalidParameter` and `PermissionDenied`.
    """
    check_alive(base)
    found = await stored_files(parts, grant, [each.file_id for each in items])
    prepared = [
        (row, details_of(item.attributes), chunk_settings(item.chunking_strategy))
        for row, item in zip(found, items, strict=True)
    ]
    kept: list[KnowledgeDocument] = []
    for row, details, chunking in prepared:
        try:
            put = await parts.knowledge.documents.put(
                base,
                row.filename,
                parts.files.read(row),
                details=details,
                chunking=chunking,
                source=row.id,
                original=parts.files.path(row),
            )
        except FileNotFoundError:  # somebody removed its bytes by hand
            raise FileNotFound(row.id) from None
        kept.append(put.row)
    names = [each.name for each in kept]
    job = await parts.knowledge.index(base, names, uploaded=True, owner=Owner.of(grant).id)
    return await parts.knowledge.documents.as_now(base, kept), job


async def stored_files(parts: Parts, grant: Grant | None, names: Sequence[str]) -> list[FileRow]:
    """Stored files of the caller, none too large for a document. Raises `FileNotFound`, `BodyTooLarge`, `PermissionDenied`."""
    if grant is not None:
        grant.check(FILES_READ)
    found = [await parts.files.get(Owner.of(grant), name) for name in names]
    most = parts.settings.max_document_bytes
    for row in found:
        if row.size > most:
            raise BodyTooLarge(most, "max_document_bytes", f"The file '{row.id}'")
    return found


def chunk_settings(strategy: bodies.Chunking | None) -> Mapping[str, Any] | None:
    """Chunk settings of a chunking strategy; None for those of the base. Raises `InvalidParameter`."""
    if not isinstance(strategy, bodies.StaticChunking):
        return None
    sizes = strategy.static
    return chunking_in_characters(sizes.max_chunk_size_tokens, sizes.chunk_overlap_tokens)


def ranking_of(ranker: str | None) -> tuple[bool | None, str | None]:
    """Whether hits are reranked, and by which model; None for both is that of the base, else one that runs."""
    if ranker is None or ranker in OPENAI_RANKERS:
        return False if ranker == "none" else None, None
    return True, ranker


async def found_by(
    knowledge: KnowledgeService, query: Query, texts: Sequence[str]
) -> list[tuple[Hit, KnowledgeDocument]]:
    """The best hits of several texts together, each with its document. Raises the errors of a search.

    Where not one model ranked the hits of all texts, none ranks, because scores of different models cannot be compared.
    """
    results = [await knowledge.search.search(query.of(text)) for text in texts]
    if len({result.rerank_model for result in results if result.hits}) > 1:
        results = [await knowledge.search.search(replace(query, text=text, rerank=False)) for text in texts]
    best: dict[int, Hit] = {}
    for hit in chain.from_iterable(result.hits for result in results):
        if hit.chunk_id not in best or best[hit.chunk_id].score < hit.score:
            best[hit.chunk_id] = hit
    hits = sorted(best.values(), key=lambda hit: -hit.score)[: query.k]
    documents = await knowledge.store_files.numbered([hit.document_id for hit in hits])
    return [(hit, documents[hit.document_id]) for hit in hits if hit.document_id in documents]
