"""The documents of a folder of this machine. Links that lead out of it are refused, and so are the server's own files."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modelyard.core.folders import fits, inside

OUTSIDE = "It is a link to a file outside the folder, which is not followed."
OWN = "It is a file of the server itself."
PORTION = 1 << 20


@dataclass(slots=True)
class FolderFiles:
    """What a folder holds."""

    paths: dict[str, Path] = field(default_factory=dict)
    """Name of the document → its file, resolved."""
    refused: dict[str, str] = field(default_factory=dict)
    """Name → why it is not read."""
    skipped: dict[str, int] = field(default_factory=dict)
    """Reason → number of files."""
    there: set[str] = field(default_factory=set)
    """Names of all files, including skipped and refused ones."""

    def skip(self, reason: str) -> None:
        """Count a file that is left out."""
        self.skipped[reason] = self.skipped.get(reason, 0) + 1


def collect(
    folder: Path, include: Sequence[str], exclude: Sequence[str], formats: Collection[str], home: Path
) -> FolderFiles:
    """The files of a folder and of all folders in it, named by their path in it. Blocks."""
    found = FolderFiles()
    root, own = folder.resolve(), home.resolve()
    for name, file in inside(root, found.skip):
        found.there.add(name)
        real = file.resolve()
        if (include and not fits(name, include)) or fits(name, exclude):
            found.skip("by pattern")
        elif file.suffix.lower().lstrip(".") not in formats:
            found.skip("of unsupported formats")
        elif not real.is_relative_to(root):
            found.refused[name] = OUTSIDE
        elif real.is_relative_to(own):
            found.refused[name] = OWN
        else:
            found.paths[name] = real
    return found


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A file that is open, its SHA-256 and its modification time."""

    descriptor: int
    hash: str
    modified_at: float


def open_file(path: Path) -> OpenedFile:
    """Open a file and hash it; links are not followed any more. Raises `OSError`. Blocks."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise OSError("it is no file")
        digest = hashlib.sha256()
        for portion in portions(descriptor):
            digest.update(portion)
    except BaseException:
        os.close(descriptor)
        raise
    return OpenedFile(descriptor, digest.hexdigest(), about.st_mtime)


def portions(descriptor: int) -> Iterator[bytes]:
    """The content of an open file from its beginning. Blocks."""
    at = 0
    while data := os.pread(descriptor, PORTION, at):
        at += len(data)
        yield data
