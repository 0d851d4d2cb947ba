"""Files by our own clients against a real server: sent while they are read, read while they arrive."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.client import AsyncClient, Client
from modelyard.client.resources.files import CountedFile, opened
from modelyard.core.errors import BodyTooLarge, FileNotFound, InvalidParameter, UploadNotFound
from tests.live import Live, live

CONTENT = bytes(range(256)) * 5000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("files") / "home", {"MODELYARD_MAX_FILE_BYTES": "2000000"}) as running:
        yield running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "数据.bin"
    path.write_bytes(CONTENT)
    return path


def test_a_file_is_sent_listed_read_and_deleted(server: Live, file: Path) -> None:
    portions: list[int] = []
    with Client(server.url) as client:
        sent = client.files.upload(file, "user_data", 3600, portions.append)
        assert (sent["filename"], sent["bytes"], sum(portions)) == ("数据.bin", len(CONTENT), len(CONTENT))
        assert sent["expires_at"] == sent["created_at"] + 3600 and max(portions) < len(CONTENT)
        other = client.files.upload(("b.txt", b"b"), "evals")
        assert client.files.get(other["id"]) == other
        page = client.files.list(limit=1)
        assert (page["data"], page["has_more"], page["last_id"]) == ([other], True, other["id"])
        assert client.files.list(after=page["last_id"])["data"] == [sent]
        assert client.files.list(purpose="user_data", order="asc")["data"] == [sent]
        assert client.files.content(sent["id"]) == b"".join(client.files.stream_content(sent["id"])) == CONTENT
        for each in (sent, other):
            assert client.files.delete(each["id"]) is True
        with pytest.raises(FileNotFound):
            client.files.content(sent["id"])
        with pytest.raises(FileNotFound):
            client.files.stream_content(sent["id"])


def test_the_asynchronous_client_does_the_same(server: Live, file: Path) -> None:
    async def go() -> None:
        async with AsyncClient(server.url) as client:
            sent = await client.files.upload(file, "user_data")
            received = [part async for part in await client.files.stream_content(sent["id"])]
            assert b"".join(received) == CONTENT == await client.files.content(sent["id"])
            assert await client.files.delete(sent["id"]) is True
            begun = await client.uploads.create("a", 3, "user_data")
            assert (await client.uploads.cancel(begun["id"]))["status"] == "cancelled"

    asyncio.run(go())


def test_a_file_is_sent_in_parts(server: Live) -> None:
    with Client(server.url) as client:
        begun = client.uploads.create("a.bin", 6, "batch", 7200)
        parts = [client.uploads.add_part(begun["id"], data)["id"] for data in (b"def", b"abc")]
        done = client.uploads.complete(begun["id"], parts[::-1])["file"]
        assert done is not None and client.files.content(done["id"]) == b"abcdef"
        assert done["expires_at"] == done["created_at"] + 7200
        client.files.delete(done["id"])
        with pytest.raises(UploadNotFound):
            client.uploads.cancel("upload_1")


def test_errors_are_raised_and_files_are_closed(server: Live, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 2_000_001)
    with Client(server.url) as client:
        with pytest.raises(BodyTooLarge):
            client.files.upload(tmp_path / "large", "user_data", progress=lambda count: None)
        with pytest.raises(InvalidParameter, match="purpose"):
            client.files.upload(("a", b"a"), "mine")
        for path in (tmp_path / "none", tmp_path):
            with pytest.raises(InvalidParameter, match="cannot be read"):
                client.files.upload(path, "user_data")
        os.mkfifo(tmp_path / "pipe")
        writer = os.open(tmp_path / "pipe", os.O_RDWR)
        try:
            with pytest.raises(InvalidParameter, match="size is known"):
                client.files.upload(tmp_path / "pipe", "user_data")
        finally:
            os.close(writer)


def test_a_file_is_opened_without_reading_it(file: Path) -> None:
    name, content = opened(file, lambda count: None)
    assert isinstance(content, CountedFile) and content.tell() == 0 and name == "数据.bin"
    content.close()
    _, plain = opened(file)
    assert isinstance(plain, io.BufferedReader)
    plain.close()
