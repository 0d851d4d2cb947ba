"""Bodies of the routes about knowledge bases, documents, searches and answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from modelyard.protocol.bounds import Fields, Many
from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.hits import Citation
from modelyard.protocol.lists import ListPage

Mode = Literal["hybrid", "lexical", "vector"]
Filter = Fields[Any]


class Body(DeferredModel):
    """Base of request bodies. Unknown fields are refused, because otherwise a misspelled setting would be ignored silently."""

    model_config = ConfigDict(extra="forbid")


class ChunkingBody(Body):
    """Rules for splitting documents into chunks."""

    size: int = 800
    """Maximum number of characters of a chunk."""
    overlap: int = 100
    """Maximum number of characters that a chunk repeats from the end of the chunk before it, in whole sentences."""
    title_enhance: bool = False
    """Whether chunks below a Chinese title begin with that title, like `zh_title_enhance` of Langchain-Chatchat."""


class BaseSettingsBody(Body):
    """Settings of a knowledge base. Fields that are left out do not change."""

    description: str | None = Field(None, max_length=4000)
    language: str | None = Field(None, max_length=20)
    """Language of the documents, such as `zh` or `en`."""
    rerank_model: str | None = Field(None, max_length=200)
    """Uid of the model that ranks the hits; empty for none."""
    chat_model: str | None = Field(None, max_length=200)
    """Uid of the model that answers questions which name no model; empty for any model that runs."""
    prompts: Fields[Annotated[str, Field(max_length=20_000)]] | None = None
    """Jinja templates that replace the server's: `answer` has the variables `question`, `sources` and `context`; `empty` has
    `question`."""


class CreateBaseRequest(BaseSettingsBody):
    """Body of `POST /v1/knowledge_bases`."""

    name: str
    """Name of the base: one line of text without `/`."""
    embedding_model: str | None = Field(None, max_length=200)
    """Uid of a running embedding model; without one, the base is searched by words alone."""
    chunking: ChunkingBody | None = None


class ChangeBaseRequest(BaseSettingsBody):
    """Body of `PATCH /v1/knowledge_bases/{base}`. The embedding model and the chunking change by `…/reindex` only."""

    name: str | None = None


class ReindexRequest(Body):
    """Body of `POST /v1/knowledge_bases/{base}/reindex`."""

    embedding_model: str | None = Field(None, max_length=200)
    """Uid of the new embedding model; empty for none. If left out, it does not change."""
    chunking: ChunkingBody | None = None
    force: bool = False
    """Whether chunks that were edited by hand are replaced too."""


class ScriptProbeInfo(DeferredModel):
    """How well searches find texts of one script."""

    weight: float
    """Weight of vectors in a hybrid search, relative to a weight of 1 for words; 0 if vectors are not used."""
    reads: float | None
    """Fraction of a reading test in this script that the embedding model passed, 0 to 1; null if there is no such test."""
    sentences: int
    """Number of the base's sentences that were searched for."""
    by_vectors: float | None
    """Fraction of these sentences whose chunk was found by vectors, 0 to 1."""
    by_words: float | None
    """Fraction of these sentences whose chunk was found by words, 0 to 1."""


class ProbeInfo(DeferredModel):
    """How well searches find the contents of a base with its embedding model. Measured when documents are indexed."""

    model: str
    generation: int
    chunks: int
    """Number of chunks in the base when it was measured."""
    scripts: dict[str, ScriptProbeInfo]
    """Script (`latin`, `han`, `kana`, `hangul`, `cyrillic`, `arabic` or `other`) → how well its texts are found."""


class BaseInfo(DeferredModel):
    """A knowledge base."""

    id: int
    object: str = "knowledge_base"
    name: str
    description: str
    language: str
    embedding_model: str | None
    rerank_model: str | None
    chat_model: str | None
    mode: Mode
    """Search mode of the base; `lexical` if it has no embedding model."""
    dimension: int | None
    """Length of the vectors; null without an embedding model."""
    chunking: ChunkingBody
    prompts: dict[str, str]
    generation: int
    """Number that increases each time the base is re-indexed."""
    documents: int
    chunks: int
    bytes: int
    """Size of all documents in bytes."""
    states: dict[str, int]
    """State of documents → number of documents in that state."""
    jobs: list[str]
    """Ids of jobs that are working on the base."""
    probe: ProbeInfo | None = None
    """How well searches find the contents; null without an embedding model, and until it is measured."""
    warnings: list[str] = []
    """Sentences about models that the base names and that do not run, with the command that launches each, and about languages
    that the embedding model cannot read."""
    created_at: float
    """Unix time in seconds."""


class BaseList(ListPage):
    """Answer of `GET /v1/knowledge_bases`."""

    data: list[BaseInfo]


class DocumentInfo(DeferredModel):
    """A document of a base."""

    id: int
    object: str = "knowledge_base.document"
    name: str
    size: int
    """Size of the file in bytes."""
    hash: str
    """SHA-256 hash of the file, in hexadecimal."""
    state: str
    """`waiting`, `ready`, `failed`, `cancelled` or `stored`."""
    error: str
    """Why the document could not be indexed; empty if it could."""
    notes: list[str]
    """Sentences about parts of the file that are missing in its text."""
    enabled: bool
    """Whether searches see the document."""
    edited: bool
    """Whether its chunks were edited by hand."""
    chunks: int
    characters: int
    version: int
    metadata: dict[str, Any]
    chunking: ChunkingBody | None
    """How the document is split, if not like the rest of its base; else null."""
    modified_at: float | None
    """Unix time in seconds at which the original file was modified; null if unknown."""
    created_at: float
    """Unix time in seconds."""
    updated_at: float


class DocumentList(ListPage):
    """Answer of `GET /v1/knowledge_bases/{base}/documents`."""

    data: list[DocumentInfo]
    total: int
    """Number of documents on all pages."""


class Uploaded(DeferredModel):
    """Answer of `POST /v1/knowledge_bases/{base}/documents`."""

    object: str = "list"
    data: list[DocumentInfo]
    job: str | None
    """Id of the job that indexes the documents; null if there is nothing to index."""
    failed: dict[str, str] = {}
    """Name of each refused file → why it was refused."""


class DocumentNames(Body):
    """Body of `POST …/documents/delete` and `…/documents/index`."""

    names: Annotated[Many[str], Field(min_length=1)]
    force: bool = False
    """Index the documents even if they have not changed, and replace chunks that were edited by hand."""


class Unindexed(DeferredModel):
    """Answer of `POST …/documents/unindex`."""

    unindexed: list[str]
    missing: list[str] = []
    """Names that no document of the base has."""


class Deleted(DeferredModel):
    """What was deleted."""

    deleted: list[str]
    missing: list[str] = []


class ChangeDocument(Body):
    """Body of `PATCH …/documents/{document}`."""

    enabled: bool | None = None
    """Whether searches see the document."""
    metadata: Fields[Any] | None = None


class ChangeDocuments(Body):
    """Body of `PATCH …/documents`."""

    names: Annotated[Many[str], Field(min_length=1)]
    enabled: bool | None = None
    """Whether searches see these documents."""
    metadata: Fields[Any] | None = None
    """Fields to add to the metadata of each document; null removes a field. Other fields do not change."""
    chunking: ChunkingBody | None = None
    """How the documents are split when they are next indexed, in place of the base's chunking."""


class DocumentsChanged(DeferredModel):
    """Answer of `PATCH …/documents`."""

    changed: int
    missing: list[str]
    """Names that no document of the base has."""


class PreviewRequest(Body):
    """Body of `POST …/documents/{document}/preview`."""

    chunking: ChunkingBody | None = None


class PieceInfo(DeferredModel):
    """A chunk in a preview."""

    text: str
    start: int
    """Index of the first character in the document's text."""
    end: int
    page: int | None
    heading: str


class Preview(DeferredModel):
    """The chunks into which a document would be split."""

    object: str = "list"
    data: list[PieceInfo]


class ChunkInfo(DeferredModel):
    """A chunk of a document."""

    id: int
    object: str = "knowledge_base.chunk"
    document_id: int
    position: int
    """Number of the chunk in its document, from 0."""
    text: str
    start: int | None
    """Index of the first character in the document's text; null for a chunk that was written by hand."""
    end: int | None
    page: int | None
    heading: str
    enabled: bool
    """Whether searches see the chunk."""
    edited: bool


class ChunkList(ListPage):
    """Answer of `GET …/documents/{document}/chunks`."""

    data: list[ChunkInfo]
    total: int


class NewChunk(Body):
    """Body of `POST …/documents/{document}/chunks`."""

    text: str
    position: int | None = Field(None, ge=0)
    """Position in the document at which the chunk is inserted; at the end if left out."""


class ChangeChunk(Body):
    """Body of `PATCH …/chunks/{chunk}`."""

    text: str | None = None
    enabled: bool | None = None


class JobStarted(DeferredModel):
    """A job that was started."""

    job: str


class SearchOptions(Body):
    """Options of a search."""

    top_k: int = Field(5, ge=1, le=200)
    mode: Mode = "hybrid"
    filter: Filter = {}
    """Conditions on documents, such as `{"year": {"gte": 2024}, "document": {"prefix": "hr/"}}`."""
    rerank: bool | None = None
    """Whether the rerank model ranks the hits; null to use the base's rerank model if it runs."""
    min_score: float = Field(0.0, ge=0, le=1)
    """Hits with a lower score are left out."""


class SearchBaseRequest(SearchOptions):
    """Body of `POST …/search`."""

    query: str
    rerank_model: str | None = None
    """Uid of the rerank model, in place of the base's."""
    explain: bool = False
    """Whether the answer explains its hits: ranks in each list, dropped candidates, durations."""


class SearchSeveralRequest(SearchBaseRequest):
    """Body of `POST /v1/knowledge_bases/search`."""

    knowledge_bases: Annotated[list[str], Field(min_length=1, max_length=20, fail_fast=True)]


class AnswerRequest(SearchOptions):
    """Body of `POST …/answer`."""

    question: str
    model: str | None = None
    """Uid of the model that answers; if left out, the base's."""
    conversation: str | None = None
    """Id of the conversation to continue; `new` creates one."""
    stream: bool = False
    temperature: float | None = Field(None, ge=0, le=2)
    max_tokens: int | None = Field(None, ge=1)


class AnswerSeveralRequest(AnswerRequest):
    """Body of `POST /v1/knowledge_bases/answer`."""

    knowledge_bases: Annotated[list[str], Field(min_length=1, max_length=20, fail_fast=True)]


class AnswerInfo(DeferredModel):
    """An answer that is based on documents."""

    answer: str
    citations: list[Citation]
    """The sources that the answer cites."""
    sources: list[Citation]
    """All sources that the model read."""
    evidence: bool
    """Whether any hit is about the question."""
    model: str | None
    """Uid of the model that answered; null if no model was asked."""
    rerank_model: str | None = None
    """Uid of the model that ranked the sources; null if none did."""
    usage: dict[str, Any] = {}
    notes: list[str] = []
    conversation: str | None = None
    message: str | None = None
    """Id of the stored message, to which feedback is given; null outside of conversations."""
