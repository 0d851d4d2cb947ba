"""Stores of bytes under names: a folder of this machine, or a URL of fsspec. What the bytes are is a matter of the rows."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, ParamSpec, Protocol, TypeVar

from modelyard.core.config import Settings
from modelyard.core.errors import CannotStart, NotEnoughDisk
from modelyard.core.wording import reason
from modelyard.db.reserve import full_disk_named

P = ParamSpec("P")
T = TypeVar("T")

BLOCK = 1 << 20
"""Bytes that are read, hashed and written in one step."""


class ByteStore(Protocol):
    """Keeps bytes under names, which are ids of rows."""

    def open(self) -> None:
        """Prepare the store, and remove what an interrupted `write` left in it. Raises `CannotStart`."""

    def check_room(self, size: int) -> None:
        """Raise `NotEnoughDisk` if it is known that so many bytes do not fit."""

    async def write(self, name: str, blocks: AsyncIterator[bytes]) -> None:
        """Store bytes while they arrive. After an error nothing is stored. Raises `NotEnoughDisk`."""

    def read(self, name: str) -> AsyncGenerator[bytes]:
        """The bytes of a name, in blocks. Raises `FileNotFoundError`."""

    def path(self, name: str) -> Path | None:
        """The path of the bytes if they are a file of this machine."""

    async def delete(self, name: str) -> None:
        """Delete the bytes of a name, if there are any."""


class FolderStore:
    """A folder with a file for each name. A file is written beside the others and renamed when it is complete and synced."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._arriving = folder / "arriving"

    def open(self) -> None:
        try:
            self._arriving.mkdir(parents=True, exist_ok=True)
            for each in self._arriving.iterdir():
                each.unlink(missing_ok=True)
        except OSError as error:
            raise CannotStart(f"The folder of files, {self._folder}, cannot be used: {reason(error)}.") from error

    def check_room(self, size: int) -> None:
        free = shutil.disk_usage(self._folder).free
        if size > free:
            raise NotEnoughDisk(str(self._folder), size, free)

    async def write(self, name: str, blocks: AsyncIterator[bytes]) -> None:
        path = self._arriving / name
        try:
            with full_disk_named(self._folder):
                with path.open("xb") as file:
                    async for block in blocks:
                        await whole_step(file.write, block)
                    await whole_step(_sync, file)
                await whole_step(self._place, path, name)
        finally:
            path.unlink(missing_ok=True)

    def _place(self, path: Path, name: str) -> None:
        path.replace(self._folder / name)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    async def read(self, name: str) -> AsyncGenerator[bytes]:
        with (self._folder / name).open("rb") as file:
            while block := await whole_step(file.read, BLOCK):
                yield block

    def path(self, name: str) -> Path | None:
        return self._folder / name

    async def delete(self, name: str) -> None:
        await whole_step((self._folder / name).unlink, missing_ok=True)


class UrlStore:
    """A folder at a URL of fsspec. Its library is imported here only, and blocks, so that all calls are made in threads."""

    def __init__(self, url: str) -> None:
        self._url = url.partition("?")[0]
        try:
            core = import_module("fsspec.core")
            self._files, self._root = core.url_to_fs(url)
        except (ImportError, ValueError, OSError) as error:
            raise CannotStart(
                f"MODELYARD_FILES_URL cannot be used: {reason(error)}. Run pip install fsspec and install the "
                "library of that kind of storage, or leave it empty to store files in the home folder."
            ) from error

    def open(self) -> None:
        try:
            self._files.makedirs(self._root, exist_ok=True)
        except OSError as error:
            raise CannotStart(f"The store of files, {self._url}, cannot be used: {reason(error)}.") from error

    def check_room(self, size: int) -> None:
        """A URL does not say how much room it has."""

    async def write(self, name: str, blocks: AsyncIterator[bytes]) -> None:
        complete = False
        try:
            with full_disk_named(self._url):
                file = await whole_step(self._files.open, self._at(name), "wb")
                try:
                    async for block in blocks:
                        await whole_step(file.write, block)
                finally:
                    await whole_step(file.close)
            complete = True
        finally:
            if not complete:
                await self.delete(name)

    async def read(self, name: str) -> AsyncGenerator[bytes]:
        file: Any = await whole_step(self._files.open, self._at(name), "rb")
        try:
            while block := await whole_step(file.read, BLOCK):
                yield block
        finally:
            await whole_step(file.close)

    def path(self, name: str) -> Path | None:
        return None

    async def delete(self, name: str) -> None:
        with suppress(FileNotFoundError):
            await whole_step(self._files.rm_file, self._at(name))

    def _at(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"


def store_of(settings: Settings) -> ByteStore:
    """The store that the settings name. Raises `CannotStart` if its library is missing."""
    return UrlStore(settings.files_url) if settings.files_url else FolderStore(settings.files_folder)


async def whole_step(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run blocking work in a thread. A cancellation is raised after the work has ended, so that nothing is undone too early."""
    step = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(step)
    except asyncio.CancelledError:
        await asyncio.wait([step])
        raise


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
