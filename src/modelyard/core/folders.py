"""Walks through folders of documents: what is hidden or made by tools is left out, links to folders are not followed."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

LEFT_OUT = ("node_modules", "__pycache__")


def inside(folder: Path, skip: Callable[[str], None]) -> Iterator[tuple[str, Path]]:
    """Every file below a folder that is not hidden, sorted, with its path in the folder, `/` between parts.

    `skip` is called with the reason for each file that is left out.
    """
    for root, folders, files in os.walk(folder):
        hidden = [each for each in folders if each.startswith(".") or each in LEFT_OUT]
        folders[:] = sorted(each for each in folders if each not in hidden)
        for name in sorted(files):
            file = Path(root, name)
            if name.startswith("."):
                skip("hidden")
            elif file.is_file():
                yield file.relative_to(folder).as_posix(), file


def fits(name: str, patterns: Sequence[str]) -> bool:
    """Whether a path or its last part matches one of the patterns, such as `*.md` or `rules/*`."""
    return any(fnmatch.fnmatch(name, each) or fnmatch.fnmatch(name.rsplit("/", 1)[-1], each) for each in patterns)
