"""Files of a vector store out of rows of documents: ids, names, attributes, pages and states."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from modelyard.core.errors import InvalidParameter, StoreFileNotFound, VectorStoreExpired
from modelyard.db.session import Database
from modelyard.db.tables import KnowledgeBase, KnowledgeDocument, KnowledgeJob, KnowledgeTask
from modelyard.jobs.types import JobState
from modelyard.knowledge.documents.splitter import Chunking
from modelyard.knowledge.documents.states import DocumentState, IndexingKind, TaskState
from modelyard.knowledge.vector_stores.files import (
    FilesPage,
    FileStatus,
    StoreFiles,
    attributes,
    chunking_in_characters,
    chunking_in_tokens,
    details_of,
    file_id,
    filename,
    replaced,
)
from modelyard.knowledge.vector_stores.stores import (
    DAY,
    EXTRA,
    StoreSettings,
    base_number,
    check_alive,
    expires_at,
    free_name,
    has_expired,
    store_id,
    store_settings,
)

Work = Callable[[StoreFiles, KnowledgeBase, KnowledgeBase], Awaitable[None]]
On = Callable[[Work], None]
SOURCE = f"file-1{0:026x}"


def document(base: KnowledgeBase, name: str, **more: Any) -> KnowledgeDocument:
    return KnowledgeDocument(
        **{"base_id": base.id, "name": name, "hash": "", "size": 0, "created_at": 1.0, "updated_at": 1.0, **more}
    )


@pytest.fixture
def on(tmp_path: Path) -> On:
    """Runs a work with two bases: the first has documents 1 to 6, the second has document 7."""

    async def go(work: Work) -> None:
        database = Database(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}")
        await database.open()
        try:
            bases = [KnowledgeBase(name=name, created_at=1.0, used_at=1.0) for name in ("mine", "other")]
            async with database.session() as session:
                session.add_all(bases)
                await session.flush()
                states = [*DocumentState, DocumentState.READY]
                for number, state in enumerate(states, 1):
                    session.add(document(bases[0], f"{number}.txt", state=state))
                    await session.flush()
                session.add(document(bases[1], "other.txt", source_file_id=SOURCE))
            await work(StoreFiles(database), *bases)
        finally:
            await database.close()

    return lambda work: asyncio.run(go(work))


def test_pages_begin_behind_or_end_before_a_document(on: On) -> None:
    async def work(files: StoreFiles, mine: KnowledgeBase, other: KnowledgeBase) -> None:
        async def page(**values: Any) -> tuple[list[int], bool]:
            rows, more = await files.page(mine, FilesPage(**values))
            return [row.id for row in rows], more

        newest, oldest = [6, 5, 4, 3, 2, 1], [1, 2, 3, 4, 5, 6]
        for ascending, order in ((False, newest), (True, oldest)):
            assert await page(ascending=ascending) == (order, False)
            assert await page(ascending=ascending, limit=6) == (order, False)
            assert await page(ascending=ascending, limit=5) == (order[:5], True)
            assert await page(ascending=ascending, limit=2, after=order[1]) == (order[2:4], True)
            assert await page(ascending=ascending, limit=2, after=order[3]) == (order[4:], False)
            assert await page(ascending=ascending, limit=2, before=order[4]) == (order[2:4], True)
            assert await page(ascending=ascending, limit=2, before=order[2]) == (order[:2], False)
            assert await page(ascending=ascending, limit=2, after=order[0], before=order[4]) == (order[1:3], True)
            assert await page(ascending=ascending, after=order[0], before=order[2]) == ([order[1]], False)
            assert await page(ascending=ascending, after=order[-1]) == ([], False)
        assert [row.id for row in (await files.page(other, FilesPage()))[0]] == [7]
        first = FilesPage(limit=7, ascending=True)
        assert first.between(3, 4) == FilesPage(3, 4, 7, True)

    on(work)


def test_files_are_listed_by_their_status(on: On) -> None:
    statuses: dict[FileStatus, list[str]] = {
        "in_progress": ["waiting"],
        "completed": ["ready", "ready"],
        "failed": ["failed"],
        "cancelled": ["cancelled", "stored"],
    }

    async def work(files: StoreFiles, mine: KnowledgeBase, other: KnowledgeBase) -> None:
        for status, states in statuses.items():
            rows, _ = await files.page(mine, FilesPage(status=status))
            assert [row.state for row in rows] == states

    on(work)


def test_a_file_is_named_by_its_stored_file_or_by_its_document(on: On) -> None:
    async def work(files: StoreFiles, mine: KnowledgeBase, other: KnowledgeBase) -> None:
        assert (await files.named(mine, f"file-{3:027x}")).name == "3.txt"
        assert (await files.named(other, SOURCE)).name == "other.txt"
        wrong = [SOURCE, f"file-{7:027x}", f"file-{8:027x}", "file-0" + "f" * 26, "file-\0", "x", "", "3.txt"]
        for name in wrong:
            with pytest.raises(StoreFileNotFound) as error:
                await files.named(mine, name, "after")
            assert error.value.param == "after"
        assert {id: row.name for id, row in (await files.numbered([2, 99, 7])).items()} == {2: "2.txt", 7: "other.txt"}

    on(work)


def test_documents_of_a_job_are_listed_and_not_searchable_until_it_has_ended(on: On) -> None:
    async def work(files: StoreFiles, mine: KnowledgeBase, other: KnowledgeBase) -> None:
        rows = [
            (1, IndexingKind.ADD, JobState.RUNNING, TaskState.DONE),
            (2, IndexingKind.ADD, JobState.RUNNING, TaskState.WAITING),
            (3, IndexingKind.ADD, JobState.DONE, TaskState.DONE),
            (4, IndexingKind.REINDEX, JobState.RUNNING, TaskState.DONE),
            (5, IndexingKind.ADD, JobState.WAITING, TaskState.DONE),
        ]
        async with files._database.session() as session:
            for number, kind, state, task in rows:
                job = KnowledgeJob(
                    id=f"job-{number}", kind=kind, state=state, owner="", created_at=1.0, base_id=mine.id, generation=1
                )
                session.add(job)
                await session.flush()
                session.add(KnowledgeTask(job_id=job.id, document_id=number, state=task))
        assert await files.unsearchable([1, 2, 3, 4, 5, 6]) == {1, 5}
        assert await files.unsearchable([2, 5]) == {5}
        listed, more = await files.page(mine, FilesPage(job="job-3"))
        assert ([row.id for row in listed], more) == ([3], False)

    on(work)


def row(**more: Any) -> KnowledgeDocument:
    return KnowledgeDocument(**{"id": 26, "name": "a.txt", "details": {}, "loaded_names": [], **more})


def test_ids_and_names_of_files() -> None:
    assert file_id(row()) == "file-00000000000000000000000001a" and file_id(row(source_file_id=SOURCE)) == SOURCE
    assert filename(row(source_file_id=SOURCE, name=f"{SOURCE}/a.txt")) == "a.txt"
    assert filename(row(name="file-9/a.txt")) == "file-9/a.txt" and filename(row()) == "a.txt"


def test_attributes_are_what_callers_set_as_far_as_they_are_plain() -> None:
    plain: dict[str, str | float | bool] = {"text": "x", "whole": 1, "part": 0.5, "yes": True, "no": False, "": ""}
    details: dict[str, object] = {
        **plain,
        "list": [1],
        "object": {},
        "none": None,
        "file_id": SOURCE,
        "title": "read by a loader",
    }
    assert attributes(row(details=details, loaded_names=["title"])) == plain
    assert details_of(plain) == plain and details_of(None) == {} and details_of({}) == {}
    assert replaced(row(source_file_id=SOURCE), {"a": 1}) == {"a": 1, "file_id": SOURCE}
    assert replaced(row(details={"old": 1}), {"a": 1}) == {"a": 1} and replaced(row(), None) == {}
    for refuse in (details_of, partial(replaced, row())):
        with pytest.raises(InvalidParameter) as error:
            refuse({"file_id": "x"})
        assert error.value.param == "attributes.file_id"


@pytest.mark.parametrize(
    ("most", "overlap", "fits"), [(100, 50, True), (101, 50, True), (101, 51, False), (100, 0, True)]
)
def test_chunks_share_at_most_half_of_their_tokens(most: int, overlap: int, fits: bool) -> None:
    if not fits:
        with pytest.raises(InvalidParameter):
            chunking_in_characters(most, overlap)
        return
    found = chunking_in_characters(most, overlap)
    assert found == {"size": 4 * most, "overlap": 4 * overlap}
    assert chunking_in_tokens(Chunking(size=found["size"], overlap=found["overlap"])) == (most, overlap)
    assert chunking_in_tokens(Chunking(size=403, overlap=7)) == (100, 1), "rounded down"


def test_a_store_expires_days_after_its_last_use(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KnowledgeBase(id=5, used_at=1000.0, extra={})
    short = KnowledgeBase(id=5, used_at=1000.0, extra=StoreSettings({"a": "b"}, 2).extra({"other": 1, EXTRA: 0}))
    assert short.extra == {"other": 1, EXTRA: {"metadata": {"a": "b"}, "days": 2}}
    assert store_settings(short) == StoreSettings({"a": "b"}, 2) and store_settings(kept) == StoreSettings()
    assert store_settings(KnowledgeBase(extra={EXTRA: "text"})) == StoreSettings()
    assert expires_at(short) == 1000 + 2 * DAY == 173_800 and expires_at(kept) is None
    for now, expired in ((173_799.9, False), (173_800.0, True), (173_800.1, True)):
        monkeypatch.setattr("modelyard.knowledge.vector_stores.stores.time.time", lambda now=now: now)
        assert has_expired(short) is expired and not has_expired(kept)
        check_alive(kept)
        if expired:
            with pytest.raises(VectorStoreExpired, match=store_id(5)):
                check_alive(short)
        else:
            check_alive(short)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("vs_000000000000000000000001", 1),
        ("vs_000000007fffffffffffffff", (1 << 63) - 1),
        ("vs_00000000000000000000001", None),
        ("vs_0000000000000000000000001", None),
        ("vs_00000000000000000000000A", None),
        ("xvs_000000000000000000000001", None),
        ("", None),
    ],
)
def test_ids_of_stores_are_24_hexadecimal_digits(name: str, number: int | None) -> None:
    assert base_number(name) == number
    assert number is None or store_id(number) == name


def test_a_number_that_no_base_can_have_is_unknown() -> None:
    from modelyard.core.errors import VectorStoreNotFound

    with pytest.raises(VectorStoreNotFound):
        base_number("vs_000000008000000000000000")


@pytest.mark.parametrize(
    ("name", "taken", "free"),
    [
        ("a", (), "a"),
        ("a", ("a",), "a 2"),
        ("a", ("a", "a 2", "a 4"), "a 3"),
        ("a", ("a 2",), "a"),
        ("", ("vector store",), "vector store 2"),
        (None, (), "vector store"),
    ],
)
def test_a_name_that_is_taken_gets_a_number(name: str | None, taken: tuple[str, ...], free: str) -> None:
    assert free_name(name, taken) == free
