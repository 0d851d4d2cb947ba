"""The store in PostgreSQL: vectors by pgvector, words as packed postings that are scored in this process.

PostgreSQL's own ranking ignores how rare words are and must read every matching row. Therefore a table has, by term and part,
the postings as bytes (see `bm25`), and a search reads only those of its terms. Each `apply` writes a part; parts are merged in
tiers, and once a third of all chunks is removed, their postings are deleted. Tables of base 3, generation 1:

    modelyard_index_3_1        id, document, row, vector     `row` is our own number and is never reused, even if the id is
    modelyard_index_3_1_terms  term, part, postings
    modelyard_index_3_1_parts  part, last_row, chunks, words, removed
"""

from __future__ import annotations

import struct
import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy
import psycopg
from psycopg.types.numeric import Int4, Int8

from modelyard.core.errors import DatabaseUnavailable
from modelyard.knowledge.indexing.stores import bm25, checks, postgres_upkeep
from modelyard.knowledge.indexing.stores.postgres_pool import (
    Connection,
    acquire_pool,
    conninfo,
    release_pool,
    translate_errors,
)
from modelyard.knowledge.indexing.words import query_terms, terms
from modelyard.knowledge.types import IndexEntry, Matches, Store

EXACT: Final = 20_000
"""Number of chunks up to which every vector is compared; above it, an HNSW index is built and used."""
FEW: Final = 5_000
"""Number of chunks of the filtered documents up to which these are read first and all compared."""
EF_SEARCH: Final = 200
"""Number of neighbours that an HNSW search keeps: a higher number finds more, and takes longer."""
MAX_TERMS: Final = 256
"""Terms of the longest query; more are cut."""
SAMPLE: Final = 256
"""Chunks that tell how similar to a query any chunk is."""


class WordScores(NamedTuple):
    """What the words of a query say: the rows that share a term with it, ascending, and their BM25."""

    rows: bm25.Rows
    scores: bm25.Scores
    most: float
    """What BM25 approaches in a chunk that has every term very often."""


def open_postgres(*, folder: Path, url: str, base: int, generation: int, dimension: int | None) -> Store:
    """The store of this base and generation in the database at `url`. Raises `DatabaseUnavailable`."""
    return PostgresStore(url, base, generation, dimension)


class PostgresStore(Store):
    """Indexes in their own tables, for any number of processes. An `apply` is one transaction."""

    def __init__(self, url: str, base: int, generation: int, dimension: int | None) -> None:
        self.name = f"modelyard_index_{int(base)}_{int(generation)}"
        self.dimension = dimension
        self._target = conninfo(url)
        self._closing = threading.Lock()
        self._closed = False
        with translate_errors(), psycopg.connect(self._target, autocommit=True, connect_timeout=10) as connection:
            postgres_upkeep.prepare(connection, self.name, dimension)
        self._pool = acquire_pool(self._target)

    def ids(self) -> set[int]:
        with self._connection() as connection:
            return {row[0] for row in connection.cursor(binary=True).execute(f"SELECT id FROM {self.name}")}

    def apply(self, add: Sequence[IndexEntry], remove: Sequence[int]) -> None:
        additions, removals = checks.changes(add, remove)
        vectors = checks.matrix(add, self.dimension)
        places = {entry.id: at for at, entry in reversed(list(enumerate(add)))}
        with self._connection() as connection:
            with connection.transaction():
                postgres_upkeep.lock(connection, self.name)
                known = self._known(connection, additions.keys() | removals)
                fresh = [entry for entry in additions.values() if entry.id not in known]
                removed = [each for each in removals if each in known]
                if not fresh and not removed:
                    return
                connection.execute(f"DELETE FROM {self.name} WHERE id = ANY(%s)", [removed])
                chosen = None if vectors is None else vectors[[places[entry.id] for entry in fresh]]
                self._insert(connection, fresh, chosen, len(removed))
                postgres_upkeep.merge(connection, self.name)
            postgres_upkeep.tidy(connection, self.name, self.dimension, EXACT)

    def lexical(self, query: str, k: int, documents: frozenset[int] | None = None) -> list[tuple[int, float]]:
        with self._connection() as connection:
            return self._lexical(connection, self._words(connection, query), k, documents)

    def _words(self, connection: Connection, query: str) -> WordScores:
        """The BM25 of every row that shares a term with the query."""
        query_words = query_terms(query)[:MAX_TERMS]
        if not query_words:
            return WordScores(numpy.empty(0, dtype=numpy.int64), numpy.empty(0), 0.0)
        cursor = connection.cursor(binary=True)
        totals = f"SELECT coalesce(sum(chunks), 0)::bigint, coalesce(sum(words), 0)::bigint FROM {self.name}_parts"
        chunks, words = cursor.execute(totals).fetchone() or (0, 0)
        postings: dict[str, list[bytes]] = defaultdict(list)
        for term, data in cursor.execute(
            f"SELECT term, postings FROM {self.name}_terms WHERE term = ANY(%s)", [query_words]
        ):
            postings[term].append(data)
        joined = {term: b"".join(parts) for term, parts in postings.items()}
        having = [len(joined.get(term, b"")) // bm25.POSTING.itemsize for term in query_words]
        most = (bm25.K1 + 1) * sum(bm25.rarity(each, chunks) for each in having)
        return WordScores(*bm25.score(joined.values(), chunks, words), most)

    def _lexical(
        self, connection: Connection, words: WordScores, k: int, documents: frozenset[int] | None
    ) -> list[tuple[int, float]]:
        if not len(words.rows) or k <= 0:
            return []
        cursor = connection.cursor(binary=True)
        rows, scores = words.rows, words.scores
        chosen = None if documents is None else list(documents)
        if chosen is not None and not self._more(connection, chosen, FEW):
            inside = cursor.execute(f"SELECT row FROM {self.name} WHERE document = ANY(%s)", [chosen])
            chosen_rows = numpy.isin(rows, numpy.fromiter((row[0] for row in inside), dtype=numpy.int64))
            rows, scores, chosen = rows[chosen_rows], scores[chosen_rows], None
        return self._alive(cursor, rows, scores, k, chosen)

    def nearest(
        self, vector: Sequence[float], k: int, documents: frozenset[int] | None = None
    ) -> list[tuple[int, float]]:
        with self._connection() as connection:
            return [] if self.dimension is None else self._nearest(connection, self._literal(vector), k, documents)

    def matches(
        self, query: str | None, vector: Sequence[float] | None, k: int, documents: frozenset[int] | None = None
    ) -> Matches:
        with self._connection() as connection:
            words = None if query is None else self._words(connection, query)
            lexical = {} if words is None else dict(self._lexical(connection, words, k, documents))
            if vector is None or self.dimension is None:
                return Matches(lexical, 0.0 if words is None else words.most)
            literal = self._literal(vector)
            similarity = dict(self._nearest(connection, literal, k, documents))
            if missing := list(lexical.keys() - similarity):
                products = f"SELECT id, -(vector <#> %s::vector) FROM {self.name} WHERE id = ANY(%s)"
                similarity |= dict(connection.execute(products, [literal, missing]).fetchall())
            background = self._background(connection, literal)
            if words is None:
                return Matches({}, 0.0, similarity, background)
            lexical |= self._of_words(connection, words, similarity.keys() - lexical)
            return Matches(lexical, words.most, similarity, background)

    def _of_words(self, connection: Connection, words: WordScores, ids: Collection[int]) -> dict[int, float]:
        """The BM25 of those of these chunks that share a term with the query."""
        if not ids or not len(words.rows):
            return {}
        query = f"SELECT id, row FROM {self.name} WHERE id = ANY(%s)"
        found = {}
        for number, row in connection.execute(query, [list(ids)]):
            place = int(numpy.searchsorted(words.rows, row))
            if place < len(words.rows) and words.rows[place] == row:
                found[number] = float(words.scores[place])
        return found

    def _background(self, connection: Connection, vector: str) -> list[float]:
        """The cosines with chunks whose rows are spread evenly; a vector of zeros stands for none and is left out."""
        _, last = postgres_upkeep.last(connection, self.name)
        rows = list(range(last, 0, -max(1, -(-last // SAMPLE))))
        query = f"SELECT -(vector <#> %s::vector) FROM {self.name} WHERE row = ANY(%s)"
        return [product for (product,) in connection.execute(query, [vector, rows]) if product]

    def _literal(self, vector: Sequence[float]) -> str:
        """A vector of unit length as pgvector reads it."""
        unit = checks.query(vector, self.dimension or 0)
        return f"[{','.join(map(repr, unit.tolist()))}]"

    def _nearest(
        self, connection: Connection, literal: str, k: int, documents: frozenset[int] | None
    ) -> list[tuple[int, float]]:
        if k <= 0:
            return []
        chosen = None if documents is None else list(documents)
        many = chosen is None or self._more(connection, chosen, EXACT)
        if many and postgres_upkeep.has_index(connection, self.name):
            found = self._approximate(connection, literal, k, chosen)
            if len(found) == k:
                return found
        return self._exact(connection, literal, k, chosen)

    def close(self) -> None:
        with self._closing:
            if not self._closed:
                self._closed = True
                release_pool(self._target)

    def drop(self) -> None:
        self.close()
        with translate_errors(), psycopg.connect(self._target, autocommit=True, connect_timeout=10) as connection:
            postgres_upkeep.drop(connection, self.name)

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        if self._closed:
            raise DatabaseUnavailable(f"the index {self.name} is closed.")
        with translate_errors(), self._pool.connection() as connection:
            yield connection

    def _known(self, connection: Connection, ids: Iterable[int]) -> set[int]:
        query = f"SELECT id FROM {self.name} WHERE id = ANY(%s)"
        return {row[0] for row in connection.execute(query, [list(ids)])}

    def _insert(self, connection: Connection, fresh: Sequence[IndexEntry], vectors: Any, removed: int) -> None:
        """Write the chunks and their postings as one part."""
        part, last = postgres_upkeep.last(connection, self.name)
        numbered = list(enumerate(fresh, last + 1))
        postings, words = bm25.pack((row, terms(entry.text)) for row, entry in numbered)
        columns = "id, document, row" if vectors is None else "id, document, row, vector"
        head = struct.pack(">HH", self.dimension or 0, 0)
        with connection.cursor() as cursor:
            with cursor.copy(f"COPY {self.name} ({columns}) FROM STDIN (FORMAT BINARY)") as copy:
                for at, (row, entry) in enumerate(numbered):
                    values: list[Any] = [Int8(entry.id), Int8(entry.document), Int8(row)]
                    if vectors is not None:
                        values.append(head + vectors[at].astype(">f4").tobytes())
                    copy.write_row(values)
            with cursor.copy(f"COPY {self.name}_terms (term, part, postings) FROM STDIN (FORMAT BINARY)") as copy:
                for term in sorted(postings):
                    copy.write_row((term, Int4(part + 1), bytes(postings[term])))
        connection.execute(
            f"INSERT INTO {self.name}_parts VALUES (%s, %s, %s, %s, %s)",
            [part + 1, last + len(fresh), len(fresh), words, removed],
        )

    def _alive(
        self, cursor: Any, rows: bm25.Rows, scores: bm25.Scores, k: int, documents: list[int] | None
    ) -> list[tuple[int, float]]:
        """The best rows of these documents that are not removed; postings of removed chunks are kept for some time."""
        where, values = ("", []) if documents is None else (" AND document = ANY(%s)", [documents])
        query = f"SELECT row, id FROM {self.name} WHERE row = ANY(%s){where}"
        take = 2 * k + 32
        while True:
            best = bm25.best(rows, scores, take)
            ids = dict(cursor.execute(query, [[row for row, _ in best], *values]).fetchall()) if best else {}
            found = [(ids[row], score) for row, score in best if row in ids][:k]
            if len(found) == k or take >= len(rows):
                return sorted(found, key=lambda hit: (-hit[1], hit[0]))
            take *= 8

    def _more(self, connection: Connection, documents: list[int], count: int) -> bool:
        """Whether these documents have more than `count` chunks."""
        query = f"SELECT count(*) FROM (SELECT 1 FROM {self.name} WHERE document = ANY(%s) LIMIT %s) AS those"
        row = connection.execute(query, [documents, count + 1]).fetchone()
        return row is not None and row[0] > count

    def _exact(
        self, connection: Connection, vector: str, k: int, documents: list[int] | None
    ) -> list[tuple[int, float]]:
        """Compare every vector. The sum in the `ORDER BY` expression keeps PostgreSQL from using the index."""
        where, values = ("", []) if documents is None else ("WHERE document = ANY(%s)", [documents])
        query = (
            f"SELECT id, -distance FROM (SELECT id, (vector <#> %s::vector) + 0 AS distance FROM {self.name} {where}) "
            "AS each ORDER BY distance, id LIMIT %s"
        )
        return connection.execute(query, [vector, *values, k]).fetchall()

    def _approximate(
        self, connection: Connection, vector: str, k: int, documents: list[int] | None
    ) -> list[tuple[int, float]]:
        where, values = ("", []) if documents is None else ("WHERE document = ANY(%s)", [documents])
        column, _, kind = postgres_upkeep.index_expression(self.dimension or 0)
        query = (
            f"SELECT id, -(vector <#> %s::vector) FROM {self.name} {where} ORDER BY {column} <=> %s::{kind} LIMIT %s"
        )
        with connection.transaction():
            connection.execute(f"SET LOCAL hnsw.ef_search = {min(1000, max(EF_SEARCH, 2 * k))}")
            connection.execute("SET LOCAL hnsw.iterative_scan = strict_order")
            connection.execute("SET LOCAL hnsw.max_scan_tuples = 200000")
            found = connection.execute(query, [vector, *values, vector, k]).fetchall()
        return sorted(found, key=lambda hit: (-hit[1], hit[0]))
