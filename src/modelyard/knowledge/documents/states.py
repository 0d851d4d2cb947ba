"""The states of rows of documents, tasks and jobs, with their names in the database and the routes."""

from __future__ import annotations

from enum import StrEnum


class DocumentState(StrEnum):
    """The state of a document."""

    STORED = "stored"
    """Stored, and not to be indexed."""
    WAITING = "waiting"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TaskState(StrEnum):
    """The state of a document in one job."""

    WAITING = "waiting"
    DONE = "done"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    CANCELLED = "cancelled"


class IndexingKind(StrEnum):
    """What a job on documents does; the names are job kinds."""

    ADD = "knowledge_index"
    """Indexes documents into the present generation."""
    REINDEX = "knowledge_reindex"
    """Builds the next generation of a base from all its documents."""
