"""The home folder of an older version, unpacked from `home/`; `make_home.py` says how it was made."""

from __future__ import annotations

import json
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

FOLDER = Path(__file__).parent / "home"
KEYS: dict[str, str] = json.loads((FOLDER / "keys.json").read_text(encoding="utf-8"))
"""The keys of that home by name; they opened nothing but the server that made them."""
LOGIN = ("ann", "ann-secret")
SCHEMA = "0003"


def unpack(home: Path) -> Path:
    """Write the old home to a new folder; returns the folder. Its packages were at a place that is not there."""
    home.mkdir(mode=0o700)
    with tarfile.open(FOLDER / "files.tar.xz") as archive:
        archive.extractall(home, filter="data")
    text = (FOLDER / "modelyard.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(home / "modelyard.db")) as database:
        database.executescript(text.replace("@HOME@", str(home)).replace("@SITE@", "/another/place"))
        database.execute("PRAGMA journal_mode=WAL")
    return home
