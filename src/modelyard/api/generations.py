"""The services of generations and of stored responses of a server, with the tasks that delete what is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from modelyard.api.answering.settling import AnswerSettling
from modelyard.chats.store import ChatStore
from modelyard.core.config import Settings
from modelyard.core.errors import CannotStart
from modelyard.core.wording import reason
from modelyard.db.session import Database
from modelyard.generations.service import GenerationLimits, Generations
from modelyard.responses.quotas import ResponseLimits
from modelyard.responses.service import Responses

HOUR = 3600.0
DAY = 24 * HOUR


@asynccontextmanager
async def generations_running(
    settings: Settings, database: Database, chats: ChatStore
) -> AsyncIterator[tuple[Generations, Responses]]:
    """Provide generations, and the stored responses that some of them make, during the block; then all that runs is interrupted.

    Raises `CannotStart`.
    """
    limits = GenerationLimits(settings.max_generations, settings.keep_generations_hours * HOUR)
    generations = Generations(settings.folder, limits)
    try:
        await generations.open()
        responses = Responses(database, response_limits(settings), generations)
        await AnswerSettling(generations, chats).open()
        await responses.background.end_lost()
    except OSError as error:
        folder = settings.folder / "generations"
        raise CannotStart(f"The folder {folder} cannot be used: {reason(error)}.") from error
    sweeping = [
        asyncio.create_task(generations.run(), name="sweeps of generations"),
        asyncio.create_task(responses.run(), name="sweeps of responses"),
    ]
    try:
        yield generations, responses
    finally:
        for task in sweeping:
            task.cancel()
        await asyncio.gather(*sweeping, return_exceptions=True)
        await generations.close()


def response_limits(settings: Settings) -> ResponseLimits:
    """What may be stored of responses and conversations."""
    return ResponseLimits(
        keep_seconds=settings.keep_responses_days * DAY,
        quota_bytes=settings.response_quota_bytes,
        context_bytes=settings.max_body_bytes,
    )
