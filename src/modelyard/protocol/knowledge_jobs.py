"""Bodies of the routes about jobs that index documents."""

from __future__ import annotations

from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.lists import ListPage


class DocumentProblem(DeferredModel):
    """A document that a job could not index."""

    document: str
    error: str


class DocumentRemark(DeferredModel):
    """What a job left out of a document that it indexed."""

    document: str
    notes: list[str]


class KnowledgeJobInfo(DeferredModel):
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


class KnowledgeJobList(ListPage):
    """Answer of `GET /v1/knowledge_bases/{base}/jobs`, newest first."""

    data: list[KnowledgeJobInfo]
