"""Documents on their way into the rows: what their tasks are about, and what was made of each so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from modelyard.db.tables import KnowledgeBase, KnowledgeDocument, KnowledgeJob, KnowledgeTask
from modelyard.knowledge.documents.splitter import Chunking
from modelyard.knowledge.types import Chunk, CutDocument


@dataclass(slots=True)
class PreparedDocument:
    """A document of a batch. Its rows are as they were when the batch began."""

    task: KnowledgeTask
    row: KnowledgeDocument
    chunking: Chunking
    fingerprint: str
    """What the row's fingerprint becomes."""
    cut: CutDocument | None = None
    """What was read; None where the chunks are as people left them."""
    chunks: Sequence[Chunk] = ()
    embedded: int = 0
    """Chunks that had to be embedded."""


@dataclass(slots=True)
class Batch:
    """Documents of one job that are written in one transaction."""

    job: KnowledgeJob
    base: KnowledgeBase
    model: str | None
    """Embedding model of the generation; None where it has no vectors."""
    dimension: int | None
    by_words: bool
    """Whether chunks are written without vectors, because the model does not answer; the tasks still wait then."""
    documents: list[PreparedDocument] = field(default_factory=list)
