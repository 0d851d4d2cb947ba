"""Stored files as a temporary knowledge base, which is made once for a set of files and deleted a week after its last use."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from modelyard.core.access import Grant, Owner
from modelyard.core.errors import DocumentNotFound, KnowledgeBaseExists, KnowledgeBaseNotFound, ModelyardError
from modelyard.db.file_tables import FileRow
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.documents.bases import BaseSettings
from modelyard.web.base_access import ready_embedding_model
from modelyard.web.deps import Parts


@dataclass(frozen=True, slots=True)
class FileBase:
    """A base of files, and sentences about files that it lacks."""

    base: KnowledgeBase
    notes: Sequence[str]


async def file_base(parts: Parts, grant: Grant | None, files: Sequence[FileRow]) -> FileBase:
    """The base of these files, with all of them indexed as far as they can be read. Raises the errors of storing a document."""
    base = await _base(parts, grant, files)
    notes, names = [], []
    for name, file in _names(files).items():
        try:
            await parts.knowledge.documents.get(base, name)
        except DocumentNotFound:
            try:
                await parts.knowledge.documents.put(base, name, parts.files.read(file))
            except ModelyardError as error:
                notes.append(f"'{file.filename}' could not be read: {error.message}")
                continue
        names.append(name)
    await parts.knowledge.bases.used([base.id])
    if names:
        owner = Owner.of(grant).id
        job = await parts.knowledge.index(base, names, uploaded=True, owner=owner)
        async for view in parts.knowledge.worker.follow(job):
            if view.waiting:
                notes.append(view.waiting)
                break
            if view.finished:
                notes += [f"'{each.document}' could not be read: {each.error}" for each in view.problems]
    return FileBase(await parts.knowledge.bases.get(base.name), notes)


async def _base(parts: Parts, grant: Grant | None, files: Sequence[FileRow]) -> KnowledgeBase:
    owner = Owner.of(grant)
    digest = hashlib.sha256("\n".join([owner.id, *sorted(file.id for file in files)]).encode()).hexdigest()
    name = f"files-{digest[:40]}"
    settings = BaseSettings(embedding_model=ready_embedding_model(parts, grant), temporary=True, owner=owner.id)
    with suppress(KnowledgeBaseNotFound):
        return await parts.knowledge.bases.get(name)
    with suppress(KnowledgeBaseExists):  # another answer has made it meanwhile
        return await parts.knowledge.create(name, settings)
    return await parts.knowledge.bases.get(name)


def _names(files: Sequence[FileRow]) -> dict[str, FileRow]:
    """Names of documents → files; a second file of one name has its id in front."""
    found: dict[str, FileRow] = {}
    for file in files:
        found[f"{file.id} {file.filename}" if file.filename in found else file.filename] = file
    return found
