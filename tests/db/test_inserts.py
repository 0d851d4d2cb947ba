"""Inserts of whole rows: the same rows by the driver as by SQLAlchemy, and the same errors."""

from __future__ import annotations

from typing import Any, cast

import pytest
from sqlalchemy import Connection, Table, insert, select

from modelyard.core.errors import ChangedMeanwhile
from modelyard.db.inserts import RowInsert
from modelyard.db.response_tables import ResponseItemRow, ThreadRow
from modelyard.db.session import Database
from tests.db.test_session import on

THREADS, ITEMS = cast("Table", ThreadRow.__table__), cast("Table", ResponseItemRow.__table__)
THREAD: dict[str, Any] = {
    "id": "a",
    "owner": "local",
    "conversation": True,
    "parent_id": None,
    "parent_length": 0,
    "length": 2,
    "parent_size": 0,
    "size": 2**40,
    "details": {"größe": "1 \U0001f332"},
    "details_size": 5,
    "created_at": 1.5,
}
ITEM: dict[str, Any] = {"id": "i", "thread_id": "a", "hidden": False, "size": 2, "json": '{"a": "中"}'}


def test_rows_are_those_of_sqlalchemy(database_url: str) -> None:
    add, add_items = RowInsert(THREADS), RowInsert(ITEMS, *ITEM, "position")

    def work(connection: Connection) -> None:
        add(connection, [THREAD])
        connection.execute(insert(THREADS), {**THREAD, "id": "b"})
        add_items(connection, [{**ITEM, "position": place} for place in (0, 1)])

    def found(connection: Connection) -> list[dict[str, Any]]:
        return [dict(row) for row in connection.execute(select(THREADS).order_by(THREADS.c.id)).mappings()]

    async def go(database: Database) -> None:
        await database.write(work)
        first, second = await database.read(found)
        assert first == THREAD and second == {**THREAD, "id": "b"}
        items = select(ITEMS.c.position, ITEMS.c.json).order_by(ITEMS.c.number)
        assert await database.read(lambda c: list(map(tuple, c.execute(items)))) == [
            (0, ITEM["json"]),
            (1, ITEM["json"]),
        ]

    on(database_url, go)


def test_a_violated_constraint_is_a_conflict_and_writes_go_on(database_url: str) -> None:
    add = RowInsert(THREADS)

    async def go(database: Database) -> None:
        await database.write(lambda connection: add(connection, [THREAD]))
        for _ in range(3):
            with pytest.raises(ChangedMeanwhile):
                await database.write(lambda connection: add(connection, [{**THREAD, "id": "c"}, THREAD]))
        await database.write(lambda connection: add(connection, [{**THREAD, "id": "d"}]))
        names = select(THREADS.c.id).order_by(THREADS.c.id)
        assert await database.read(lambda connection: list(connection.scalars(names))) == ["a", "d"]

    on(database_url, go)
