"""Types that the modules of this package share: documents as loaders read them, chunks, stores and models."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, Protocol

import msgspec


class BlockKind(StrEnum):
    """The kind of a block, which determines how the block may be cut."""

    TEXT = "text"
    HEADING = "heading"
    TABLE = "table"
    """Markdown with the header and its rule in the first two lines: cut between rows, with the header repeated."""
    CODE = "code"
    """Cut between lines only."""


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a heading, a table or a code block of a document."""

    text: str
    """Without blank lines at its ends; never empty."""
    kind: BlockKind = BlockKind.TEXT
    level: int = 0
    """Level of a heading, from 1."""
    page: int | None = None
    """Page number from 1, if the format has pages (of a PDF), slides or sheets."""


@dataclass(frozen=True, slots=True)
class LoadedDocument:
    """A document as a loader reads it: its blocks in order, and the metadata of the file."""

    blocks: Sequence[Block]
    metadata: Mapping[str, str] = field(default_factory=dict)
    """`title`, `author`, `encoding`, `language` …, if the file has them."""
    notes: Sequence[str] = ()
    """Sentences about content of the file that is not in the blocks; `Source.note` collects them."""

    @property
    def text(self) -> str:
        """The whole document. Spans of chunks are character offsets into it."""
        return SEPARATOR.join(block.text for block in self.blocks)


SEPARATOR = "\n\n"
"""The text between two blocks in `LoadedDocument.text`."""


class Chunk(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """A part of a document without a row: from the splitter, or as edited by users in the previous generation."""

    text: str
    """What is shown; it is embedded and searched below its headings (`indexed_text`).

    For a later part of a table it begins with the header, outside the span."""
    start: int | None
    """Offset of the first character in `LoadedDocument.text`; None for a chunk written by a user."""
    end: int | None
    """Offset after the last character."""
    page: int | None = None
    """The page where it begins."""
    page_breaks: Sequence[tuple[int, int]] = ()
    """Offset in `text` and page of each place where another page begins."""
    heading: str = ""
    """The headings above it, joined by ` > `."""
    position: int | None = None
    """The position among the chunks of its document; None for that in the list."""
    enabled: bool = True
    edited: bool = False
    extra: Mapping[str, Any] = {}

    @cached_property
    def hash(self) -> str:
        """The key of its vector."""
        return text_hash(indexed_text(self.heading, self.text))


HEADING_LENGTH = 200
"""Characters of the headings that are indexed with a chunk; of longer ones the innermost stay."""


def indexed_text(heading: str, text: str) -> str:
    """What is embedded and searched of a chunk: the headings above it, as far as it does not begin with them, and its text."""
    first = text[:HEADING_LENGTH]
    above = " > ".join(part for part in heading.split(" > ") if part not in first)[-HEADING_LENGTH:]
    return f"{above}\n{text}" if above else text


def text_hash(text: str) -> str:
    """SHA-256 in hexadecimal: chunks with equal text share one vector per model."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class CutDocument:
    """A document that was read and split into chunks."""

    text: str
    chunks: Sequence[Chunk]
    metadata: Mapping[str, str]
    """See `LoadedDocument`."""
    notes: Sequence[str] = ()
    """See `LoadedDocument`."""


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """A chunk in a store. It can be created again from the rows of the database at any time."""

    id: int
    """Id of the chunk's row. A chunk whose text changes gets a new row, so an id always means one text."""
    document: int
    text: str
    """With its headings; see `indexed_text`."""
    vector: Sequence[float] | None = None
    """Normalized to length 1; None in a base without an embedding model."""


@dataclass(frozen=True, slots=True)
class Matches:
    """The chunks that words or vectors found, with what each of the two says of all of them."""

    lexical: Mapping[int, float] = field(default_factory=dict)
    """Chunk → BM25, of those that share a term with the query; best first as far as words found them."""
    most: float = 0.0
    """What BM25 approaches in a chunk that has every term of the query very often."""
    similarity: Mapping[int, float] = field(default_factory=dict)
    """Chunk → cosine with the query, -1 to 1."""
    background: Sequence[float] = ()
    """Cosines of the query with a sample of the base's chunks: what is usual, against which `similarity` is read."""


class Store(Protocol):
    """The lexical and the vector index of one generation of a base. Calls block, and may come from many threads at once.

    The contract tests in `modelyard.knowledge.indexing.stores.contract` define the behaviour, for third parties too.
    """

    def ids(self) -> set[int]:
        """The ids of all chunks that searches can find."""

    def apply(self, add: Sequence[IndexEntry], remove: Sequence[int]) -> None:
        """Add and remove chunks in one step, visible to searches that begin after the return, and durable from then on.

        Adding an id again, or removing an unknown one, changes nothing; an id in both is kept. A vector of another
        dimension than the store's raises `InvalidParameter`, and then nothing is changed.
        """

    def lexical(self, query: str, k: int, documents: frozenset[int] | None = None) -> list[tuple[int, float]]:
        """The `k` best chunks by BM25 over words and CJK bigrams, best first; only of these documents if given."""

    def nearest(
        self, vector: Sequence[float], k: int, documents: frozenset[int] | None = None
    ) -> list[tuple[int, float]]:
        """The `k` chunks with the highest cosine similarity, best first; empty if the store has no vectors."""

    def matches(
        self, query: str | None, vector: Sequence[float] | None, k: int, documents: frozenset[int] | None = None
    ) -> Matches:
        """The chunks of `lexical(query, …)` and of `nearest(vector, …)`, each with both values. None leaves one of them out."""

    def rest(self) -> None:
        """Release what only writing needs, such as threads and buffers; the next `apply` acquires it again."""
        return

    def close(self) -> None:
        """Close files and connections; nothing is lost."""

    def drop(self) -> None:
        """Close the store and delete everything in it."""


class Models(Protocol):
    """The models that knowledge bases use, by name: any model that this server routes to."""

    async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return a vector for each text."""

    async def embed_query(self, model: str, query: str) -> Sequence[float]:
        """Return the vector of a query."""

    async def rerank(self, model: str, query: str, texts: Sequence[str]) -> Sequence[float]:
        """Return a relevance for each text, higher is better."""

    def rankers(self) -> Sequence[str]:
        """The rerank models that run and that the caller may use."""

    def chat(self, body: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        """Yield the chunks of a streamed `/v1/chat/completions` in OpenAI's format. Raises our own errors."""

    async def count_tokens(self, model: str, messages: Sequence[Mapping[str, Any]]) -> int | None:
        """Return the tokens of a conversation in the model's template; None if its tokenizer cannot be reached."""


def texts_of(chunk: Mapping[str, Any]) -> list[str]:
    """The texts in a chunk of a streamed chat completion."""
    found = ((choice.get("delta") or {}).get("content") for choice in chunk.get("choices", []))
    return [text for text in found if text]
