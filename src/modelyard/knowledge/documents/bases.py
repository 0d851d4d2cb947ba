"""Knowledge bases as rows: creates, configures, lists and deletes them."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.core.errors import ChangedMeanwhile, InvalidParameter, KnowledgeBaseExists, KnowledgeBaseNotFound
from modelyard.core.mismatches import reworded
from modelyard.core.names import addressable, composed, spellings
from modelyard.db.session import Database, retried
from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeDocument, KnowledgeJob
from modelyard.jobs.rows import remove
from modelyard.knowledge.documents.splitter import Chunking
from modelyard.knowledge.vector_stores.stores import expires_at

LONGEST_NAME = 200
RESERVED = frozenset({"answer", "formats", "search"})
"""Names that routes have in the position of a base's name."""
TOUCH_SECONDS = 60.0
"""Seconds between two records of the use of a base that expires."""


@dataclass(frozen=True, slots=True)
class BaseSettings:
    """Settings of a new or changed base. None keeps the present value or the default."""

    description: str | None = None
    language: str | None = None
    embedding_model: str | None = None
    """Empty for none: the base is then searched by words only."""
    rerank_model: str | None = None
    chat_model: str | None = None
    chunking: Mapping[str, Any] | None = None
    prompts: Mapping[str, str] | None = None
    extra: Mapping[str, Any] | None = None
    temporary: bool = False
    owner: str = ""
    """Owner id of a temporary base; empty for all others."""

    def fields(self) -> dict[str, Any]:
        """Columns and values of the fields that are set; check `prompts` before. Raises `InvalidParameter`."""
        found: dict[str, Any] = {}
        for name in ("description", "language", "extra"):
            if (value := getattr(self, name)) is not None:
                found[name] = value
        for name in ("embedding_model", "rerank_model", "chat_model"):
            if (value := getattr(self, name)) is not None:
                found[name] = value or None
        if self.chunking is not None:
            found["chunking"] = msgspec.to_builtins(chunking_of(self.chunking))
        if self.prompts is not None:
            found["prompts"] = dict(self.prompts)
        return found


@dataclass(frozen=True, slots=True)
class Counts:
    """The number of documents and chunks in a base."""

    documents: int = 0
    chunks: int = 0
    bytes: int = 0
    states: Mapping[str, int] = field(default_factory=dict)
    """State of documents → number of documents in it."""


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Files and indexes of a deleted base, for others to remove."""

    hashes: Sequence[str]
    """Hashes of its documents' content, which other documents may share."""
    generations: Collection[int]
    """Generations of its indexes."""


def chunking_of(values: Mapping[str, Any]) -> Chunking:
    """Chunk settings from JSON. Raises `InvalidParameter`."""
    unknown = set(values) - set(Chunking.__struct_fields__)
    if unknown:
        known = ", ".join(Chunking.__struct_fields__)
        raise InvalidParameter("chunking", f"'{min(unknown)}' is none of {known}.")
    try:
        return msgspec.convert(dict(values), Chunking)
    except msgspec.ValidationError as error:
        problem, _, where = str(error).partition(" - at `$.")
        name = f"chunking.{where.rstrip('`')}" if where else "chunking"
        raise InvalidParameter(name, f"{reworded(problem, Chunking, where.rstrip('`'))}.") from None


def check_name(name: str) -> str:
    """Return the name of a base in composed form. Any printable line is allowed. Raises `InvalidParameter`."""
    name = composed(name)
    if not name.strip():
        raise InvalidParameter("name", "a knowledge base needs a name.")
    if len(name) > LONGEST_NAME:
        raise InvalidParameter("name", f"a name has {LONGEST_NAME} characters at most.")
    if not name.isprintable() or name != name.strip():
        raise InvalidParameter("name", "a name has no line breaks, control characters or blanks at its ends.")
    addressable("name", name)
    if name in RESERVED:
        raise InvalidParameter("name", f"'{name}' is the name of a route; choose another.")
    return name


class Bases:
    """The rows of bases. Does not access files or indexes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, KnowledgeBase] = {}
        self._changes = 0
        self._touched: dict[int, float] = {}
        """Id of a base that expires → Unix time at which its use was last recorded."""

    async def create(self, name: str, settings: BaseSettings) -> KnowledgeBase:
        """Create an empty base. Raises `KnowledgeBaseExists` or `InvalidParameter`."""
        now = time.time()
        row = KnowledgeBase(name=check_name(name), temporary=settings.temporary, created_at=now, used_at=now)
        row.owner = settings.owner
        row.description, row.language, row.chunking, row.prompts, row.extra = "", "", {}, {}, {}
        row.generation = 1
        for column, value in settings.fields().items():
            setattr(row, column, value)
        try:
            async with self._database.session() as session:
                session.add(row)
        except ChangedMeanwhile:
            raise KnowledgeBaseExists(name) from None
        self.forget()
        return row

    async def known(self, name: str) -> KnowledgeBase:
        """Like `get`, but from memory after the first call, for searches, which are frequent. Do not change the row."""
        if (row := self._known.get(name)) is None:
            changes = self._changes
            row = await self.get(name)
            if changes == self._changes:
                self._known[name] = row
        return row

    def forget(self) -> None:
        """Drop the rows that `known` has cached, because a change of a base was committed."""
        self._known.clear()
        self._changes += 1

    async def get(self, name: str) -> KnowledgeBase:
        """The base of exactly this name. Raises `KnowledgeBaseNotFound`."""
        async with self._database.session() as session:
            return await base_named(session, name)

    async def numbered(self, number: int, name: str) -> KnowledgeBase:
        """The base with an id, whatever it is called now. Raises `KnowledgeBaseNotFound` with the name that it had."""
        async with self._database.session() as session:
            row = await session.get(KnowledgeBase, number)
        if row is None:
            raise KnowledgeBaseNotFound(name)
        return row

    async def all(self, temporary: bool = False, after: str | None = None) -> Sequence[KnowledgeBase]:
        """All bases by name, or those behind a name: the permanent ones, or the temporary ones."""
        query = select(KnowledgeBase).where(KnowledgeBase.temporary == temporary).order_by(KnowledgeBase.name)
        if after is not None:
            query = query.where(KnowledgeBase.name > after)
        async with self._database.session() as session:
            return (await session.scalars(query)).all()

    async def configure(self, name: str, settings: BaseSettings, new_name: str | None = None) -> KnowledgeBase:
        """Change settings that need no new index. Raises `KnowledgeBaseNotFound`, `KnowledgeBaseExists` or `InvalidParameter`."""
        try:
            async with self._database.writing() as session:
                row = await base_named(session, name)
                for column, value in settings.fields().items():
                    setattr(row, column, value)
                if new_name is not None:
                    row.name = check_name(new_name)
        except ChangedMeanwhile:
            raise KnowledgeBaseExists(new_name or name) from None
        self.forget()
        return row

    @retried
    async def delete(self, base: KnowledgeBase) -> Leftovers:
        """Delete a base with the rows of its documents and chunks. Returns what is left of it on the disk."""
        async with self._database.freeing() as session:
            row = await session.get(
                KnowledgeBase, base.id, with_for_update=True
            )  # otherwise an upload could be added meanwhile
            blobs = select(KnowledgeDocument.hash).where(KnowledgeDocument.base_id == base.id)
            hashes = (await session.scalars(blobs)).all()
            past = select(KnowledgeJob.generation).where(KnowledgeJob.base_id == base.id).distinct()
            generations = {base.generation, *([row.generation] if row else []), *(await session.scalars(past))}
            await session.execute(delete(KnowledgeChunk).where(KnowledgeChunk.base_id == base.id))
            jobs = select(KnowledgeJob.id).where(KnowledgeJob.base_id == base.id)
            await remove(session, (await session.scalars(jobs)).all())
            await session.execute(delete(KnowledgeBase).where(KnowledgeBase.id == base.id))
        self.forget()
        return Leftovers(hashes, generations)

    async def used(self, ids: Sequence[int]) -> None:
        """Record that bases are in use: a temporary one is deleted a week after its last use."""
        async with self._database.session() as session:
            await session.execute(update(KnowledgeBase).where(KnowledgeBase.id.in_(ids)).values(used_at=time.time()))

    async def touch(self, bases: Sequence[KnowledgeBase]) -> None:
        """Record the use of bases that expire, at most once a minute for each. Raises `DatabaseUnavailable`."""
        now = time.time()
        due = [base.id for base in bases if expires_at(base) and self._touched.get(base.id, 0) < now - TOUCH_SECONDS]
        if due:
            self._touched.update(dict.fromkeys(due, now))
            await self.used(due)

    async def counts(self, ids: Sequence[int]) -> dict[int, Counts]:
        """The numbers of documents and chunks of these bases, by id."""
        grouped = (
            select(
                KnowledgeDocument.base_id,
                KnowledgeDocument.state,
                func.count(),
                func.coalesce(func.sum(KnowledgeDocument.chunks), 0),
                func.coalesce(func.sum(KnowledgeDocument.size), 0),
            )
            .where(KnowledgeDocument.base_id.in_(ids))
            .group_by(KnowledgeDocument.base_id, KnowledgeDocument.state)
        )
        async with self._database.session() as session:
            rows = (await session.execute(grouped)).all()
        result = {each: Counts() for each in ids}
        for base, state, documents, chunks, size in rows:
            before = result[base]
            result[base] = Counts(
                before.documents + documents,
                before.chunks + int(chunks),
                before.bytes + int(size),
                {**before.states, state: documents},
            )
        return result


async def base_named(session: AsyncSession, name: str) -> KnowledgeBase:
    """The base of exactly this name. Raises `KnowledgeBaseNotFound`, which suggests the nearest name."""
    row = await session.scalar(select(KnowledgeBase).where(KnowledgeBase.name.in_(spellings([name]))))
    if row is None:
        names = (await session.scalars(select(KnowledgeBase.name).where(KnowledgeBase.temporary.is_(False)))).all()
        raise KnowledgeBaseNotFound(name, names)
    return row
