"""A knowledge service in this process, with its worker, and models that answer from the letters of a text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from modelyard.core.access import Grant
from modelyard.core.config import Settings
from modelyard.db.session import Database
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.documents.bases import BaseSettings
from modelyard.knowledge.documents.blobs import whole
from modelyard.knowledge.service import KnowledgeService

SMALL = {"size": 40, "overlap": 0}
TEXT = b"The lake is deep in January.\n\nThe river is shallow in July."


class Models:
    """Embeds by letters. `while_embedding` runs before an answer is given: what others do meanwhile."""

    def __init__(self) -> None:
        self.while_embedding: Callable[[], Awaitable[object]] | None = None
        self.rerank_models: list[str] = []
        """Those that run."""

    async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        if self.while_embedding is not None:
            meanwhile, self.while_embedding = self.while_embedding, None
            await meanwhile()
        return [[float(text.count(letter)) + 0.1 for letter in "aeiou"] for text in texts]

    async def embed_query(self, model: str, query: str) -> Sequence[float]:
        return (await self.embed(model, [query]))[0]

    async def rerank(self, model: str, query: str, texts: Sequence[str]) -> Sequence[float]:
        return [0.5 for _ in texts]

    def rankers(self) -> Sequence[str]:
        return self.rerank_models

    async def chat(self, body: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        yield {}

    async def count_tokens(self, model: str, messages: Sequence[Mapping[str, Any]]) -> int | None:
        """One token for each character."""
        return sum(len(str(each["content"])) for each in messages)


class Running:
    """What is known of the models that run: those that every key may use, and how many tokens the chat model reads."""

    def __init__(self, chat_model: str | None = None, tokens: int | None = None) -> None:
        self.chat_model = chat_model
        self.tokens = tokens
        self.grants: list[Grant | None] = []
        """The keys for which a model was looked up."""

    def chats(self, grant: Grant | None = None) -> str | None:
        self.grants.append(grant)
        return self.chat_model

    def context_length(self, name: str) -> int | None:
        return self.tokens


@asynccontextmanager
async def room(
    settings: Settings, models: Models | None = None, running: Running | None = None
) -> AsyncIterator[KnowledgeService]:
    """A knowledge room whose worker runs."""
    settings.folder.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database)
    await database.open()
    knowledge = KnowledgeService(settings, database, models or Models(), running or Running())
    await knowledge.open()
    working = asyncio.create_task(knowledge.run())
    try:
        yield knowledge
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await knowledge.close()
        await database.close()


async def filled(knowledge: KnowledgeService, **more: Any) -> KnowledgeBase:
    """A base with a document of two chunks."""
    base = await knowledge.create("b", BaseSettings(chunking=SMALL, **more))
    await knowledge.documents.put(base, "a.txt", whole(TEXT))
    await knowledge.worker.wait(await knowledge.index(base, ["a.txt"]))
    return await knowledge.bases.get("b")


async def written(knowledge: KnowledgeService, **more: Any) -> KnowledgeBase:
    """A base like that of `filled` whose chunks were written by hand, so that no process has to read a file."""
    base = await knowledge.create("b", BaseSettings(**more))
    await knowledge.documents.put(base, "a.txt", whole(TEXT))
    for text in TEXT.decode().split("\n\n"):
        await knowledge.edits.add_chunk(base, "a.txt", text)
    return await knowledge.bases.get("b")
