"""The bytes of documents, each a file named by its SHA-256: a document's name never becomes a path."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from modelyard.core.errors import BodyTooLarge, NotEnoughDisk
from modelyard.db.reserve import FULL


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes that were kept."""

    hash: str
    """SHA-256, in hex."""
    size: int


class Blobs:
    """A folder of files. What is kept survives a crash; what was half written is gone at the next start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._arriving = folder / "arriving"
        self._held: Counter[str] = Counter()
        """Hash → how many blocks of `holding` have it now."""
        self._settling = asyncio.Lock()
        """Held while a file comes to its place, or it is decided whether one goes."""

    def open(self) -> None:
        """Make the folder, and remove what a crash left half written."""
        self._arriving.mkdir(parents=True, exist_ok=True)
        for each in self._arriving.iterdir():
            each.unlink(missing_ok=True)

    def path(self, name: str) -> Path:
        """Where the bytes of this hash are."""
        return self._folder / name[:2] / name

    @asynccontextmanager
    async def holding(self, portions: AsyncIterator[bytes], most: int) -> AsyncIterator[Blob]:
        """Keep bytes as they come; until the block is left nobody can make them be forgotten.

        Raises `BodyTooLarge` at the first byte beyond `most`, or `NotEnoughDisk`, and keeps nothing.
        Who leaves the block with an error, or without a row that has the hash, calls `forget` afterwards.
        """
        path = self._arriving / secrets.token_hex(16)
        digest, size = hashlib.sha256(), 0
        try:
            with self._room(), path.open("xb") as file:
                async for portion in portions:
                    size += len(portion)
                    if size > most:
                        raise BodyTooLarge(most, "max_document_bytes", "The document")
                    digest.update(portion)
                    await asyncio.to_thread(file.write, portion)
                blob = Blob(digest.hexdigest(), size)
                known = self.path(blob.hash).exists()
                if not known:
                    await asyncio.to_thread(_settle, file)
            async with self._settling:
                with self._room():
                    await asyncio.to_thread(self._place, path, blob.hash, settled=not known)
                self._held[blob.hash] += 1
        finally:
            path.unlink(missing_ok=True)
        try:
            yield blob
        finally:
            self._held[blob.hash] -= 1
            if not self._held[blob.hash]:
                del self._held[blob.hash]

    @contextmanager
    def _room(self) -> Iterator[None]:
        """Turns what a full disk says into `NotEnoughDisk`."""
        try:
            yield
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise NotEnoughDisk.full(self._folder) from error

    def _place(self, path: Path, name: str, settled: bool) -> None:
        target = self.path(name)
        if not target.exists():
            if not settled:  # these bytes were here a moment ago, and have been forgotten since
                with path.open("r+b") as file:
                    _settle(file)
            target.parent.mkdir(exist_ok=True)
            path.replace(target)
            folder = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    async def read(self, name: str) -> bytes:
        """All bytes of this hash. Raises `FileNotFoundError`."""
        return await asyncio.to_thread(self.path(name).read_bytes)

    async def forget(self, name: str, needed: Callable[[str], Awaitable[bool]]) -> None:
        """Remove the bytes of this hash, unless `needed` says that a row has it, or a block of `holding` does."""
        async with self._settling:
            if name not in self._held and not await needed(name):
                self.path(name).unlink(missing_ok=True)


def _settle(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


async def whole(data: bytes) -> AsyncIterator[bytes]:
    """Bytes that are there already, as `put` takes them."""
    yield data
