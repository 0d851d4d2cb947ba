"""The lexical half of the embedded store: tantivy over our own terms. It stores no text."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

import numpy
import tantivy
from numpy.typing import NDArray

from modelyard.knowledge.indexing.stores.bm25 import K1, rarity
from modelyard.knowledge.indexing.words import query_terms, terms
from modelyard.knowledge.types import IndexEntry

HEAP: Final = 30_000_000
"""Bytes of terms after which tantivy writes a segment; its minimum is 15 MB."""
MAX_TERMS: Final = 256
"""Maximum number of terms in a query; further ones are dropped."""
FEW: Final = 128
"""Ids up to which each is looked up; a set of them goes through the dictionary of all ids, which takes as long as 250 of them."""
FOOTER: Final = 1337
"""The magic number at the end of each file of tantivy."""
_ANALYZER: Final = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()


class Lexicon:
    """One tantivy index. One thread writes at a time, any number search; tantivy's errors are `ValueError`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        check(folder)
        self._schema = (
            tantivy.SchemaBuilder()
            .add_integer_field("id", indexed=True, fast=True)
            .add_integer_field("document", indexed=True)
            .add_text_field("body", tokenizer_name="terms", index_option="freq")
            .build()
        )
        self._index = tantivy.Index(self._schema, path=str(folder))
        self._index.register_tokenizer("terms", _ANALYZER)
        self._index.config_reader("manual")
        self._index.reload()
        self._writer: tantivy.IndexWriter | None = None  # created for writing only, because it has threads and buffers

    def ids(self) -> NDArray[numpy.int64]:
        """The id of every chunk, unordered."""
        searcher = self._index.searcher()
        if not searcher.num_docs:
            return numpy.empty(0, dtype=numpy.int64)
        hits = searcher.search(tantivy.Query.all_query(), searcher.num_docs, count=False).hits
        return numpy.array(searcher.fast_field_values("id", [address for _, address in hits]), dtype=numpy.int64)

    def apply(self, add: Iterable[IndexEntry], remove: Iterable[int]) -> None:
        """Add and remove in one commit, which is durable and visible at the return. Changes nothing if it raises."""
        writer = self._writer = self._writer or self._index.writer(HEAP, 1)
        try:
            for each in remove:
                writer.delete_documents_by_term("id", int(each))
            for entry in add:
                document = tantivy.Document()
                document.add_integer("id", entry.id)
                document.add_integer("document", entry.document)
                document.add_text("body", " ".join(terms(entry.text)))
                writer.add_document(document)
            writer.commit()
        except (OSError, ValueError):
            self._writer = None
            del writer  # this releases its lock, and discards what is not committed
            raise
        self._index.reload()

    def search(self, query: str, k: int, documents: Collection[int] | None) -> list[tuple[int, float]]:
        """The best `k` by BM25; equal scores are sorted by id."""
        words = query_terms(query)[:MAX_TERMS]
        searcher = self._index.searcher()
        limit = min(k, searcher.num_docs)
        if not words or limit <= 0:
            return []
        found = searcher.search(self._query(words, documents), limit, count=False).hits
        ids = searcher.fast_field_values("id", [address for _, address in found])
        return sorted(
            ((int(each or 0), float(score)) for each, (score, _) in zip(ids, found, strict=True)),
            key=lambda hit: (-hit[1], hit[0]),
        )

    def scores(self, query: str, ids: Collection[int]) -> tuple[dict[int, float], float]:
        """The BM25 of those of these chunks that share a term with a query, and what it approaches at most."""
        words = query_terms(query)[:MAX_TERMS]
        searcher = self._index.searcher()
        chunks = searcher.num_docs
        most = (K1 + 1) * sum(rarity(searcher.doc_freq("body", word), chunks) for word in words)
        if not words or not ids or not chunks:
            return {}, most
        found = searcher.search(self._query(words, ids, "id"), min(len(ids), chunks), count=False).hits
        numbers = searcher.fast_field_values("id", [address for _, address in found])
        return {int(each or 0): float(score) for each, (score, _) in zip(numbers, found, strict=True)}, most

    def _query(self, words: list[str], some: Collection[int] | None, field: str = "document") -> tantivy.Query:
        """Any of these words, in chunks whose `field` is one of `some`; in all chunks for None."""
        any_of = tantivy.Query.boolean_query(
            [
                (tantivy.Occur.Should, tantivy.Query.term_query(self._schema, "body", term, index_option="freq"))
                for term in words
            ]
        )
        if some is None:
            return any_of
        inside = self._one_of(field, some)
        return tantivy.Query.boolean_query(
            [(tantivy.Occur.Must, any_of), (tantivy.Occur.Must, tantivy.Query.const_score_query(inside, 0.0))]
        )

    def _one_of(self, field: str, some: Collection[int]) -> tantivy.Query:
        if len(some) > FEW:
            return tantivy.Query.term_set_query(self._schema, field, list(some))
        each = [tantivy.Query.term_query(self._schema, field, number) for number in some]
        return tantivy.Query.boolean_query([(tantivy.Occur.Should, query) for query in each])

    def rest(self) -> None:
        """Close the writer, and search the segments that its merges made: deleted ones take memory while they are searched."""
        self.close()
        self._index.reload()

    def close(self) -> None:
        """Close the writer with its threads and its lock, after its merges; `apply` creates another one."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.wait_merging_threads()


def check(folder: Path) -> None:
    """Compare every file of the last commit with the checksum in its footer. Raises `ValueError` for damage.

    tantivy checks nothing when it opens an index, and panics later when it reads damaged data.
    """
    try:
        segments = json.loads((folder / "meta.json").read_bytes())["segments"]
        commits = {each["segment_id"].replace("-", ""): each["deletes"] for each in segments}
    except FileNotFoundError:
        return
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("meta.json is damaged") from error
    for segment, deletes in commits.items():
        for path in folder.glob(f"{segment}.*"):
            old = path.suffix == ".del" and (deletes is None or path.name != f"{segment}.{deletes['opstamp']}.del")
            if not old and not _sound(path):
                raise ValueError(f"{path.name} is damaged")


def _sound(path: Path) -> bool:
    """Whether a file matches its checksum. It ends with the checksum as JSON, the length of that, and a magic number."""
    data = memoryview(path.read_bytes())
    size, magic = struct.unpack("<II", data[-8:]) if len(data) >= 8 else (0, 0)
    if magic != FOOTER or size + 8 > len(data):
        return False
    try:
        expected = json.loads(bytes(data[-8 - size : -8]))["crc"]
    except (ValueError, KeyError, TypeError):
        return False
    return bool(zlib.crc32(data[: -8 - size]) == expected)
