"""Stores of bytes: a folder and URLs of fsspec keep one promise."""

from __future__ import annotations

import asyncio
import errno
import subprocess
import sys
import threading
import uuid
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import uvloop

from modelyard.core.config import Settings
from modelyard.core.errors import CannotStart, NotEnoughDisk
from modelyard.files.stores import ByteStore, FolderStore, UrlStore, store_of, whole_step
from tests.files.storage import ANN, Storage, on, portions, settings_for


@pytest.fixture(params=["folder", "file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ByteStore:
    urls = {"file": (tmp_path / "there").as_uri(), "memory": f"memory://{uuid.uuid4().hex}"}
    made: ByteStore = UrlStore(urls[request.param]) if request.param in urls else FolderStore(tmp_path / "here")
    made.open()
    return made


async def read(store: ByteStore, name: str) -> bytes:
    return b"".join([block async for block in store.read(name)])


async def full() -> AsyncGenerator[bytes]:
    yield b"x" * 100
    raise OSError(errno.ENOSPC, "full")


def test_what_is_written_is_read_and_deleted(store: ByteStore) -> None:
    async def go() -> None:
        content = bytes(range(256)) * 10_000
        await store.write("a", portions(content, 100_000))
        assert await read(store, "a") == content
        path = store.path("a")
        assert path is None or path.read_bytes() == content
        store.open()
        assert await read(store, "a") == content, "opening it again keeps it"
        for _ in range(2):
            await store.delete("a")
            with pytest.raises(FileNotFoundError):
                await read(store, "a")

    uvloop.run(go())


def test_a_full_disk_leaves_nothing(store: ByteStore) -> None:
    async def go() -> None:
        with pytest.raises(NotEnoughDisk):
            await store.write("a", full())
        with pytest.raises(FileNotFoundError):
            await read(store, "a")

    uvloop.run(go())


def test_files_are_stored_at_a_url(home: Path, tmp_path: Path) -> None:
    async def work(made: Storage) -> None:
        row = await made.add(b"there")
        assert await made.content(row) == b"there" and made.files.path(row) is None
        assert (tmp_path / "there" / row.id).read_bytes() == b"there" and not made.settings.files_folder.exists()
        await made.files.delete(ANN, row.id)
        assert list((tmp_path / "there").iterdir()) == []

    on(settings_for(home, "", files_url=(tmp_path / "there").as_uri()), work)


@pytest.mark.parametrize("url", ["nonsense://x", "no-url-at-all://"])
def test_a_url_that_cannot_be_used_is_said_at_the_start(home: Path, url: str) -> None:
    with pytest.raises(CannotStart, match="MODELYARD_FILES_URL cannot be used"):
        store_of(Settings(home=home, files_url=url))


def test_a_folder_that_cannot_be_used_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("in the way")
    with pytest.raises(CannotStart, match="cannot be used"):
        FolderStore(tmp_path / "files").open()


def test_fsspec_is_imported_only_where_a_url_is_configured() -> None:
    code = "import sys, modelyard.files.uploads; print('fsspec' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_cancelled_step_ends_before_the_cancellation_is_raised() -> None:
    async def go() -> None:
        loop, begun, done = asyncio.get_running_loop(), asyncio.Event(), []
        released = threading.Event()

        def step() -> None:
            loop.call_soon_threadsafe(begun.set)
            released.wait()
            done.append(True)

        task = asyncio.create_task(whole_step(step))
        await begun.wait()
        task.cancel()
        loop.call_soon(released.set)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert done == [True]

    uvloop.run(go())
