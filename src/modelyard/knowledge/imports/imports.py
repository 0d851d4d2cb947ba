"""Brings documents from URLs and folders into a base, as a job of the kind `document_import`.

The job keeps nothing but its parameters: what is stored already is recognised by its hash, so a job that was interrupted, and a
second call, bring only what is missing.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from modelyard.core.access import KNOWLEDGE_WRITE
from modelyard.core.config import Settings
from modelyard.core.errors import (
    AddressRefused,
    BodyTooLarge,
    FetchFailed,
    InvalidParameter,
)
from modelyard.core.fetching import Hosts, fetch
from modelyard.core.names import composed
from modelyard.core.wording import reason
from modelyard.db.tables import KnowledgeBase
from modelyard.jobs.running_job import RunningJob
from modelyard.jobs.service import Jobs, new_id
from modelyard.jobs.types import CoroutineWork, Job, JobKind, Recovery
from modelyard.knowledge.documents.blobs import whole
from modelyard.knowledge.documents.documents import StoredContent
from modelyard.knowledge.documents.loaders import extensions
from modelyard.knowledge.imports import web
from modelyard.knowledge.imports.folders import OpenedFile, collect, open_file, portions
from modelyard.knowledge.service import KnowledgeService

KIND = "document_import"
SOURCE = "source"
"""Metadata of a document that was fetched: its URL."""
UNFINISHED = ("stored", "failed", "cancelled")
"""States of unchanged documents that are indexed again."""
MOST_BYTES = 64 << 20
"""Bytes of one fetched document, which is in memory while it is stored."""
SECONDS = 60.0
"""Timeout of one URL."""
PORTION, PAUSE = 200, 5.0
"""Documents, and seconds, after which those that were stored so far are indexed."""
LISTED = 1000
"""Failures that a result lists."""
REFUSALS = (AddressRefused, BodyTooLarge, FetchFailed, InvalidParameter)
"""Errors that concern one document only."""


class UrlSource(msgspec.Struct, frozen=True, omit_defaults=True):
    """A URL to fetch."""

    url: str
    name: str | None = None
    """The document's name; None to make one of the URL."""
    metadata: dict[str, Any] = {}


class ImportPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a job."""

    base_id: int
    base: str
    """Name of the base when the job was made."""
    urls: list[UrlSource] = []
    folder: str | None = None
    include: list[str] = []
    exclude: list[str] = []
    metadata: dict[str, Any] = {}
    chunking: dict[str, Any] | None = None
    delete: bool = False
    index: bool = True


@dataclass(slots=True)
class ImportReport:
    """What a job has done since it was started or taken up again."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    failures: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    """Document or URL → why; at most `LISTED`."""
    skipped: dict[str, int] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    """Jobs that index what was stored."""


class Imports:
    """The kind of job. Jobs of an earlier run wait until `connect` has been called."""

    def __init__(self, settings: Settings, jobs: Jobs) -> None:
        self._settings = settings
        self._jobs = jobs
        self._knowledge: asyncio.Future[KnowledgeService] = asyncio.get_running_loop().create_future()
        work = CoroutineWork(self._run)
        jobs.register(JobKind(name=KIND, scope=KNOWLEDGE_WRITE, work=work, recovery=Recovery.RESUME, at_once=2))

    def connect(self, knowledge: KnowledgeService) -> None:
        """Let jobs run, with the bases of this service."""
        self._knowledge.set_result(knowledge)

    async def submit(self, plan: ImportPlan, owner: str) -> str:
        """Start a job, and return its id. Raises `InvalidParameter` for a folder that is not there."""
        if plan.folder is not None and not await asyncio.to_thread(_is_folder, plan.folder):
            raise InvalidParameter(
                "folder", f"'{plan.folder}' is no folder of the server's machine, as a path from `/` on."
            )
        job = self._jobs.submit(Job(id=new_id(), kind=KIND, owner=owner, parameters=msgspec.to_builtins(plan)))
        await self._jobs.written()
        return job.id

    async def _run(self, running: RunningJob) -> Mapping[str, Any]:
        plan = msgspec.convert(dict(running.parameters), ImportPlan)
        knowledge = await asyncio.shield(self._knowledge)
        base = await knowledge.bases.numbered(plan.base_id, plan.base)
        stored = await knowledge.documents.contents(base)
        return await _Import(self._settings, knowledge, base, plan, running, stored).run()


def _is_folder(path: str) -> bool:
    return Path(path).is_absolute() and Path(path).is_dir()


@dataclass(slots=True)
class _Import:
    """One run of a job."""

    settings: Settings
    knowledge: KnowledgeService
    base: KnowledgeBase
    plan: ImportPlan
    running: RunningJob
    stored: dict[str, StoredContent]
    """What the base holds, by name."""
    report: ImportReport = field(default_factory=ImportReport)
    waiting: list[str] = field(default_factory=list)
    """Stored documents that no job indexes yet."""
    indexed_at: float = field(default_factory=time.monotonic)
    done: int = 0

    async def run(self) -> Mapping[str, Any]:
        files, formats = None, extensions()
        if self.plan.folder is not None:
            include, exclude, home = self.plan.include, self.plan.exclude, self.settings.folder
            files = await asyncio.to_thread(collect, Path(self.plan.folder), include, exclude, formats, home)
            self.report.skipped = files.skipped
        paths = files.paths if files is not None else {}
        self.running.progress(done=0, total=len(paths) + len(self.plan.urls), unit="documents")
        for name, why in files.refused.items() if files is not None else ():
            self._fail(name, why)
        for name, path in paths.items():
            await self._each(name, self._file(name, path))
        for source in self.plan.urls:
            await self._each(source.url, self._url(source, formats))
        if files is not None and self.plan.delete and files.there:
            await self._delete(files.there)
        await self._index()
        self.running.progress(message="")
        report: Mapping[str, Any] = msgspec.to_builtins(self.report)
        return report

    async def _each(self, label: str, work: Coroutine[Any, Any, None]) -> None:
        """Bring one document; its failure is noted, and the next one goes on."""
        self.running.progress(message=label)
        try:
            await work
        except REFUSALS as error:
            self._fail(label, error.message)
        self.done += 1
        self.running.progress(done=self.done)
        if len(self.waiting) >= PORTION or (self.waiting and time.monotonic() > self.indexed_at + PAUSE):
            await self._index()

    def _fail(self, label: str, why: str) -> None:
        self.report.failures += 1
        if len(self.report.failed) < LISTED:
            self.report.failed[label] = why
        self.running.event("failed", {"document": label, "error": why})

    async def _file(self, name: str, path: Path) -> None:
        try:
            opened = await asyncio.to_thread(open_file, path)
        except OSError as error:
            raise InvalidParameter("folder", f"it cannot be read: {reason(error)}.") from None
        try:
            await self._put(name, opened.hash, lambda: _content(opened), {}, opened.modified_at)
        finally:
            os.close(opened.descriptor)

    async def _url(self, source: UrlSource, formats: Mapping[str, str]) -> None:
        most = min(MOST_BYTES, self.settings.max_document_bytes)
        fetched = await fetch(source.url, hosts=Hosts.read(self.settings.fetch_hosts), max_bytes=most, seconds=SECONDS)
        data = web.content(fetched)
        before = next((name for name, each in self.stored.items() if each.details.get(SOURCE) == source.url), None)
        name = composed(source.name or before or web.document_name(fetched, formats))
        known = self.stored.get(name)
        if source.name is None and known is not None and known.details.get(SOURCE) != source.url:
            raise InvalidParameter("urls", f"there is another document '{name}' already; give this one a `name`.")
        digest = await asyncio.to_thread(_hash, data)
        await self._put(name, digest, lambda: whole(data), {**source.metadata, SOURCE: source.url}, None)

    async def _put(
        self,
        name: str,
        digest: str,
        data: Callable[[], AsyncIterator[bytes]],
        details: Mapping[str, Any],
        modified_at: float | None,
    ) -> None:
        """Store a document unless it is there with this content and these metadata."""
        details = {**self.plan.metadata, **details}
        known = self.stored.get(composed(name))
        same = known is not None and known.hash == digest
        if known is not None and same and all(known.details.get(key) == value for key, value in details.items()):
            self.report.unchanged += 1
            if known.state in UNFINISHED:
                self.waiting.append(name)
            return
        put = await self.knowledge.documents.put(
            self.base, name, data(), details=details, chunking=self.plan.chunking, modified_at=modified_at
        )
        self.report.new += known is None
        self.report.changed += known is not None
        self.stored[put.row.name] = StoredContent(put.row.hash, put.row.state, put.row.details)
        self.waiting.append(put.row.name)

    async def _delete(self, there: set[str]) -> None:
        """Delete documents that are no files of the folder; those from URLs stay."""
        names = {composed(name) for name in there}
        absent = [name for name, each in self.stored.items() if name not in names and SOURCE not in each.details]
        for start in range(0, len(absent), PORTION):
            await self.knowledge.edits.delete(self.base, absent[start : start + PORTION])
        self.report.deleted = absent[:LISTED]

    async def _index(self) -> None:
        names, self.waiting = self.waiting, []
        self.indexed_at = time.monotonic()
        if names and self.plan.index:
            job = await self.knowledge.index(self.base, names, uploaded=True, owner=self.running.owner)
            self.report.jobs.append(job)


async def _content(opened: OpenedFile) -> AsyncGenerator[bytes]:
    parts = portions(opened.descriptor)
    while data := await asyncio.to_thread(next, parts, b""):
        yield data


def _hash(data: bytes) -> str:
    return sha256(data).hexdigest()
