"""Lists of chats, by page, folder and pin, and the search in their titles and texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from modelyard.chats import rows
from modelyard.chats.types import Chat, text_of_parts
from modelyard.core.access import LOCAL, Owner
from modelyard.core.errors import InvalidParameter
from modelyard.db.chat_tables import ChatMessageRow, ChatRow
from modelyard.db.owners import owned
from modelyard.db.session import Database

MOST_WORDS = 10
"""Maximum number of words of a search."""
BEFORE, AFTER = 40, 80
"""Characters around a word that was found."""
NO_FOLDER = "none"

Has = Callable[[InstrumentedAttribute[str], str], ColumnElement[bool]]
"""The condition that a column contains a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatFilter:
    """Which chats are listed."""

    q: str = ""
    """Words that must all be in the title or in messages, wherever they stand in a word."""
    pinned: bool | None = None
    folder: str | None = None
    """Id of a folder; `none` for chats outside of folders."""
    own: bool = False
    """Only those of the caller, if it is an administrator, and those that were made while the server required no key."""


@dataclass(frozen=True, slots=True)
class ChatHit:
    """A chat, and where a search found its first word."""

    chat: Chat
    message: str | None = None
    """Id of a message with the word; None if only the title has it."""
    text: str = ""
    """The text around the word."""


async def list_chats(
    database: Database, owner: Owner, filters: ChatFilter, limit: int, cursor: str | None
) -> tuple[list[ChatHit], str | None]:
    """A page of the chats that an owner sees, the most recently used first, and the cursor of the next page.

    Raises `InvalidParameter` for a cursor that is none.
    """
    words = [rows.folded(word) for word in filters.q.split()[:MOST_WORDS]]
    place = func.instr if database.url.get_backend_name() == "sqlite" else func.strpos  # half of the time of LIKE

    def has(column: InstrumentedAttribute[str], word: str) -> ColumnElement[bool]:
        return place(column, word) > 0

    query = _filtered(select(ChatRow).where(_seen(owner, filters.own)), filters, words, has)
    if cursor:
        query = query.where(tuple_(ChatRow.updated_at, ChatRow.id) < tuple_(*_place(cursor)))
    query = query.order_by(ChatRow.updated_at.desc(), ChatRow.id.desc()).limit(limit + 1)
    async with database.session() as session:
        found: Sequence[ChatRow] = (await session.scalars(query)).all()
        chats = [rows.chat_of(row) for row in found[:limit]]
        hits = await _matches(session, chats, words[0], has) if words else {}
    more = f"{found[limit - 1].updated_at!r}_{found[limit - 1].id}" if len(found) > limit else None
    return [hits.get(each.id) or ChatHit(each) for each in chats], more


def _seen(owner: Owner, own: bool) -> ColumnElement[bool]:
    if own and owner.everything:
        return ChatRow.owner.in_([owner.id, LOCAL])
    return owned(owner, ChatRow.owner)


def _filtered(query: Select[Any], filters: ChatFilter, words: Sequence[str], has: Has) -> Select[Any]:
    if filters.pinned is not None:
        query = query.where(ChatRow.pinned == filters.pinned)
    if filters.folder is not None:
        query = query.where(ChatRow.folder_id == (None if filters.folder == NO_FOLDER else filters.folder))
    for word in words:
        inside = and_(ChatMessageRow.chat_id == ChatRow.id, has(ChatMessageRow.search, word))
        in_messages = select(ChatMessageRow.number).where(inside).exists()
        query = query.where(or_(has(ChatRow.search, word), in_messages))
    return query


def _place(cursor: str) -> tuple[float, str]:
    """The place of a cursor in the order of chats, whether or not its chat is still there."""
    time, _, name = cursor.partition("_")
    try:
        return float(time), name
    except ValueError:
        raise InvalidParameter("cursor", "it must be the next_cursor of the page before.") from None


async def _matches(session: AsyncSession, chats: Sequence[Chat], word: str, has: Has) -> dict[str, ChatHit]:
    """Chat id → the first message with a word, for the chats that have one."""
    inside = and_(ChatMessageRow.chat_id.in_([each.id for each in chats]), has(ChatMessageRow.search, word))
    first = select(func.min(ChatMessageRow.number)).where(inside).group_by(ChatMessageRow.chat_id)
    columns = (ChatMessageRow.chat_id, ChatMessageRow.id, ChatMessageRow.content)
    found = {
        row.chat_id: row for row in await session.execute(select(*columns).where(ChatMessageRow.number.in_(first)))
    }
    return {
        each.id: ChatHit(each, row.id, excerpt(text_of_parts(row.content), word))
        for each in chats
        if (row := found.get(each.id)) is not None
    }


def excerpt(text: str, word: str) -> str:
    """The text around a word in the form of searches, in one line."""
    place = rows.folded(text).find(word)
    start = max(min(place, len(text)) - BEFORE, 0)  # folding changes lengths seldom and little
    end = start + BEFORE + len(word) + AFTER
    cut = " ".join(text[start:end].split())
    return f"{'…' if start else ''}{cut}{'…' if end < len(text) else ''}"
