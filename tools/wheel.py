"""Builds the wheel and says how large it is and what takes the most room in it: what `make wheel` runs."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "dist"
LIMIT = 14_000_000
"""Bytes that the wheel may have. The demo model in two formats takes 10.2 million of them."""
LARGE = 1_000_000
"""Files with more bytes in the wheel than this have a line of their own."""


def build(folder: Path) -> Path:
    """Build the wheel into a folder, with uv or else pip, and return its path; only the build backend is downloaded."""
    if importlib.util.find_spec("uv"):
        command = [sys.executable, "-m", "uv", "build", "--quiet", "--wheel", "--out-dir"]
    else:
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "-w"]
    subprocess.run([*command, str(folder), str(ROOT)], check=True, stdin=subprocess.DEVNULL)
    return max(folder.glob("modelyard-*.whl"), key=lambda path: path.stat().st_mtime)


def parts(wheel: Path) -> list[tuple[str, int]]:
    """Packages and large files of the wheel with their compressed bytes, the largest first."""
    sizes: Counter[str] = Counter()
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            package = "/".join(entry.filename.split("/")[:2])
            sizes[entry.filename if entry.compress_size > LARGE else package] += entry.compress_size
    return sizes.most_common()


def main() -> int:
    """Build, and print the sizes; the exit code is 1 if the wheel is larger than it may be."""
    wheel = build(FOLDER)
    for name, size in parts(wheel)[:8]:
        print(f"{size / 1e6:8.2f} MB  {name}")
    size = wheel.stat().st_size
    print(f"{size / 1e6:8.2f} MB  {wheel.relative_to(ROOT)}")
    if size > LIMIT:
        print(f"The wheel is larger than {LIMIT / 1e6:g} MB, its limit.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
