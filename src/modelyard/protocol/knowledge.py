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
    """Base of request bodies. Unknown fields are refused, because a misspelled setting would be ignored silently."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class ChunkingBody(Body):
    """How documents are split into chunks."""

    size: int = 800
    """Characters that a chunk has at most."""
    overlap: int = 100
    """Characters of whole sentences that a chunk repeats of the one before it."""
    title_enhance: bool = False
    """Begin chunks below a Chinese title with it, as Langchain-Chatchat's `zh_title_enhance` does."""


class BaseSettingsBody(Body):
    """Settings of a base. Those that are left out stay as they are."""

    description: str | None = Field(None, max_length=4000)
    language: str | None = Field(None, max_length=20)
    """Language of its documents, such as `zh` or `en`."""
    rerank_model: str | None = Field(None, max_length=200)
    """Ranks the hits; empty for none."""
    chat_model: str | None = Field(None, max_length=200)
    """Answers where a question names no model; empty for any that runs."""
    prompts: Fields[Annotated[str, Field(max_length=20_000)]] | None = None
    """Jinja templates in place of the usual ones: `answer` gets `question`, `sources` and `context`; `empty` gets `question`."""


class CreateBaseRequest(BaseSettingsBody):
    """Body of `POST /v1/knowledge_bases`."""

    name: str
    """Any text of one line, without `/`."""
    embedding_model: str | None = Field(None, max_length=200)
    """Uid of a running embedding model; without one the base is searched by words alone."""
    chunking: ChunkingBody | None = None


class ChangeBaseRequest(BaseSettingsBody):
    """Body of `PATCH /v1/knowledge_bases/{base}`. Embedding model and chunking change by indexing anew."""

    name: str | None = None


class ReindexRequest(Body):
    """Body of `POST /v1/knowledge_bases/{base}/reindex`."""

    embedding_model: str | None = Field(None, max_length=200)
    """Another one from now on; empty for none."""
    chunking: ChunkingBody | None = None
    force: bool = False
    """Make chunks anew, too, that somebody edited."""


class ScriptProbeInfo(DeferredModel):
    """How well the texts of one script are found."""

    weight: float
    """Of vectors in a hybrid search, where words have 1; 0 leaves them out."""
    reads: float | None
    """Share of the reading test that the model passed, 0 to 1; null where there is none for this script."""
    sentences: int
    """Sentences of the base that were tried."""
    by_vectors: float | None
    """Share of them whose passage vectors found, 0 to 1."""
    by_words: float | None
    """Share of them whose passage words found, 0 to 1."""


class ProbeInfo(DeferredModel):
    """How well the embedding model of a base finds what is in it. It is measured when documents are indexed."""

    model: str
    generation: int
    chunks: int
    """Chunks of the base when it was measured."""
    scripts: dict[str, ScriptProbeInfo]
    """`latin`, `han`, `kana`, `hangul`, `cyrillic`, `arabic` or `other` → how well its texts are found."""


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
    """What searches use: `lexical` without an embedding model."""
    dimension: int | None
    """Length of its vectors."""
    chunking: ChunkingBody
    prompts: dict[str, str]
    generation: int
    """Counts up when it is indexed anew."""
    documents: int
    chunks: int
    bytes: int
    states: dict[str, int]
    """State of a document → how many are in it."""
    jobs: list[str]
    """Those that run."""
    probe: ProbeInfo | None = None
    """Null without an embedding model, and until it is measured."""
    warnings: list[str] = []
    """Models that it names and nothing answers to, with the commands that launch them; languages that its model does not read."""
    created_at: float
    """Unix time."""


class BaseList(ListPage):
    """Answer of `GET /v1/knowledge_bases`."""

    data: list[BaseInfo]


class DocumentInfo(DeferredModel):
    """A document of a base."""

    id: int
    object: str = "knowledge_base.document"
    name: str
    size: int
    """Bytes."""
    hash: str
    """SHA-256."""
    state: str
    """`waiting`, `ready`, `failed`, `cancelled` or `stored`."""
    error: str
    notes: list[str]
    """What is in the file and not in its text, a sentence each."""
    enabled: bool
    edited: bool
    """Whether somebody changed its chunks by hand."""
    chunks: int
    characters: int
    version: int
    metadata: dict[str, Any]
    chunking: ChunkingBody | None
    """Where it is cut in another way than its base."""
    modified_at: float | None
    """Unix time of the file where it came from."""
    created_at: float
    updated_at: float


class DocumentList(ListPage):
    """Answer of `GET /v1/knowledge_bases/{base}/documents`."""

    data: list[DocumentInfo]
    total: int
    """How many there are, beyond this page too."""


class Uploaded(DeferredModel):
    """Answer of `POST /v1/knowledge_bases/{base}/documents`."""

    object: str = "list"
    data: list[DocumentInfo]
    job: str | None
    """What indexes them, in the background."""
    failed: dict[str, str] = {}
    """Name of a file → why it was not taken."""


class DocumentNames(Body):
    """Body of `POST …/documents/delete` and `…/documents/index`."""

    names: Annotated[Many[str], Field(min_length=1)]
    force: bool = False
    """Index them even where nothing has changed, over what was edited by hand."""


class Unindexed(DeferredModel):
    """Answer of `POST …/documents/unindex`."""

    unindexed: list[str]
    missing: list[str] = []
    """Names that the base does not have."""


class Deleted(DeferredModel):
    """What was deleted."""

    deleted: list[str]
    missing: list[str] = []


class ChangeDocument(Body):
    """Body of `PATCH …/documents/{document}`."""

    enabled: bool | None = None
    """Whether searches see it."""
    metadata: Fields[Any] | None = None


class ChangeDocuments(Body):
    """Body of `PATCH …/documents`."""

    names: Annotated[Many[str], Field(min_length=1)]
    enabled: bool | None = None
    """Whether searches see them."""
    metadata: Fields[Any] | None = None
    """Added to the metadata of each; a null removes a field. Other fields stay."""
    chunking: ChunkingBody | None = None
    """How they are split when they are indexed next, in place of the base's chunking."""


class DocumentsChanged(DeferredModel):
    """Answer of `PATCH …/documents`."""

    changed: int
    missing: list[str]
    """Names that the base does not have."""


class PreviewRequest(Body):
    """Body of `POST …/documents/{document}/preview`."""

    chunking: ChunkingBody | None = None


class PieceInfo(DeferredModel):
    """A chunk in a preview."""

    text: str
    start: int
    end: int
    page: int | None
    heading: str


class Preview(DeferredModel):
    """The chunks that a document would have."""

    object: str = "list"
    data: list[PieceInfo]


class ChunkInfo(DeferredModel):
    """A chunk."""

    id: int
    object: str = "knowledge_base.chunk"
    document_id: int
    position: int
    text: str
    start: int | None
    """Character span in the document's text; null for a chunk that somebody wrote."""
    end: int | None
    page: int | None
    heading: str
    enabled: bool
    edited: bool


class ChunkList(ListPage):
    """Answer of `GET …/documents/{document}/chunks`."""

    data: list[ChunkInfo]
    total: int


class NewChunk(Body):
    """Body of `POST …/documents/{document}/chunks`."""

    text: str
    position: int | None = Field(None, ge=0)
    """Before the chunk that stands there; at the end if left out."""


class ChangeChunk(Body):
    """Body of `PATCH …/chunks/{chunk}`."""

    text: str | None = None
    enabled: bool | None = None


class JobStarted(DeferredModel):
    """A job that was started."""

    job: str


class SearchOptions(Body):
    """What a search looks for, and how much it returns."""

    top_k: int = Field(5, ge=1, le=200)
    mode: Mode = "hybrid"
    filter: Filter = {}
    """Conditions on documents: `{"year": {"gte": 2024}, "document": {"prefix": "hr/"}}`."""
    rerank: bool | None = None
    """Null to use the ranking model of the base if it answers."""
    min_score: float = Field(0.0, ge=0, le=1)


class SearchBaseRequest(SearchOptions):
    """Body of `POST …/search`."""

    query: str
    rerank_model: str | None = None
    explain: bool = False
    """Whether the answer says how its hits came about: ranks in each list, what was dropped, times."""


class SearchSeveralRequest(SearchBaseRequest):
    """Body of `POST /v1/knowledge_bases/search`."""

    knowledge_bases: Annotated[list[str], Field(min_length=1, max_length=20, fail_fast=True)]


class AnswerRequest(SearchOptions):
    """Body of `POST …/answer`."""

    question: str
    model: str | None = None
    conversation: str | None = None
    """Id of the conversation to continue; `new` begins one."""
    stream: bool = False
    temperature: float | None = Field(None, ge=0, le=2)
    max_tokens: int | None = Field(None, ge=1)


class AnswerSeveralRequest(AnswerRequest):
    """Body of `POST /v1/knowledge_bases/answer`."""

    knowledge_bases: Annotated[list[str], Field(min_length=1, max_length=20, fail_fast=True)]


class AnswerInfo(DeferredModel):
    """An answer from documents."""

    answer: str
    citations: list[Citation]
    """The sources that the answer names."""
    sources: list[Citation]
    """All that the model was given."""
    evidence: bool
    """Whether anything was found that the question is about."""
    model: str | None
    rerank_model: str | None = None
    """The model that ranked the sources."""
    usage: dict[str, Any] = {}
    notes: list[str] = []
    conversation: str | None = None
    message: str | None = None
    """Id of the message, which feedback names."""
