"""Files of owners: what is kept, who sees it, in which order, for how long, and that a failed one leaves nothing."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from modelyard.core.errors import (
    BadRequest,
    BodyTooLarge,
    FileNotFound,
    FileQuotaExceeded,
    InvalidParameter,
    ModelyardError,
    NotEnoughDisk,
)
from modelyard.db.file_tables import FileRow
from modelyard.files.rows import FileDetails, new_id
from modelyard.files.service import new_file_id
from tests.files.storage import ANN, BEN, ROOT, Storage, on, portions, settings_for

DETAILS = FileDetails("a.txt", "user_data")


def test_a_file_is_kept_with_its_hash_and_owner(home: Path, database_url: str) -> None:
    async def work(made: Storage) -> None:
        content = bytes(range(256)) * 9000
        row = await made.add(content, name="../e\u0301.bin")
        found = await made.files.get(ANN, row.id)
        assert (found.filename, found.size, found.owner) == ("../é.bin", len(content), "ann")
        assert found.hash == hashlib.sha256(content).hexdigest()
        assert await made.content(found) == content
        assert made.stored() == [row.id] and made.files.path(row) == made.settings.files_folder / row.id

    on(settings_for(home, database_url), work)


def test_files_of_other_owners_are_missing(home: Path, database_url: str) -> None:
    async def work(made: Storage) -> None:
        mine, theirs = await made.add(b"1"), await made.add(b"2", owner=BEN)
        assert await made.ids(ANN) == [mine.id] and await made.ids(BEN) == [theirs.id]
        assert await made.ids(ROOT) == [mine.id, theirs.id]
        for name in (theirs.id, "file-abc123", new_id("file-"), ""):
            with pytest.raises(FileNotFound):
                await made.files.get(ANN, name)
            with pytest.raises(FileNotFound):
                await made.files.delete(ANN, name)
        assert await made.content(await made.files.get(ROOT, theirs.id)) == b"2"

    on(settings_for(home, database_url), work)


def test_pages_cover_every_file_once_in_both_orders(home: Path, database_url: str) -> None:
    async def work(made: Storage) -> None:
        purposes = ["batch", "vision"] * 4
        made_ids = [(await made.add(b"x", purpose=purpose)).id for purpose in purposes]
        for ascending in (True, False):
            for purpose, expected in ((None, made_ids), ("vision", made_ids[1::2]), ("evals", [])):
                seen: list[str] = []
                more = True
                while more:
                    after = seen[-1] if seen else None
                    rows, more = await made.files.page(ANN, after=after, limit=3, ascending=ascending, purpose=purpose)
                    assert len(rows) == 3 or not more
                    seen += [row.id for row in rows]
                assert seen == (expected if ascending else expected[::-1])

    on(settings_for(home, database_url), work)


def test_a_page_goes_on_after_a_deleted_file_and_not_after_other_ids(home: Path, database_url: str) -> None:
    async def work(made: Storage) -> None:
        first, second, third = [(await made.add(b"x")).id for _ in range(3)]
        theirs = (await made.add(b"x", owner=BEN)).id
        await made.files.delete(ANN, second)
        rows, more = await made.files.page(ANN, after=second)
        assert ([row.id for row in rows], more) == ([first], False)
        rows, more = await made.files.page(ANN, after=second, ascending=True)
        assert [row.id for row in rows] == [third]
        for name in (theirs, "file-abc123", "x" * 100):
            with pytest.raises(FileNotFound) as caught:
                await made.files.page(ANN, after=name)
            assert caught.value.param == "after"

    on(settings_for(home, database_url), work)


def test_a_deleted_file_leaves_no_bytes(home: Path, database_url: str) -> None:
    async def work(made: Storage) -> None:
        row = await made.add(b"x")
        await made.files.delete(ANN, row.id)
        with pytest.raises(FileNotFound):
            await made.files.get(ANN, row.id)
        assert (made.stored(), await made.rows()) == ([], 0)

    on(settings_for(home, database_url), work)


async def broken(kind: type[Exception] | OSError) -> AsyncGenerator[bytes]:
    yield b"x" * 3_000_000
    raise kind


FAILURES: list[tuple[AsyncGenerator[bytes] | bytes, FileDetails, type[BaseException]]] = [
    (b"x" * 5_000_001, DETAILS, BodyTooLarge),
    (b"x", FileDetails(" ", "user_data"), InvalidParameter),
    (b"x", FileDetails("n" * 1001, "user_data"), InvalidParameter),
    (b'{"a": 1}\n[]\n', FileDetails("a.jsonl", "fine-tune"), BadRequest),
    (broken(ConnectionError), DETAILS, ConnectionError),
    (broken(OSError(errno.ENOSPC, "full")), DETAILS, NotEnoughDisk),
    (broken(OSError(errno.EDQUOT, "full")), DETAILS, NotEnoughDisk),
]


@pytest.mark.parametrize("number", range(len(FAILURES)))
def test_a_file_that_fails_leaves_nothing(home: Path, tmp_path: Path, number: int) -> None:
    data, details, error = FAILURES[number]

    async def work(made: Storage) -> None:
        arriving = portions(data) if isinstance(data, bytes) else data
        with pytest.raises(error):
            async with made.files.receiving(ANN, arriving) as content:
                await made.files.keep(content, details)
        assert (made.stored(), await made.rows(), await made.ids()) == ([], 0, [])

    on(settings_for(home, "", max_file_bytes=5_000_000), work)


def test_a_file_of_the_server_has_the_id_that_was_reserved_and_any_size(home: Path) -> None:
    async def work(made: Storage) -> None:
        name = new_file_id()
        assert (await made.files.add(ANN, DETAILS, portions(b"x" * 5_000_001), name)).id == name
        assert await made.ids() == [name]

    on(settings_for(home, "", max_file_bytes=5_000_000), work)


def test_a_file_for_which_there_is_no_room_is_refused_before_it_comes(home: Path) -> None:
    async def work(made: Storage) -> None:
        data = portions(b"x")
        for expected, error in ((1 << 60, NotEnoughDisk), (1 << 62, BodyTooLarge)):
            with pytest.raises(error):
                async with made.files.receiving(ANN, data, expected):
                    pytest.fail("it was received")
        assert await anext(data) == b"x" and await made.rows() == 0

    on(settings_for(home, "", max_file_bytes=1 << 61, file_quota_bytes=0), work)


def test_a_cancelled_upload_leaves_nothing(home: Path) -> None:
    async def work(made: Storage) -> None:
        arrived = asyncio.Event()

        async def endless() -> AsyncGenerator[bytes]:
            yield b"x" * 2_000_000
            arrived.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(made.files.add(ANN, DETAILS, endless()))
        await arrived.wait()
        assert len(made.stored()) == 1 and await made.ids() == []
        await made.sweeps.sweep()
        assert len(made.stored()) == 1, "a sweep leaves alone what is arriving"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (made.stored(), await made.rows()) == ([], 0)

    on(settings_for(home, ""), work)


def test_owners_have_quotas(home: Path, database_url: str) -> None:
    async def work(made: Storage) -> None:
        for _ in range(2):
            await made.add(b"x" * 4000)
        with pytest.raises(FileQuotaExceeded, match="8000 bytes are in use"):
            await made.add(b"x" * 2001)
        await made.add(b"x" * 2001, owner=BEN)
        row = await made.add(b"x" * 2000)
        await made.files.delete(ANN, row.id)
        data = [portions(b"x" * 1500) for _ in range(4)]
        kept = await asyncio.gather(*(made.files.add(ANN, DETAILS, each) for each in data), return_exceptions=True)
        assert sorted(type(each).__name__ for each in kept) == ["FileQuotaExceeded"] * 3 + ["FileRow"]
        assert len(made.stored()) == 4

    on(settings_for(home, database_url, file_quota_bytes=10_000), work)


def test_a_file_is_gone_at_its_time_and_its_bytes_after_a_sweep(home: Path, database_url: str) -> None:
    async def work(made: Storage) -> None:
        stays, goes = await made.add(b"1"), await made.add(b"2", lifetime=3600)
        batch = await made.add(b"3", purpose="batch")
        assert stays.expires_at is None and goes.expires_at == goes.created_at + 3600
        assert batch.expires_at == batch.created_at + 30 * 24 * 3600
        await made.grow_old(FileRow, goes.id, time.time())
        assert await made.ids() == [stays.id, batch.id]
        with pytest.raises(FileNotFound):
            await made.files.get(ANN, goes.id)
        await made.sweeps.sweep()
        assert made.stored() == sorted([stays.id, batch.id]) and await made.rows() == 2

    on(settings_for(home, database_url), work)


def test_leftovers_of_a_killed_server_are_removed_at_the_next_start(home: Path) -> None:
    """Killed between the row and the bytes, between the bytes and the end, and while a file was deleted."""

    async def work(made: Storage) -> None:
        whole, half, deleted = [await made.add(b"x" * 5) for _ in range(3)]
        (made.settings.files_folder / "arriving" / "file-half").write_bytes(b"half")
        async with made.database.session() as session:
            session.add(FileRow(id="file-half", owner="ann", created_at=1.0))
            for row in (half, deleted):
                (await session.get_one(FileRow, row.id)).whole = False
        (made.settings.files_folder / deleted.id).unlink()
        assert await made.ids() == [whole.id]

    async def again(made: Storage) -> None:
        await made.sweeps.sweep()
        assert len(await made.ids()) == 1 == await made.rows()
        assert made.stored() == await made.ids()

    on(settings_for(home, ""), work)
    on(settings_for(home, ""), again)


def test_every_error_says_what_to_do() -> None:
    errors: list[ModelyardError] = [FileNotFound("file-1"), FileQuotaExceeded(10, 5)]
    assert "GET /v1/files" in errors[0].message and "MODELYARD_FILE_QUOTA_BYTES" in errors[1].message
