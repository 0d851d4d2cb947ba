"""Usage by day, key, user and model, and when keys were used last: counted in memory, written regularly and at the end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, and_, delete, false, func, literal, or_, select, update

from modelyard.core.access import Grant, Owner
from modelyard.core.errors import ChangedMeanwhile
from modelyard.db.owners import mine
from modelyard.db.session import TROUBLE, Database, retried
from modelyard.db.statements import insert_into
from modelyard.db.tables import Key
from modelyard.db.usage_tables import UsageRow
from modelyard.gateway.exchange import Exchange
from modelyard.protocol.metrics import UsageEntry, UsageList

log = logging.getLogger(__name__)

FLUSH_SECONDS = 10.0
"""Seconds between two writes; what a killed server has counted since the last one is lost."""
KEEP_DAYS = 400
"""Days after which rows are deleted."""
MODEL_LENGTH = 300

Part = Literal["day", "key", "user", "model"]
COLUMNS: Mapping[Part, Any] = {
    "day": UsageRow.day,
    "key": UsageRow.key,
    "user": UsageRow.username,
    "model": UsageRow.model,
}
SUMS = (UsageRow.requests, UsageRow.errors, UsageRow.tokens_in, UsageRow.tokens_out, UsageRow.tokens_cached)


@dataclass(frozen=True, slots=True)
class UsageKey:
    """What a row of usage is about: the primary key of `UsageRow`."""

    day: str
    owner: str
    key: str
    username: str
    model: str


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """Which rows a caller wants to see; None for all. Days are such as `2026-11-29`."""

    since: str | None = None
    until: str | None = None
    key: str | None = None
    """Id of a key, or its name."""
    user: str | None = None
    model: str | None = None


@dataclass(slots=True)
class Usage:
    """Counts the usage of one server. Use it on one event loop."""

    database: Database
    clock: Callable[[], float] = time.time
    _counts: dict[UsageKey, Counter[str]] = field(default_factory=dict)
    _used: dict[str, float] = field(default_factory=dict)
    """Id of a key → Unix time of its last use, unless it is written."""
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _pruned: str = ""
    """The day on which old rows were last deleted."""
    _failing: bool = False

    def use(self, grant: Grant | None) -> None:
        """Note that a key is used now."""
        if grant is not None:
            self._used[grant.id] = self.clock()

    def add(self, exchange: Exchange) -> None:
        """Count a request that has ended. One with a wrong key is nobody's, and is not counted."""
        grant, usage = exchange.grant, exchange.usage
        if grant is None and exchange.status == 401 and not exchange.model:
            return
        if not exchange.background:
            self.use(grant)
        user = (grant.user or "") if grant else ""
        key = UsageKey(
            _day(self.clock()),
            Owner.of(grant).id,
            grant.id if grant and not user else "",
            user,
            exchange.model[:MODEL_LENGTH],
        )
        counts = self._counts.get(key) or self._counts.setdefault(key, Counter())
        counts["requests"] += 1
        counts["errors"] += exchange.failed
        counts["tokens_in"] += usage.tokens_in
        counts["tokens_out"] += usage.tokens_out
        counts["tokens_cached"] += usage.cached

    async def run(self) -> None:
        """Write every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Add what was counted to the rows. If the database cannot be written, it is kept for the next call."""
        async with self._writing:
            counts, used = self._counts, self._used
            today = _day(self.clock())
            if not counts and not used and self._pruned == today:
                return
            self._counts, self._used = {}, {}
            try:
                await self._write(counts, used, today)
                self._pruned, self._failing = today, False
            except (*TROUBLE, ChangedMeanwhile) as error:
                self._put_back(counts, used)
                if not self._failing:
                    log.warning("usage cannot be written: %s", error.message)
                self._failing = True
            except BaseException:
                self._put_back(counts, used)
                raise

    async def page(
        self,
        grant: Grant | None,
        filters: UsageFilter,
        parts: Sequence[Part],
        limit: int,
        after: Sequence[str] | None = None,
    ) -> UsageList:
        """Sums of usage that a caller may see, by some parts: its owner's, or all without keys and for an administrator.

        `after` are the values of the last row of the page before, one for each part.
        """
        await self.flush()
        columns: list[Any] = [
            COLUMNS[part].label(part) if part in parts else literal("").label(part) for part in COLUMNS
        ]
        columns += [func.sum(column).label(column.key) for column in SUMS]
        order = [COLUMNS[part].desc() if part == "day" else COLUMNS[part] for part in parts]
        query: Select[Any] = select(*columns).group_by(*(COLUMNS[part] for part in parts))
        query = query.order_by(*order).limit(limit + 1)
        query = query.where(*_conditions(filters))
        if after is not None:
            query = query.where(_behind(parts, after))
        if grant is not None:
            query = mine(query, Owner.of(grant), UsageRow.owner)
        async with self.database.session() as session:
            rows = [dict(row) for row in (await session.execute(query)).mappings() if row["requests"]]
            ids = {row["key"] for row in rows[:limit] if row["key"]}
            found = await session.execute(select(Key.id, Key.name).where(Key.id.in_(ids)))
            names = {row.id: row.name for row in found}
        return UsageList(object="list", data=[_info(row, names) for row in rows[:limit]], has_more=len(rows) > limit)

    @retried
    async def _write(self, counts: Mapping[UsageKey, Counter[str]], used: Mapping[str, float], today: str) -> None:
        """Add counts to the rows, and delete rows that are too old once a day."""
        async with self.database.writing() as session:
            insert = insert_into(session, UsageRow)
            added = {column.key: column + insert.excluded[column.key] for column in SUMS}
            upsert = insert.on_conflict_do_update(index_elements=list(UsageRow.__table__.primary_key), set_=added)
            for key, numbers in sorted(counts.items(), key=lambda item: str(item[0])):
                row = {name: getattr(key, name) for name in UsageKey.__slots__}
                await session.execute(upsert, [{**row, **{column.key: numbers[column.key] for column in SUMS}}])
            for name, at in sorted(used.items()):
                await session.execute(update(Key).where(Key.id == name).values(last_used_at=at))
            if self._pruned != today:
                oldest = _day(self.clock() - KEEP_DAYS * 86_400)
                await session.execute(delete(UsageRow).where(UsageRow.day < oldest))

    def _put_back(self, counts: Mapping[UsageKey, Counter[str]], used: Mapping[str, float]) -> None:
        """Keep what could not be written."""
        for key, numbers in counts.items():
            self._counts.setdefault(key, Counter()).update(numbers)
        self._used = {**used, **self._used}


def sorted_parts(by: Iterable[Part] | None) -> list[Part]:
    """The parts that a caller names, or all, in the order of a page."""
    return [part for part in COLUMNS if not by or part in set(by)]


def last_group(page: UsageList, parts: Iterable[Part]) -> list[str]:
    """The values of the last row of a page, one for each part."""
    return [getattr(page.data[-1], part) or "" for part in parts]


def _behind(parts: Sequence[Part], after: Sequence[str]) -> ColumnElement[bool]:
    """Selects the rows behind a group, in the order of a page: newest day first."""
    found: ColumnElement[bool] = false()
    for part, value in reversed([*zip(parts, after, strict=True)]):
        column = COLUMNS[part]
        found = or_(column < value if part == "day" else column > value, and_(column == value, found))
    return found


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _conditions(filters: UsageFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filters.since is not None:
        found.append(UsageRow.day >= filters.since)
    if filters.until is not None:
        found.append(UsageRow.day <= filters.until)
    if filters.key is not None:
        named = select(Key.id).where(Key.name == filters.key, Key.user_id.is_(None))
        found.append((UsageRow.key == filters.key) | UsageRow.key.in_(named))
    if filters.user is not None:
        found.append(UsageRow.username == filters.user)
    if filters.model is not None:
        found.append(UsageRow.model == filters.model)
    return found


def _info(row: Mapping[str, object], names: Mapping[str, str]) -> UsageEntry:
    texts = {part: str(row[part]) for part in COLUMNS}
    numbers = {column.key: int(str(row[column.key])) for column in SUMS}
    return UsageEntry(
        day=texts["day"] or None,
        key=texts["key"] or None,
        key_name=names.get(texts["key"]),
        user=texts["user"] or None,
        model=texts["model"],
        **numbers,
    )
