"""The version of a database: its schema, what wrote it, the refusal of newer ones, and copies of files before migrations."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, text

from modelyard import __version__
from modelyard.core.errors import DatabaseUnavailable

HEAD = "0017"
"""Newest migration; a test holds it against the files. A database that is there already needs no migration library."""
VERSIONS = "alembic_version"
"""Table with the newest migration of a database; the migration library owns it."""
WRITER = "modelyard_version"
"""Table with one row: the version of Modelyard that made or migrated the schema. It is no part of the schema, so that every
version can read and write it. Databases of before have none."""


def schema_version(connection: Connection, tables: list[str]) -> str | None:
    """The newest migration of a database; None if it has none."""
    return _only_value(connection, f"SELECT version_num FROM {VERSIONS}") if VERSIONS in tables else None


def check_version(connection: Connection, tables: list[str], place: str) -> None:
    """Raise `DatabaseUnavailable` for a database of a newer version; `place` names the database."""
    writer = _only_value(connection, f"SELECT version FROM {WRITER}") if WRITER in tables else None
    refuse_newer(schema_version(connection, tables) or "", writer, place)


def refuse_newer(schema: str, writer: str | None, place: str) -> None:
    """Raise `DatabaseUnavailable` for a migration that this version lacks; `place` names the database or the backup."""
    if schema > HEAD:
        name = f"Modelyard {writer}" if writer else "a newer Modelyard"
        raise DatabaseUnavailable(
            f"{name} has written it: {place} has the schema {schema}, and this version, {__version__}, knows {HEAD}. "
            f"Use {name}, or restore a backup that this version made."
        )


def note_writer(connection: Connection) -> None:
    """Store that this version has made or migrated the schema."""
    connection.execute(text(f"CREATE TABLE IF NOT EXISTS {WRITER} (version VARCHAR(40) NOT NULL PRIMARY KEY)"))
    connection.execute(text(f"DELETE FROM {WRITER}"))
    connection.execute(text(f"INSERT INTO {WRITER} VALUES (:version)"), {"version": __version__})


def copy_before_migration(path: str, schema: str) -> Path:
    """Copy an SQLite file to `PATH.schema-SCHEMA`, as of one moment, and return the copy. Raises `sqlite3.Error` or `OSError`."""
    copy, partial = Path(f"{path}.schema-{schema}"), Path(f"{path}.schema-{schema}.partial")
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(partial)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")
        partial.replace(copy)
    finally:
        partial.unlink(missing_ok=True)
    return copy


def _only_value(connection: Connection, query: str) -> str | None:
    row = connection.execute(text(query)).first()
    return None if row is None else str(row[0])
