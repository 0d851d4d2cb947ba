"""Inserts of whole rows, for requests that must be fast: on SQLite by its driver, without what SQLAlchemy adds to each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import JSON, Connection, Table, insert
from sqlalchemy.dialects.sqlite import dialect as sqlite
from sqlalchemy.orm import Session


class RowInsert:
    """The INSERT of some columns of a table. It is built once, because building it takes as long as executing it."""

    def __init__(self, table: Table, *columns: str) -> None:
        """Without `columns`, rows have all of the table."""
        names = columns or tuple(column.key for column in table.columns)
        self._statement = insert(table)
        compiled = self._statement.compile(dialect=sqlite(paramstyle="qmark"), column_keys=names)
        self._text = str(compiled)
        self._names = tuple(compiled.positiontup or ())  # in the order of the table
        self._json = frozenset(name for name in names if isinstance(table.columns[name].type, JSON))

    def __call__(self, connection: Connection | Session, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows, each of which has a value for every column.

        A violated constraint is an `IntegrityError` of SQLAlchemy, or of SQLite.
        """
        if not isinstance(connection, Connection) or connection.dialect.driver != "pysqlite":
            connection.execute(self._statement, rows)
            return
        driver: Any = connection.connection.driver_connection
        driver.executemany(self._text, [self._values(row) for row in rows])

    def _values(self, row: Mapping[str, Any]) -> list[Any]:
        return [_json(row[name]) if name in self._json else row[name] for name in self._names]


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
