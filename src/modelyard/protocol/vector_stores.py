"""Bodies of OpenAI's routes about vector stores, each of which is a knowledge base."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from modelyard.protocol.bounds import Metadata
from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.knowledge import Body

FileStatus = Literal["in_progress", "completed", "failed", "cancelled"]
Attribute = Annotated[str, Field(max_length=512)] | bool | int | float
Attributes = Annotated[dict[Annotated[str, Field(max_length=64)], Attribute], Field(max_length=16)]
"""Up to 16 pairs of a key and a text, a number or a boolean, which filter searches."""
Description = Annotated[str, Field(max_length=4000)]


class StoreExpiry(Body):
    """When a vector store expires."""

    anchor: Literal["last_active_at"]
    days: int = Field(ge=1, le=365)
    """Days after the store was last used."""


class AutoChunking(Body):
    """Split a file like other documents of its knowledge base."""

    type: Literal["auto"]


class StaticSizes(Body):
    """Sizes of chunks in tokens; a token counts as four characters."""

    max_chunk_size_tokens: int = Field(ge=100, le=4096)
    chunk_overlap_tokens: int = Field(ge=0, le=2048)
    """At most half of `max_chunk_size_tokens`."""


class StaticChunking(Body):
    """Split a file into chunks of these sizes."""

    type: Literal["static"]
    static: StaticSizes


Chunking = Annotated[AutoChunking | StaticChunking, Field(discriminator="type")]


class NewVectorStore(Body):
    """Body of `POST /v1/vector_stores`."""

    name: str | None = Field(None, max_length=200)
    """Name of the knowledge base; a number is appended if a base has this name."""
    description: Description | None = None
    file_ids: list[Annotated[str, Field(max_length=100)]] = Field(default=[], max_length=2000)
    """Ids of stored files (`/v1/files`) to add."""
    chunking_strategy: Chunking | None = None
    """How the files in `file_ids` are split."""
    expires_after: StoreExpiry | None = None
    metadata: Metadata | None = None
    embedding_model: str | None = Field(None, max_length=200)
    """Uid of an embedding model; a field that OpenAI's API lacks. If left out, one that runs; if empty, the store is searched by
    words alone."""


class ChangeVectorStore(Body):
    """Body of `POST /v1/vector_stores/{vector_store_id}`. Fields that are left out do not change; null removes a value."""

    name: str | None = Field(None, max_length=200)
    expires_after: StoreExpiry | None = None
    metadata: Metadata | None = None


class FileCounts(DeferredModel):
    """Numbers of files, by status."""

    in_progress: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    total: int = 0


class VectorStoreInfo(DeferredModel):
    """A knowledge base, described as a vector store."""

    id: str
    """Id of the store, which does not change when its base is renamed."""
    object: Literal["vector_store"] = "vector_store"
    created_at: int
    """Unix time in seconds."""
    name: str
    """Name of the knowledge base."""
    description: str
    usage_bytes: int
    """Size of its files in bytes."""
    file_counts: FileCounts
    status: Literal["expired", "in_progress", "completed"]
    expires_after: StoreExpiry | None
    expires_at: int | None
    """Unix time in seconds; null if the store does not expire."""
    last_active_at: int
    """Unix time in seconds at which the store was last used."""
    metadata: dict[str, str]


class VectorStorePage(DeferredModel):
    """Answer of `GET /v1/vector_stores`."""

    object: Literal["list"] = "list"
    data: list[VectorStoreInfo]
    first_id: str | None
    last_id: str | None
    has_more: bool


class VectorStoreDeleted(DeferredModel):
    """Answer of `DELETE /v1/vector_stores/{vector_store_id}`."""

    id: str
    object: Literal["vector_store.deleted"] = "vector_store.deleted"
    deleted: Literal[True] = True


class NewStoreFile(Body):
    """Body of `POST /v1/vector_stores/{vector_store_id}/files`, and an item of `files` when a batch of files is added."""

    file_id: str = Field(max_length=100)
    """Id of a stored file (`/v1/files`)."""
    attributes: Attributes | None = None
    chunking_strategy: Chunking | None = None


class ChangeStoreFile(Body):
    """Body of `POST /v1/vector_stores/{vector_store_id}/files/{file_id}`."""

    attributes: Attributes | None
    """New attributes, which replace the present ones."""


class StoreFileError(DeferredModel):
    """Why a file could not be indexed."""

    code: Literal["server_error", "unsupported_file", "invalid_file"]
    message: str


class StaticSizesInfo(DeferredModel):
    """Sizes of chunks in tokens; a token counts as four characters."""

    max_chunk_size_tokens: int
    chunk_overlap_tokens: int


class ChunkingInfo(DeferredModel):
    """How a file is split into chunks."""

    type: Literal["static"] = "static"
    static: StaticSizesInfo


class StoreFileInfo(DeferredModel):
    """A document of a knowledge base, described as a file of a vector store."""

    id: str
    """Id of the stored file; a document that was not made from one has an id of its own."""
    object: Literal["vector_store.file"] = "vector_store.file"
    created_at: int
    """Unix time in seconds."""
    usage_bytes: int
    """Size of the file in bytes."""
    vector_store_id: str
    status: FileStatus
    last_error: StoreFileError | None
    attributes: dict[str, str | bool | int | float]
    chunking_strategy: ChunkingInfo


class StoreFilePage(DeferredModel):
    """A page of the files of a store, or of a batch."""

    object: Literal["list"] = "list"
    data: list[StoreFileInfo]
    first_id: str | None
    last_id: str | None
    has_more: bool


class StoreFileDeleted(DeferredModel):
    """Answer of `DELETE /v1/vector_stores/{vector_store_id}/files/{file_id}`."""

    id: str
    object: Literal["vector_store.file.deleted"] = "vector_store.file.deleted"
    deleted: Literal[True] = True


class StoreText(DeferredModel):
    """A piece of text."""

    type: Literal["text"] = "text"
    text: str


class StoreFileContent(DeferredModel):
    """Answer of `GET …/files/{file_id}/content`: the text of the file; empty until it is indexed."""

    object: Literal["vector_store.file_content.page"] = "vector_store.file_content.page"
    data: list[StoreText]
    has_more: bool = False
    next_page: str | None = None


class NewFileBatch(Body):
    """Body of `POST /v1/vector_stores/{vector_store_id}/file_batches`: `file_ids`, or `files` with their own attributes."""

    file_ids: list[Annotated[str, Field(max_length=100)]] | None = Field(None, min_length=1, max_length=2000)
    files: list[NewStoreFile] | None = Field(None, min_length=1, max_length=2000)
    attributes: Attributes | None = None
    """Attributes of all files in `file_ids`."""
    chunking_strategy: Chunking | None = None
    """How the files in `file_ids` are split."""


class FileBatchInfo(DeferredModel):
    """Files that one indexing job adds to a store."""

    id: str
    """`vsfb_` followed by the id of the job."""
    object: Literal["vector_store.files_batch"] = "vector_store.files_batch"
    created_at: int
    """Unix time in seconds."""
    vector_store_id: str
    status: FileStatus
    file_counts: FileCounts


class ComparisonFilter(Body):
    """A condition on an attribute."""

    type: Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"]
    key: str
    value: Any
    """A string, a number or a boolean; for `in` and `nin` a list of these."""


class CompoundFilter(Body):
    """Several conditions of which all (`and`) or at least one (`or`) must hold."""

    type: Literal["and", "or"]
    filters: list[dict[str, Any]] = Field(max_length=1000)
    """Each is a comparison or a further group."""


Filters = Annotated[ComparisonFilter | CompoundFilter, Field(discriminator="type")]


class RankingOptions(Body):
    """Settings for the ranking of hits."""

    ranker: str | None = Field(None, max_length=200)
    """`auto`: the base's rerank model, else one that runs; `none`: words and vectors only; else the uid of a rerank model."""
    score_threshold: float = Field(0.0, ge=0, le=1, allow_inf_nan=False)
    """Hits with a lower score are left out."""


class StoreSearch(Body):
    """Body of `POST /v1/vector_stores/{vector_store_id}/search`."""

    query: str | Annotated[list[str], Field(min_length=1, max_length=10)]
    """A question or key words. Several are searched one by one, and their hits are ranked together."""
    filters: Filters | None = None
    max_num_results: int = Field(10, ge=1, le=50)
    ranking_options: RankingOptions | None = None
    rewrite_query: bool = False
    """Accepted without effect: questions are searched as they are, by words and by meaning."""


class StoreHit(DeferredModel):
    """A chunk that a search found."""

    file_id: str
    filename: str
    score: float
    """0 to 1, higher is better."""
    attributes: dict[str, str | bool | int | float]
    content: list[StoreText]


class StoreSearchAnswer(DeferredModel):
    """Answer of a search of a vector store."""

    object: Literal["vector_store.search_results.page"] = "vector_store.search_results.page"
    search_query: list[str]
    """The queries that were searched."""
    data: list[StoreHit]
    has_more: bool = False
    next_page: str | None = None
