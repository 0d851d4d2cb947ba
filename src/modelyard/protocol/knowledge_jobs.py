"""Bodies of the routes about jobs that index documents."""

from __future__ import annotations

from pydantic import BaseModel


class DocumentProblem(BaseModel):
    """A document that a job could not index."""

    document: str
    error: str


class DocumentRemark(BaseModel):
    """What a job left out of a document that it indexed."""

    document: str
    notes: list[str]


class JobInfo(BaseModel):
    """How far a job is."""

    id: str
    base: str
    kind: str
    state: str
    error: str
    total: int
    """Documents, unchanged ones included."""
    done: int
    unchanged: int
    failed: int
    cancelled: int
    chunks: int
    embedded: int
    """Chunks that had to be embedded; the vectors of the others were known."""
    created_at: float
    """Unix time."""
    finished_at: float | None
    problems: list[DocumentProblem]
    remarks: list[DocumentRemark]
    working: dict[str, str]
    """Document → what is done with it now."""
    waiting: str
    """Why nothing is done now: a model that does not answer, and how it is launched."""
