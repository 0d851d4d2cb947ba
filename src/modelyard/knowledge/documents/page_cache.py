"""Page images on disk: a folder per document, by the hash of its content. The longest unused ones are removed."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import threading
from pathlib import Path

MOST_BYTES = 256 << 20
"""Bytes of all images together."""
UNFINISHED = ".part"


class PageCache:
    """A bounded cache of files. What cannot be written is not kept, and nothing else follows. All methods block."""

    def __init__(self, folder: Path, most: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most = most
        self._sizes: dict[Path, int] = {}
        """File → its bytes, the longest unused first."""
        self._total = 0
        self._lock = threading.Lock()

    def open(self) -> None:
        """Take up what an earlier run has kept."""
        found = []
        for file in self._folder.glob("*/*"):
            with contextlib.suppress(OSError):
                about = file.stat()
                if file.suffix == UNFINISHED:
                    file.unlink()
                else:
                    found.append((about.st_mtime, file, about.st_size))
        with self._lock:
            self._sizes = {file: size for _, file, size in sorted(found)}
            self._total = sum(self._sizes.values())
            self._shrink()

    def get(self, content: str, name: str) -> bytes | None:
        """The image of this name of the document with this content; None if it is not kept."""
        file = self._folder / content / name
        try:
            data = file.read_bytes()
            os.utime(file)
        except OSError:
            return None
        with self._lock:
            if file in self._sizes:
                self._sizes[file] = self._sizes.pop(file)
        return data

    def put(self, content: str, name: str, data: bytes) -> None:
        """Keep an image."""
        file = self._folder / content / name
        new = file.with_name(secrets.token_hex(8) + UNFINISHED)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(data)
            new.replace(file)
        except OSError:
            with contextlib.suppress(OSError):
                new.unlink()
            return
        with self._lock:
            self._total += len(data) - self._sizes.pop(file, 0)
            self._sizes[file] = len(data)
            self._shrink()

    def forget(self, content: str) -> None:
        """Remove all images of a document."""
        folder = self._folder / content
        shutil.rmtree(folder, ignore_errors=True)
        with self._lock:
            for file in [each for each in self._sizes if each.parent == folder]:
                self._total -= self._sizes.pop(file)

    def _shrink(self) -> None:
        while self._total > self._most and self._sizes:
            file = next(iter(self._sizes))
            self._total -= self._sizes.pop(file)
            with contextlib.suppress(OSError):
                file.unlink()
                file.parent.rmdir()
