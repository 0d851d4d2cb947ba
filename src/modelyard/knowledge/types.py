"""The words of this room: what a loader gives, what a splitter cuts, what a store keeps and finds."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class Kind(StrEnum):
    """What a block of a document is; it decides how the block may be cut."""

    TEXT = "text"
    HEADING = "heading"
    TABLE = "table"
    """Markdown, the header and its rule in the first two lines: cut between rows, with the header repeated."""
    CODE = "code"
    """Cut between lines only."""


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a document that belongs together: a paragraph, a heading, a table, a code block."""

    text: str
    """Without blank lines at its ends; never empty."""
    kind: Kind = Kind.TEXT
    level: int = 0
    """Of a heading, from 1."""
    page: int | None = None
    """From 1, where the format has pages: pages of a PDF, slides, sheets."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document as read: its blocks in order, and what the file says of itself."""

    blocks: Sequence[Block]
    metadata: Mapping[str, str] = field(default_factory=dict)
    """`title`, `author`, `encoding`, `language` … where the file has them."""
    notes: Sequence[str] = ()
    """What the file holds that is not in the blocks, a sentence each; `Source.note` collects them."""

    @property
    def text(self) -> str:
        """The whole document. Spans of chunks are character offsets into it."""
        return SEPARATOR.join(block.text for block in self.blocks)


SEPARATOR = "\n\n"
"""What stands between two blocks in `Loaded.text`."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What a splitter makes of a document: one chunk, before it has a row."""

    text: str
    """What is embedded, searched and shown. For a later part of a table it begins with the header, outside the span."""
    start: int
    """Offset of the first character in `Loaded.text`."""
    end: int
    """Offset behind the last character."""
    page: int | None = None
    heading: str = ""
    """The headings above it, joined by ` > `."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A document as read and cut."""

    text: str
    pieces: Sequence[Piece]
    metadata: Mapping[str, str]
    """As in `Loaded`."""
    notes: Sequence[str] = ()
    """As in `Loaded`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a store keeps of a chunk. Rows of the database are the truth; this can be made again from them at any time."""

    id: int
    """Of the chunk's row. A chunk whose text changes gets a new row, so an id means one text for ever."""
    document: int
    text: str
    vector: Sequence[float] | None = None
    """Of unit length; None in a base without an embedding model."""


class Store(Protocol):
    """One generation of one base's indexes: lexical and vector. Calls block, and may come from many threads at once.

    The contract suite in `modelyard.knowledge.indexing.stores.contract` says what each must do, for third parties too.
    """

    def ids(self) -> set[int]:
        """Every chunk in it that searches find."""

    def apply(self, add: Sequence[Entry], remove: Sequence[int]) -> None:
        """Both at once, seen by every search that begins after the return, and kept if the process dies after it.

        Adding an id again, or removing one that is not there, changes nothing; an id in both stays. A vector of another
        dimension than the store's is `InvalidParameter`, and then nothing is changed.
        """

    def lexical(self, query: str, k: int, documents: frozenset[int] | None = None) -> list[tuple[int, float]]:
        """The `k` best chunks by BM25 over words and CJK bigrams, best first; only of these documents if given."""

    def nearest(
        self, vector: Sequence[float], k: int, documents: frozenset[int] | None = None
    ) -> list[tuple[int, float]]:
        """The `k` chunks of the highest cosine similarity, best first; none where the store has no vectors."""

    def rest(self) -> None:
        """Let go what only writing needs, such as threads and buffers; the next `apply` takes it again."""
        return

    def close(self) -> None:
        """Let files and connections go; nothing is lost."""

    def drop(self) -> None:
        """Close it and delete everything it keeps."""


class Models(Protocol):
    """The models that this room asks, over the public interface: any that runs here, or that runs elsewhere."""

    async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """A vector for each text."""

    async def embed_query(self, model: str, query: str) -> Sequence[float]:
        """The vector of a question."""

    async def rerank(self, model: str, query: str, texts: Sequence[str]) -> Sequence[float]:
        """A relevance for each text, higher is better."""

    def chat(self, body: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        """The chunks of a streamed `/v1/chat/completions`, as OpenAI sends them. Errors are raised as ours."""


def texts_of(chunk: Mapping[str, Any]) -> list[str]:
    """What a chunk of a chat says."""
    found = ((choice.get("delta") or {}).get("content") for choice in chunk.get("choices", []))
    return [text for text in found if text]
