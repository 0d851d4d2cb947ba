"""The rows of changes, on SQLite and PostgreSQL: filters, pages, and how many are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text

from modelyard.core.access import Grant
from modelyard.db.session import Database
from modelyard.monitor import audit
from modelyard.monitor.audit import AuditFilter, AuditLog, Change

APP = Grant("k1", "app", frozenset({"models:write"}))
ANN = Grant("t1a", "ann", frozenset({"admin"}), user="ann", owner="user-ann")


def change(action: str = "models.launch", target: str = "m", grant: Grant | None = APP, status: int = 200) -> Change:
    return Change(1.5, action, target, grant, "127.0.0.1", status, "req-1")


def written(url: str, work: Callable[[AuditLog], Awaitable[None]]) -> None:
    async def go() -> None:
        database = Database(url)
        try:
            await database.open()
            await work(AuditLog(database))
        finally:
            await database.close()

    asyncio.run(go())


def test_changes_are_filtered_and_read_page_by_page(database_url: str) -> None:
    async def work(log: AuditLog) -> None:
        await log.add(change())
        await log.add(change("models.terminate"))
        await log.add(change("keys.create_key", "x", ANN, 403))
        await log.add(change(grant=None, target="\0"))

        async def ids(limit: int = 10, **wanted: Any) -> list[int]:
            return [each.id for each in (await log.page(AuditFilter(**wanted), limit)).data]

        newest = await ids()
        assert newest == sorted(newest, reverse=True) and len(newest) == 4
        assert await ids(action="models.launch") == [newest[0], newest[3]]
        assert await ids(target="m") == newest[2:]
        assert await ids(key="app") == await ids(key="k1") == newest[2:]
        assert await ids(key="ann") == [newest[1]]
        assert await ids(before=newest[1]) == newest[2:]
        page = await log.page(AuditFilter(), 3)
        assert page.has_more and len(page.data) == 3
        by_user, keyless = page.data[1], page.data[0]
        assert (by_user.name, by_user.key, by_user.owner, by_user.status) == ("ann", None, "user-ann", 403)
        assert (keyless.name, keyless.key, keyless.owner, keyless.target) == (None, None, "local", None)

    written(database_url, work)


def test_the_oldest_changes_are_deleted(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "KEEP_CHANGES", 3)

    async def work(log: AuditLog) -> None:
        for number in range(5):
            await log.add(change(target=str(number)))
        assert [each.target for each in (await log.page(AuditFilter(), 10)).data] == ["4", "3", "2"]

    written(database_url, work)


def test_a_change_that_cannot_be_written_is_logged(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def go() -> None:
        database = Database(database_url)
        await database.open()
        async with database.session() as session:
            await session.execute(text("DROP TABLE audit"))
        await AuditLog(database).add(change("keys.revoke_key", "lost"))
        await database.close()

    asyncio.run(go())
    assert "keys.revoke_key of lost by app is not in the list of changes" in caplog.text
