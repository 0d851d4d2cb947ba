"""Documents of a database from before they knew their stored files: each is found by the file's id, with an index."""

from __future__ import annotations

import json
from typing import Any

import pytest
import uvloop
from alembic import command
from sqlalchemy import Connection, select, text

from modelyard.core.errors import StoreFileNotFound
from modelyard.db.migrations import config
from modelyard.db.session import Database
from modelyard.db.tables import KnowledgeBase, KnowledgeDocument
from modelyard.knowledge.vector_stores.files import StoreFiles, attributes, file_id

SOURCE, SAME, OTHER = (f"file-1{number:026x}" for number in (7, 8, 9))
DETAILS: list[Any] = [
    {"file_id": SOURCE, "year": 2024, "encoding": "utf-8"},
    {"year": 2024},
    {"file_id": "no id \0 of a file"},
    {"file_id": {"file-": 1}},
    {"file_id": SAME, "rate": float("nan")},
    {},
]

TIMES = {"created_at": 1.0, "used_at": 1.0}


def older(connection: Connection) -> None:
    """A database as 0016 had it, with a base of documents."""
    command.upgrade(config(connection), "0016")

    def insert(table: str, row: dict[str, Any]) -> None:
        values = ", ".join(f":{name}" for name in row)
        connection.execute(text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})"), row)

    empty = {"description": "", "language": "", "chunking": "{}", "prompts": "{}", "extra": "{}"}
    insert("knowledge_bases", {"id": 1, "name": "b", "generation": 1, "temporary": False, **empty, **TIMES})
    for number, details in enumerate(DETAILS, start=1):
        row = {"id": number, "base_id": 1, "name": f"{number}.txt", "hash": "0" * 64, "size": 1, "enabled": True}
        row |= {"edited": False, "fingerprint": "", "state": "ready", "error": "", "chunks": 0, "characters": 0}
        row |= {"version": 1, "created_at": 1.0, "updated_at": 1.0}
        if connection.dialect.name == "postgresql":  # it stores no such number
            details = {key: value for key, value in details.items() if key != "rate"}
        insert("knowledge_documents", {**row, "details": json.dumps(details)})


def test_documents_are_found_by_the_ids_of_their_files(database_url: str) -> None:
    async def go() -> None:
        database = Database(database_url)
        async with database.engine.begin() as connection:
            await connection.run_sync(older)
        try:
            await database.open()
            await check(database)
        finally:
            await database.close()

    async def check(database: Database) -> None:
        async with database.session() as session:
            base = (await session.scalars(select(KnowledgeBase))).one()
            rows = (await session.scalars(select(KnowledgeDocument).order_by(KnowledgeDocument.id))).all()
        sources = [row.source_file_id for row in rows]
        not_a_number = database_url.startswith("sqlite")  # SQLite reads no such JSON
        assert sources == [SOURCE, None, None, None, None if not_a_number else SAME, None]
        files = StoreFiles(database)
        assert (await files.named(base, SOURCE)).id == 1 and file_id(rows[1]) == f"file-{2:027x}"
        assert (await files.named(base, file_id(rows[1]))).id == 2 and attributes(rows[1]) == {"year": 2024}
        for name in ("no id \0 of a file", OTHER, "x" * 100):
            with pytest.raises(StoreFileNotFound):
                await files.named(base, name)

    uvloop.run(go())
