"""TypedDicts of the server's answers about knowledge bases, documents and jobs; see `types.py`."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

SearchMode = Literal["hybrid", "lexical", "vector"]


class ChunkingDict(TypedDict, total=False):
    """Chunk settings: the maximum characters of a chunk, and those it repeats from the previous one."""

    size: int
    overlap: int
    title_enhance: bool


class ScriptProbeDict(TypedDict):
    """How well the texts of one script are found: the weight of vectors, and the shares it follows from, 0 to 1."""

    weight: float
    reads: float | None
    sentences: int
    by_vectors: float | None
    by_words: float | None


class ProbeDict(TypedDict):
    """How well the embedding model of a base finds what is in it, by script."""

    model: str
    generation: int
    chunks: int
    scripts: dict[str, ScriptProbeDict]


class BaseDict(TypedDict):
    """A knowledge base."""

    id: int
    object: str
    name: str
    description: str
    language: str
    embedding_model: str | None
    rerank_model: str | None
    chat_model: str | None
    mode: SearchMode
    dimension: int | None
    chunking: ChunkingDict
    prompts: dict[str, str]
    generation: int
    documents: int
    chunks: int
    bytes: int
    states: dict[str, int]
    jobs: list[str]
    probe: ProbeDict | None
    warnings: list[str]
    created_at: float


class DocumentDict(TypedDict):
    """A document of a base."""

    id: int
    object: str
    name: str
    size: int
    hash: str
    state: str
    error: str
    notes: list[str]
    enabled: bool
    edited: bool
    chunks: int
    characters: int
    version: int
    metadata: dict[str, Any]
    chunking: ChunkingDict | None
    modified_at: float | None
    created_at: float
    updated_at: float


class DocumentPageDict(TypedDict):
    """A page of a base's documents; `total` also counts those beyond it, `next` is the cursor of the next page."""

    object: str
    data: list[DocumentDict]
    total: int
    has_more: bool
    next: str | None


class DocumentsChangedDict(TypedDict):
    """How many documents were changed, and the names that the base does not have."""

    changed: int
    missing: list[str]


class UploadDict(TypedDict):
    """The documents of an upload, the job that indexes them, and the reasons for refused files."""

    object: str
    data: list[DocumentDict]
    job: str | None
    failed: dict[str, str]


class UnindexedDict(TypedDict):
    """Names of documents that were removed from the index, and of those that do not exist."""

    unindexed: list[str]
    missing: list[str]


class DeletedDict(TypedDict):
    """What was deleted, by name."""

    deleted: list[str]
    missing: list[str]


class PreviewChunkDict(TypedDict):
    """A chunk that a document would have."""

    text: str
    start: int
    end: int
    page: int | None
    heading: str


class ChunkDict(TypedDict):
    """A chunk of a document."""

    id: int
    object: str
    document_id: int
    position: int
    text: str
    start: int | None
    end: int | None
    page: int | None
    heading: str
    enabled: bool
    edited: bool


class RectangleDict(TypedDict):
    """A rectangle on a page, in points from its top left corner."""

    left: float
    top: float
    width: float
    height: float


class PageBoxesDict(TypedDict):
    """Where a chunk stands on one page, whose size is in points."""

    page: int
    width: float
    height: float
    rectangles: list[RectangleDict]
    exact: bool


class ChunkBoxesDict(TypedDict):
    """Where a chunk stands on the pages of its document."""

    object: str
    chunk_id: int
    document_id: int
    document: str
    pages: list[PageBoxesDict]


class ChunkPageDict(TypedDict):
    """Some chunks of a document; `total` counts all."""

    object: str
    data: list[ChunkDict]
    total: int
    has_more: bool
    next: str | None


class ScoresDict(TypedDict):
    """Higher is better in each; None where it does not apply."""

    lexical: float | None
    similarity: float | None
    fused: float
    rerank: float | None


class HitDict(TypedDict):
    """A chunk that a search found, with its document and position."""

    chunk_id: int
    knowledge_base: str
    document_id: int
    document: str
    page: int | None
    page_breaks: list[tuple[int, int]]
    start: int | None
    end: int | None
    heading: str
    text: str
    score: float
    scores: ScoresDict
    highlights: list[tuple[int, int]]


class ExplainedBaseDict(TypedDict):
    """How one base was searched."""

    knowledge_base: str
    words: float
    vectors: float
    candidates: int
    disabled_documents: int
    disabled_chunks: int


class ExplainedCandidateDict(TypedDict):
    """A chunk that words or vectors found, its ranks, and why it was dropped."""

    hit: HitDict
    rank: int | None
    lexical_rank: int | None
    vector_rank: int | None
    fused_rank: int | None
    rerank_rank: int | None
    terms: list[str]
    dropped: str | None


class ExplanationDict(TypedDict):
    """How the hits of a search came about."""

    text: str
    terms: list[str]
    phrases: list[str]
    excluded: list[str]
    bases: list[ExplainedBaseDict]
    candidates: list[ExplainedCandidateDict]
    milliseconds: dict[str, float]


class SearchDict(TypedDict):
    """Hits, best first, and remarks for people; `explanation` is None unless it was asked for."""

    object: str
    data: list[HitDict]
    notes: list[str]
    rerank_model: str | None
    explanation: ExplanationDict | None


class CitationDict(HitDict):
    """A source of an answer; the answer refers to it as `[number]`."""

    number: int
    before: str
    after: str


class AnswerDict(TypedDict):
    """An answer from documents: `citations` are the sources that it cites, `sources` all that the model received."""

    answer: str
    citations: list[CitationDict]
    sources: list[CitationDict]
    evidence: bool
    model: str | None
    rerank_model: str | None
    usage: dict[str, Any]
    notes: list[str]
    conversation: str | None
    message: str | None


class KnowledgeJobDict(TypedDict):
    """The state of an indexing job."""

    id: str
    base: str
    kind: str
    state: str
    error: str
    total: int
    done: int
    unchanged: int
    failed: int
    cancelled: int
    chunks: int
    embedded: int
    created_at: float
    finished_at: float | None
    problems: list[dict[str, str]]
    remarks: list[dict[str, Any]]
    working: dict[str, str]
    waiting: str
