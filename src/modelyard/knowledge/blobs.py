"""The bytes of documents, each a file named by its SHA-256: a document's name never becomes a path."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from modelyard.core.errors import BodyTooLarge


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

    def open(self) -> None:
        """Make the folder, and remove what a crash left half written."""
        self._arriving.mkdir(parents=True, exist_ok=True)
        for each in self._arriving.iterdir():
            each.unlink(missing_ok=True)

    def path(self, name: str) -> Path:
        """Where the bytes of this hash are."""
        return self._folder / name[:2] / name

    async def put(self, portions: AsyncIterator[bytes], most: int) -> Blob:
        """Keep bytes as they come. Raises `BodyTooLarge` at the first byte beyond `most`, and keeps nothing."""
        path = self._arriving / secrets.token_hex(16)
        digest, size = hashlib.sha256(), 0
        try:
            with path.open("xb") as file:
                async for portion in portions:
                    size += len(portion)
                    if size > most:
                        raise BodyTooLarge(most)
                    digest.update(portion)
                    await asyncio.to_thread(file.write, portion)
                await asyncio.to_thread(_settle, file.fileno(), file)
            blob = Blob(digest.hexdigest(), size)
            await asyncio.to_thread(self._place, path, blob.hash)
            return blob
        finally:
            path.unlink(missing_ok=True)

    def _place(self, path: Path, name: str) -> None:
        target = self.path(name)
        if not target.exists():
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

    def remove(self, name: str) -> None:
        """Forget the bytes of this hash."""
        self.path(name).unlink(missing_ok=True)


def _settle(number: int, file: object) -> None:
    file.flush()  # type: ignore[attr-defined]
    os.fsync(number)


async def whole(data: bytes) -> AsyncIterator[bytes]:
    """Bytes that are there already, as `put` takes them."""
    yield data
