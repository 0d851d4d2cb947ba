"""The store in PostgreSQL: the contract, a model in memory, merging and clearing, and the index of vectors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.core.errors import DatabaseUnavailable
from modelyard.knowledge.indexing.stores import open_store, postgres, postgres_upkeep
from modelyard.knowledge.indexing.stores.contract import StoreContract, X, entry, found, name
from modelyard.knowledge.indexing.stores.embedded import EmbeddedStore
from modelyard.knowledge.indexing.stores.postgres import PostgresStore
from modelyard.knowledge.indexing.stores.postgres_pool import conninfo
from modelyard.knowledge.types import Entry, Store
from tests.conftest import new_database


@pytest.fixture(scope="module")
def url(postgres_url: str) -> Iterator[str]:
    """A database of this module, as the server's settings name it."""
    with new_database(postgres_url) as made:
        yield made


class TestPostgres(StoreContract):
    """The contract."""

    @pytest.fixture(autouse=True)
    def place(self, url: str) -> Iterator[None]:
        """The tables of each test are dropped after it."""
        self.url = url
        yield
        self.open().drop()

    def open(self, dimension: int | None = 3) -> Store:
        return open_store("postgres", folder=Path("unused"), url=self.url, base=1, generation=2, dimension=dimension)


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    """A store of three dimensions."""
    made = PostgresStore(url, 2, 1, 3)
    yield made
    made.drop()


STEPS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(1, 12), st.integers(1, 3)), max_size=6), st.lists(st.integers(1, 14), max_size=6)
    ),
    max_size=25,
)


@given(steps=STEPS)
@settings(max_examples=15)
def test_it_is_a_dictionary(url: str, steps: list[tuple[list[tuple[int, int]], list[int]]]) -> None:
    store = PostgresStore(url, 3, 1, 3)
    model: dict[int, int] = {}
    try:
        for add, remove in steps:
            store.apply([entry(n, f"common {name(n)}", X, document) for n, document in add], remove)
            for n in set(remove) - {n for n, _ in add}:
                model.pop(n, None)
            for n, document in add:
                model.setdefault(n, document)
            assert store.ids() == model.keys()
            assert set(found(store.lexical("common", 50))) == set(found(store.nearest(X, 50))) == model.keys()
            inside = {n for n, document in model.items() if document == 2}
            assert set(found(store.lexical("common", 50, frozenset({2})))) == inside
            assert set(found(store.nearest(X, 50, frozenset({2})))) == inside
            assert all(found(store.lexical(name(n), 5)) == [n] for n in model)
    finally:
        store.drop()


def rows_of(url: str, query: str) -> list[tuple[int, ...]]:
    """What a query on the tables themselves gives."""
    with psycopg.connect(conninfo(url)) as connection:
        return connection.execute(query).fetchall()


def test_parts_are_merged(url: str, store: PostgresStore) -> None:
    for n in range(1, 301):
        store.apply([entry(n, f"common {name(n)}")], [n - 200])
    ((parts,),) = rows_of(url, f"SELECT count(*) FROM {store.name}_parts")
    ((pieces,),) = rows_of(url, f"SELECT count(*) FROM {store.name}_terms WHERE term = 'common'")
    assert parts == pieces <= 2 * postgres_upkeep.FANOUT
    assert set(found(store.lexical("common", 500))) == store.ids() == set(range(101, 301))
    assert all(found(store.lexical(name(n), 5)) == [n] for n in (101, 200, 300))
    assert store.lexical(name(50), 5) == []


def test_what_is_removed_is_cleared_out(url: str, store: PostgresStore) -> None:
    entries = [entry(n, f"common {name(n)} end") for n in range(1, 4_001)]
    store.apply(entries, [])
    store.apply([entry(5_000, "common and more words")], range(1, 3_001))
    assert rows_of(url, f"SELECT chunks, words, removed FROM {store.name}_parts") == [(1_001, 3_004, 0)]
    assert rows_of(url, f"SELECT count(*) FROM {store.name}_terms WHERE term = '{name(50)}'") == [(0,)]
    assert set(found(store.lexical("common", 5_000))) == store.ids() == {*range(3_001, 4_001), 5_000}
    store.apply(entries, [])
    assert len(found(store.lexical("common", 5_000))) == 4_001
    assert found(store.lexical(name(50), 5)) == [50]


def test_scores_are_those_of_the_embedded_store(store: PostgresStore, tmp_path: Path) -> None:
    texts = [
        "pump manual 泵的手册",
        "pump pump manual of the pump",
        "valves, pipes, tanks, filters and gauges of the pump, MX-2140",
        "水泵 MX-2141",
        "the flange " * 30,
    ]
    entries = [entry(n, text) for n, text in enumerate(texts, 1)]
    with closing(EmbeddedStore(tmp_path / "s", 3)) as other:
        other.apply(entries, [])
        store.apply(entries[:2], [])
        store.apply(entries[2:], [])
        for query in ("pump", "the pump manual", "MX-2140 手册", "水泵", "flange and pump"):
            ours, theirs = store.lexical(query, 9), other.lexical(query, 9)
            assert found(ours) == found(theirs)
            assert numpy.allclose([s for _, s in ours], [s for _, s in theirs], rtol=1e-2), query


def test_the_index_of_vectors_finds_what_comparing_all_finds(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "EXACT", 2_000)
    rng = numpy.random.default_rng(3)
    centres = rng.normal(size=(60, 32))
    rows = (centres[rng.integers(0, 60, 5_000)] + 0.6 * rng.normal(size=(5_000, 32))).astype("f4")
    rows /= numpy.linalg.norm(rows, axis=1, keepdims=True)
    store = PostgresStore(url, 4, 1, 32)
    try:
        for start in range(0, 5_000, 1_000):
            store.apply([Entry(n, n % 20, "", rows[n].tolist()) for n in range(start, start + 1_000)], [])
        assert rows_of(url, f"SELECT count(*) FROM pg_indexes WHERE indexname = '{store.name}_vector'") == [(1,)]
        for documents in (None, frozenset({3}), frozenset(range(12))):
            alive = [n for n in range(5_000) if documents is None or n % 20 in documents]
            hits = 0
            for query in rows[:40]:
                best = set(sorted(alive, key=lambda n: -float(rows[n] @ query))[:10])
                hits += len(best & set(found(store.nearest(query.tolist(), 10, documents))))
            assert hits / 400 >= 0.98
        assert len(found(store.nearest(rows[0].tolist(), 4_000))) == 4_000
    finally:
        store.drop()


@pytest.mark.parametrize("few", [0, 5_000])
def test_words_of_some_documents_with_much_removed(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(postgres, "FEW", few)
    store.apply([entry(n, "common " * (n % 5 + 1) + "text", X, n % 10) for n in range(1, 2_001)], [])
    store.apply([], [n for n in range(1, 2_001) if (n % 5 == 4 and n % 10 != 9) or n % 10 == 3])
    for documents in (frozenset({3}), frozenset({2, 4, 9}), frozenset(range(10))):
        alive = {n for n in store.ids() if n % 10 in documents}
        assert set(found(store.lexical("common", 3_000, documents))) == alive
        best = found(store.lexical("common", 10, documents))
        assert len(best) == min(10, len(alive))
        assert not best or {n % 5 for n in best} == {max(n % 5 for n in alive)}


@pytest.mark.parametrize("dimension", [2_500, 4_500])
def test_vectors_of_many_numbers(url: str, monkeypatch: pytest.MonkeyPatch, dimension: int) -> None:
    monkeypatch.setattr(postgres, "EXACT", 50)
    rows = numpy.random.default_rng(3).normal(size=(80, dimension))
    store = PostgresStore(url, 5, dimension, dimension)
    try:
        store.apply([Entry(n, 1, "", rows[n].tolist()) for n in range(80)], [])
        assert all(found(store.nearest(rows[n].tolist(), 1)) == [n] for n in range(0, 80, 9))
    finally:
        store.drop()


def test_two_stores_write_the_same_tables(url: str, store: PostgresStore) -> None:
    with closing(PostgresStore(url, 2, 1, 3)) as other:
        for n in range(1, 41, 2):
            store.apply([entry(n, f"common {name(n)}")], [])
            other.apply([entry(n + 1, f"common {name(n + 1)}"), entry(n, f"common {name(n)}")], [])
        assert store.ids() == other.ids() == set(range(1, 41))
        assert set(found(store.lexical("common", 50))) == set(range(1, 41))


@pytest.mark.parametrize("given", ["", "sqlite+aiosqlite:////tmp/x.db", "postgresql+asyncpg://nobody@127.0.0.1:9/none"])
def test_a_database_that_cannot_be_used_is_named(given: str) -> None:
    with pytest.raises(DatabaseUnavailable):
        PostgresStore(given, 1, 1, 3)


def test_without_pgvector_it_says_what_to_run(postgres_url: str, url: str) -> None:
    with psycopg.connect(conninfo(url), autocommit=True) as connection:
        connection.execute("DROP EXTENSION IF EXISTS vector CASCADE")
        connection.execute("CREATE ROLE plain LOGIN")
        connection.execute("GRANT ALL ON SCHEMA public TO plain")
    plain = url.replace("postgres:@", "plain:@", 1)
    try:
        assert plain != url
        with pytest.raises(DatabaseUnavailable, match="CREATE EXTENSION vector"):
            PostgresStore(plain, 6, 1, 3)
        words_only = PostgresStore(plain, 6, 1, None)
        words_only.apply([entry(1, "apples", None)], [])
        assert found(words_only.lexical("apples", 5)) == [1]
        words_only.drop()
    finally:
        with psycopg.connect(conninfo(url), autocommit=True) as connection:
            connection.execute("DROP OWNED BY plain CASCADE")
            connection.execute("DROP ROLE plain")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("postgresql+asyncpg://u:p%40@h:5433/d?ssl=require", "postgresql://u:p%40@h:5433/d?sslmode=require"),
        ("postgresql+asyncpg://u@/d?host=/run/pg", "postgresql://u@/d?host=%2Frun%2Fpg"),
        ("postgresql://h/d?prepared_statement_cache_size=0", "postgresql://h/d"),
    ],
)
def test_urls_of_sqlalchemy_become_those_of_libpq(given: str, wanted: str) -> None:
    assert conninfo(given) == wanted
