"""Reads the small files that describe a model, with size limits, because paths and contents are untrusted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LONGEST_JSON = 8 << 20
"""Maximum bytes of a config; those that contain a vocabulary have about two MiB."""
LONGEST_TEMPLATE = 1 << 20
"""Maximum bytes of a chat template; the longest in use have about 50 KiB."""
MOST_FILES = 100_000
"""Maximum number of files in a model's folder."""


def read_text(path: Path, most: int = LONGEST_TEMPLATE) -> str:
    """Read a text file. Raises `ValueError` if it has more than `most` bytes or is not UTF-8, and `OSError`."""
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it is larger than {most >> 20} MiB, the limit")
    return data.decode("utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of at most `LONGEST_JSON` bytes. Raises `ValueError` for anything else, and `OSError`."""
    try:
        value = json.loads(read_text(path, LONGEST_JSON))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")
    return value


def files_below(folder: Path) -> Iterator[Path]:
    """Yield every file below a folder. Raises `OSError` if it has more than `MOST_FILES` entries."""
    for count, path in enumerate(folder.rglob("*")):
        if count >= MOST_FILES:
            raise OSError(f"'{folder}' holds more than {MOST_FILES:,} files, so it is no model's folder")
        if path.is_file():
            yield path
