"""Jobs on documents of a database from before all jobs had one table: none is lost, and unfinished ones stay unfinished."""

from __future__ import annotations

from typing import Any

import uvloop
from alembic import command
from sqlalchemy import Connection, select, text

from modelyard.db.migrations import config
from modelyard.db.session import Database
from modelyard.db.tables import JobRow, KnowledgeBase, KnowledgeJob, KnowledgeTask
from modelyard.jobs.rows import job_of, unfinished
from modelyard.jobs.types import JobState


def older(connection: Connection) -> None:
    """A database as 0006 had it: a base of all and a temporary one, and three jobs with two documents."""
    command.upgrade(config(connection), "0006")

    def insert(table: str, **row: Any) -> None:
        names = ", ".join(f'"{name}"' for name in row)
        values = ", ".join(":" + name for name in row)
        connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), row)

    about = {"description": "", "language": "", "chunking": "{}", "prompts": "{}", "generation": 1, "extra": "{}"}
    stamps = {"created_at": 1.0, "used_at": 1.0}
    insert("knowledge_bases", id=1, name="b", temporary=False, owner="", **about, **stamps)
    insert("knowledge_bases", id=2, name="t", temporary=True, owner="user-ann", **about, **stamps)
    more: dict[str, Any] = {
        "hash": "h",
        "size": 1,
        "details": "{}",
        "enabled": True,
        "edited": False,
        "fingerprint": "",
    }
    counts = {"chunks": 0, "characters": 0, "version": 1, "created_at": 1.0, "updated_at": 1.0}
    for number in (1, 2):
        insert(
            "knowledge_documents", id=number, base_id=1, name=str(number), state="waiting", error="", **more, **counts
        )
    jobs = {
        "going": ("add", "running", "", 1),
        "gone": ("reindex", "failed", "no model", 1),
        "own": ("add", "done", "", 2),
    }
    for name, (kind, state, error, base) in jobs.items():
        row = {"kind": kind, "state": state, "error": error, "base_id": base, "generation": 3, "settings": '{"a": 1}'}
        insert("knowledge_jobs", id=name, created_at=5.0, finished_at=None if state == "running" else 6.0, **row)
    for number in (7, 8):
        task = {"force": False, "state": "waiting", "error": "", "chunks": 0, "embedded": 0}
        insert("knowledge_tasks", id=number, job_id="going", document_id=number - 6, **task)


def test_jobs_on_documents_move_into_the_table_of_all_jobs(database_url: str) -> None:
    async def go() -> None:
        database = Database(database_url)
        async with database.engine.begin() as connection:
            await connection.run_sync(older)
        await database.open()
        async with database.session() as session:
            rows = {row.id: row for row in await session.scalars(select(KnowledgeJob))}
            assert {name: (row.kind, row.state, row.owner) for name, row in rows.items()} == {
                "going": ("knowledge_index", "running", "local"),
                "gone": ("knowledge_reindex", "failed", "local"),
                "own": ("knowledge_index", "done", "user-ann"),
            }
            assert {(row.generation, row.created_at, str(row.settings)) for row in rows.values()} == {
                (3, 5.0, "{'a': 1}")
            }
            failed = job_of(await session.get_one(JobRow, "gone"))
            assert (failed.state, failed.finished_at) == (JobState.FAILED, 6.0)
            assert failed.error is not None and failed.error.message == "no model"
            assert [job.id for job in await unfinished(session)] == ["going"]
            tasks = list(await session.scalars(select(KnowledgeTask).order_by(KnowledgeTask.id)))
            assert [(task.id, task.job_id, task.document_id) for task in tasks] == [(7, "going", 1), (8, "going", 2)]
            session.add(KnowledgeTask(job_id="going", document_id=1, error=""))
            await session.flush()
        async with database.session() as session:
            await session.delete(await session.get_one(JobRow, "going"))
        async with database.session() as session:
            assert list(await session.scalars(select(KnowledgeTask))) == [], "what a job has goes with it"
            assert len(list(await session.scalars(select(KnowledgeBase)))) == 2
        await database.close()

    uvloop.run(go())
