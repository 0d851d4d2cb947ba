"""Where a replica's output goes and how its end is read back. Files are named by model and replica, and are few."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, unquote

KEEP = 10  # files per model; the oldest go first
TAIL = 256 * 1024  # bytes that are read from the end of a file


class LogFolder:
    """`<root>/<uid>/<replica>.log`, with names quoted so that any uid is a file name."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _folder(self, uid: str) -> Path:
        return self.root / quote(uid, safe=" @+=,").replace(".", "%2E")

    def create(self, uid: str, replica: str) -> Path:
        """The file a new replica writes to; old files of the model are removed."""
        folder = self._folder(uid)
        folder.mkdir(parents=True, exist_ok=True)
        for old in self._files(uid)[: -KEEP + 1]:
            old.unlink(missing_ok=True)
        return folder / f"{quote(replica, safe=' @+=,')}.log"

    def _files(self, uid: str) -> list[Path]:
        folder = self._folder(uid)
        found = folder.glob("*.log") if folder.is_dir() else iter(())
        return sorted(found, key=lambda path: path.stat().st_mtime)

    def tail(self, uid: str, replica: str | None, lines: int) -> tuple[str | None, Sequence[str]]:
        """The name of a replica, or of the newest replica, and the last lines it wrote; None when there is no such file."""
        files = self._files(uid)
        if replica is not None:
            wanted = quote(replica, safe=" @+=,")
            files = [path for path in files if path.stem == wanted or path.stem.startswith(f"{wanted}-")]
        return (unquote(files[-1].stem), read_tail(files[-1], lines)) if files else (None, [])


def read_tail(path: Path, lines: int) -> list[str]:
    """The last `lines` lines of a file, undecodable bytes replaced; empty when there is no such file."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    return text.splitlines()[-lines:] if lines > 0 else []
