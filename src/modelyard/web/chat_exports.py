"""Exports of chats, one chat after the other, so that memory holds one of them. Chats that are deleted meanwhile are left out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from modelyard.chats.markdown import as_markdown
from modelyard.chats.service import Chats
from modelyard.chats.types import ChatTree
from modelyard.core.access import Owner
from modelyard.core.errors import ConversationNotFound
from modelyard.protocol.chats import ChatExport
from modelyard.web.chat_views import chat_detail, folder_info

END = b"]}"


async def json_export(chats: Chats, owner: Owner, ids: Sequence[str]) -> AsyncGenerator[bytes]:
    """`protocol.chats.ChatExport` in pieces."""
    folders = [folder_info(row, number) for row, number in await chats.folders.all(Owner(owner.id))]
    yield ChatExport(folders=folders, chats=[]).model_dump_json().encode().removesuffix(END)
    separator = b""
    for each in ids:
        if (tree := await _tree(chats, owner, each)) is not None:
            yield separator + chat_detail(tree.chat, tree.messages).model_dump_json().encode()
            separator = b","
    yield END


async def markdown_export(chats: Chats, owner: Owner, ids: Sequence[str]) -> AsyncGenerator[bytes]:
    """The branches that are shown, as Markdown, with an empty line between two chats."""
    separator = ""
    for each in ids:
        if (tree := await _tree(chats, owner, each)) is not None:
            yield (separator + as_markdown(tree.chat, tree.path())).encode()
            separator = "\n"


async def _tree(chats: Chats, owner: Owner, chat: str) -> ChatTree | None:
    try:
        return await chats.store.tree(owner, chat)
    except ConversationNotFound:
        return None
