"""Usage in rows, on SQLite and PostgreSQL: sums by part, owners, what a database that fails keeps waiting, and old rows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import text

from modelyard.core.access import Grant
from modelyard.db.session import Database
from modelyard.db.tables import Key
from modelyard.gateway.exchange import Exchange
from modelyard.gateway.middleware.tokens import TokenCounts
from modelyard.monitor import usage as module
from modelyard.monitor.usage import Part, Usage, UsageFilter
from modelyard.protocol.metrics import UsageEntry

NOON = 1_796_040_000.0  # 2026-11-30
DAY = 86_400.0
APP = Grant("k1", "app", frozenset({"models:read"}))
ANN = Grant("t1a", "ann", frozenset({"models:read"}), user="ann", owner="user-ann")
ROOT = Grant("k0", "root", frozenset({"admin"}))


class Counting:
    """Usage on a clock of the test's own."""

    def __init__(self, database: Database) -> None:
        self.now = NOON
        self.database = database
        self.usage = Usage(database, lambda: self.now)

    def add(self, grant: Grant | None, model: str = "m", tokens: int = 10, status: int = 200) -> None:
        exchange = Exchange(b"r", "POST", "/v1/chat/completions", 0.0, model=model, grant=grant, status=status)
        exchange.usage = TokenCounts(tokens, 2 * tokens, 1)
        self.usage.add(exchange)

    async def rows(self, grant: Grant | None, *by: Part, limit: int = 100, **wanted: Any) -> list[UsageEntry]:
        parts: tuple[Part, ...] = by or ("day", "key", "user", "model")
        return list((await self.usage.page(grant, UsageFilter(**wanted), parts, limit)).data)


def counted(url: str, work: Callable[[Counting], Awaitable[None]]) -> None:
    async def go() -> None:
        database = Database(url)
        try:
            await database.open()
            await work(Counting(database))
        finally:
            await database.close()

    asyncio.run(go())


def test_usage_is_summed_by_the_parts_that_stay_apart(database_url: str) -> None:
    async def work(counting: Counting) -> None:
        counting.add(APP)
        counting.add(APP, status=500)
        await counting.usage.flush()
        counting.add(APP, "n")
        counting.add(ANN)
        counting.now += DAY
        counting.add(APP)
        whole = await counting.rows(ROOT)
        assert [(row.day, row.key, row.user, row.model, row.requests, row.errors) for row in whole] == [
            ("2026-12-01", "k1", None, "m", 1, 0),
            ("2026-11-30", None, "ann", "m", 1, 0),
            ("2026-11-30", "k1", None, "m", 2, 1),
            ("2026-11-30", "k1", None, "n", 1, 0),
        ]
        by_model = await counting.rows(ROOT, "model")
        assert [(row.day, row.model, row.requests, row.tokens_in, row.tokens_out) for row in by_model] == [
            (None, "m", 4, 40, 80),
            (None, "n", 1, 10, 20),
        ]
        assert [row.requests for row in await counting.rows(ROOT, "day", until="2026-11-30")] == [4]
        assert [row.requests for row in await counting.rows(ROOT, "day", since="2026-12-01", model="m")] == [1]
        assert [row.requests for row in await counting.rows(ROOT, "user", user="ann")] == [1]
        page = await counting.usage.page(ROOT, UsageFilter(), ["model"], 1)
        assert page.has_more and len(page.data) == 1

    counted(database_url, work)


def test_a_key_sees_what_its_owner_used(database_url: str) -> None:
    async def work(counting: Counting) -> None:
        for grant in (APP, ANN, ROOT, None):
            counting.add(grant)
        assert [row.requests for row in await counting.rows(APP, "model")] == [1]
        assert [row.user for row in await counting.rows(ANN)] == ["ann"]
        assert [row.requests for row in await counting.rows(ROOT, "model")] == [4]
        assert [row.requests for row in await counting.rows(None, "model")] == [4], "without keys everybody sees all"

    counted(database_url, work)


def test_the_last_use_of_a_key_is_written_and_its_name_found(database_url: str) -> None:
    async def work(counting: Counting) -> None:
        key = {"prefix": "my-", "owner": "k1", "scopes": ["models:read"], "created_at": 1.0}
        async with counting.database.session() as session:
            session.add_all([Key(id=name, name=f"{name} name", hash=name, **key) for name in ("k1", "k2")])
        counting.add(APP)
        counting.now += 5
        counting.usage.use(APP)
        assert [(row.key, row.key_name) for row in await counting.rows(ROOT, "key", key="k1 name")] == [
            ("k1", "k1 name")
        ]
        async with counting.database.session() as session:
            used = {name: row.last_used_at for name in ("k1", "k2") if (row := await session.get(Key, name))}
        assert used == {"k1": NOON + 5, "k2": None}

    counted(database_url, work)


def test_what_could_not_be_written_is_written_later(database_url: str) -> None:
    async def work(counting: Counting) -> None:
        async with counting.database.session() as session:
            await session.execute(text("ALTER TABLE usage RENAME TO away"))
        counting.add(APP)
        await counting.usage.flush()
        counting.add(APP)
        await counting.usage.flush()
        async with counting.database.session() as session:
            await session.execute(text("ALTER TABLE away RENAME TO usage"))
        assert [row.requests for row in await counting.rows(ROOT, "key")] == [2]

    counted(database_url, work)


def test_a_request_with_a_wrong_key_is_not_counted(database_url: str) -> None:
    async def work(counting: Counting) -> None:
        counting.add(None, "", status=401)
        assert await counting.rows(None) == []

    counted(database_url, work)


def test_old_rows_are_deleted(database_url: str) -> None:
    async def work(counting: Counting) -> None:
        counting.add(APP)
        await counting.usage.flush()
        counting.now += module.KEEP_DAYS * DAY
        counting.add(APP)
        assert len(await counting.rows(ROOT)) == 2
        counting.now += DAY
        counting.add(APP)
        assert [row.day for row in await counting.rows(ROOT)] == ["2028-01-05", "2028-01-04"]

    counted(database_url, work)
