"""The files of the page: read from the package, named by a hash of all of them, compressed when first requested."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

STATIC = Path(__file__).parent / "static"
INDEX = "index.html"
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
    "": "text/plain; charset=utf-8",  # licences of libraries
}
"""Content types by suffix; a file with another suffix is not served."""

COMMENT = re.compile(rb"^[ \t]*(?://.*|/\*\*(?:[^*]|\*(?!/))*\*/[ \t]*)(?:\n|\Z)", re.MULTILINE)
"""Lines that hold nothing but a comment: `// …`, or `/** … */` on one line or several."""
STATIC_IMPORT = re.compile(r"""^\s*(?:import|export)\s*(?:[^"';]*?\sfrom\s*)?["']([^"']+)["']""", re.MULTILINE)
"""A static import in a module of ours, which begins a line."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the page."""

    path: Path
    type: str
    compressed: list[bytes] = field(default_factory=list)
    """The file's gzip, once it was requested."""

    def content(self) -> bytes:
        """The file as it is sent: modules of ours without comments."""
        content = self.path.read_bytes()
        return without_comments(content) if self.path.suffix == ".js" and "vendor" not in self.path.parts else content

    def gzipped(self) -> bytes:
        """The file as it is sent, compressed."""
        if not self.compressed:
            self.compressed.append(gzip.compress(self.content(), 9, mtime=0))
        return self.compressed[0]


@dataclass(frozen=True, slots=True)
class Assets:
    """All files of the page as they are at one moment."""

    version: str
    """Twelve hexadecimal digits of a hash of all names and contents, which is a part of every file's address."""
    files: dict[str, Asset]
    """By path below the folder, such as `lib/main.js`."""
    signature: tuple[tuple[str, int, int], ...]
    """Name, time of change and size of every file, by which a change is noticed."""


def without_comments(source: bytes) -> bytes:
    """A module with an empty line for each line that is only comment; a test compares what TypeScript makes of both."""
    return COMMENT.sub(lambda found: b"\n" * found[0].count(b"\n"), source)


def load(folder: Path = STATIC) -> Assets:
    """Read the folder of the page."""
    signature = signature_of(folder)
    digest = hashlib.sha256()
    files = {}
    for name, _, _ in signature:
        path = folder / name
        digest.update(f"{name}\0".encode() + path.read_bytes())
        if (kind := TYPES.get(path.suffix)) and name != INDEX:
            files[name] = Asset(path, kind)
    return Assets(digest.hexdigest()[:12], files, signature)


def signature_of(folder: Path = STATIC) -> tuple[tuple[str, int, int], ...]:
    """Name, time of change in nanoseconds and size in bytes of every file in a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return tuple((path.relative_to(folder).as_posix(), *_change(path)) for path in paths)


def _change(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


def import_graph(folder: Path, imports: dict[str, str], *entries: str) -> list[str]:
    """The modules that `entries` import statically, directly or not, in the order in which they are found.

    `imports` is an import map: bare names and their paths below the folder.
    """
    found: dict[str, None] = {}
    pending = list(entries)
    while pending:
        name = pending.pop(0)
        if name in found:
            continue
        found[name] = None
        pending.extend(_imports_of(folder, name, imports))
    return list(found)


def _imports_of(folder: Path, name: str, imports: dict[str, str]) -> Iterator[str]:
    text = (folder / name).read_text("utf-8")
    if name.startswith("vendor/"):  # minified: an import is not at the beginning of a line
        yield from (
            imports[bare] for bare in re.findall(r"""from\s*["']([^"'./][^"']*)["']""", text) if bare in imports
        )
        return
    for target in STATIC_IMPORT.findall(text):
        if target.startswith("."):
            yield ((folder / name).parent / target).resolve().relative_to(folder.resolve()).as_posix()
        elif target in imports:
            yield imports[target]
