"""Other programs at work, each in a folder and a home of its own, as `modelyard connect --write` configures them."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from modelyard.cli.main import run

PATIENCE = 120
ELSEWHERE = "30000"
"""Tokens of context of the scripted model, which the server does not know, because it runs elsewhere."""


@dataclass(frozen=True)
class Workplace:
    """A folder in which a program works, and the home folder with its configuration."""

    folder: Path
    home: Path

    def run(self, *argv: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, without the environment of the tests."""
        return subprocess.run(
            argv,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), "NO_COLOR": "1", **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )


def connected(url: str, folder: Path, program: str, *options: str) -> Workplace:
    """A workplace whose program was configured by `modelyard connect`."""
    work, home = folder / "work", folder / "home"
    work.mkdir(exist_ok=True)
    home.mkdir(exist_ok=True)
    earlier = os.environ["HOME"]
    os.environ["HOME"] = str(home)
    try:
        code = run(["connect", program, "--write", "--endpoint", url, *options])
    finally:
        os.environ["HOME"] = earlier
    assert code == 0
    return Workplace(work, home)
