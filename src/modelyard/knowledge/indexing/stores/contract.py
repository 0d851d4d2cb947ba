"""The contract of a store, as tests that third parties inherit.

    class TestMine(StoreContract):
        def open(self, dimension: int | None = 3) -> Store:
            return MyStore(..., dimension)

`open` is called several times in one test and must then open the same store; each test needs a new folder or database.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from math import sqrt

from modelyard.core.errors import InvalidParameter, ModelyardError
from modelyard.knowledge.types import IndexEntry, Store

X, Y, Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


def entry(number: int, text: str, vector: Sequence[float] | None = X, document: int = 1) -> IndexEntry:
    """An entry with a vector of three dimensions."""
    return IndexEntry(number, document, text, vector)


def name(number: int) -> str:
    """A word for a number, without parts, that is no other word's stem."""
    return "q" + str(number).translate(str.maketrans("0123456789", "bcdfghjkmp"))


def found(hits: Sequence[tuple[int, float]]) -> list[int]:
    """The ids of a result, whose scores must not increase."""
    scores = [score for _, score in hits]
    assert scores == sorted(scores, reverse=True), hits
    numbers = [number for number, _ in hits]
    assert len(set(numbers)) == len(numbers), hits
    return numbers


def refused(call: Callable[[], object], error: type[ModelyardError]) -> bool:
    """Whether a call raises this error."""
    try:
        call()
    except error:
        return True
    return False


class StoreContract:
    """Inherit from it and implement `open`."""

    def open(self, dimension: int | None = 3) -> Store:
        """Open the store of this test; with `dimension` None it has no vectors."""
        raise NotImplementedError

    def test_a_new_store_is_empty(self) -> None:
        with closing(self.open()) as store:
            assert store.ids() == set()
            assert store.lexical("anything", 5) == []
            assert store.nearest(X, 5) == []
            store.apply([], [])
            store.apply([], [1, 2])
            assert store.ids() == set()

    def test_what_is_added_is_found_by_both(self) -> None:
        with closing(self.open()) as store:
            store.apply([entry(7, "red apples", X), entry(8, "green pears", Y)], [])
            assert store.ids() == {7, 8}
            assert found(store.lexical("apple", 5)) == [7]
            assert found(store.nearest(Y, 1)) == [8]

    def test_adding_again_changes_nothing(self) -> None:
        with closing(self.open()) as store:
            store.apply([entry(7, "red apples", X), entry(7, "red apples", X)], [])
            store.apply([entry(7, "red apples", X), entry(8, "pears", Y)], [])
            assert store.ids() == {7, 8}
            assert found(store.lexical("apples", 5)) == [7]
            assert sorted(found(store.nearest(X, 5))) == [7, 8]

    def test_what_is_removed_is_not_found(self) -> None:
        with closing(self.open()) as store:
            store.apply([entry(7, "red apples", X), entry(8, "green apples", Y)], [])
            store.apply([], [7, 99])
            store.apply([], [7])
            assert store.ids() == {8}
            assert found(store.lexical("red apples", 5)) == [8]
            assert found(store.nearest(X, 5)) == [8]

    def test_an_update_is_a_new_id_in_the_same_call(self) -> None:
        with closing(self.open()) as store:
            store.apply([entry(7, "the old price", X)], [])
            store.apply([entry(8, "the new price", Y)], [7])
            assert store.ids() == {8}
            assert found(store.lexical("old price", 5)) == [8]
            store.apply([entry(8, "the new price", Y)], [8])
            assert store.ids() == {8}, "an id that is added and removed at once stays"

    def test_an_id_that_was_removed_may_come_back(self) -> None:
        with closing(self.open()) as store:
            store.apply([entry(7, "apples", X)], [])
            store.apply([], [7])
            store.apply([entry(7, "apples", X)], [])
            assert store.ids() == {7}
            assert found(store.lexical("apples", 5)) == found(store.nearest(X, 5)) == [7]

    def test_only_of_these_documents(self) -> None:
        with closing(self.open()) as store:
            store.apply([entry(n, "apples", X, document=n % 3) for n in range(1, 31)], [])
            for documents in (frozenset({1}), frozenset({0, 2}), frozenset({2, 77})):
                allowed = {n for n in range(1, 31) if n % 3 in documents}
                assert set(found(store.lexical("apples", 50, documents))) == allowed
                assert set(found(store.nearest(X, 50, documents))) == allowed
            for nothing in (frozenset[int](), frozenset({77})):
                assert store.lexical("apples", 5, nothing) == []
                assert store.nearest(X, 5, nothing) == []

    def test_a_filter_changes_no_score(self) -> None:
        with closing(self.open()) as store:
            store.apply([entry(n, "apples " * n + "pears", X, document=n % 2) for n in range(1, 9)], [])
            scores = dict(store.lexical("apples", 9))
            assert all(abs(scores[n] - score) < 1e-4 for n, score in store.lexical("apples", 9, frozenset({1})))

    def test_lexical_order_is_that_of_bm25(self) -> None:
        with closing(self.open()) as store:
            texts = {
                1: "pump manual",
                2: "pump pump manual of the pump",
                3: "pump and a lot of other words about valves, pipes, tanks, filters and gauges",
                4: "valve",
                5: "the flange",
            }
            store.apply([entry(number, text) for number, text in texts.items()], [])
            assert found(store.lexical("pump", 9)) == [2, 1, 3]
            assert found(store.lexical("pump flange", 9))[0] == 5, "the rarer word weighs more"
            assert all(score > 0 for _, score in store.lexical("pump", 9))

    def test_nearest_order_is_that_of_the_cosine(self) -> None:
        half = (sqrt(0.5), sqrt(0.5), 0.0)
        with closing(self.open()) as store:
            store.apply([entry(1, "a", X), entry(2, "b", half), entry(3, "c", Y), entry(4, "d", (-1.0, 0.0, 0.0))], [])
            hits = store.nearest(X, 9)
            assert found(hits) == [1, 2, 3, 4]
            assert all(abs(score - want) < 1e-3 for (_, score), want in zip(hits, (1, sqrt(0.5), 0, -1), strict=True))
            assert found(store.nearest((0.0, 5.0, 0.0), 1)) == [3], "the length of the question does not matter"

    def test_matches_have_both_values(self) -> None:
        with closing(self.open()) as store:
            empty = store.matches("apples", X, 5)
            assert not empty.lexical and not empty.similarity and not empty.background
            texts = [entry(n, f"filler {name(n)}", (0.0, 0.6, 0.8), document=2) for n in range(10, 60)]
            store.apply([entry(1, "red apples", Y), entry(2, "apples apples", Z), entry(3, "pears", X), *texts], [])
            both = store.matches("apples", X, 1)
            assert set(both.lexical) == {2} and set(both.similarity) == {2, 3}
            both = store.matches("red pears", (1.0, 0.0, 0.1), 2)
            words, near = dict(store.lexical("red pears", 99)), dict(store.nearest((1.0, 0.0, 0.1), 99))
            assert {1, 3} == set(both.lexical) and {1, 3} < set(both.similarity)
            assert all(abs(each - words[number]) < 1e-4 for number, each in both.lexical.items())
            assert all(abs(each - near[number]) < 1e-3 for number, each in both.similarity.items())
            assert 0 < max(both.lexical.values()) < both.most
            usual = sorted(both.background)[len(both.background) // 2]
            assert len(both.background) > 40 and abs(usual - near[10]) < 1e-3

    def test_matches_of_words_or_of_vectors_alone(self) -> None:
        with closing(self.open()) as store:
            store.apply([entry(1, "red apples", X), entry(2, "pears", Y, document=2)], [])
            words, vectors = store.matches("apples", None, 5), store.matches(None, X, 5)
            assert set(words.lexical) == {1} and not words.similarity and not words.background
            assert set(vectors.similarity) == {1, 2} and not vectors.lexical and vectors.most == 0
            inside = store.matches("apples", X, 5, frozenset({2}))
            assert not inside.lexical and set(inside.similarity) == {2}
        with closing(self.open(None)) as store:
            store.apply([entry(1, "red apples", None)], [])
            assert set(store.matches("apples", X, 5).lexical) == {1}

    def test_most_is_what_no_chunk_exceeds(self) -> None:
        with closing(self.open()) as store:
            store.apply([entry(n, " ".join(["apples"] * n + ["pears"])) for n in range(1, 40)], [])
            for query in ("apples", "apples pears", "apples unknown", "unknown"):
                found_here = store.matches(query, None, 50)
                assert all(each < found_here.most for each in found_here.lexical.values())
            assert store.matches("apples unknown", None, 5).most > store.matches("apples", None, 5).most

    def test_k_bounds_the_answer(self) -> None:
        with closing(self.open()) as store:
            store.apply([entry(n, "apples", X) for n in range(1, 6)], [])
            for k, count in ((0, 0), (1, 1), (5, 5), (100, 5)):
                assert len(found(store.lexical("apples", k))) == count
                assert len(found(store.nearest(X, k))) == count

    def test_ties_are_all_found_once(self) -> None:
        with closing(self.open()) as store:
            store.apply([entry(n, "the same words", Z) for n in range(1, 41)], [])
            assert set(found(store.lexical("words", 40))) == set(range(1, 41))
            assert set(found(store.nearest(Z, 40))) == set(range(1, 41))

    def test_without_vectors(self) -> None:
        with closing(self.open(None)) as store:
            store.apply([entry(1, "apples", None)], [])
            assert store.ids() == {1}
            assert found(store.lexical("apples", 5)) == [1]
            assert store.nearest(X, 5) == []
            assert refused(lambda: store.apply([entry(2, "pears", X)], []), InvalidParameter)
            store.apply([], [1])
            assert store.ids() == set()

    def test_a_wrong_vector_is_refused_and_nothing_is_changed(self) -> None:
        with closing(self.open()) as store:
            store.apply([entry(1, "apples", X)], [])
            for wrong in ((1.0, 0.0), (1.0, 0.0, 0.0, 0.0), None, (float("nan"), 0.0, 0.0)):
                batch = [entry(2, "good", Y), entry(3, "wrong", wrong)]
                assert refused(lambda batch=batch: store.apply(batch, [1]), InvalidParameter)  # type: ignore[misc]
            assert store.ids() == {1}
            assert store.lexical("good", 5) == []
            assert refused(lambda: store.nearest((1.0, 0.0), 5), InvalidParameter)

    def test_chinese_words_of_two_characters(self) -> None:
        with closing(self.open()) as store:
            store.apply([entry(1, "向量数据库的索引"), entry(2, "数学是有趣的"), entry(3, "仓库里的货物")], [])
            assert found(store.lexical("数据", 5)) == [1]
            assert found(store.lexical("什么是数据库？", 5))[0] == 1
            assert found(store.lexical("趣", 5)) == [2]
            assert found(store.lexical("的", 5)) != [], "nothing but a function word is asked for as it is"

    def test_part_numbers(self) -> None:
        with closing(self.open()) as store:
            store.apply(
                [entry(1, "Filter MX-2140 for pumps"), entry(2, "Filter MX-2141"), entry(3, "iPhone15手机 v1.2.3")], []
            )
            assert found(store.lexical("MX-2140", 5))[0] == 1
            assert found(store.lexical("ＭＸ－２１４０", 5))[0] == 1
            assert found(store.lexical("mx2140", 5))[0] == 1
            assert found(store.lexical("2140", 5)) == [1]
            assert found(store.lexical("iphone 15", 5)) == found(store.lexical("v1.2.3", 5)) == [3]

    def test_words_are_folded_and_stemmed(self) -> None:
        with closing(self.open()) as store:
            store.apply(
                [entry(1, "CONFIGURING the servers"), entry(2, "der Straße nach"), entry(3, "1,234.50 EUR")], []
            )
            assert found(store.lexical("configured server", 5)) == [1]
            assert found(store.lexical("STRASSE", 5)) == [2]
            assert found(store.lexical("1234.5", 5)) == [3]

    def test_a_query_without_words_finds_nothing(self) -> None:
        with closing(self.open()) as store:
            store.apply([entry(1, "apples")], [])
            for query in ("", "  \n", "?!…", "\x00", "' OR 1=1 --", 'a" & !b:*', "\ud800"):
                assert 1 not in found(store.lexical(query, 5))

    def test_strange_texts_are_kept(self) -> None:
        with closing(self.open()) as store:
            texts = ["", "\x00apples\x00", "a" * 100_000, "it's a \\ 'quoted' \"apple\"", "\ud800 apples", "x/" * 5_000]
            store.apply([entry(n, text) for n, text in enumerate(texts, 1)], [])
            assert store.ids() == set(range(1, 7))
            assert set(found(store.lexical("apples", 9))) == {2, 4, 5}
            assert set(found(store.nearest(X, 9))) == set(range(1, 7))
            assert store.lexical("word " * 10_000 + "other" * 10_000, 5) == []
            assert refused(lambda: store.lexical(" ".join(map(str, range(5_000))), 5), ModelyardError) is False

    def test_it_is_all_there_when_opened_again(self) -> None:
        with closing(self.open()) as store:
            store.apply([entry(1, "apples", X), entry(2, "pears", Y)], [])
            store.apply([entry(2**40, "plums", Z, document=2**41)], [1])
        for _ in range(2):
            with closing(self.open()) as store:
                assert store.ids() == {2, 2**40}
                assert store.lexical("apples", 5) == []
                assert found(store.lexical("plums", 5, frozenset({2**41}))) == [2**40]
                assert found(store.nearest(Y, 1)) == [2]

    def test_another_dimension_begins_empty(self) -> None:
        with closing(self.open()) as store:
            store.apply([entry(1, "apples", X)], [])
        with closing(self.open(2)) as store:
            assert store.ids() == set()
            assert store.lexical("apples", 5) == []
            store.apply([entry(1, "apples", (1.0, 0.0))], [])
            assert found(store.nearest((1.0, 0.0), 5)) == [1]

    def test_drop_deletes_everything(self) -> None:
        store = self.open()
        store.apply([entry(1, "apples", X)], [])
        store.drop()
        with closing(self.open()) as store:
            assert store.ids() == set()
            assert store.lexical("apples", 5) == store.nearest(X, 5) == []

    def test_closing_twice_is_once_and_a_closed_store_refuses(self) -> None:
        store = self.open()
        store.close()
        store.close()
        assert refused(lambda: store.lexical("apples", 5), ModelyardError)
        assert refused(lambda: store.nearest(X, 5), ModelyardError)
        assert refused(lambda: store.apply([entry(1, "apples")], []), ModelyardError)
        assert refused(store.ids, ModelyardError)

    def test_many_rows_come_and_go(self) -> None:
        with closing(self.open()) as store:
            for start in range(1, 10_001, 2_000):
                added = [entry(n, f"apples {name(n)}", X if n % 2 else Y) for n in range(start, start + 2_000)]
                store.apply(added, [n for n in range(start - 2_000, start) if n > 0 and n % 4])
            alive = {n for n in range(1, 10_001) if n > 8_000 or n % 4 == 0}
            assert store.ids() == alive
            assert set(found(store.nearest(X, 10_000))) == alive
            assert found(store.lexical(name(4), 5)) == [4]
            assert store.lexical(name(5), 5) == []
        with closing(self.open()) as store:
            assert store.ids() == alive
            assert len(found(store.lexical("apples", 10_000))) == len(alive)

    def test_searches_go_on_while_it_changes(self) -> None:
        failures: list[str] = []
        stop = threading.Event()

        def search(store: Store) -> None:
            while not stop.is_set():
                lexical = {number for number, _ in store.lexical("apples", 500)}
                near = {number for number, _ in store.nearest(X, 500)}
                if not (1 in lexical and 1 in near):
                    failures.append("what stays was not found")
                if store.lexical("ghost", 5):
                    failures.append("what never was there was found")

        with closing(self.open()) as store:
            store.apply([entry(1, "apples", X)], [])
            threads = [threading.Thread(target=search, args=(store,)) for _ in range(4)]
            for thread in threads:
                thread.start()
            try:
                for start in range(2, 202, 10):
                    store.apply(
                        [entry(n, "apples", X) for n in range(start, start + 10)], range(max(2, start - 4), start)
                    )
                    last = start + 9
                    assert last in found(store.lexical("apples", 500)), "seen after the return"
                    assert last in found(store.nearest(X, 500))
            finally:
                stop.set()
                for thread in threads:
                    thread.join()
        assert not failures, failures[:3]
