"""Bodies of the routes about vector stores: OpenAI's, whose stores are knowledge bases here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from modelyard.protocol.bounds import Metadata
from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.knowledge import Body

FileStatus = Literal["in_progress", "completed", "failed", "cancelled"]
Attribute = Annotated[str, Field(max_length=512)] | bool | int | float
Attributes = Annotated[dict[Annotated[str, Field(max_length=64)], Attribute], Field(max_length=16)]
"""Up to 16 pairs of a key and a text, a number or a boolean, which filter searches."""
Description = Annotated[str, Field(max_length=4000)]


class StoreExpiry(Body):
    """When the files of a store are deleted."""

    anchor: Literal["last_active_at"]
    days: int = Field(ge=1, le=365)
    """Days after its last use."""


class AutoChunking(Body):
    """Split a file as its knowledge base splits documents."""

    type: Literal["auto"]


class StaticSizes(Body):
    """Sizes in tokens, of which each counts as four characters."""

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
    """Of the knowledge base; a number is added if there is a base of this name."""
    description: Description | None = None
    file_ids: list[Annotated[str, Field(max_length=100)]] = Field(default=[], max_length=2000)
    """Stored files (`/v1/files`) that it begins with."""
    chunking_strategy: Chunking | None = None
    """Of the files in `file_ids`."""
    expires_after: StoreExpiry | None = None
    metadata: Metadata | None = None
    embedding_model: str | None = Field(None, max_length=200)
    """Uid of an embedding model, which OpenAI's API does not have. Left out: one that runs; empty: words alone are searched."""


class ChangeVectorStore(Body):
    """Body of `POST /v1/vector_stores/{vector_store_id}`. What is left out stays; null empties."""

    name: str | None = Field(None, max_length=200)
    expires_after: StoreExpiry | None = None
    metadata: Metadata | None = None


class FileCounts(DeferredModel):
    """How many files are in which status."""

    in_progress: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    total: int = 0


class VectorStoreInfo(DeferredModel):
    """A knowledge base as a vector store."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    """Stays when the base is renamed."""
    object: Literal["vector_store"] = "vector_store"
    created_at: int
    """Unix time."""
    name: str
    """Of the knowledge base."""
    description: str
    usage_bytes: int
    """Size of its files."""
    file_counts: FileCounts
    status: Literal["expired", "in_progress", "completed"]
    expires_after: StoreExpiry | None
    expires_at: int | None
    """Unix time."""
    last_active_at: int
    """Unix time."""
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
    """Body of `POST /v1/vector_stores/{vector_store_id}/files`, and an item of `files` of a batch."""

    file_id: str = Field(max_length=100)
    """A stored file (`/v1/files`)."""
    attributes: Attributes | None = None
    chunking_strategy: Chunking | None = None


class ChangeStoreFile(Body):
    """Body of `POST /v1/vector_stores/{vector_store_id}/files/{file_id}`."""

    attributes: Attributes | None
    """In place of those before."""


class StoreFileError(DeferredModel):
    """Why a file could not be indexed."""

    code: Literal["server_error", "unsupported_file", "invalid_file"]
    message: str


class StaticSizesInfo(DeferredModel):
    """Sizes in tokens, of which each counts as four characters."""

    max_chunk_size_tokens: int
    chunk_overlap_tokens: int


class ChunkingInfo(DeferredModel):
    """How a file is split."""

    type: Literal["static"] = "static"
    static: StaticSizesInfo


class StoreFileInfo(DeferredModel):
    """A document of a knowledge base as a file of a vector store."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    """Of the stored file; of a document that was not made of one, an id of its own."""
    object: Literal["vector_store.file"] = "vector_store.file"
    created_at: int
    """Unix time."""
    usage_bytes: int
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
    """A text."""

    type: Literal["text"] = "text"
    text: str


class StoreFileContent(DeferredModel):
    """Answer of `GET …/files/{file_id}/content`: the text that was read from the file; no item before it is indexed."""

    object: Literal["vector_store.file_content.page"] = "vector_store.file_content.page"
    data: list[StoreText]
    has_more: bool = False
    next_page: str | None = None


class NewFileBatch(Body):
    """Body of `POST /v1/vector_stores/{vector_store_id}/file_batches`: `file_ids`, or `files` with their own attributes."""

    file_ids: list[Annotated[str, Field(max_length=100)]] | None = Field(None, min_length=1, max_length=2000)
    files: list[NewStoreFile] | None = Field(None, min_length=1, max_length=2000)
    attributes: Attributes | None = None
    """Of all files in `file_ids`."""
    chunking_strategy: Chunking | None = None
    """Of all files in `file_ids`."""


class FileBatchInfo(DeferredModel):
    """Files that are indexed together: an indexing job of the base."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    """`vsfb_` and the id of the job."""
    object: Literal["vector_store.files_batch"] = "vector_store.files_batch"
    created_at: int
    """Unix time."""
    vector_store_id: str
    status: FileStatus
    file_counts: FileCounts


class ComparisonFilter(Body):
    """A condition on an attribute."""

    type: Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"]
    key: str
    value: Any
    """A text, a number or a boolean; for `in` and `nin` a list of them."""


class CompoundFilter(Body):
    """Conditions of which all hold, or one."""

    type: Literal["and", "or"]
    filters: list[dict[str, Any]] = Field(max_length=1000)
    """Each a condition, or a group of them."""


Filters = Annotated[ComparisonFilter | CompoundFilter, Field(discriminator="type")]


class RankingOptions(Body):
    """How hits are ranked."""

    ranker: str | None = Field(None, max_length=200)
    """`auto`: by the base's rerank model if it has one; `none`: by words and vectors alone; else the uid of a rerank model."""
    score_threshold: float = Field(0.0, ge=0, le=1, allow_inf_nan=False)


class StoreSearch(Body):
    """Body of `POST /v1/vector_stores/{vector_store_id}/search`."""

    query: str | Annotated[list[str], Field(min_length=1, max_length=10)]
    """A question or key words; several are searched each, and their hits are ranked together."""
    filters: Filters | None = None
    max_num_results: int = Field(10, ge=1, le=50)
    ranking_options: RankingOptions | None = None
    rewrite_query: bool = False
    """Accepted and not needed: a question is searched as it is, by words and by meaning."""


class StoreHit(DeferredModel):
    """A chunk that was found."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    file_id: str
    filename: str
    score: float
    """0 to 1, higher is better."""
    attributes: dict[str, str | bool | int | float]
    content: list[StoreText]


class StoreSearchAnswer(DeferredModel):
    """Answer of a search of a vector store."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    object: Literal["vector_store.search_results.page"] = "vector_store.search_results.page"
    search_query: list[str]
    """What was searched for."""
    data: list[StoreHit]
    has_more: bool = False
    next_page: str | None = None
