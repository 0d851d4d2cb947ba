"""Stores what the events of a generation make of its message, while it grows and when it has ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from modelyard.api.answering.folding import AnswerFold
from modelyard.chats.store import ChatStore
from modelyard.chats.types import MessageChange, MessageState
from modelyard.core.access import Owner
from modelyard.core.errors import ConversationNotFound, GenerationNotFound
from modelyard.generations.service import Generations
from modelyard.generations.storage import EventLine
from modelyard.generations.types import EventWriter, Generation, GenerationState

KIND = "chat_answer"
ALL = Owner("", everything=True)
STORE_SECONDS = 3.0
"""Seconds between two writes of a message that grows, for clients that read the chat without following the answer."""


def generation_id(message: str) -> str:
    """The id of the generation that makes a message."""
    return f"gen-{message}"


class AnswerWriter:
    """Writes the events of an answer, and now and then what they make of its message."""

    def __init__(self, writer: EventWriter, store: ChatStore, message: str) -> None:
        self.fold = AnswerFold()
        self._writer = writer
        self._store = store
        self._message = message

    async def emit(self, type: str, data: Mapping[str, Any]) -> None:
        """Add an event."""
        self.fold.add(type, time.time(), data)
        await self._writer.emit(type, data)

    async def store_growing(self) -> None:
        """Store the message every few seconds until cancelled. Raises `ConversationNotFound` when it was deleted."""
        while True:
            await asyncio.sleep(STORE_SECONDS)
            if await self._store.update_message(self._message, self.fold.change(GenerationState.RUNNING)) is None:
                raise ConversationNotFound(self._message)


class AnswerSettling:
    """Stores the messages of ended answers."""

    def __init__(self, generations: Generations, store: ChatStore) -> None:
        self._generations = generations
        self._store = store

    async def settle(self, ended: Generation) -> None:
        """Store the message of an ended answer, from its events."""
        fold = AnswerFold()
        async for portion in self._generations.follow(ALL, ended.id, wait=False):
            for event in portion:
                line = msgspec.json.decode(event.json, type=EventLine)
                fold.add(line.type, line.at, msgspec.json.decode(line.data))
        await self._store.update_message(ended.details["message"], fold.change(ended.state, ended.error))

    async def open(self) -> None:
        """After a start, store what an earlier run of the server has left. Nothing runs at that time."""
        self._generations.settle_with(KIND, self.settle)
        await self._generations.settle_all()
        for message in await self._store.in_state(MessageState.RUNNING):
            try:
                self._generations.get(ALL, generation_id(message.id))
            except GenerationNotFound:
                await self._store.update_message(message.id, MessageChange(state=MessageState.STOPPED))
