"""Threads: the lists of items that responses and conversations share. Every function works inside a transaction of its caller.

The items before a place are those of its thread and, if that continues another one, those of its parents. They are read by one
query, however many there are."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec
from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    CursorResult,
    Select,
    Table,
    Update,
    bindparam,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, Session

from modelyard.core.access import Owner
from modelyard.db.inserts import RowInsert
from modelyard.db.owners import owned
from modelyard.db.response_tables import ResponseItemRow, ResponseRow, ThreadRow
from modelyard.responses.types import UNENDED, Freed, ItemPage, StoredItem, ThreadPlace

THREADS, ITEMS = cast("Table", ThreadRow.__table__), cast("Table", ResponseItemRow.__table__)
BEGIN = RowInsert(THREADS)
ADD_ITEMS = RowInsert(ITEMS, "id", "thread_id", "position", "json", "hidden", "size")
NOTHING: Mapping[str, object] = {
    "conversation": False,
    "details": {},
    "details_size": 0,
    "parent_id": None,
    "parent_length": 0,
    "parent_size": 0,
    "length": 0,
    "size": 0,
}
"""The values of a thread without items."""
EXTEND = (
    update(THREADS)
    .where(THREADS.c.id == bindparam("thread"), THREADS.c.length == bindparam("end"))
    .values(length=THREADS.c.length + bindparam("items"), size=THREADS.c.size + bindparam("bytes"))
)
EXTEND_RESPONSES = EXTEND.where(THREADS.c.conversation.is_(False))
"""Statements are built once, because building one takes as long as executing it."""
ROW_BYTES = 512
"""Bytes that the row of a conversation takes in the database without its metadata, about."""
MOST_ARGUMENTS = 1000
"""Number of values that one query names; PostgreSQL takes 32,767."""
OWN = 0
"""Depth of the items of a thread itself; those of its parent have one more."""


def line_of(place: ThreadPlace) -> CTE:
    """The threads that lead to a place: `thread`, `upto` (how many positions of it) and `depth`."""
    first = select(
        ThreadRow.id.label("thread"),
        literal(place.length).label("upto"),
        literal(OWN).label("depth"),
        ThreadRow.parent_id.label("parent"),
        ThreadRow.parent_length.label("parent_length"),
    ).where(ThreadRow.id == place.thread)
    line = first.cte("line", recursive=True)
    above = select(
        ThreadRow.id, line.c.parent_length, line.c.depth + 1, ThreadRow.parent_id, ThreadRow.parent_length
    ).join(line, ThreadRow.id == line.c.parent)
    return line.union_all(above)


def _items(line: CTE) -> Select[Any]:
    """The items of a line that its owner sees, in no order: `id`, `json`, `depth` and `position`."""
    query = select(ResponseItemRow.id, ResponseItemRow.json, line.c.depth, ResponseItemRow.position)
    return query.join(line, ResponseItemRow.thread_id == line.c.thread).where(
        ResponseItemRow.position < line.c.upto, ResponseItemRow.hidden.is_(False)
    )


def joined_items(thread: InstrumentedAttribute[str], upto: InstrumentedAttribute[int]) -> ColumnElement[str | None]:
    """The items of a thread before a position, with commas between, as part of a query; None without items.

    The database joins them, which takes a tenth of the time of reading each as a row.
    """
    ordered = (
        select(ResponseItemRow.json)
        .where(ResponseItemRow.thread_id == thread, ResponseItemRow.position < upto)
        .where(ResponseItemRow.hidden.is_(False))
        .order_by(ResponseItemRow.position)
        .correlate(ThreadRow, ResponseRow)
        .subquery()
    )
    return select(func.aggregate_strings(ordered.c.json, ",")).scalar_subquery()


def history(connection: Connection | Session, place: ThreadPlace) -> str:
    """All items before a place in their order, as a JSON array."""
    line = line_of(place)
    ordered = _items(line).order_by(line.c.depth.desc(), ResponseItemRow.position)
    joined = connection.scalar(select(func.aggregate_strings(ordered.subquery().c.json, ",")))
    return f"[{joined or ''}]"


async def items_between(session: AsyncSession, thread: str, start: int, end: int) -> list[StoredItem]:
    """The items of a response, also those that were deleted from its conversation."""
    query = (
        select(ResponseItemRow.id, ResponseItemRow.json)
        .where(ResponseItemRow.thread_id == thread)
        .where(ResponseItemRow.position >= start, ResponseItemRow.position < end)
        .order_by(ResponseItemRow.position)
    )
    return [StoredItem(name, data) for name, data in (await session.execute(query)).all()]


async def page_before(
    session: AsyncSession, place: ThreadPlace, after: str | None, limit: int, ascending: bool
) -> ItemPage | None:
    """Some items before a place, behind the item `after`; None if that is not among them."""
    line = line_of(place)
    query, position = _items(line), ResponseItemRow.position
    if after is not None:
        cursor = (await session.execute(_items(line).where(ResponseItemRow.id == after))).first()
        if cursor is None:
            return None
        depth, there = cursor.depth, cursor.position
        if ascending:
            query = query.where(or_(line.c.depth < depth, (line.c.depth == depth) & (position > there)))
        else:
            query = query.where(or_(line.c.depth > depth, (line.c.depth == depth) & (position < there)))
    order = (line.c.depth.desc(), position) if ascending else (line.c.depth, position.desc())
    rows = (await session.execute(query.order_by(*order).limit(limit + 1))).all()
    return ItemPage([StoredItem(row.id, row.json) for row in rows[:limit]], len(rows) > limit)


def size_before(connection: Connection | Session, place: ThreadPlace) -> int:
    """Bytes of the items before a place."""
    if place.thread is None:
        return 0
    query = select(ThreadRow.parent_size, ThreadRow.size, ThreadRow.length).where(ThreadRow.id == place.thread)
    row = connection.execute(query).first()
    if row is None:
        return 0
    if place.length >= row.length:
        return int(row.parent_size + row.size)
    return int(row.parent_size + connection.scalar(_size_of(place.thread, 0, place.length)))


def append(
    connection: Connection | Session, owner: str, place: ThreadPlace, items: Sequence[StoredItem], *, join: bool = False
) -> ThreadPlace:
    """Store items behind a place, and return the place before the first of them.

    They go to the end of the conversation that the place is in, with `join`; else into the thread of the place if it ends there,
    or into a new one. What was deleted before the place meanwhile is not restored.
    """
    count, size = len(items), sum(item.size for item in items)
    if place.thread is None:
        first = _begun(connection, owner, length=count, size=size)
    elif not join and _extended(connection, EXTEND_RESPONSES, place, count, size):
        first = place
    else:
        first = _opened(connection, owner, place, join=join)
        _extended(connection, EXTEND, first, count, size)
    values = [
        {"id": item.id, "thread_id": first.thread, "position": first.length + number, "json": item.json}
        | {"hidden": False, "size": item.size}
        for number, item in enumerate(items)
    ]
    if values:
        ADD_ITEMS(connection, values)
    return first


def _begun(connection: Connection | Session, owner: str, **values: object) -> ThreadPlace:
    """The beginning of a new thread, which is no conversation."""
    name = f"thr_{secrets.token_hex(16)}"
    BEGIN(connection, [{**NOTHING, "id": name, "owner": owner, "created_at": time.time(), **values}])
    return ThreadPlace(name)


def _extended(connection: Connection | Session, statement: Update, place: ThreadPlace, count: int, size: int) -> bool:
    """Make room for items at the end of a thread; returns whether the place is its end and the statement finds it."""
    values = {"thread": place.thread, "end": place.length, "items": count, "bytes": size}
    return bool(cast("CursorResult[Any]", connection.execute(statement, values)).rowcount)


def _opened(connection: Connection | Session, owner: str, place: ThreadPlace, *, join: bool) -> ThreadPlace:
    """The end of the conversation that a place is in, with `join`; else the beginning of a thread that continues it."""
    columns = (THREADS.c.id, THREADS.c.length, THREADS.c.conversation)
    row = connection.execute(select(*columns).where(THREADS.c.id == place.thread).with_for_update()).first()
    if row is None:
        return _begun(connection, owner)
    if join and row.conversation:
        return ThreadPlace(row.id, row.length)
    begin = ThreadPlace(row.id, min(place.length, row.length))
    above = {"parent_id": begin.thread, "parent_length": begin.length, "parent_size": size_before(connection, begin)}
    return _begun(connection, owner, **above)


def new_thread(
    owner: str, name: str, *, conversation: bool = False, details: Mapping[str, str] | None = None
) -> ThreadRow:
    """The row of an empty thread."""
    return ThreadRow(
        id=name,
        owner=owner,
        conversation=conversation,
        parent_id=None,
        parent_length=0,
        length=0,
        parent_size=0,
        size=0,
        details=dict(details or {}),
        details_size=conversation_bytes(details or {}) if conversation else 0,
        created_at=time.time(),
    )


def conversation_bytes(details: Mapping[str, str]) -> int:
    """Bytes that a conversation takes besides its items."""
    return ROW_BYTES + len(msgspec.json.encode(details))


async def trim(session: AsyncSession, thread: str) -> Freed:
    """Delete the items of a thread that nothing needs any more, and the thread if nothing is left of it; returns what is free.

    A conversation keeps its items. Another thread keeps those before the end of its last response, and those that other threads
    continue; what a response that is being answered was given stays, too.
    """
    name: str | None = thread
    freed: Freed = Counter()
    while name is not None:
        row = await session.get(ThreadRow, name, with_for_update=True, populate_existing=True)
        if row is None or row.conversation:
            break
        needed = await _needed(session, name)
        if needed < row.length:
            size = await _size(session, name, needed, row.length)
            row.size -= size
            freed[row.owner] += size
            await session.execute(
                delete(ResponseItemRow).where(ResponseItemRow.thread_id == name, ResponseItemRow.position >= needed)
            )
            row.length = needed
        if needed or await _used(session, name):
            break
        name = row.parent_id
        await session.delete(row)
        await session.flush()
    return freed


async def hide(session: AsyncSession, thread: str, item: str) -> int | None:
    """Take an item out of a conversation; returns how many bytes are free then, or None if it was not there.

    It stays in the response that wrote it.
    """
    row = await session.scalar(
        select(ResponseItemRow)
        .where(ResponseItemRow.thread_id == thread, ResponseItemRow.id == item, ResponseItemRow.hidden.is_(False))
        .with_for_update()
    )
    if row is None:
        return None
    size = row.size
    covered = select(ResponseRow.id).where(
        ResponseRow.thread_id == thread,
        ResponseRow.input_start <= row.position,
        ResponseRow.output_end > row.position,
    )
    if (await session.execute(covered.limit(1))).first() is not None:
        row.hidden, size = True, 0
    else:
        await session.delete(row)
        await session.execute(update(ThreadRow).where(ThreadRow.id == thread).values(size=ThreadRow.size - size))
    await session.flush()
    return size


async def drop_hidden(session: AsyncSession, thread: str, start: int, end: int) -> Freed:
    """Delete the items of a response that were deleted from its conversation before; returns what is free."""
    rows = (ResponseItemRow.thread_id == thread) & ResponseItemRow.hidden
    rows &= (ResponseItemRow.position >= start) & (ResponseItemRow.position < end)
    size = int(await session.scalar(select(func.coalesce(func.sum(ResponseItemRow.size), 0)).where(rows)) or 0)
    if not size:
        return Counter()
    owner = await session.scalar(select(ThreadRow.owner).where(ThreadRow.id == thread))
    await session.execute(delete(ResponseItemRow).where(rows))
    await session.execute(update(ThreadRow).where(ThreadRow.id == thread).values(size=ThreadRow.size - size))
    return Counter({str(owner): size})


async def newest_named(session: AsyncSession, owner: Owner, names: Sequence[str]) -> list[tuple[int, int]]:
    """The newest item of an owner with each of these ids: its number and its bytes. Reads no item."""
    found: list[tuple[int, int]] = []
    for start in range(0, len(names), MOST_ARGUMENTS):
        newest = (
            select(func.max(ResponseItemRow.number))
            .join(ThreadRow, ThreadRow.id == ResponseItemRow.thread_id)
            .where(ResponseItemRow.id.in_(names[start : start + MOST_ARGUMENTS]))
            .where(ResponseItemRow.hidden.is_(False), owned(owner, ThreadRow.owner))
            .group_by(ResponseItemRow.id)
        )
        query = select(ResponseItemRow.number, ResponseItemRow.size).where(ResponseItemRow.number.in_(newest))
        found += [(number, size) for number, size in (await session.execute(query)).all()]
    return found


async def numbered_items(session: AsyncSession, numbers: Sequence[int]) -> dict[str, StoredItem]:
    """The items with these numbers, by their ids."""
    found: dict[str, StoredItem] = {}
    for start in range(0, len(numbers), MOST_ARGUMENTS):
        rows = ResponseItemRow.number.in_(numbers[start : start + MOST_ARGUMENTS])
        query = select(ResponseItemRow.id, ResponseItemRow.json).where(rows)
        found |= {name: StoredItem(name, data) for name, data in (await session.execute(query)).all()}
    return found


async def _needed(session: AsyncSession, thread: str) -> int:
    """How many positions of a thread responses and other threads need."""
    of_responses = select(func.max(ResponseRow.output_end)).where(ResponseRow.thread_id == thread)
    of_open = select(func.max(ResponseRow.input_start)).where(
        ResponseRow.thread_id == thread, ResponseRow.status.in_(UNENDED)
    )
    of_threads = select(func.max(ThreadRow.parent_length)).where(ThreadRow.parent_id == thread)
    found = [await session.scalar(query) for query in (of_responses, of_open, of_threads)]
    return max(each or 0 for each in found)


async def _used(session: AsyncSession, thread: str) -> bool:
    """Whether any response or thread refers to a thread."""
    responses = select(ResponseRow.id).where(ResponseRow.thread_id == thread).limit(1)
    threads = select(ThreadRow.id).where(ThreadRow.parent_id == thread).limit(1)
    return any([(await session.execute(query)).first() is not None for query in (responses, threads)])


async def _size(session: AsyncSession, thread: str, start: int, end: int) -> int:
    """Bytes of the items at some positions of a thread."""
    return int(await session.scalar(_size_of(thread, start, end)) or 0)


def _size_of(thread: str, start: int, end: int) -> Select[int]:
    return select(func.coalesce(func.sum(ResponseItemRow.size), 0)).where(
        ResponseItemRow.thread_id == thread, ResponseItemRow.position >= start, ResponseItemRow.position < end
    )
