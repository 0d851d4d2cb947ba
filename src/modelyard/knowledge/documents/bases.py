"""Knowledge bases as rows: making, configuring, listing and deleting them."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.core.errors import ChangedMeanwhile, InvalidParameter, KnowledgeBaseExists, KnowledgeBaseNotFound
from modelyard.core.names import addressable, composed, spellings
from modelyard.db.session import Database, retried
from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeDocument, KnowledgeJob
from modelyard.knowledge.answering.prompts import check_prompts
from modelyard.knowledge.documents.splitter import Chunking

LONGEST_NAME = 200
RESERVED = frozenset({"answer", "formats", "search"})
"""What stands where a base's name stands in a route."""
PREFIX = "kb:"
"""Stands before a base's name where a model is named."""


@dataclass(frozen=True, slots=True)
class BaseSettings:
    """What a base shall be. None leaves a thing as it is, or at its default."""

    description: str | None = None
    language: str | None = None
    embedding_model: str | None = None
    """Empty for none: a base that is searched by words alone."""
    rerank_model: str | None = None
    chat_model: str | None = None
    chunking: Mapping[str, Any] | None = None
    prompts: Mapping[str, str] | None = None
    extra: Mapping[str, Any] | None = None
    temporary: bool = False
    owner: str = ""
    """Owner id of a temporary base; empty for all others."""

    def fields(self) -> dict[str, Any]:
        """Columns and their values, of what is given; `prompts` are to be checked before. Raises `InvalidParameter`."""
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
    """How much a base holds."""

    documents: int = 0
    chunks: int = 0
    bytes: int = 0
    states: Mapping[str, int] = field(default_factory=dict)
    """State of a document → how many are in it."""


@dataclass(frozen=True, slots=True)
class Left:
    """What a deleted base leaves on the disk."""

    hashes: Sequence[str]
    """Of its documents' bytes, which other documents may have, too."""
    generations: Collection[int]
    """Of its indexes."""


def chunking_of(given: Mapping[str, Any]) -> Chunking:
    """How documents are cut, as given in JSON. Raises `InvalidParameter`."""
    unknown = set(given) - set(Chunking.__struct_fields__)
    if unknown:
        known = ", ".join(Chunking.__struct_fields__)
        raise InvalidParameter("chunking", f"'{min(unknown)}' is none of {known}.")
    try:
        return msgspec.convert(dict(given), Chunking)
    except msgspec.ValidationError as error:
        raise InvalidParameter("chunking", f"{error}.") from None


def checked_name(name: str) -> str:
    """A base's name, composed. Any text will do that people can read in one line. Raises `InvalidParameter`."""
    name = composed(name)
    if not name.strip():
        raise InvalidParameter("name", "a knowledge base needs a name.")
    if len(name) > LONGEST_NAME:
        raise InvalidParameter("name", f"a name has {LONGEST_NAME} characters at most.")
    if not name.isprintable() or name != name.strip():
        raise InvalidParameter("name", "a name has no line breaks, control characters or blanks at its ends.")
    addressable("name", name)
    if name in RESERVED:
        raise InvalidParameter("name", f"'{name}' is a route's name; choose another.")
    return name


class Bases:
    """The rows. Nothing here touches files or indexes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, KnowledgeBase] = {}
        self._changes = 0

    async def create(self, name: str, settings: BaseSettings) -> KnowledgeBase:
        """A new, empty base. Raises `KnowledgeBaseExists` or `InvalidParameter`."""
        await check_prompts(settings.prompts or {})
        now = time.time()
        row = KnowledgeBase(name=checked_name(name), temporary=settings.temporary, created_at=now, used_at=now)
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
        """As `get`, but asked of the database once; for searches, of which there are many. The row is not to be changed."""
        if (row := self._known.get(name)) is None:
            changes = self._changes
            row = await self.get(name)
            if changes == self._changes:
                self._known[name] = row
        return row

    def forget(self) -> None:
        """A change of a base is committed, so that `known` must ask again."""
        self._known.clear()
        self._changes += 1

    async def get(self, name: str) -> KnowledgeBase:
        """The base of exactly this name. Raises `KnowledgeBaseNotFound`."""
        async with self._database.session() as session:
            return await found(session, name)

    async def all(self, temporary: bool = False) -> Sequence[KnowledgeBase]:
        """Every base, by name; those made for one talk only if asked for."""
        wanted = select(KnowledgeBase).where(KnowledgeBase.temporary == temporary).order_by(KnowledgeBase.name)
        async with self._database.session() as session:
            return (await session.scalars(wanted)).all()

    async def configure(self, name: str, settings: BaseSettings, new_name: str | None = None) -> KnowledgeBase:
        """Change what needs no new index. Raises `KnowledgeBaseNotFound`, `KnowledgeBaseExists` or `InvalidParameter`."""
        await check_prompts(settings.prompts or {})
        try:
            async with self._database.writing() as session:
                row = await found(session, name)
                for column, value in settings.fields().items():
                    setattr(row, column, value)
                if new_name is not None:
                    row.name = checked_name(new_name)
        except ChangedMeanwhile:
            raise KnowledgeBaseExists(new_name or name) from None
        self.forget()
        return row

    @retried
    async def delete(self, base: KnowledgeBase) -> Left:
        """Forget the rows of a base, and all that hang from it; what is left of it on the disk."""
        async with self._database.freeing() as session:
            row = await session.get(KnowledgeBase, base.id, with_for_update=True)  # or an upload could come in between
            blobs = select(KnowledgeDocument.hash).where(KnowledgeDocument.base_id == base.id)
            hashes = (await session.scalars(blobs)).all()
            past = select(KnowledgeJob.generation).where(KnowledgeJob.base_id == base.id).distinct()
            generations = {base.generation, *([row.generation] if row else []), *(await session.scalars(past))}
            await session.execute(delete(KnowledgeChunk).where(KnowledgeChunk.base_id == base.id))
            await session.execute(delete(KnowledgeBase).where(KnowledgeBase.id == base.id))
        self.forget()
        return Left(hashes, generations)

    async def used(self, ids: Sequence[int]) -> None:
        """Note that bases were used now."""
        async with self._database.session() as session:
            await session.execute(update(KnowledgeBase).where(KnowledgeBase.id.in_(ids)).values(used_at=time.time()))

    async def counts(self, ids: Sequence[int]) -> dict[int, Counts]:
        """How much each of these bases holds."""
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


async def found(session: AsyncSession, name: str) -> KnowledgeBase:
    """The base of exactly this name. Raises `KnowledgeBaseNotFound`, which names one that is spelled nearly so."""
    row = await session.scalar(select(KnowledgeBase).where(KnowledgeBase.name.in_(spellings([name]))))
    if row is None:
        there = (await session.scalars(select(KnowledgeBase.name).where(KnowledgeBase.temporary.is_(False)))).all()
        raise KnowledgeBaseNotFound(name, there)
    return row
