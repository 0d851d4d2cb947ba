"""Fetch the libraries of the web page: `python -m tools.vendor`, which `make vendor` calls.

The page has no build step, so what it loads lies in `src/modelyard/ui/static/vendor/`: files of npm packages, unchanged, or
minified by their own authors. `vendor.json` beside them lists each package with its version and licence, and each of its files
with its place in the package, its place here and its SHA-256. For another version, write it into `vendor.json` and run this:
it writes the files and their hashes, and removes what the list no longer names. A test compares the hashes.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import TypedDict

from tools.node import npm

VENDOR = Path(__file__).resolve().parents[1] / "src" / "modelyard" / "ui" / "static" / "vendor"
LIST = VENDOR / "vendor.json"


class VendorFile(TypedDict):
    """One file: its place in the package, its place below `vendor/`, and its hash."""

    file: str
    path: str
    sha256: str


class VendorPackage(TypedDict):
    """One package of npm, and what the page takes of it."""

    package: str
    version: str
    licence: str
    files: list[VendorFile]


def packages() -> list[VendorPackage]:
    """What `vendor.json` lists."""
    listed: list[VendorPackage] = json.loads(LIST.read_text(encoding="utf-8"))
    return listed


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main() -> None:
    """Write every file and its hash; name the files whose content differs from what was here."""
    listed = packages()
    with tempfile.TemporaryDirectory() as folder:
        for package in listed:
            _fetch(package, Path(folder))
    named = {VENDOR / file["path"] for package in listed for file in package["files"]} | {LIST}
    for path in sorted(VENDOR.rglob("*")):
        if path.is_file() and path not in named:
            path.unlink()
            print(f"removed {path.relative_to(VENDOR)}")
    LIST.write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")


def _fetch(package: VendorPackage, folder: Path) -> None:
    name = f"{package['package']}@{package['version']}"
    command = [*npm(), "pack", "--silent", "--json", "--pack-destination", str(folder), name]
    packed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    with tarfile.open(folder / str(json.loads(packed.stdout)[0]["filename"])) as tarball:
        for file in package["files"]:
            member = tarball.extractfile(f"package/{file['file']}")
            if member is None:
                raise SystemExit(f"{name} has no file {file['file']}")
            content = member.read()
            if sha256(content) != file["sha256"]:
                print(f"{file['path']} is new or changed: {name}, {file['file']}, {len(content)} bytes")
            file["sha256"] = sha256(content)
            path = VENDOR / file["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


if __name__ == "__main__":
    main()
