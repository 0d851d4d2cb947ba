"""Reads the data of Langchain-Chatchat 0.2 and 0.3: the folders of its knowledge bases, their files, and its `info.db`."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelyard.compat.chatchat.stored_conversations import ChatchatConversation, conversations
from modelyard.core.errors import BadRequest
from modelyard.core.wording import clean, reason

FOLDERS = ("", "knowledge_base", "data/knowledge_base")
"""Folders of the bases, relative to the given path: 0.2 has them beside its code, 0.3 below `CHATCHAT_ROOT/data`."""
DATABASE = "info.db"
CONTENT = "content"
TABLES = ("knowledge_base", "knowledge_file", "conversation", "message", "chat_history")
"""The tables that are read; the last one is 0.2.7's. Chatchat's indexes are not used."""
LEFT_OUT = (".", "~$")
"""Prefixes of hidden files and of Office's lock files."""
WAL = 2
"""The value of byte 18 of an SQLite database with a write-ahead log."""

Row = dict[str, Any]


@dataclass(slots=True)
class ChatchatBase:
    """A knowledge base of Langchain-Chatchat."""

    name: str
    info: str = ""
    model: str = ""
    """Name of the embedding model."""
    files: dict[str, Path] = field(default_factory=dict)
    """Name, with `/`, → file."""
    missing: list[str] = field(default_factory=list)
    """Files in the database that are missing in the folder."""
    edited: list[str] = field(default_factory=list)
    """Files whose chunks were written by hand."""
    links: list[str] = field(default_factory=list)
    """Files that cannot be read, such as broken links."""


@dataclass(slots=True)
class ChatchatData:
    """The data of a Langchain-Chatchat installation."""

    folder: Path
    database: Path | None
    """None if there is none."""
    bases: list[ChatchatBase]
    conversations: list[ChatchatConversation]
    problems: list[str]
    """Problems of the database, as sentences."""


def read_data(path: Path, database: Path | None = None) -> ChatchatData:
    """Read everything below a path; `database` is the `info.db` if it is in another folder. Raises `BadRequest`."""
    folder = bases_folder(path)
    file = database or folder / DATABASE
    if database is not None and not database.is_file():
        raise BadRequest(f"There is no file '{database}'.")
    if not file.is_file():
        return ChatchatData(folder, None, _bases(folder, {}), [], [])
    rows, problems = tables(file)
    return ChatchatData(folder, file, _bases(folder, rows), conversations(rows, file.stat().st_mtime), problems)


def bases_folder(path: Path) -> Path:
    """The folder of the bases: the path itself, or a folder below it. Raises `BadRequest`."""
    path = path.expanduser()
    if path.name == DATABASE and path.is_file():
        path = path.parent
    if not path.is_dir():
        raise BadRequest(f"There is no folder '{path}'.")
    for each in FOLDERS:
        folder = path / each
        try:
            if (folder / DATABASE).is_file() or any((kept / CONTENT).is_dir() for kept in folder.iterdir()):
                return folder
        except FileNotFoundError:
            continue
        except OSError as error:
            raise BadRequest(f"'{folder}' cannot be read: {reason(error)}.") from None
    if (path / CONTENT).is_dir():
        raise BadRequest(f"'{path}' is a single base; give the folder that contains it, and --base '{path.name}'.")
    raise BadRequest(
        f"'{path}' contains no Langchain-Chatchat data: neither info.db nor folders NAME/content, "
        "also not in knowledge_base or data/knowledge_base."
    )


def _bases(folder: Path, rows: dict[str, list[Row]]) -> list[ChatchatBase]:
    """Bases in the database, and those that exist as folders only, by name."""
    found: dict[str, ChatchatBase] = {}
    base: ChatchatBase | None
    for row in rows.get("knowledge_base", ()):
        name = _text(row.get("kb_name"))
        found[name] = ChatchatBase(name, _text(row.get("kb_info")), _text(row.get("embed_model")))
    for kept in sorted(folder.iterdir()):
        if not kept.name.startswith(LEFT_OUT) and (kept / CONTENT).is_dir():
            base = found.setdefault(_name(kept.name), ChatchatBase(_name(kept.name)))
            _files(base, kept / CONTENT)
    for row in rows.get("knowledge_file", ()):
        base = found.get(_text(row.get("kb_name")))
        if base is not None and (file := _text(row.get("file_name")).replace("\\", "/")):
            if file not in base.files and file not in base.missing and file not in base.links:
                base.missing.append(file)
            if row.get("custom_docs"):
                base.edited.append(file)
    return [found[name] for name in sorted(found) if name]


def _files(base: ChatchatBase, content: Path) -> None:
    """Every file of a base, found like Chatchat does: links to folders are followed, once each."""
    seen: set[str] = set()
    for root, folders, files in os.walk(content, followlinks=True):
        place = os.path.realpath(root)
        if place in seen:
            folders.clear()
            continue
        seen.add(place)
        folders[:] = sorted(each for each in folders if not each.startswith(LEFT_OUT))
        for each in sorted(files):
            if each.startswith(LEFT_OUT):
                continue
            file = Path(root, each)
            name = _name(file.relative_to(content).as_posix())
            if file.is_file() and os.access(file, os.R_OK):
                base.files[name] = file
            else:
                base.links.append(name)


def tables(file: Path) -> tuple[dict[str, list[Row]], list[str]]:
    """Readable rows of the tables in `TABLES`, and sentences about what could not be read."""
    found: dict[str, list[Row]] = {}
    problems: list[str] = []
    try:
        with open_database(file) as database:
            names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            present = {str(row["name"]) for row in names}
            for table in TABLES:
                if table in present:
                    found[table] = []
                    _table(database, table, found[table], problems)
    except (sqlite3.Error, OSError) as error:
        problems.append(
            f"'{file}' cannot be read ({reason(error)}); files are imported, conversations and descriptions are not."
        )
    else:
        if "knowledge_base" not in found:
            problems.append(f"'{file}' has no table knowledge_base; it may not be Langchain-Chatchat's.")
    return found, problems


def _table(database: sqlite3.Connection, table: str, rows: list[Row], problems: list[str]) -> None:
    """Append the rows of a table, up to its end or the first damaged one."""
    try:
        for row in database.execute(f'SELECT * FROM "{table}"'):
            rows.append(dict(row))
    except sqlite3.Error as error:
        problems.append(f"The table {table} is damaged ({reason(error)}); {len(rows)} rows of it were read.")


@contextmanager
def open_database(file: Path) -> Iterator[sqlite3.Connection]:
    """Open the database for reading. If it has a write-ahead log, opens a copy with the log, because reading the log would
    write files beside it.

    Raises `sqlite3.Error` or `OSError`.
    """
    logs = [log for kind in ("-wal", "-journal") if (log := file.with_name(file.name + kind)).exists()]
    with file.open("rb") as head:
        logged = head.read(19)[18:] == bytes([WAL])
    with tempfile.TemporaryDirectory() as place:
        mode = "ro"
        if logs or logged:
            for each in (file, *logs):
                shutil.copyfile(each, Path(place, each.name))
            file, mode = Path(place, file.name), "rw"
        connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode={mode}", uri=True)
        try:
            connection.row_factory = sqlite3.Row
            connection.text_factory = lambda data: data.decode("utf-8", "replace")
            yield connection
        finally:
            connection.close()


def select_bases(bases: Sequence[ChatchatBase], names: Sequence[str]) -> list[ChatchatBase]:
    """The bases with these names; all without names. Raises `BadRequest`."""
    if not names:
        return list(bases)
    present = {base.name: base for base in bases}
    unknown = [name for name in names if _name(name) not in present]
    if unknown:
        known = ", ".join(present) or "none"
        raise BadRequest(f"There is no base '{unknown[0]}' in that data; it has: {known}.")
    return [present[name] for name in dict.fromkeys(map(_name, names))]


def _name(text: str) -> str:
    """A name as valid Unicode in composed form; disks and databases may differ in that."""
    return unicodedata.normalize("NFC", clean(text))


def _text(value: object) -> str:
    return _name(value) if isinstance(value, str) else ""
