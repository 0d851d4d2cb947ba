"""The content of documents as files named by their SHA-256, so that no document's name becomes a path."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from modelyard.core.errors import BodyTooLarge
from modelyard.db.reserve import full_disk_named


@dataclass(frozen=True, slots=True)
class Blob:
    """Stored content."""

    hash: str
    """SHA-256 in hexadecimal."""
    size: int


class Blobs:
    """A folder of files. Stored content survives a crash; incomplete files are removed at the next start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._arriving = folder / "arriving"
        self._held: Counter[str] = Counter()
        """Hash → number of `holding` blocks that use it at present."""
        self.on_forget: Callable[[str], None] = lambda name: None
        """Called in a thread with a hash before its content is deleted, to delete what was made of it."""
        self._placing = asyncio.Lock()
        """Held while a file is moved into place, and during the decision whether a file is deleted."""

    def open(self) -> None:
        """Create the folder, and remove incomplete files of a crash."""
        self._arriving.mkdir(parents=True, exist_ok=True)
        for each in self._arriving.iterdir():
            each.unlink(missing_ok=True)

    def path(self, name: str) -> Path:
        """The path of the content with this hash."""
        return self._folder / name[:2] / name

    @asynccontextmanager
    async def briefly(self, data: bytes) -> AsyncIterator[Path]:
        """A file with this content for the time of the block, which is not stored."""
        path = self._arriving / secrets.token_hex(16)
        try:
            await asyncio.to_thread(path.write_bytes, data)
            yield path
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    @asynccontextmanager
    async def holding(self, data: AsyncIterator[bytes], most: int, original: Path | None = None) -> AsyncIterator[Blob]:
        """Store data while it arrives, and protect it from `forget` until the block ends.

        `original` is a file of this machine with the same data, which never changes: its bytes are shared where the file system
        can do that, and `data` is not read. Raises `BodyTooLarge` at the first byte beyond `most`, or `NotEnoughDisk`, and then
        stores nothing. If no row has the hash at the end of the block, the caller must call `forget`.
        """
        path = self._arriving / secrets.token_hex(16)
        try:
            shared = None if original is None else await asyncio.to_thread(_shared, original, path, most)
            blob, known = (shared, False) if shared is not None else await self._written(data, path, most)
            async with self._placing:
                with full_disk_named(self._folder):
                    await asyncio.to_thread(self._place, path, blob.hash, synced=not known)
                self._held[blob.hash] += 1
        finally:
            path.unlink(missing_ok=True)
        try:
            yield blob
        finally:
            self._held[blob.hash] -= 1
            if not self._held[blob.hash]:
                del self._held[blob.hash]

    async def _written(self, data: AsyncIterator[bytes], path: Path, most: int) -> tuple[Blob, bool]:
        """Write data to a file that is synced, unless such content was stored already: content, and whether it was."""
        digest, size = hashlib.sha256(), 0
        with full_disk_named(self._folder), path.open("xb") as file:
            async for part in data:
                size += len(part)
                if size > most:
                    raise _too_large(most)
                digest.update(part)
                await asyncio.to_thread(file.write, part)
            blob = Blob(digest.hexdigest(), size)
            known = self.path(blob.hash).exists()
            if not known:
                await asyncio.to_thread(_sync, file)
        return blob, known

    def _place(self, path: Path, name: str, synced: bool) -> None:
        target = self.path(name)
        if not target.exists():
            if not synced:  # the content was stored when writing began, and was deleted in the meantime
                with path.open("r+b") as file:
                    _sync(file)
            target.parent.mkdir(exist_ok=True)
            path.replace(target)
            folder = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    async def read(self, name: str) -> bytes:
        """The content with this hash. Raises `FileNotFoundError`."""
        return await asyncio.to_thread(self.path(name).read_bytes)

    async def forget(self, name: str, needed: Callable[[str], Awaitable[bool]]) -> None:
        """Delete the content of this hash, unless `needed` finds a row that has it or a `holding` block uses it."""
        async with self._placing:
            if name not in self._held and not await needed(name):
                await asyncio.to_thread(self.on_forget, name)
                self.path(name).unlink(missing_ok=True)


def _shared(original: Path, path: Path, most: int) -> Blob | None:
    """Give a file another name, so that its bytes are stored once; None where the file system cannot do that."""
    if not original.exists():
        return None
    try:
        os.link(original, path)
    except OSError:
        return None
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise _too_large(most)
        return Blob(hashlib.file_digest(file, "sha256").hexdigest(), size)


def _too_large(most: int) -> BodyTooLarge:
    return BodyTooLarge(most, "max_document_bytes", "The document")


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


async def whole(data: bytes) -> AsyncIterator[bytes]:
    """Complete data as an iterator."""
    yield data
