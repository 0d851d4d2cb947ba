"""The embedded store: the contract, a model in memory, kills, and damage."""

from __future__ import annotations

import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.core.errors import IndexUnavailable
from modelyard.knowledge.indexing.stores import open_store, vectors
from modelyard.knowledge.indexing.stores.contract import StoreContract, X, Y, entry, found, name
from modelyard.knowledge.indexing.stores.embedded import EmbeddedStore
from modelyard.knowledge.types import IndexEntry, Store
from tests.knowledge.indexing.stores import killed


class TestEmbedded(StoreContract):
    """The contract."""

    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        """A folder for each test."""
        self.folder = tmp_path / "store"

    def open(self, dimension: int | None = 3) -> Store:
        return open_store("embedded", folder=self.folder, url="", base=1, generation=1, dimension=dimension)


STEPS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(1, 12), st.integers(1, 3)), max_size=6),
        st.lists(st.integers(1, 14), max_size=6),
        st.sampled_from(["go on", "open again"]),
    ),
    max_size=6,
)


@given(STEPS)
@settings(max_examples=40)
def test_after_any_changes_it_holds_what_a_dictionary_would(
    steps: list[tuple[list[tuple[int, int]], list[int], str]],
) -> None:
    folder = Path(tempfile.mkdtemp())
    model: dict[int, int] = {}
    store = EmbeddedStore(folder, 3)
    try:
        for add, remove, then in steps:
            store.apply([entry(n, f"common {name(n)}", X, document) for n, document in add], remove)
            for n in set(remove) - {n for n, _ in add}:
                model.pop(n, None)
            for n, document in add:
                model.setdefault(n, document)
            if then == "open again":
                store.close()
                store = EmbeddedStore(folder, 3)
            assert store.ids() == model.keys()
            assert set(found(store.lexical("common", 50))) == set(found(store.nearest(X, 50))) == model.keys()
            inside = {n for n, document in model.items() if document == 2}
            assert set(found(store.lexical("common", 50, frozenset({2})))) == inside
            assert set(found(store.nearest(X, 50, frozenset({2})))) == inside
            assert all(found(store.lexical(name(n), 5)) == [n] for n in model)
    finally:
        store.close()
        shutil.rmtree(folder)


@pytest.mark.parametrize("part", [vectors.PART, 1_000])
def test_nearest_is_exact_with_and_without_a_filter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    monkeypatch.setattr(vectors, "PART", part)
    rng = numpy.random.default_rng(1)
    rows = rng.normal(size=(9_000, 16)).astype("f4")
    rows /= numpy.linalg.norm(rows, axis=1, keepdims=True)
    with closing(EmbeddedStore(tmp_path / "s", 16)) as store:
        for start in range(0, 9_000, 1_500):
            store.apply([IndexEntry(n, n % 50, "", rows[n].tolist()) for n in range(start, start + 1_500)], [])
        store.apply([], range(0, 9_000, 7))
        for documents in (None, frozenset({3}), frozenset(range(40))):
            alive = [n for n in range(9_000) if n % 7 and (documents is None or n % 50 in documents)]
            for query in rows[:5]:
                best = sorted(alive, key=lambda n: -float(rows[n] @ query))[:10]
                assert found(store.nearest(query.tolist(), 10, documents)) == best


def test_the_space_of_removed_rows_is_given_back(tmp_path: Path) -> None:
    with closing(EmbeddedStore(tmp_path / "s", 3)) as store:
        store.apply([entry(n, "apples", X if n % 2 else Y) for n in range(1, 9_001)], [])
        store.apply([], range(1, 8_001))
        assert (tmp_path / "s" / "rows.2").stat().st_size == 1_000 * 16
        assert not (tmp_path / "s" / "rows.1").exists()
        assert set(found(store.nearest(Y, 500))) == set(range(8_002, 9_001, 2))
    with closing(EmbeddedStore(tmp_path / "s", 3)) as store:
        assert store.ids() == set(range(8_001, 9_001))


def test_a_folder_that_is_open_is_not_opened_twice(tmp_path: Path) -> None:
    with closing(EmbeddedStore(tmp_path / "s", 3)) as store:
        store.apply([entry(1, "apples")], [])
        with pytest.raises(IndexUnavailable, match="open in another place"):
            EmbeddedStore(tmp_path / "s", 3)
        assert store.ids() == {1}, "the second has deleted nothing"


@pytest.mark.parametrize("half", ["words", "rows.1", "vectors.1", "about.json", "lock", "words/meta.json"])
@pytest.mark.parametrize("damage", ["missing", "nonsense", "half of it"])
def test_damage_is_found_and_what_is_left_agrees(tmp_path: Path, half: str, damage: str) -> None:
    folder = tmp_path / "s"
    with closing(EmbeddedStore(folder, 3)) as store:
        store.apply([entry(n, f"apples {name(n)}") for n in range(1, 101)], [])
    path = folder / half
    if path.is_dir():
        shutil.rmtree(path)
    if damage == "nonsense":
        path.write_bytes(b"nonsense, and not a small amount of it either, as every third byte shows")
    elif damage == "missing" or not path.exists():
        path.unlink(missing_ok=True)
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with closing(EmbeddedStore(folder, 3)) as store:
        left = store.ids()
        assert left <= set(range(1, 101))
        assert set(found(store.lexical("apples", 200))) == set(found(store.nearest(X, 200))) == left
        store.apply([entry(n, f"apples {name(n)}") for n in range(1, 101)], [])
        assert store.ids() == set(range(1, 101))
        assert found(store.lexical(name(77), 5)) == [77]


def test_every_file_of_the_words_may_be_damaged(tmp_path: Path) -> None:
    entries = [entry(n, f"apples {name(n)}") for n in range(1, 101)]
    with closing(EmbeddedStore(tmp_path / "s", 3)) as store:
        store.apply(entries, [])
        store.apply([], [1])
    names = [path.name for path in (tmp_path / "s" / "words").iterdir() if not path.name.startswith(".")]
    assert len(names) > 4
    for broken in names:
        whole = (tmp_path / "s" / "words" / broken).read_bytes()
        middle = len(whole) // 2
        flipped = whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1 :]
        for number, data in enumerate((b"", whole[:middle], flipped)):
            folder = tmp_path / f"{broken}.{number}"
            shutil.copytree(tmp_path / "s", folder)
            (folder / "words" / broken).write_bytes(data)
            with closing(EmbeddedStore(folder, 3)) as store:
                assert store.ids() in (set(), set(range(2, 101)))
                store.apply(entries, [])
                assert (
                    set(found(store.lexical("apples", 200))) == set(found(store.nearest(X, 200))) == set(range(1, 101))
                )


@pytest.mark.parametrize("room", [0, 3_000, 60_000])
def test_a_disk_that_is_full_changes_nothing(tmp_path: Path, room: int) -> None:
    with closing(EmbeddedStore(tmp_path / "s", 3)) as store:
        store.apply([entry(n, f"apples {name(n)}") for n in range(1, 3_001)], [])
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(
            resource.RLIMIT_FSIZE, (room, limits[1])
        )  # a file that grows beyond is refused by the kernel
        try:
            with pytest.raises(IndexUnavailable):
                store.apply([entry(n, f"pears {name(n)}", Y) for n in range(3_001, 9_001)], [1])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert store.ids() == set(range(1, 3_001))
        assert set(found(store.nearest(X, 9_000))) == set(found(store.lexical("apples", 9_000))) == store.ids()
        assert store.lexical("pears", 5) == []
        store.apply([entry(n, f"pears {name(n)}", Y) for n in range(3_001, 9_001)], [1])
    with closing(EmbeddedStore(tmp_path / "s", 3)) as store:
        assert store.ids() == set(range(2, 9_001))
        assert len(found(store.lexical("pears", 9_000))) == 6_000


def test_a_killed_process_loses_nothing_it_was_told(tmp_path: Path) -> None:
    chance = random.Random(7)
    folder = tmp_path / "s"
    for _ in range(20):
        child = subprocess.Popen(
            [sys.executable, killed.__file__, str(folder)], stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert child.stdout is not None
        output = [child.stdout.readline() for _ in range(chance.randrange(1, 12))]
        try:  # then anywhere within the next call
            child.wait(timeout=chance.uniform(0, 0.02))
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
        output += child.stdout.readlines()
        child.wait()
        child.stdout.close()
        lines = [line.split() for line in output if line.endswith("\n")]
        assert lines
        with closing(EmbeddedStore(folder, killed.DIMENSION)) as store:
            killed.check(store, lines)


def mapped(folder: Path) -> list[str]:
    """The deleted files of a folder that this process still maps."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return [line for line in lines if str(folder) in line and line.endswith("(deleted)")]


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="no /proc here")
def test_a_store_at_rest_maps_no_deleted_file(tmp_path: Path) -> None:
    with closing(EmbeddedStore(tmp_path, 3)) as store:
        for number in range(8):  # the last commit makes tantivy merge the segments of all
            store.apply([entry(number, f"common {name(number)}", X)], [])
        store.rest()
        assert not mapped(tmp_path)
        assert len(store.lexical("common", 30)) == 8


def test_a_view_finds_rows_by_id_after_removals_and_in_any_order(tmp_path: Path) -> None:
    rows = vectors.VectorRows(tmp_path, 1, None)
    for ids, removed in (([5, 7, 9], []), ([2, 8], [7]), ([7], [9])):
        rows.reserve(ids, ids, None)
        rows.publish(removed)
    assert rows.view.rows_of([2, 5, 7, 8]).tolist() == [3, 0, 5, 4]
    assert rows.view.rows_of([1, 9, 10]).tolist() == [-1, -1, -1]
    assert rows.view.live.tolist() == [5, 2, 8, 7]
    rows.close()
    again = vectors.VectorRows(tmp_path, 1, None)
    assert again.view.rows_of([9, 7]).tolist() == [-1, 5]
    again.close()


def test_of_rows_with_one_id_the_last_counts(tmp_path: Path) -> None:
    pairs = numpy.array([[4, 1], [6, 1], [4, 2], [4, 3]], dtype="<i8")
    pairs.tofile(tmp_path / "rows.1")
    with closing(vectors.VectorRows(tmp_path, 1, None)) as rows:
        assert rows.view.rows_of([4, 6]).tolist() == [3, 1]
    assert numpy.fromfile(tmp_path / "rows.1", "<i8").reshape(-1, 2)[:, 0].tolist() == [-1, 6, -1, 4]
