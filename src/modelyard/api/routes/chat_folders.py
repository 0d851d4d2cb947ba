"""Routes of folders of chats."""

from __future__ import annotations

from modelyard.core.access import Owner
from modelyard.protocol import chats as bodies
from modelyard.protocol.knowledge import Deleted
from modelyard.web.chat_views import folder_info
from modelyard.web.deps import TheChats, TheGrant
from modelyard.web.router import Router

router = Router("/v1/chat_folders", tags=["chats"])


@router.get("", scope="models:read")
async def list_folders(chats: TheChats, grant: TheGrant) -> bodies.ChatFolderList:
    """The folders of the user or key of the request, by name; all folders for an administrator."""
    found = await chats.folders.all(Owner.of(grant))
    return bodies.ChatFolderList(data=[folder_info(row, number) for row, number in found])


@router.post("", scope="models:read")
async def create_folder(body: bodies.ChatFolderBody, chats: TheChats, grant: TheGrant) -> bodies.ChatFolderInfo:
    """Make a folder."""
    return folder_info(await chats.folders.create(Owner.of(grant), body.name), 0)


@router.patch("/{folder}", scope="models:read")
async def rename_folder(
    folder: str, body: bodies.ChatFolderBody, chats: TheChats, grant: TheGrant
) -> bodies.ChatFolderInfo:
    """Change the name of a folder."""
    return folder_info(*await chats.folders.rename(Owner.of(grant), folder, body.name))


@router.delete("/{folder}", scope="models:read")
async def delete_folder(folder: str, chats: TheChats, grant: TheGrant) -> Deleted:
    """Delete a folder. Its chats stay, outside of folders."""
    await chats.folders.delete(Owner.of(grant), folder)
    return Deleted(deleted=[folder])
