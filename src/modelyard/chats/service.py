"""The interface of the package: one object with the stored chats, their folders, and the tools of agents."""

from __future__ import annotations

from modelyard.chats.folders import ChatFolders
from modelyard.chats.store import ChatStore
from modelyard.chats.tools.page_reader import ReadPage
from modelyard.chats.tools.toolbox import Toolbox
from modelyard.core.config import Settings
from modelyard.db.session import Database


class Chats:
    """Chats and tools of one server."""

    def __init__(self, settings: Settings, database: Database, read_page: ReadPage) -> None:
        """`read_page` turns a fetched page into text; it blocks, and is called in a thread."""
        self.store = ChatStore(database)
        self.folders = ChatFolders(database)
        self.toolbox = Toolbox(settings, read_page)

    async def close(self) -> None:
        """End the MCP servers."""
        await self.toolbox.close()
