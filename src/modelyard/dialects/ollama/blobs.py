"""Files that Ollama's clients upload for new models, under their digests, and the folders of the models made of them.

A folder of a model has hard links to its blobs, so nothing is stored twice, and a blob that no model uses is recognised by
its single link.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from modelyard.core.errors import BadRequest, BodyTooLarge, InvalidParameter, NotEnoughDisk
from modelyard.core.private import private_folder
from modelyard.db.reserve import full_disk_named

SPARE = 64 << 20
"""Bytes of the disk that no upload takes."""
BLOCK = 1 << 20
UNUSED_SECONDS = 24 * 3600.0
"""How long a blob is kept that no model uses."""
PART = ".part"
SETTING = "max_blob_bytes"


class WeightBlobs:
    """The folders `blobs` and `created` of a home folder."""

    def __init__(self, home: Path, most: int) -> None:
        """`most` is the maximum size of a blob in bytes."""
        self._blobs = home / "blobs"
        self.created = home / "created"
        self._most = most

    def path(self, digest: str) -> Path:
        """Where the blob of a digest is, if there is one. Raises `InvalidParameter` for what is no digest."""
        kind, _, value = digest.replace("-", ":", 1).partition(":")
        if kind != "sha256" or len(value) != 64 or set(value) - set("0123456789abcdef"):
            raise InvalidParameter(
                "digest", f"'{digest[:100]}' is not of the form sha256:… with 64 hexadecimal digits."
            )
        return self._blobs / f"sha256-{value}"

    async def receive(self, digest: str, parts: AsyncIterator[bytes], expected: int) -> None:
        """Store a blob while it arrives. After an error nothing is left of it.

        `expected` is the announced number of bytes, or 0. Raises `BodyTooLarge`, `NotEnoughDisk`, or `BadRequest` if the bytes
        have another digest.
        """
        place = self.path(digest)
        private_folder(self._blobs)
        self._check(expected, expected)
        arriving = self._blobs / f"{secrets.token_hex(8)}{PART}"
        try:
            with full_disk_named(self._blobs):
                found = await self._write(arriving, parts)
            if f"sha256-{found}" != place.name:
                raise BadRequest(f"The file has the digest sha256:{found}, not {digest}; send it again.")
            arriving.replace(place)
        finally:
            arriving.unlink(missing_ok=True)

    async def _write(self, arriving: Path, parts: AsyncIterator[bytes]) -> str:
        """Write the parts to a file; returns their digest in hexadecimal."""
        hashed, size, waiting = hashlib.sha256(), 0, bytearray()

        def flush() -> None:
            file.write(waiting)
            hashed.update(waiting)

        with arriving.open("xb") as file:
            async for part in parts:
                waiting += part
                size += len(part)
                if len(waiting) >= BLOCK:
                    self._check(size, len(waiting))
                    await asyncio.to_thread(flush)
                    waiting.clear()
            self._check(size, len(waiting))
            await asyncio.to_thread(flush)
        return hashed.hexdigest()

    def _check(self, size: int, more: int) -> None:
        """Raise an error if a blob of `size` bytes is too large, or its next `more` bytes do not fit on the disk."""
        if size > self._most:
            raise BodyTooLarge(self._most, SETTING, "The file")
        free = shutil.disk_usage(self._blobs).free
        if more + SPARE > free:
            raise NotEnoughDisk(str(self._blobs), more + SPARE, free)

    def folder_with(self, name: str, files: Mapping[str, str], field: str) -> Path:
        """A new folder for a model, with its files by name → digest. Blocks. Raises `InvalidParameter`."""
        folder = private_folder(self.created) / f"{name}-{secrets.token_hex(4)}"
        try:
            for file, digest in files.items():
                inner = PurePosixPath(file)
                if inner.is_absolute() or ".." in inner.parts or not inner.name or "\\" in file or "\0" in file:
                    raise InvalidParameter(field, f"'{file}' is no name of a file in a folder.")
                blob, place = self.path(digest), folder / inner
                if not blob.is_file():
                    raise InvalidParameter(field, f"there is no blob {digest}; send it to /api/blobs/{digest} first.")
                place.parent.mkdir(parents=True, exist_ok=True)
                place.hardlink_to(blob)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder

    def sweep(self, used: Collection[Path]) -> None:
        """Remove folders of models that are not in `used`, and old blobs that no model uses. Blocks."""
        with suppress(FileNotFoundError):
            for folder in self.created.iterdir():
                if folder not in used:
                    shutil.rmtree(folder, ignore_errors=True)
        with suppress(FileNotFoundError):
            for blob in self._blobs.iterdir():
                _remove_unused(blob)


def _remove_unused(blob: Path) -> None:
    with suppress(FileNotFoundError):
        found = blob.stat()
        if found.st_nlink == 1 and time.time() - found.st_mtime > UNUSED_SECONDS:
            blob.unlink()
