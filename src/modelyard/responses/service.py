"""The responses and conversations of a server, with the task that deletes responses whose time is over."""

from __future__ import annotations

import asyncio
import logging
from typing import NoReturn

from modelyard.core.errors import ModelyardError
from modelyard.db.session import Database
from modelyard.generations.service import Generations
from modelyard.responses.background import BackgroundResponses
from modelyard.responses.conversations import ConversationStore
from modelyard.responses.deletion import delete_expired
from modelyard.responses.quotas import ResponseLimits
from modelyard.responses.store import ResponseStore

log = logging.getLogger(__name__)

SWEEP_SECONDS = 60.0
LOST_SECONDS = 60.0
"""Age of a response at which its generation has begun, or never will."""


class Responses:
    """Both stores, and what is made in the background."""

    def __init__(self, database: Database, limits: ResponseLimits, generations: Generations) -> None:
        self.store = ResponseStore(database, limits)
        self.conversations = ConversationStore(database, self.store.quotas)
        self.background = BackgroundResponses(generations, self.store)
        self.background.register()

    async def run(self) -> NoReturn:
        """Delete what is over until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self.sweep()
            except ModelyardError as error:
                log.warning("expired responses are deleted later: %s", error)

    async def sweep(self) -> None:
        """Delete what is over once."""
        self.store.quotas.free(await delete_expired(self.store.database))
        await self.background.end_lost(LOST_SECONDS)
