"""Routes of chats: trees of messages with settings. A key sees the chats of its owner; one with `admin` sees all."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query
from fastapi.responses import StreamingResponse
from msgspec import UNSET

from modelyard.chats.imports import import_conversations
from modelyard.chats.listing import ChatFilter, list_chats
from modelyard.chats.rows import settings_of
from modelyard.chats.tree_imports import import_chats
from modelyard.chats.types import ACTIVE_LEAF, ChatChange, NewMessage
from modelyard.core.access import Owner
from modelyard.core.errors import ConversationNotFound
from modelyard.protocol import chats as bodies
from modelyard.protocol.chat_content import content_value
from modelyard.protocol.chat_imports import ImportChats, Imported
from modelyard.protocol.knowledge import Deleted
from modelyard.web.chat_exports import json_export, markdown_export
from modelyard.web.chat_views import chat_detail, chat_info, message_info
from modelyard.web.deps import TheChats, TheGrant
from modelyard.web.router import ANY_KEY, BodyKind, Router

router = Router("/v1/chats", tags=["chats"])


MARKDOWN = "text/markdown; charset=utf-8"
MARKDOWN_TOO: dict[int | str, dict[str, Any]] = {200: {"content": {"text/markdown": {"schema": {"type": "string"}}}}}


@router.get("", scope="models:read")
async def list_page(
    chats: TheChats,
    grant: TheGrant,
    q: Annotated[str, Query(max_length=300, description="Words that the title or messages contain.")] = "",
    pinned: Annotated[bool | None, Query()] = None,
    folder: Annotated[str | None, Query(max_length=100, description="Id of a folder, or none.")] = None,
    own: Annotated[
        bool, Query(description="For administrators: only the caller's own chats, and those made without a key.")
    ] = False,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
) -> bodies.ChatPage:
    """The chats of the user or key of the request, the most recently used first; all chats for an administrator."""
    filters = ChatFilter(q=q, pinned=pinned, folder=folder, own=own)
    hits, more = await list_chats(chats.store.database, Owner.of(grant), filters, limit, cursor)
    data = []
    for hit in hits:
        match = None if hit.message is None else bodies.ChatMatch(message=hit.message, text=hit.text)
        data.append(chat_info(hit.chat, match))
    return bodies.ChatPage(data=data, next_cursor=more)


@router.post("", scope="models:read")
async def create(body: bodies.NewChat, chats: TheChats, grant: TheGrant) -> bodies.ChatInfo:
    """Create an empty chat."""
    settings = settings_of(body.settings.model_dump())
    return chat_info(await chats.store.create(Owner.of(grant), body.title, settings=settings, folder=body.folder))


@router.post("/import", scope="models:read", body=BodyKind.TEXT)
async def bring(body: ImportChats, chats: TheChats, grant: TheGrant) -> Imported:
    """Import chats of an export, and conversations. If an id exists here already, only new messages are added to it."""
    owner = Owner.of(grant)
    trees = await import_chats(chats.store, owner, body.chats, body.folders)
    talks = await import_conversations(chats.store, owner, body.conversations)
    return Imported(
        conversations=trees.conversations + talks.conversations,
        messages=trees.messages + talks.messages,
        skipped=trees.skipped + talks.skipped,
    )


@router.post(
    "/export", scope="models:read", body=BodyKind.TEXT, response_model=bodies.ChatExport, responses=MARKDOWN_TOO
)
async def export_many(body: bodies.ExportChats, chats: TheChats, grant: TheGrant) -> StreamingResponse:
    """Export chats, as JSON that can be imported, or as Markdown. The answer is sent while the chats are read."""
    owner = Owner.of(grant)
    ids = await chats.store.ids(owner, body.ids)
    if body.format == "markdown":
        return StreamingResponse(markdown_export(chats, owner, ids), media_type=MARKDOWN)
    return StreamingResponse(json_export(chats, owner, ids), media_type="application/json")


@router.post("/delete", scope="models:read", body=BodyKind.TEXT)
async def delete_many(body: bodies.DeleteChats, chats: TheChats, grant: TheGrant) -> Deleted:
    """Delete chats with their messages."""
    deleted = await chats.store.delete(Owner.of(grant), body.ids)
    there = set(deleted)
    return Deleted(deleted=deleted, missing=[each for each in dict.fromkeys(body.ids) if each not in there])


@router.get("/{chat}", scope="models:read")
async def describe(chat: str, chats: TheChats, grant: TheGrant) -> bodies.ChatDetail:
    """A chat with all its messages."""
    tree = await chats.store.tree(Owner.of(grant), chat)
    return chat_detail(tree.chat, tree.messages)


@router.patch("/{chat}", scope="models:read")
async def change(chat: str, body: bodies.ChangeChat, chats: TheChats, grant: TheGrant) -> bodies.ChatInfo:
    """Change the title, the pin, the folder, settings or the active leaf of a chat."""
    owner = Owner.of(grant)
    if body.active_leaf is not None:
        await chats.store.set_active_leaf(owner, chat, body.active_leaf)
    settings = UNSET if body.settings is None else body.settings.model_dump(exclude_unset=True)
    changes = ChatChange(
        title=UNSET if body.title is None else body.title,
        pinned=UNSET if body.pinned is None else body.pinned,
        folder=body.folder if "folder" in body.model_fields_set else UNSET,
        settings=settings,
    )
    return chat_info(await chats.store.change(owner, chat, changes))


@router.delete("/{chat}", scope="models:read")
async def delete(chat: str, chats: TheChats, grant: TheGrant) -> Deleted:
    """Delete a chat with its messages."""
    if not await chats.store.delete(Owner.of(grant), [chat]):
        raise ConversationNotFound(chat)
    return Deleted(deleted=[chat])


@router.get("/{chat}/messages", scope="models:read")
async def messages(
    chat: str,
    chats: TheChats,
    grant: TheGrant,
    leaf: Annotated[str | None, Query(max_length=100, description="Its last message; else the active leaf.")] = None,
    limit: Annotated[int | None, Query(ge=1, le=10_000, description="Only the last ones, this many.")] = None,
    before: Annotated[str | None, Query(max_length=100, description="Id of a message; only those before it.")] = None,
) -> bodies.MessageList:
    """The messages of one branch of a chat, from the first one to a leaf, or the last ones of them."""
    page = await chats.store.branch_page(Owner.of(grant), chat, leaf, limit=limit, before=before)
    return bodies.MessageList(
        chat=chat_info(page.chat),
        data=[message_info(each) for each in page.messages],
        siblings={message: list(ids) for message, ids in page.siblings.items()},
        total=page.total,
        earlier=page.earlier,
    )


@router.post("/{chat}/messages", scope="models:read", body=BodyKind.TEXT)
async def add(chat: str, body: bodies.NewChatMessage, chats: TheChats, grant: TheGrant) -> bodies.MessageInfo:
    """Add a message, which becomes the active leaf. Nothing is generated."""
    fields = body.model_dump(exclude={"content", "parent"})
    message = NewMessage(**fields, content=content_value(body.content))
    parent = body.parent if "parent" in body.model_fields_set else ACTIVE_LEAF
    return message_info(await chats.store.add_message(Owner.of(grant), chat, message, parent))


@router.patch("/{chat}/messages/{message}", scope="models:read", body=BodyKind.TEXT)
async def edit(
    chat: str, message: str, body: bodies.ChangeChatMessage, chats: TheChats, grant: TheGrant
) -> bodies.MessageInfo:
    """Add a sibling of a message, with another content; it becomes the active leaf. The message stays as it is."""
    content = content_value(body.content)
    return message_info(await chats.store.edit_message(Owner.of(grant), chat, message, content))


@router.delete("/{chat}/messages/{message}", scope="models:read")
async def delete_branch(chat: str, message: str, chats: TheChats, grant: TheGrant) -> bodies.DeletedMessages:
    """Delete a message with all messages below it."""
    owner = Owner.of(grant)
    deleted = await chats.store.delete_branch(owner, chat, message)
    return bodies.DeletedMessages(deleted=deleted, active_leaf=(await chats.store.get(owner, chat)).active_leaf)


@router.get("/{chat}/export", scope="models:read", response_model=bodies.ChatExport, responses=MARKDOWN_TOO)
async def export(
    chat: str,
    chats: TheChats,
    grant: TheGrant,
    format: Annotated[Literal["json", "markdown"], Query(description="JSON has all branches.")] = "markdown",
) -> StreamingResponse:
    """A chat as JSON that can be imported, or the branch that is shown as Markdown."""
    return await export_many(bodies.ExportChats(ids=[chat], format=format), chats, grant)


@router.post("/messages/{message}/feedback", scope=ANY_KEY)
async def feedback(message: str, body: bodies.FeedbackRequest, chats: TheChats, grant: TheGrant) -> bodies.MessageInfo:
    """Store feedback on an answer."""
    return message_info(await chats.store.rate(Owner.of(grant), message, body.score, body.reason))
