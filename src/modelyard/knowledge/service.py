"""The interface of this package: one object that creates, starts and stops its parts, and serves the routes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence

from modelyard.core.access import LOCAL
from modelyard.core.config import Settings
from modelyard.core.errors import JobNotFound, KnowledgeBaseNotFound, ModelyardError
from modelyard.db.session import Database
from modelyard.db.tables import KnowledgeBase, KnowledgeDocument
from modelyard.knowledge.answering.answer import Answering, RunningModels
from modelyard.knowledge.answering.prompts import check_prompts
from modelyard.knowledge.documents.bases import Bases, BaseSettings
from modelyard.knowledge.documents.blobs import Blob, Blobs
from modelyard.knowledge.documents.documents import Documents
from modelyard.knowledge.documents.loaders.base import LoadLimits
from modelyard.knowledge.documents.pages import Pages
from modelyard.knowledge.documents.splitter import Chunking
from modelyard.knowledge.indexing.edits import Edits
from modelyard.knowledge.indexing.index_pool import IndexPool
from modelyard.knowledge.indexing.jobs import IndexingJobs
from modelyard.knowledge.indexing.pipeline import IndexingPipeline
from modelyard.knowledge.indexing.probes import Probes
from modelyard.knowledge.indexing.vectors import Vectors
from modelyard.knowledge.indexing.worker import IndexingWorker
from modelyard.knowledge.search.search import Search
from modelyard.knowledge.types import Chunk, Models
from modelyard.knowledge.vector_stores.files import StoreFiles
from modelyard.knowledge.vector_stores.stores import has_expired

SUMMARY_OF = "summary_of"
"""In `extra` of a base of summaries: the id of the base that they summarise, with which it is deleted."""
PROBE_SECONDS = 5.0
"""How long the creation of a base waits for its embedding model to take the reading test."""
SWEEP_SECONDS = 3600.0
"""Seconds between two sweeps of vector stores that have expired."""
TEMPORARY_SECONDS = 7 * 24 * 3600
"""Seconds after its last use in which a temporary base is kept."""


class KnowledgeService:
    """Knowledge bases: rows, files in `folder`, indexes and the worker. Models are used through `models`."""

    def __init__(self, settings: Settings, database: Database, models: Models, running: RunningModels) -> None:
        folder = settings.folder / "knowledge"
        self.settings = settings
        self.models = models
        self.bases = Bases(database)
        self.blobs = Blobs(folder / "files")
        self.pages = Pages(database, self.blobs, folder / "pages")
        url = settings.vector_store_url or settings.database
        self.indexes = IndexPool(database, folder / "indexes", settings.vector_store, url, settings.max_open_indexes)
        self.indexes.on_change = self.bases.forget
        self.vectors = Vectors(database, models)
        self.probes = Probes(database, self.vectors, models)
        self.search = Search(database, self.indexes, models, self.probes, settings.rerank_seconds)
        self.search.on_use = self.bases.touch
        self.documents = Documents(database, self.blobs, settings.max_document_bytes)
        self.store_files = StoreFiles(database)
        self.edits = Edits(database, self.documents, self.indexes, self.vectors)
        self.jobs = IndexingJobs(database, settings.ocr)
        limits = LoadLimits(max_bytes=settings.max_document_bytes)
        self.indexing = IndexingPipeline(database, self.blobs, self.indexes, self.vectors, limits, settings.ocr)
        self.worker = IndexingWorker(
            database, self.indexes, self.jobs, self.indexing, self.probes, self.search.chunks.forget
        )
        self.probes.on_change = self.bases.forget
        self.answering = Answering(database, self.search, models, running)
        self.on_change: Callable[[Sequence[str]], None] = lambda names: None
        """Called with the names of all bases whenever one is created, renamed or deleted."""
        self._announcing = asyncio.Lock()

    async def open(self) -> None:
        """Create folders, and announce the bases. Raises the errors of an unusable store."""
        await asyncio.to_thread(self.blobs.open)
        await self.pages.open()
        await self.indexes.check()
        await self._announce()

    async def close(self) -> None:
        """Close indexes, and the processes that read documents."""
        await self.search.reranking.close()
        await self.indexing.close()
        await self.pages.close()
        await self.indexes.close()

    async def run(self) -> None:
        """Run jobs, and delete what has expired, until cancelled."""
        await self.forget_temporary()
        sweeping = asyncio.create_task(self._sweep(), name="sweeps of vector stores")
        try:
            await self.worker.run()
        finally:
            sweeping.cancel()
            await asyncio.gather(sweeping, return_exceptions=True)

    async def _sweep(self) -> None:
        while True:
            with contextlib.suppress(ModelyardError):  # the database cannot be written now; the next sweep tries again
                await self.forget_expired()
            await asyncio.sleep(SWEEP_SECONDS)

    async def create(self, name: str, settings: BaseSettings) -> KnowledgeBase:
        """Create a base. Raises `KnowledgeBaseExists` or `InvalidParameter`."""
        await check_prompts(settings.prompts or {})
        base = await self.bases.create(name, settings)
        await self._announce()
        return base

    async def with_probe(self, base: KnowledgeBase) -> KnowledgeBase:
        """A new base with what its embedding model makes of the reading test, if the model answers within a few seconds."""
        with contextlib.suppress(ModelyardError, TimeoutError):
            await asyncio.wait_for(self.probes.refresh(base), PROBE_SECONDS)
        return await self.bases.get(base.name)

    async def text_of(self, data: bytes, name: str) -> str:
        """The text of a document that is stored nowhere. Raises `DocumentUnreadable`."""
        async with self.blobs.briefly(data) as path:
            return await self.indexing.read(path, name)

    async def several(self, names: Sequence[str]) -> list[KnowledgeBase]:
        """The bases of these names, each once, for a search. Raises `KnowledgeBaseNotFound`."""
        if not names:
            raise KnowledgeBaseNotFound("")
        return [await self.bases.known(name) for name in dict.fromkeys(names)]

    async def rename(self, name: str, settings: BaseSettings, new_name: str | None) -> KnowledgeBase:
        """Change settings that need no new index. Raises `KnowledgeBaseNotFound`, `KnowledgeBaseExists` or `InvalidParameter`."""
        await check_prompts(settings.prompts or {})
        base = await self.bases.configure(name, settings, new_name)
        if new_name is not None:
            self.search.chunks.forget_all()
            await self._announce()
        return base

    async def delete(self, name: str) -> None:
        """Delete a base with everything in it, and its summaries. Raises `KnowledgeBaseNotFound`."""
        base = await self.bases.get(name)
        if (summaries := await self.summaries_of(base)) is not None:
            with contextlib.suppress(KnowledgeBaseNotFound):  # another request is deleting it
                await self.delete(summaries.name)
        running = await self.jobs.running(base)
        for each in running:
            with contextlib.suppress(JobNotFound):
                await self.jobs.cancel(each)
        self.worker.stop(running)
        await self.worker.idle(running)
        leftovers = await self.bases.delete(base)
        await self.documents.forget_blobs(leftovers.hashes)
        await self.indexes.drop_all(base.id, leftovers.generations)
        await self._announce()

    async def summaries_of(self, base: KnowledgeBase) -> KnowledgeBase | None:
        """The base with the summaries of another base's documents, if there is one."""
        for each in await self.bases.all():
            if each.extra.get(SUMMARY_OF) == base.id:
                return each
        return None

    async def preview(self, name: str, data: AsyncIterator[bytes], chunking: Chunking) -> Sequence[Chunk]:
        """The chunks that a document would have; nothing is stored. Raises `BodyTooLarge` or `DocumentUnreadable`."""
        blob: Blob | None = None
        try:
            async with self.blobs.holding(data, self.settings.max_document_bytes) as blob:
                return await self.indexing.preview(KnowledgeDocument(name=name, hash=blob.hash), chunking)
        finally:
            if blob is not None:
                await self.documents.forget_blobs([blob.hash])

    async def index(
        self,
        base: KnowledgeBase,
        names: Sequence[str],
        force: bool = False,
        *,
        uploaded: bool = False,
        owner: str = LOCAL,
    ) -> str:
        """Start a job of an owner that indexes these documents, and return its id.

        Raises `DocumentNotFound`, except for documents that were just `uploaded`: one that was deleted meanwhile is
        skipped.
        """
        job = await self.jobs.add(base, names, force, present_only=uploaded, owner=owner)
        self.worker.look(first=base.temporary)
        return job

    async def reindex(
        self, base: KnowledgeBase, settings: BaseSettings, force: bool = False, *, owner: str = LOCAL
    ) -> str:
        """Start a job that re-indexes all documents, while searches use the old chunks. Raises `KnowledgeBaseBusy`."""
        job = await self.jobs.reindex(base, settings, force, owner)
        self.worker.look()
        return job

    async def cancel(self, job: str) -> None:
        """Cancel a job. Raises `JobNotFound`."""
        if (given_up := await self.jobs.cancel(job)) is not None:
            await self.indexes.drop(*given_up)
        self.worker.stop([job])
        self.worker.look()

    async def forget_temporary(self) -> None:
        """Delete temporary bases that have not been used for a week."""
        for base in await self.bases.all(temporary=True):
            if base.used_at < time.time() - TEMPORARY_SECONDS:
                await self.delete(base.name)

    async def forget_expired(self) -> None:
        """Delete the documents of vector stores whose time is over; the stores stay, as OpenAI's do."""
        for base in await self.bases.all():
            if has_expired(base) and (names := list(await self.documents.contents(base))):
                await self.edits.delete(base, names)

    async def _announce(self) -> None:
        async with self._announcing:  # otherwise an older list could be announced after a newer one
            self.on_change([base.name for base in await self.bases.all()])
