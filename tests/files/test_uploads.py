"""Uploads in parts: the file is the parts in the order that the client names, and nothing of them stays but the file."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from modelyard.core.access import Owner
from modelyard.core.errors import (
    BadRequest,
    BodyTooLarge,
    FileQuotaExceeded,
    InvalidParameter,
    NotEnoughDisk,
    UploadNotFound,
)
from modelyard.db.file_tables import UploadRow
from modelyard.files.rows import FileDetails, new_id
from modelyard.files.uploads import REMEMBERED_SECONDS
from tests.files.storage import ANN, BEN, ROOT, Storage, on, portions, settings_for


async def begun(made: Storage, size: int, purpose: str = "user_data", owner: Owner = ANN) -> str:
    return (await made.uploads.begin(owner, FileDetails("a.bin", purpose), size)).row.id


async def sent(made: Storage, upload: str, *parts: bytes, owner: Owner = ANN) -> list[str]:
    return [(await made.uploads.add_part(owner, upload, portions(each))).id for each in parts]


def test_parts_become_a_file_in_the_order_of_the_request(home: Path, database_url: str) -> None:
    async def work(made: Storage) -> None:
        pieces = [bytes([number]) * 1_500_000 for number in range(3)]
        content = pieces[2] + pieces[0] + pieces[1]
        upload = await begun(made, len(content))
        ids = await sent(made, upload, *pieces, b"never named")
        md5 = hashlib.md5(content).hexdigest().upper()
        done = await made.uploads.complete(ANN, upload, [ids[2], ids[0], ids[1]], md5)
        assert done.file is not None and done.row.state == "completed" and done.row.file_id == done.file.id
        assert await made.content(done.file) == content
        assert done.file.hash == hashlib.sha256(content).hexdigest()
        assert made.stored() == [done.file.id] and await made.rows() == 1, "no part is left"
        again = await made.uploads.complete(ANN, upload, ids)
        assert again.file is not None and again.file.id == done.file.id, "a repeated request gets the same answer"

    on(settings_for(home, database_url), work)


WRONG: list[tuple[list[int], str | None, str]] = [
    ([0], None, "these parts have 3 bytes together, and the upload was created for 6"),
    ([0, 1, 2], None, "these parts have 9 bytes"),
    ([0, 0], None, "named twice"),
    ([0, 1], "0" * 32, "the parts have the MD5"),
]


@pytest.mark.parametrize(("order", "md5", "problem"), WRONG)
def test_parts_that_are_not_the_file_are_refused(home: Path, order: list[int], md5: str | None, problem: str) -> None:
    async def work(made: Storage) -> None:
        upload = await begun(made, 6)
        ids = await sent(made, upload, b"abc", b"def", b"ghi")
        with pytest.raises(InvalidParameter, match=problem):
            await made.uploads.complete(ANN, upload, [ids[each] for each in order], md5)
        assert made.stored() == sorted(ids) and await made.ids() == []
        assert (await made.uploads.complete(ANN, upload, ids[:2])).file is not None, "it is still pending"

    on(settings_for(home, ""), work)


def test_parts_of_other_uploads_and_owners_are_unknown(home: Path) -> None:
    async def work(made: Storage) -> None:
        mine, other, theirs = await begun(made, 3), await begun(made, 3), await begun(made, 3, owner=BEN)
        foreign = await sent(made, other, b"abc")
        with pytest.raises(InvalidParameter, match="no part of this upload") as caught:
            await made.uploads.complete(ANN, mine, foreign)
        assert caught.value.param == "part_ids.0"
        for name in (theirs, "upload_abc123", new_id("upload_")):
            with pytest.raises(UploadNotFound):
                await sent(made, name, b"abc")
            with pytest.raises(UploadNotFound):
                await made.uploads.complete(ANN, name, foreign)
            with pytest.raises(UploadNotFound):
                await made.uploads.cancel(ANN, name)
        ids = await sent(made, theirs, b"abc", owner=ROOT)
        done = await made.uploads.complete(ROOT, theirs, ids)
        assert done.file is not None and done.file.owner == "ben"

    on(settings_for(home, ""), work)


def test_a_cancelled_upload_takes_nothing_more(home: Path, database_url: str) -> None:
    async def work(made: Storage) -> None:
        upload = await begun(made, 3)
        ids = await sent(made, upload, b"abc")
        for _ in range(2):
            assert (await made.uploads.cancel(ANN, upload)).row.state == "cancelled"
        assert (made.stored(), await made.rows()) == ([], 0)
        with pytest.raises(InvalidParameter, match="the upload is cancelled"):
            await sent(made, upload, b"abc")
        with pytest.raises(InvalidParameter, match="the upload is cancelled"):
            await made.uploads.complete(ANN, upload, ids)
        done = await begun(made, 3)
        await made.uploads.complete(ANN, done, await sent(made, done, b"abc"))
        with pytest.raises(InvalidParameter, match="DELETE /v1/files/file-"):
            await made.uploads.cancel(ANN, done)

    on(settings_for(home, database_url), work)


def test_an_upload_that_is_cancelled_while_a_part_arrives_keeps_nothing(home: Path) -> None:
    async def work(made: Storage) -> None:
        upload = await begun(made, 10)
        with pytest.raises(InvalidParameter, match="the upload is cancelled"):
            await made.uploads.add_part(ANN, upload, cancelling(made, upload))
        assert (made.stored(), await made.rows()) == ([], 0)

    on(settings_for(home, ""), work)


async def cancelling(made: Storage, upload: str):  # type: ignore[no-untyped-def]
    """A part during which the upload is cancelled."""
    yield b"abc"
    await made.uploads.cancel(ANN, upload)
    yield b"def"


def test_of_two_completions_at_once_one_makes_the_file(home: Path, database_url: str) -> None:
    async def work(made: Storage) -> None:
        upload = await begun(made, 4_000_000)
        ids = await sent(made, upload, b"x" * 4_000_000)
        both = (made.uploads.complete(ANN, upload, ids) for _ in range(2))
        await asyncio.gather(*both, return_exceptions=True)
        assert made.stored() == await made.ids() and len(await made.ids()) == 1 == await made.rows()

    on(settings_for(home, database_url), work)


def test_sizes_are_bounded_before_and_while_parts_arrive(home: Path) -> None:
    async def work(made: Storage) -> None:
        with pytest.raises(BodyTooLarge):
            await begun(made, 100_001)
        with pytest.raises(FileQuotaExceeded):
            await begun(made, 50_001)
        upload = await begun(made, 30_000)
        for part, error in ((b"x" * 30_001, InvalidParameter), (b"", InvalidParameter)):
            with pytest.raises(error):
                await sent(made, upload, part)
        await sent(made, upload, b"x" * 30_000)
        with pytest.raises(FileQuotaExceeded):
            await sent(made, upload, b"x" * 20_001)
        with pytest.raises(FileQuotaExceeded):
            await made.add(b"x" * 20_001)
        assert len(made.stored()) == 1

    on(settings_for(home, "", max_file_bytes=100_000, file_quota_bytes=50_000), work)


def test_an_upload_for_which_there_is_no_room_does_not_begin(home: Path) -> None:
    async def work(made: Storage) -> None:
        with pytest.raises(NotEnoughDisk):
            await begun(made, 1 << 60)

    on(settings_for(home, "", max_file_bytes=1 << 61, file_quota_bytes=0), work)


def test_an_upload_expires_and_is_forgotten(home: Path, database_url: str) -> None:
    async def work(made: Storage) -> None:
        upload = await begun(made, 3)
        await sent(made, upload, b"abc")
        row = (await made.uploads.begin(ANN, FileDetails("b", "user_data"), 1)).row
        await made.grow_old(UploadRow, upload, row.created_at)
        with pytest.raises(InvalidParameter, match="the upload is expired"):
            await sent(made, upload, b"abc")
        await made.sweeps.sweep()
        assert (made.stored(), await made.rows()) == ([], 0)
        with pytest.raises(InvalidParameter, match="the upload is expired"):
            await sent(made, upload, b"abc")
        await made.grow_old(UploadRow, upload, row.created_at - REMEMBERED_SECONDS)
        await made.sweeps.sweep()
        with pytest.raises(UploadNotFound):
            await sent(made, upload, b"abc")
        await sent(made, row.id, b"a")

    on(settings_for(home, database_url), work)


def test_lines_for_fine_tuning_are_checked_when_the_upload_is_completed(home: Path) -> None:
    async def work(made: Storage) -> None:
        upload = await begun(made, 8, "fine-tune")
        ids = await sent(made, upload, b'{"a":', b"1}\n", b"3}\n")
        await made.uploads.complete(ANN, upload, ids[:2])
        wrong = await begun(made, 4, "fine-tune")
        with pytest.raises(BadRequest, match="Line 1 is not a dictionary"):
            await made.uploads.complete(ANN, wrong, await sent(made, wrong, b"[1]\n"))

    on(settings_for(home, ""), work)
