"""Responses: what they are answered from, their storing, retrieval and deletion. Those of other owners appear as missing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import cast

import msgspec
from sqlalchemy import Connection, Label, Table, bindparam, case, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, Session

from modelyard.core.access import Owner
from modelyard.core.errors import (
    InvalidParameter,
    ItemNotFound,
    PreviousResponseNotFound,
    PreviousResponseUnusable,
    ResponseNotFound,
    ThreadNotFound,
    ThreadTooLarge,
)
from modelyard.db.inserts import RowInsert
from modelyard.db.response_tables import ResponseRow, ThreadRow
from modelyard.db.session import Database, retried
from modelyard.responses import threads
from modelyard.responses.deletion import remove
from modelyard.responses.items import kept_items, raw_array, stored
from modelyard.responses.quotas import ResponseLimits, ResponseQuotas
from modelyard.responses.types import (
    ANSWERED,
    QUEUED,
    UNENDED,
    Freed,
    ItemPage,
    Json,
    NewResponse,
    ResponseContext,
    StoredItem,
    ThreadPlace,
)

ADD_RESPONSE = RowInsert(cast("Table", ResponseRow.__table__))


def _joined(upto: InstrumentedAttribute[int]) -> Label[str | None]:
    """The items of a thread before a position with commas between; None if they may be too many, or it continues another."""
    one = ThreadRow.parent_id.is_(None) & (ThreadRow.size <= bindparam("limit"))
    return case((one, func.coalesce(threads.joined_items(ThreadRow.id, upto), ""))).label("items")


END_OF_RESPONSE = (
    select(
        *(ResponseRow.owner, ResponseRow.expires_at, ResponseRow.status, ResponseRow.thread_id, ResponseRow.output_end),
        _joined(ResponseRow.output_end),
    )
    .outerjoin(ThreadRow, ThreadRow.id == ResponseRow.thread_id)
    .where(ResponseRow.id == bindparam("name"))
)
END_OF_CONVERSATION = select(
    ThreadRow.owner, ThreadRow.conversation, ThreadRow.length, _joined(ThreadRow.length)
).where(ThreadRow.id == bindparam("name"))
"""They are built once, because building one takes as long as reading with it."""


class ResponseStore:
    """The stored responses of all owners."""

    def __init__(self, database: Database, limits: ResponseLimits) -> None:
        self.database = database
        self.limits = limits
        self.quotas = ResponseQuotas(database, limits)

    async def context(
        self, owner: Owner, previous: str | None = None, conversation: str | None = None
    ) -> ResponseContext:
        """The items that a new response is answered from: those of a conversation, or those up to the end of a response.

        Raises `InvalidParameter` for both, `PreviousResponseNotFound`, `PreviousResponseUnusable`, `ThreadNotFound` or
        `ThreadTooLarge`.
        """
        if previous is not None and conversation is not None:
            raise InvalidParameter("previous_response_id", "it cannot be used together with 'conversation'.")
        if previous is None and conversation is None:
            return ResponseContext()
        return await self.database.read(lambda connection: self._context(connection, owner, previous, conversation))

    def _context(
        self, connection: Connection, owner: Owner, previous: str | None, conversation: str | None
    ) -> ResponseContext:
        limit = self.limits.context_bytes
        if previous is not None:
            place, items = _end_of(connection, owner, previous, limit)
        else:
            place, items = _end_of_conversation(connection, owner, conversation or "", limit)
        if items is None:
            size = threads.size_before(connection, place)
            if size > limit:
                raise ThreadTooLarge(size, limit)
            history = threads.history(connection, place)
        else:
            history = f"[{items}]"
        return ResponseContext(place, history, conversation, previous)

    async def referenced(self, owner: Owner, names: Sequence[str], before: int = 0) -> dict[str, StoredItem]:
        """Stored items by their ids; `before` is the number of bytes of the context that they follow.

        Raises `ItemNotFound`, or `ThreadTooLarge` before any item is read.
        """
        known = [name for name in dict.fromkeys(names) if "\0" not in name]
        async with self.database.session() as session:
            newest = await threads.newest_named(session, owner, known)
            size = before + sum(bytes for _, bytes in newest)
            if size > self.limits.context_bytes:
                raise ThreadTooLarge(size, self.limits.context_bytes)
            found = await threads.numbered_items(session, [number for number, _ in newest])
        for name in names:
            if name not in found:
                raise ItemNotFound(name, "what is stored of this owner", "input")
        return found

    async def check_room(self, owner: Owner) -> None:
        """Raise `ResponseQuotaExceeded` or `NotEnoughDisk` if nothing more can be stored; deletes old responses before."""
        self.database.check_room()
        await self.quotas.make_room(owner.id)

    @retried
    async def add(self, owner: Owner, new: NewResponse, *, background: bool = False) -> None:
        """Store a response that has ended, or one that the server answers in the background."""
        size = await self.database.write(lambda connection: self._add(connection, owner, new, background))
        self.quotas.add(owner.id, _bytes_of(size, new.input, new.body))

    def _add(self, connection: Connection, owner: Owner, new: NewResponse, background: bool) -> int:
        """Insert a response; returns the bytes of its row."""
        place = new.context.place
        begun: Json = {"thread_id": None, "input_start": 0}
        if new.body["status"] in UNENDED and place.thread is not None:
            thread = select(threads.THREADS.c.id).where(threads.THREADS.c.id == place.thread).with_for_update()
            if connection.execute(thread).first() is not None:
                begun = {"thread_id": place.thread, "input_start": place.length}
        row: Json = {
            "id": new.body["id"],
            "owner": owner.id,
            "status": new.body["status"],
            "background": background,
            "created_at": float(new.body["created_at"]),
            "expires_at": time.time() + self.limits.keep_seconds,
            **begun,
            **_written(connection, owner.id, new.body, new.input, place),
        }
        ADD_RESPONSE(connection, [row])
        return int(row["size"])

    @retried
    async def begun(self, name: str) -> None:
        """Note that a response of the background is being answered."""
        async with self.database.session() as session:
            rows = (ResponseRow.id == name) & (ResponseRow.status == QUEUED)
            await session.execute(update(ResponseRow).where(rows).values(status="in_progress"))

    @retried
    async def end(self, name: str, body: Json) -> None:
        """Store how a response of the background has ended. Does nothing if it was deleted, or is stored as ended already."""
        async with self.database.writing() as session:
            row = await session.get(ResponseRow, name, with_for_update=True, populate_existing=True)
            if row is None or row.status not in UNENDED:
                return
            items = kept_items(msgspec.json.decode(row.input), "input")
            place, thread = ThreadPlace(row.thread_id, row.input_start), row.thread_id
            freed: Freed = Counter({row.owner: row.size})
            row.status = str(body["status"])
            written = await session.run_sync(_written, row.owner, body, items, place)
            for column, value in ({"thread_id": None, "input_start": 0} | written).items():
                setattr(row, column, value)
            await session.flush()
            if thread is not None and thread != row.thread_id:
                freed += await threads.trim(session, thread)
        self.quotas.free(freed)
        self.quotas.add(row.owner, _bytes_of(row.size, items, body))

    async def unended(self, age: float = 0.0) -> list[str]:
        """The ids of all responses that have not ended, and were created at least `age` seconds ago."""
        query = select(ResponseRow.id).where(ResponseRow.status.in_(UNENDED))
        async with self.database.session() as session:
            return list(await session.scalars(query.where(ResponseRow.created_at <= time.time() - age)))

    async def unended_body(self, name: str) -> Json | None:
        """A response as it was when it began, whether or not it has expired; None if it has ended or was deleted."""
        async with self.database.session() as session:
            row = await session.get(ResponseRow, name)
            if row is None or row.status not in UNENDED:
                return None
            found: Json = msgspec.json.decode(row.body)
        return found

    async def get(self, owner: Owner, name: str) -> Json:
        """A response in OpenAI's form. Raises `ResponseNotFound`."""
        async with self.database.session() as session:
            row = await _visible(session, owner, name)
            body: Json = {**msgspec.json.decode(row.body), "status": row.status}
            if row.status in ANSWERED and row.thread_id is not None:
                output = await threads.items_between(session, row.thread_id, row.output_start, row.output_end)
                body["output"] = raw_array(output)
        return body

    async def background(self, owner: Owner, name: str) -> bool:
        """Whether a response was created with `background`. Raises `ResponseNotFound`."""
        async with self.database.session() as session:
            return (await _visible(session, owner, name)).background

    async def input_items(self, owner: Owner, name: str, after: str | None, limit: int, ascending: bool) -> ItemPage:
        """Some of all items that a response was answered from. Raises `ResponseNotFound` or `ItemNotFound`."""
        async with self.database.session() as session:
            row = await _visible(session, owner, name)
            if row.thread_id is not None and row.status in ANSWERED:
                place = ThreadPlace(row.thread_id, row.output_start)
                page = await threads.page_before(session, place, after, limit, ascending)
            else:
                place = ThreadPlace(row.thread_id, row.input_start)
                own = kept_items(msgspec.json.decode(row.input), "input")
                before = stored(msgspec.json.decode(await session.run_sync(threads.history, place)))
                page = _page_of([*before, *own], after, limit, ascending)
        if page is None:
            raise ItemNotFound(after or "", f"the input of response '{name}'", "after")
        return page

    @retried
    async def delete(self, owner: Owner, name: str) -> None:
        """Delete a response. What later ones and conversations have of it stays with them. Raises `ResponseNotFound`."""
        async with self.database.freeing() as session:
            freed = await remove(session, await _visible(session, owner, name))
        self.quotas.free(freed)


def _end_of(connection: Connection, owner: Owner, name: str, limit: int) -> tuple[ThreadPlace, str | None]:
    """The place behind a response, and the items before it with commas between, if one query has read them.

    Raises `PreviousResponseNotFound` or `PreviousResponseUnusable`.
    """
    row = None
    if "\0" not in name:  # PostgreSQL takes no such text
        row = connection.execute(END_OF_RESPONSE, {"name": name, "limit": limit}).first()
    if row is None or not owner.sees(row.owner) or row.expires_at <= time.time():
        raise PreviousResponseNotFound(name)
    if row.status not in ANSWERED:
        raise PreviousResponseUnusable(name, row.status)
    return ThreadPlace(row.thread_id, row.output_end), row.items


def _end_of_conversation(connection: Connection, owner: Owner, name: str, limit: int) -> tuple[ThreadPlace, str | None]:
    """The end of a conversation, as `_end_of` returns it. Raises `ThreadNotFound`."""
    row = None
    if "\0" not in name:
        row = connection.execute(END_OF_CONVERSATION, {"name": name, "limit": limit}).first()
    if row is None or not row.conversation or not owner.sees(row.owner):
        raise ThreadNotFound(name, "conversation")
    return ThreadPlace(name, row.length), row.items


def _written(
    connection: Connection | Session, owner: str, body: Json, items: Sequence[StoredItem], place: ThreadPlace
) -> Json:
    """The columns of a response with what it says; if it has an answer, its items go behind a place.

    Of a response without one, `thread_id` and `input_start` are not among them.
    """
    if body["status"] not in ANSWERED:
        data, own = msgspec.json.encode(body), bytes(raw_array(items))
        return {"body": data, "input": own, "output_start": 0, "output_end": 0, "size": len(data) + len(own)}
    output = stored(body["output"])
    first = threads.append(connection, owner, place, [*items, *output], join=body.get("conversation") is not None)
    start = first.length + len(items)
    data = msgspec.json.encode({**body, "output": []})
    return {
        "thread_id": first.thread,
        "input_start": first.length,
        "output_start": start,
        "output_end": start + len(output),
        "body": data,
        "input": b"[]",
        "size": len(data) + len(b"[]"),
    }


def _bytes_of(size: int, items: Sequence[StoredItem], body: Json) -> int:
    """About as many bytes as a response takes with its items in a thread; `size` are those of its row."""
    if body["status"] not in ANSWERED:
        return size
    return size + sum(item.size for item in items) + len(msgspec.json.encode(body.get("output")))


def _page_of(items: Sequence[StoredItem], after: str | None, limit: int, ascending: bool) -> ItemPage | None:
    """Some of these items, behind the item `after`; None if that is not among them."""
    ordered = list(items if ascending else reversed(items))
    if after is not None:
        places = [number for number, item in enumerate(ordered) if item.id == after]
        if not places:
            return None
        ordered = ordered[places[0] + 1 :]
    return ItemPage(ordered[:limit], len(ordered) > limit)


async def _visible(session: AsyncSession, owner: Owner, name: str) -> ResponseRow:
    row = await session.get(ResponseRow, name)
    if row is None or not owner.sees(row.owner) or row.expires_at <= time.time():
        raise ResponseNotFound(name)
    return row
