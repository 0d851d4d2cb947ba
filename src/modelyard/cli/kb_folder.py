"""Finds the files that a command line names, their names in a knowledge base, and their hashes, cached between runs."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from modelyard.core.errors import BadRequest
from modelyard.core.folders import fits, inside
from modelyard.core.wording import reason

YOUNG = 2.0
"""Seconds after a modification in which another one may leave the modification time unchanged."""


@dataclass(slots=True)
class Files:
    """Name in the base → file, and the number of skipped files by reason."""

    paths: dict[str, Path] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    there: set[str] = field(default_factory=set)
    """Names of all existing files, including those skipped for their format or by a pattern."""

    def skip(self, reason: str) -> None:
        """Count a skipped file."""
        self.skipped[reason] = self.skipped.get(reason, 0) + 1


def collect(paths: Sequence[str], include: Sequence[str], exclude: Sequence[str], formats: Collection[str]) -> Files:
    """The files of paths. Files in a folder are named by their path in it, with `/`. Raises `BadRequest`."""
    found = Files()
    for each in paths:
        path = Path(each).expanduser()
        if path.is_dir():
            for name, file in inside(path, found.skip):
                found.there.add(name)
                if (include and not fits(name, include)) or fits(name, exclude):
                    found.skip("by pattern")
                elif file.suffix.lower().lstrip(".") not in formats:
                    found.skip("of unsupported formats")
                else:
                    _take(found, name, file)
        elif path.is_file():
            found.there.add(path.name)
            _take(found, path.name, path)
        else:
            raise BadRequest(f"There is no file or folder '{each}'.")
    return found


def _take(found: Files, name: str, file: Path) -> None:
    before = found.paths.get(name)
    if before is not None and before.resolve() != file.resolve():
        raise BadRequest(f"'{before}' and '{file}' would both be called '{name}'; add them to different bases.")
    found.paths[name] = file


class Hashes:
    """SHA-256 hashes of files, reused from an earlier run if path, size and modification time are equal."""

    def __init__(self, file: Path | None = None) -> None:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        self._file = file or cache / "modelyard" / "file-hashes.json"
        try:
            read = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            read = {}
        self._known: dict[str, list[object]] = read if isinstance(read, dict) else {}
        self._changed = False

    def of(self, path: Path) -> str:
        """The hash of a file, in hexadecimal. Raises `BadRequest` if it cannot be read."""
        try:
            about = path.stat()
            key = str(path.resolve())
            known = self._known.get(key)
            if isinstance(known, list) and len(known) == 3 and known[:2] == [about.st_size, about.st_mtime_ns]:
                return str(known[2])
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise BadRequest(f"'{path}' cannot be read: {reason(error)}.") from None
        if time.time() - about.st_mtime > YOUNG:
            self._known[key] = [about.st_size, about.st_mtime_ns, found]
            self._changed = True
        return found

    def save(self) -> None:
        """Write the cache. Failures are ignored, because they cost only time."""
        if not self._changed:
            return
        new = self._file.with_suffix(f".{os.getpid()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(json.dumps(self._known), encoding="utf-8")
            new.replace(self._file)
        except (OSError, UnicodeEncodeError):
            with suppress(OSError):  # there may be no such folder either
                new.unlink()
        self._changed = False
