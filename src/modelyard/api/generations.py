"""The service of generations of a server, with the task that deletes what is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from modelyard.api.answering.settling import AnswerSettling
from modelyard.chats.store import ChatStore
from modelyard.core.config import Settings
from modelyard.core.errors import CannotStart
from modelyard.core.wording import reason
from modelyard.generations.service import GenerationLimits, Generations

HOUR = 3600.0


@asynccontextmanager
async def generations_running(settings: Settings, chats: ChatStore) -> AsyncIterator[Generations]:
    """Provide the service during the block; then everything that runs is interrupted. Raises `CannotStart`."""
    limits = GenerationLimits(settings.max_generations, settings.keep_generations_hours * HOUR)
    generations = Generations(settings.folder, limits)
    try:
        await generations.open()
        await AnswerSettling(generations, chats).open()
    except OSError as error:
        folder = settings.folder / "generations"
        raise CannotStart(f"The folder {folder} cannot be used: {reason(error)}.") from error
    sweeping = asyncio.create_task(generations.run(), name="sweeps of generations")
    try:
        yield generations
    finally:
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)
        await generations.close()
