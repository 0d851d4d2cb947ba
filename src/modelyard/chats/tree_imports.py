"""Import of chats from exports: this server's own, ChatGPT's and Open WebUI's. Importing again adds only new messages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.chats import rows
from modelyard.chats.imported import ImportedChat, derived, identity
from modelyard.chats.open_webui_export import open_webui_chat
from modelyard.chats.openai_export import openai_chat
from modelyard.chats.own_export import own_chat
from modelyard.chats.store import ChatStore, add_rows
from modelyard.core.access import Owner
from modelyard.core.errors import ChatTooLarge, InvalidParameter
from modelyard.core.mismatches import field_problem
from modelyard.db.chat_tables import ChatFolderRow, ChatMessageRow, ChatRow
from modelyard.db.statements import batched
from modelyard.protocol.chat_imports import Imported


async def import_chats(
    store: ChatStore, owner: Owner, chats: Sequence[Mapping[str, Any]], folders: Sequence[Mapping[str, Any]] = ()
) -> Imported:
    """Store chats of exports with all their branches. What is stored already is not changed.

    All chats are read before the first one is stored. Raises `InvalidParameter` for one that no format has, and `ChatTooLarge`.
    """
    names = {str(each.get("id")): str(each.get("name")) for each in folders}
    found = await asyncio.to_thread(lambda: [_read(number, each, names) for number, each in enumerate(chats)])
    created = messages = skipped = 0
    for chat in found:
        async with store.database.writing() as session:
            is_new, added = await _store(session, owner, chat)
        created, messages = created + is_new, messages + added
        skipped += not is_new and not added
    return Imported(conversations=created, messages=messages, skipped=skipped)


def _read(number: int, value: Mapping[str, Any], folders: Mapping[str, str]) -> ImportedChat:
    """A chat in whatever format it is. Raises `InvalidParameter`."""
    if isinstance(value.get("mapping"), Mapping):
        chat = openai_chat(value)
    elif isinstance(value.get("chat"), Mapping):
        chat = open_webui_chat(value)
    else:
        try:
            chat = own_chat(value, folders)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InvalidParameter(
                f"chats.{number}",
                "it is a chat of no known export (ours, ChatGPT's, Open WebUI's); as one of ours, "
                f"'{where}' is wrong: {field_problem(first['type'], first['msg'])}.",
            ) from None
    if not chat.id:
        raise InvalidParameter(f"chats.{number}", "it has no id, so that it could not be recognized in a later import.")
    return replace(chat, created_at=chat.created_at or time.time())


async def _store(session: AsyncSession, owner: Owner, chat: ImportedChat) -> tuple[bool, int]:
    """Store one chat. Returns whether it is new, and how many messages were added."""
    row, is_new = await _row(session, owner, chat)
    ids = await _ids(session, row.id, chat)
    query = select(ChatMessageRow.id).where(ChatMessageRow.chat_id == row.id)
    there = set(await session.scalars(query))
    added = [
        rows.row_of(
            replace(each.message, id=ids[each.id]), row.owner, row.id, None if each.parent is None else ids[each.parent]
        )
        for each in chat.nodes
        if ids[each.id] not in there
    ]
    try:
        await add_rows(session, row, added)
    except ChatTooLarge as error:
        raise InvalidParameter("chats", f"'{chat.title}' cannot be imported: {error.message}") from None
    if added:
        row.active_leaf = ids.get(chat.active_leaf or "", added[-1].id)
    if is_new:
        row.updated_at = max([chat.created_at, *(each.created_at for each in added)])
    return is_new, len(added)


async def _row(session: AsyncSession, owner: Owner, chat: ImportedChat) -> tuple[ChatRow, bool]:
    """The row of a chat, and whether it is new. If another owner has the id, it gets one that is made for this owner."""
    name = identity(chat.id)
    row = await session.get(ChatRow, name, with_for_update=True)
    if row is not None and row.owner != owner.id:
        name = derived(owner.id, name)
        row = await session.get(ChatRow, name, with_for_update=True)
    if row is not None:
        return row, False
    title = rows.one_line(chat.title, rows.LONGEST_TITLE)
    row = ChatRow(
        id=name,
        owner=owner.id,
        title=title,
        search=rows.folded(title),
        kind=chat.kind,
        pinned=chat.pinned,
        folder_id=await _folder(session, owner, chat.folder),
        settings=rows.settings_value(chat.settings),
        messages=0,
        size=0,
        created_at=chat.created_at,
        updated_at=chat.created_at,
    )
    session.add(row)
    await session.flush()
    return row, True


async def _folder(session: AsyncSession, owner: Owner, name: str | None) -> str | None:
    """The id of the owner's folder of this name, which is made if there is none."""
    if not name:
        return None
    query = select(ChatFolderRow).where(ChatFolderRow.owner == owner.id, ChatFolderRow.name == name[:200])
    row = (await session.scalars(query)).first()
    if row is None:
        row = ChatFolderRow(id=rows.new_id(), owner=owner.id, name=name[:200], created_at=time.time())
        session.add(row)
        await session.flush()
    return row.id


async def _ids(session: AsyncSession, chat: str, imported: ImportedChat) -> dict[str, str]:
    """Id in the export → id here. An id that a message of another chat has is replaced by one that is made for this chat."""
    plain = {each.id: identity(each.id) for each in imported.nodes}
    elsewhere: set[str] = set()
    for some in batched(list(plain.values())):
        query = select(ChatMessageRow.id).where(
            ChatMessageRow.id.in_(some), ChatMessageRow.chat_id.is_distinct_from(chat)
        )
        elsewhere |= set(await session.scalars(query))
    return {name: derived(chat, each) if each in elsewhere else each for name, each in plain.items()}
