"""The states that rows of documents, tasks and jobs can be in, as the database and the routes spell them."""

from __future__ import annotations

from enum import StrEnum


class DocumentState(StrEnum):
    """What became of a document."""

    STORED = "stored"
    """It is kept, and nobody has asked for it to be indexed."""
    WAITING = "waiting"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TaskState(StrEnum):
    """What became of a document in one job."""

    WAITING = "waiting"
    DONE = "done"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobState(StrEnum):
    """How far a job is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobKind(StrEnum):
    """What a job does."""

    ADD = "add"
    """Indexes documents into the present generation."""
    REINDEX = "reindex"
    """Makes the next generation of a base, of all its documents."""
