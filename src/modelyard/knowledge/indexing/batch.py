"""Batches of documents between reading and committing: their tasks, and the results so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from modelyard.db.tables import KnowledgeBase, KnowledgeDocument, KnowledgeJob, KnowledgeTask
from modelyard.knowledge.documents.splitter import Chunking
from modelyard.knowledge.types import Chunk, CutDocument


@dataclass(slots=True)
class PreparedDocument:
    """A document of a batch. Its rows have the state at the beginning of the batch."""

    task: KnowledgeTask
    row: KnowledgeDocument
    chunking: Chunking
    fingerprint: str
    """The new value of the row's fingerprint."""
    cut: CutDocument | None = None
    """The text and chunks that were read; None if the chunks were edited by hand."""
    chunks: Sequence[Chunk] = ()
    embedded: int = 0
    """Number of chunks that had to be embedded."""


@dataclass(slots=True)
class Batch:
    """Documents of one job that are written in one transaction."""

    job: KnowledgeJob
    base: KnowledgeBase
    model: str | None
    """Embedding model of the generation; None if it has no vectors."""
    dimension: int | None
    by_words: bool
    """Whether chunks are written without vectors, because the model does not answer; the tasks still wait then."""
    documents: list[PreparedDocument] = field(default_factory=list)
