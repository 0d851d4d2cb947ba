"""The tables of a store in PostgreSQL: creates, merges, cleans and indexes them."""

from __future__ import annotations

from typing import Final

import numpy
from psycopg import errors
from psycopg.types.numeric import Int4

from modelyard.core.errors import DatabaseUnavailable
from modelyard.knowledge.indexing.stores import bm25
from modelyard.knowledge.indexing.stores.postgres_pool import Connection
from modelyard.knowledge.indexing.words import VERSION

FORMAT: Final = f"1.{VERSION}"
"""Version of the tables and of the terms; tables of another format are dropped."""
FANOUT: Final = 16
"""Number of parts of similar size that are merged into one."""
TIER: Final = 64
"""Chunks below which parts belong to the first tier."""
SMALL: Final = 1_000
"""Number of removed chunks up to which cleaning is not worthwhile."""
INLINE: Final = 1_900
"""Maximum length of a vector that fits into a page beside the rest of its row."""
BUILD_MEMORY: Final = "256MB"
_WITHOUT: Final = (
    "pgvector is missing, and this store needs it. As a superuser of the database, run: CREATE EXTENSION vector"
)


def prepare(connection: Connection, name: str, dimension: int | None) -> None:
    """Create the tables, or empty those of another format or dimension. Raises `DatabaseUnavailable`."""
    if dimension is not None:
        _have_pgvector(connection)
    about = f"modelyard {FORMAT} {dimension}"
    with connection.transaction():
        lock(connection, name)
        row = connection.execute("SELECT obj_description(to_regclass(%s), 'pg_class')", [name]).fetchone()
        if row is not None and row[0] == about:
            return
        drop(connection, name)
        vector = "" if dimension is None else f", vector vector({int(dimension)}) NOT NULL"
        connection.execute(
            f"CREATE TABLE {name} (id bigint PRIMARY KEY, document bigint NOT NULL, row bigint NOT NULL UNIQUE{vector})"
        )
        connection.execute(f"CREATE INDEX {name}_document ON {name} (document)")
        connection.execute(
            f'CREATE TABLE {name}_terms (term text COLLATE "C", part int, postings bytea NOT NULL, PRIMARY KEY (term, part))'
        )
        connection.execute(f"ALTER TABLE {name}_terms ALTER postings SET STORAGE EXTERNAL")
        connection.execute(
            f"CREATE TABLE {name}_parts (part int PRIMARY KEY, last_row bigint, chunks bigint, words bigint, removed bigint)"
        )
        if dimension is not None and dimension <= INLINE:
            connection.execute(f"ALTER TABLE {name} ALTER vector SET STORAGE PLAIN")
        connection.execute(f"COMMENT ON TABLE {name} IS '{about}'")


def drop(connection: Connection, name: str) -> None:
    """Drop the tables, if they exist."""
    connection.execute(f"DROP TABLE IF EXISTS {name}, {name}_terms, {name}_parts")


def lock(connection: Connection, name: str) -> None:
    """Lock the store for this transaction, against other processes too."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def last(connection: Connection, name: str) -> tuple[int, int]:
    """The highest part and the highest row so far."""
    row = connection.execute(f"SELECT coalesce(max(part), 0), coalesce(max(last_row), 0) FROM {name}_parts").fetchone()
    return (0, 0) if row is None else (row[0], row[1])


def merge(connection: Connection, name: str) -> None:
    """Merge parts of similar size when there are many, so that a term has few parts and each is rewritten few times."""
    tiers: dict[int, list[int]] = {}
    for part, chunks in connection.execute(f"SELECT part, chunks FROM {name}_parts"):
        tiers.setdefault(_tier(chunks), []).append(part)
    into = max((max(parts) for parts in tiers.values()), default=0)
    for parts in tiers.values():
        if len(parts) >= FANOUT:
            into += 1
            connection.execute(
                f"WITH old AS (DELETE FROM {name}_terms WHERE part = ANY(%s) RETURNING term, postings) "
                f"INSERT INTO {name}_terms SELECT term, %s, string_agg(postings, ''::bytea) FROM old GROUP BY term",
                [parts, into],
            )
            connection.execute(
                f"WITH old AS (DELETE FROM {name}_parts WHERE part = ANY(%s) RETURNING *) "
                f"INSERT INTO {name}_parts SELECT %s, max(last_row), sum(chunks), sum(words), sum(removed) FROM old",
                [parts, into],
            )


def tidy(connection: Connection, name: str, dimension: int | None, exact: int) -> None:
    """Delete the postings of removed chunks once they are a third; create the vector index above `exact` chunks."""
    query = f"SELECT coalesce(sum(chunks), 0)::bigint, coalesce(sum(removed), 0)::bigint FROM {name}_parts"
    chunks, removed = connection.execute(query).fetchone() or (0, 0)
    if removed > SMALL and removed * 3 > chunks:
        with connection.transaction():
            lock(connection, name)
            _clear(connection, name)
    if dimension is not None and chunks - removed > exact and not has_index(connection, name):
        _build(connection, name, dimension)


def has_index(connection: Connection, name: str) -> bool:
    """Whether the vector index exists."""
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [f"{name}_vector"]).fetchone()
    return row is not None and bool(row[0])


def index_expression(dimension: int) -> tuple[str, str, str]:
    """The expression, operator class and type of a vector index; empty strings if pgvector cannot index such vectors."""
    if dimension <= 2000:
        return "vector", "vector_cosine_ops", "vector"
    if dimension <= 4000:
        return f"(vector::halfvec({dimension}))", "halfvec_cosine_ops", f"halfvec({dimension})"
    return "", "", ""


def _tier(chunks: int) -> int:
    tier = 0
    while chunks >= FANOUT**tier * TIER:
        tier += 1
    return tier


def _clear(connection: Connection, name: str) -> None:
    """Write all postings again as one part, without those of removed chunks."""
    part, last_row = last(connection, name)
    alive = numpy.zeros(last_row + 1, dtype=numpy.bool_)
    alive[[row for (row,) in connection.execute(f"SELECT row FROM {name}")]] = True
    lengths = numpy.zeros(last_row + 1, dtype=numpy.int64)
    query = (
        f"SELECT term, string_agg(postings, ''::bytea) FROM {name}_terms WHERE part <= %s GROUP BY term ORDER BY term"
    )
    with connection.cursor(name="clearing", binary=True) as old, connection.cursor() as new:
        old.execute(query, [part])
        while rows := old.fetchmany(20_000):
            with new.copy(f"COPY {name}_terms (term, part, postings) FROM STDIN (FORMAT BINARY)") as copy:
                for term, data in rows:
                    if kept := bm25.keep_living(data, alive, lengths):
                        copy.write_row((term, Int4(part + 1), kept))
    connection.execute(f"DELETE FROM {name}_terms WHERE part <= %s", [part])
    connection.execute(f"DELETE FROM {name}_parts")
    connection.execute(
        f"INSERT INTO {name}_parts VALUES (%s, %s, %s, %s, 0)",
        [part + 1, last_row, int(alive.sum()), int(lengths.sum())],
    )


def _build(connection: Connection, name: str, dimension: int) -> None:
    column, operators, _ = index_expression(dimension)
    if not column:
        return
    with connection.transaction():
        lock(connection, name)
        connection.execute(f"SET LOCAL maintenance_work_mem = '{BUILD_MEMORY}'")
        # Parallel builds need shared memory that containers rarely provide.
        connection.execute("SET LOCAL max_parallel_maintenance_workers = 0")
        connection.execute(f"CREATE INDEX IF NOT EXISTS {name}_vector ON {name} USING hnsw ({column} {operators})")
    connection.execute(f"ANALYZE {name} (id, document)")


def _have_pgvector(connection: Connection) -> None:
    if connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'").fetchone() is not None:
        return
    try:
        with connection.transaction():
            lock(connection, "modelyard_index")
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except (errors.FeatureNotSupported, errors.UndefinedFile, errors.InsufficientPrivilege) as error:
        raise DatabaseUnavailable(_WITHOUT) from error
