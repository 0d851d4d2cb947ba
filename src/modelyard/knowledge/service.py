"""The room's front: one object that makes its parts, starts and ends them, and that the faces ask."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from modelyard.chats.conversations import Conversations
from modelyard.chats.tools.toolbox import Toolbox
from modelyard.core.access import Grant
from modelyard.core.config import Settings
from modelyard.core.errors import JobNotFound, KnowledgeBaseNotFound
from modelyard.db.session import Database
from modelyard.db.tables import KnowledgeBase, KnowledgeDocument
from modelyard.knowledge.answering.answer import Answering
from modelyard.knowledge.documents.bases import Bases, BaseSettings
from modelyard.knowledge.documents.blobs import Blob, Blobs
from modelyard.knowledge.documents.documents import Documents, Kept
from modelyard.knowledge.documents.loaders.base import Limits
from modelyard.knowledge.documents.splitter import Chunking
from modelyard.knowledge.indexing.index_pool import Indexes
from modelyard.knowledge.indexing.jobs import Jobs
from modelyard.knowledge.indexing.pipeline import Indexing
from modelyard.knowledge.indexing.vectors import Vectors
from modelyard.knowledge.indexing.worker import Ingest
from modelyard.knowledge.search.search import Search
from modelyard.knowledge.types import Models, Piece

SUMMARY_OF = "summary_of"
"""In `extra` of a base of summaries: the id of the base that they summarise, with which it is deleted."""
TEMPORARY_SECONDS = 7 * 24 * 3600
"""How long a base that was made for one talk stays after its last use."""


class Knowledge:
    """All of it. Rows, files below `folder`, indexes, the worker; models are asked through `models`."""

    def __init__(
        self, settings: Settings, database: Database, models: Models, any_model: Callable[[Grant | None], str | None]
    ) -> None:
        folder = settings.folder / "knowledge"
        self.settings = settings
        self.models = models
        self.bases = Bases(database)
        self.blobs = Blobs(folder / "files")
        url = settings.vector_store_url or settings.database
        self.indexes = Indexes(database, folder / "indexes", settings.vector_store, url, settings.max_open_indexes)
        self.indexes.on_change = self.bases.forget
        self.vectors = Vectors(database, models)
        self.search = Search(database, self.indexes, models)
        self.documents = Documents(database, self.blobs, self.indexes, self.vectors, self.search.forget)
        self.jobs = Jobs(database, settings.ocr)
        limits = Limits(max_bytes=settings.max_document_bytes)
        self.indexing = Indexing(database, self.blobs, self.indexes, self.vectors, limits, settings.ocr)
        self.ingest = Ingest(database, self.indexes, self.jobs, self.indexing, self.search.forget)
        self.answering = Answering(self.search, models, any_model)
        self.conversations = Conversations(database)
        self.toolbox = Toolbox(settings, self.search)
        self.on_change: Callable[[Sequence[str]], None] = lambda names: None
        """Told of all names of bases whenever one comes or goes."""
        self._telling = asyncio.Lock()

    async def open(self) -> None:
        """Make folders, and tell who there is. Raises what a store raises that cannot be used."""
        await asyncio.to_thread(self.blobs.open)
        await self.indexes.check()
        await self._tell()

    async def close(self) -> None:
        """Close indexes, the process that reads, and the MCP servers."""
        await self.toolbox.close()
        await self.indexing.close()
        await self.indexes.close()

    async def run(self) -> None:
        """Do what is to be done, for ever."""
        await self.forget_temporary()
        await self.ingest.run()

    async def create(self, name: str, settings: BaseSettings) -> KnowledgeBase:
        """A new base. Raises `KnowledgeBaseExists` or `InvalidParameter`."""
        base = await self.bases.create(name, settings)
        await self._tell()
        return base

    async def several(self, names: Sequence[str]) -> list[KnowledgeBase]:
        """Bases by name, each once, to be searched. Raises `KnowledgeBaseNotFound`."""
        if not names:
            raise KnowledgeBaseNotFound("")
        return [await self.bases.known(name) for name in dict.fromkeys(names)]

    async def rename(self, name: str, settings: BaseSettings, new_name: str | None) -> KnowledgeBase:
        """Change what needs no new index. Raises `KnowledgeBaseNotFound`, `KnowledgeBaseExists` or `InvalidParameter`."""
        base = await self.bases.configure(name, settings, new_name)
        if new_name is not None:
            self.search.forget_all()
            await self._tell()
        return base

    async def delete(self, name: str) -> None:
        """Delete a base with everything in it, and its summaries. Raises `KnowledgeBaseNotFound`."""
        base = await self.bases.get(name)
        if (summaries := await self.summaries_of(base)) is not None:
            with contextlib.suppress(KnowledgeBaseNotFound):  # somebody else deletes it just now
                await self.delete(summaries.name)
        running = await self.jobs.running(base)
        for each in running:
            with contextlib.suppress(JobNotFound):
                await self.jobs.cancel(each)
        self.ingest.stop(running)
        await self.ingest.idle(running)
        left = await self.bases.delete(base)
        await self.documents.forget_blobs(left.hashes)
        await self.indexes.drop_all(base.id, left.generations)
        await self._tell()

    async def summaries_of(self, base: KnowledgeBase) -> KnowledgeBase | None:
        """The base that holds the summaries of another's documents, if there is one."""
        for each in await self.bases.all():
            if each.extra.get(SUMMARY_OF) == base.id:
                return each
        return None

    async def put(
        self,
        base: KnowledgeBase,
        name: str,
        data: AsyncIterator[bytes],
        *,
        details: Mapping[str, Any] | None = None,
        chunking: Mapping[str, Any] | None = None,
        modified_at: float | None = None,
    ) -> Kept:
        """Keep a document; `index` makes it searchable.

        Raises `BodyTooLarge`, `InvalidParameter` or `KnowledgeBaseNotFound`.
        """
        most = self.settings.max_document_bytes
        return await self.documents.keep(
            base, name, data, most, details=details, chunking=chunking, modified_at=modified_at
        )

    async def preview(self, name: str, data: AsyncIterator[bytes], chunking: Chunking) -> Sequence[Piece]:
        """The chunks that a document would have; nothing of it is kept. Raises `BodyTooLarge` or `DocumentUnreadable`."""
        blob: Blob | None = None
        try:
            async with self.blobs.holding(data, self.settings.max_document_bytes) as blob:
                return await self.indexing.preview(KnowledgeDocument(name=name, hash=blob.hash), chunking)
        finally:
            if blob is not None:
                await self.documents.forget_blobs([blob.hash])

    async def index(
        self, base: KnowledgeBase, names: Sequence[str], force: bool = False, *, uploaded: bool = False
    ) -> str:
        """A job that indexes these documents, in the background. Raises `DocumentNotFound`, except for documents that were
        `uploaded` a moment ago: one that somebody has deleted since is left out."""
        job = await self.jobs.add(base, names, force, present_only=uploaded)
        self.ingest.look(first=base.temporary)
        return job

    async def reindex(self, base: KnowledgeBase, settings: BaseSettings, force: bool = False) -> str:
        """A job that makes all chunks anew, while searches go on with the old ones. Raises `KnowledgeBaseBusy`."""
        job = await self.jobs.reindex(base, settings, force)
        self.ingest.look()
        return job

    async def cancel(self, job: str) -> None:
        """Raises `JobNotFound`."""
        if (given_up := await self.jobs.cancel(job)) is not None:
            await self.indexes.drop(*given_up)
        self.ingest.stop([job])
        self.ingest.look()

    async def forget_temporary(self) -> None:
        """Delete bases made for one talk that nobody has used for a week."""
        for base in await self.bases.all(temporary=True):
            if base.used_at < time.time() - TEMPORARY_SECONDS:
                await self.delete(base.name)

    async def _tell(self) -> None:
        async with self._telling:  # or an older list could be told after a newer one
            self.on_change([base.name for base in await self.bases.all()])
