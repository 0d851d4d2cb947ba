"""Documents of a base as the files of a vector store: their ids, names, attributes and pages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import Select, select

from modelyard.core.errors import InvalidParameter, StoreFileNotFound
from modelyard.db.session import Database
from modelyard.db.tables import KnowledgeBase, KnowledgeDocument, KnowledgeJob, KnowledgeTask
from modelyard.jobs.types import ACTIVE
from modelyard.knowledge.documents.documents import SOURCE_FILE
from modelyard.knowledge.documents.loaders.unsupported import REFUSED
from modelyard.knowledge.documents.splitter import Chunking
from modelyard.knowledge.documents.states import DocumentState, IndexingKind, TaskState
from modelyard.knowledge.vector_stores.stores import LARGEST, store_id

FileStatus = Literal["in_progress", "completed", "failed", "cancelled"]
ErrorCode = Literal["server_error", "unsupported_file", "invalid_file"]

STATUSES: Mapping[str, FileStatus] = {
    DocumentState.WAITING: "in_progress",
    DocumentState.READY: "completed",
    DocumentState.FAILED: "failed",
    DocumentState.CANCELLED: "cancelled",
    DocumentState.STORED: "cancelled",
}
"""State of a document → status of a store's file. A document that nobody wants indexed will not be found either."""
CHARACTERS = 4
"""Characters of a chunk for each token that a chunking strategy allows."""
_DERIVED = re.compile(r"file-(0[0-9a-f]{26})")
"""The id of a file whose document was not made of a stored file. Ids of stored files begin with a time, which is never 0."""
_UNSUPPORTED = re.compile("|".join(["its format is not supported", "it is a zip archive", *map(re.escape, {
    text.partition("{")[0] for text in REFUSED.values()
})]))  # fmt: skip


@dataclass(frozen=True, slots=True)
class FilesPage:
    """Which files of a store are listed."""

    after: int | None = None
    """Id of the document before the first one."""
    before: int | None = None
    """Id of the document behind the last one."""
    limit: int = 20
    ascending: bool = False
    status: FileStatus | None = None
    job: str | None = None
    """Only documents of this indexing job."""

    def between(self, after: int | None, before: int | None) -> FilesPage:
        """The same files behind one document and before another."""
        return replace(self, after=after, before=before)


class StoreFiles:
    """Reads the rows of documents by what vector stores know of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def named(self, base: KnowledgeBase, name: str, param: str = "file_id") -> KnowledgeDocument:
        """The document that a file's id means. Raises `StoreFileNotFound`."""
        query = select(KnowledgeDocument).where(KnowledgeDocument.base_id == base.id)
        if (match := _DERIVED.fullmatch(name)) is None:
            query = query.where(KnowledgeDocument.source_file_id == name)
        else:
            query = query.where(KnowledgeDocument.id == min(int(match[1], 16), LARGEST))
        row = None
        if "\0" not in name:  # PostgreSQL takes no such text
            async with self._database.session() as session:
                row = await session.scalar(query.limit(1))
        if row is None:
            raise StoreFileNotFound(name, store_id(base.id), param)
        return row

    async def page(self, base: KnowledgeBase, page: FilesPage) -> tuple[Sequence[KnowledgeDocument], bool]:
        """A page of documents in the order of their creation, and whether there are more of them."""
        query = self._listed(base, page)
        backwards = page.before is not None and page.after is None
        ascending = page.ascending != backwards
        order = KnowledgeDocument.id if ascending else KnowledgeDocument.id.desc()
        async with self._database.session() as session:
            rows = (await session.scalars(query.order_by(order).limit(page.limit + 1))).all()
        found = rows[: page.limit]
        return (list(reversed(found)) if backwards else found), len(rows) > page.limit

    @staticmethod
    def _listed(base: KnowledgeBase, page: FilesPage) -> Select[KnowledgeDocument]:
        query = select(KnowledgeDocument).where(KnowledgeDocument.base_id == base.id)
        if page.status is not None:
            states = [state for state, status in STATUSES.items() if status == page.status]
            query = query.where(KnowledgeDocument.state.in_(states))
        if page.job is not None:
            tasks = select(KnowledgeTask.document_id).where(KnowledgeTask.job_id == page.job)
            query = query.where(KnowledgeDocument.id.in_(tasks))
        if page.after is not None:
            later = KnowledgeDocument.id > page.after
            query = query.where(later if page.ascending else KnowledgeDocument.id < page.after)
        if page.before is not None:
            earlier = KnowledgeDocument.id < page.before
            query = query.where(earlier if page.ascending else KnowledgeDocument.id > page.before)
        return query

    async def numbered(self, ids: Sequence[int]) -> dict[int, KnowledgeDocument]:
        """Documents by their ids; those that were deleted meanwhile are left out."""
        async with self._database.session() as session:
            rows = await session.scalars(select(KnowledgeDocument).where(KnowledgeDocument.id.in_(ids)))
            return {row.id: row for row in rows}

    async def unsearchable(self, ids: Sequence[int]) -> set[int]:
        """Which of these documents were read by a job that still runs: searches may not find them until it has ended."""
        query = (
            select(KnowledgeTask.document_id)
            .join(KnowledgeJob, KnowledgeJob.id == KnowledgeTask.job_id)
            .where(
                KnowledgeTask.document_id.in_(ids),
                KnowledgeTask.state == TaskState.DONE,
                KnowledgeJob.kind == IndexingKind.ADD,
                KnowledgeJob.state.in_(ACTIVE),
            )
        )
        async with self._database.session() as session:
            return set(await session.scalars(query))


def file_id(row: KnowledgeDocument) -> str:
    """The id of the stored file that a document was made of, else one that is made of the document's."""
    return row.source_file_id or f"file-{row.id:027x}"


def filename(row: KnowledgeDocument) -> str:
    """The name of a document without the id that makes it differ from another one of its name."""
    return row.name.removeprefix(f"{file_id(row)}/")


def attributes(row: KnowledgeDocument) -> dict[str, str | float | bool]:
    """The metadata that callers set, as far as it is text, numbers and booleans; not what a loader read from the file."""
    hidden = {SOURCE_FILE, *row.loaded_names}
    return {
        key: value
        for key, value in row.details.items()
        if key not in hidden and isinstance(value, str | int | float | bool)
    }


def details_of(given: Mapping[str, str | float | bool] | None) -> dict[str, Any]:
    """Metadata of a document from attributes. Raises `InvalidParameter` for the name that the server itself uses."""
    if given and SOURCE_FILE in given:
        raise InvalidParameter(
            f"attributes.{SOURCE_FILE}", "the server keeps the id of the file there; choose another name."
        )
    return dict(given or {})


def replaced(row: KnowledgeDocument, given: Mapping[str, str | float | bool] | None) -> dict[str, Any]:
    """The metadata of a document with other attributes. Raises `InvalidParameter`."""
    source = {} if row.source_file_id is None else {SOURCE_FILE: row.source_file_id}
    return {**details_of(given), **source}


def error_code(message: str) -> ErrorCode:
    """OpenAI's code for the error of a document."""
    if not message.startswith("Cannot read "):
        return "server_error"
    return "unsupported_file" if _UNSUPPORTED.search(message) else "invalid_file"


def chunking_in_characters(most_tokens: int, overlap_tokens: int) -> dict[str, int]:
    """Chunk settings of a chunking strategy, which counts tokens. Raises `InvalidParameter`."""
    if overlap_tokens > most_tokens // 2:
        raise InvalidParameter(
            "chunking_strategy.static.chunk_overlap_tokens", "it must be at most half of max_chunk_size_tokens."
        )
    return {"size": most_tokens * CHARACTERS, "overlap": overlap_tokens * CHARACTERS}


def chunking_in_tokens(chunking: Chunking) -> tuple[int, int]:
    """Tokens of a chunk, and tokens that chunks share, of chunk settings."""
    return chunking.size // CHARACTERS, chunking.overlap // CHARACTERS
