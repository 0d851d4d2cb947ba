"""Bodies of the routes about jobs that index documents."""

from __future__ import annotations

from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.lists import ListPage


class DocumentProblem(DeferredModel):
    """A document that a job could not index."""

    document: str
    error: str


class DocumentRemark(DeferredModel):
    """Notes about an indexed document, such as parts of its file that could not be read."""

    document: str
    notes: list[str]


class KnowledgeJobInfo(DeferredModel):
    """A job that indexes documents, with its progress."""

    id: str
    base: str
    """Name of the knowledge base."""
    kind: str
    state: str
    error: str
    """Why the job failed; empty if it did not."""
    total: int
    """Number of documents in the job, unchanged ones included."""
    done: int
    """Number of documents that are finished."""
    unchanged: int
    """Number of documents that were indexed already."""
    failed: int
    cancelled: int
    chunks: int
    """Number of chunks that were made."""
    embedded: int
    """Number of chunks for which a vector was computed; vectors of known texts are reused."""
    created_at: float
    """Unix time in seconds."""
    finished_at: float | None
    """Unix time in seconds; null while the job runs."""
    problems: list[DocumentProblem]
    """Documents that could not be indexed."""
    remarks: list[DocumentRemark]
    """Notes about documents that were indexed."""
    working: dict[str, str]
    """Name of each document in progress → its present step."""
    waiting: str
    """Why the job is waiting: a model that does not answer, with the command that launches it. Empty if it is not waiting."""


class KnowledgeJobList(ListPage):
    """Answer of `GET /v1/knowledge_bases/{base}/jobs`, newest first."""

    data: list[KnowledgeJobInfo]
