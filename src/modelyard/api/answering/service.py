"""Begins answers to messages of chats, and lets readers follow and stop them."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from modelyard.api.answering.modes import AnswerRun
from modelyard.api.answering.question import ChatQuestionTurn
from modelyard.api.answering.settling import KIND, AnswerWriter, generation_id
from modelyard.api.answering.turns import check_parameters, file_ids, request_messages, texts_only
from modelyard.chats.search_engines import engine
from modelyard.chats.search_engines.base import SearchEngine
from modelyard.chats.tools.base import Tool
from modelyard.chats.types import ChatSettings, Message, MessageState, NewMessage, text_of_parts
from modelyard.core.access import TOOLS, Grant, Owner
from modelyard.core.errors import (
    ConversationNotFound,
    FileNotFound,
    InvalidParameter,
    ModelyardError,
    UnknownName,
    nearest,
)
from modelyard.db.file_tables import FileRow
from modelyard.db.tables import KnowledgeBase
from modelyard.gateway.sender import Caller
from modelyard.generations.types import EventWriter, GenerationEvent
from modelyard.knowledge.answering.answer import KnowledgeQuestion
from modelyard.knowledge.models import CHAT
from modelyard.protocol.answers import AnswerMode, NewChatAnswer
from modelyard.protocol.chat_content import content_value
from modelyard.web.base_access import check_bases, models_for
from modelyard.web.deps import Parts
from modelyard.web.server_tools import server_tools

FILES_READ = "files:read"
FROM_SOURCES = frozenset({"knowledge", "files", "web"})


@dataclass(frozen=True, slots=True)
class BegunAnswer:
    """An answer that is being made."""

    question: Message | None
    """The message that was added for it."""
    message: Message
    mode: AnswerMode


class ChatAnswers:
    """The answers of one caller."""

    def __init__(self, parts: Parts, grant: Grant | None) -> None:
        self._parts = parts
        self._grant = grant
        self._owner = Owner.of(grant)
        self._store = parts.chats.store

    async def begin(self, chat: str, body: NewChatAnswer) -> BegunAnswer:
        """Begin to answer a message of a chat, or a new one.

        Raises `ConversationNotFound`, `InvalidParameter`, and what the model, the bases and tools would be refused with.
        """
        settings = (await self._store.get(self._owner, chat)).settings
        path = await self._path(chat, body)
        turn = await self._turn(settings, body, path)
        answer = NewMessage(
            "assistant",
            id=secrets.token_hex(16),
            model=turn.model or "",
            parameters=dict(turn.parameters),
            state=MessageState.RUNNING,
            metadata={"mode": turn.mode},
        )
        added = [answer]
        parent: str | None = path[-1].id
        if body.content is not None:
            added, parent = [path[-1], answer], path[-2].id if len(path) > 1 else None
        messages = await self._store.add_messages(self._owner, chat, added, parent)
        await self._generate(chat, turn, messages)
        return BegunAnswer(messages[0] if len(messages) > 1 else None, messages[-1], turn.mode)

    def follow(
        self, chat: str, message: str, after: int, *, wait: bool = True
    ) -> AsyncGenerator[Sequence[GenerationEvent]]:
        """The events of an answer; see `Generations.follow`."""
        return self._parts.generations.follow(self._owner, self._generation(chat, message), after, wait=wait)

    async def stop(self, chat: str, message: str) -> Message:
        """Stop an answer with its model, and return its message. One that has ended stays as it is."""
        await self._parts.generations.stop(self._owner, self._generation(chat, message))
        return await self._store.message(self._owner, message)

    def _generation(self, chat: str, message: str) -> str:
        """The id of the generation of an answer. Raises `GenerationNotFound` and `ConversationNotFound`."""
        id = generation_id(message)
        if self._parts.generations.get(self._owner, id).details.get("chat") != chat:
            raise ConversationNotFound(message)
        return id

    async def _path(self, chat: str, body: NewChatAnswer) -> list[Message]:
        """The branch up to the question, which is not stored yet if the body has its content."""
        given = "parent" in body.model_fields_set
        if body.content is None:
            path = await self._store.path(self._owner, chat, body.parent)
            if not path or path[-1].role != "user":
                raise InvalidParameter("parent", "it must be a message of the user; send content for a new question.")
            return path
        content = content_value(body.content)
        if not content:
            raise InvalidParameter("content", "the question is empty.")
        path = [] if given and body.parent is None else await self._store.path(self._owner, chat, body.parent)
        return [*path, unsaved(chat, self._owner.id, content)]

    async def _turn(self, settings: ChatSettings, body: NewChatAnswer, path: Sequence[Message]) -> ChatQuestionTurn:
        """Everything that the answer depends on, checked."""
        parts, grant = self._parts, self._grant
        files = await self._files(body, path)
        bases = list(settings.bases if body.bases is None else body.bases)
        tools = settings.tools if body.tools is None else body.tools
        mode = body.mode or mode_of(files, bases, bool(tools) or body.tools is not None)
        if mode != "files" and not body.files and path[-1].content and file_ids(path[-1:]):
            raise InvalidParameter("mode", "a question with files is answered in the mode 'files'.")
        if (mode == "knowledge" and not bases) or (mode == "files" and not files):
            name = "bases" if mode == "knowledge" else "files"
            raise InvalidParameter(name, f"the mode '{mode}' needs at least one of them.")
        messages = request_messages(settings.system if body.system is None else body.system, path)
        if mode in FROM_SOURCES:
            messages = texts_only(messages)
        await check_bases(parts.knowledge, grant, bases if mode in ("knowledge", "agent") else [])
        found = await parts.knowledge.several(bases) if bases and mode in ("knowledge", "agent") else []
        turn = ChatQuestionTurn(
            mode=mode,
            model=body.model or settings.model,
            messages=messages,
            text=text_of_parts(path[-1].content),
            parameters=check_parameters({**settings.parameters, **body.parameters}),
            grant=grant,
            bases=found,
            files=files if mode == "files" else (),
            tools=await self._tools(tools, found) if mode == "agent" else (),
            engine=self._engine(body.search_engine) if mode == "web" else None,
            k=body.top_k,
        )
        return replace(turn, model=self._model(turn))

    def _model(self, turn: ChatQuestionTurn) -> str | None:
        """The model that answers. Raises what its request would be refused with at once."""
        if turn.mode in ("knowledge", "files"):
            question = KnowledgeQuestion(text=turn.text, bases=turn.bases, model=turn.model, grant=self._grant)
            model = self._parts.knowledge.answering.model(question)
        else:
            model = turn.model or self._parts.gateway.chats(self._grant)
            if model is None:
                raise InvalidParameter("model", "no chat model is running; launch one, or name one.")
        if model is not None:
            request = {**turn.parameters, "model": model, "messages": list(turn.messages), "stream": True}
            self._parts.gateway.check_inside(Caller(self._grant), CHAT, msgspec.json.encode(request))
        return model

    def _engine(self, name: str | None) -> SearchEngine:
        """The search engine of a name, or that of the settings. Raises `SearchNotConfigured`, `PermissionDenied`."""
        if self._grant is not None:
            self._grant.check(TOOLS)
        found = engine(self._parts.settings, name) if name else self._parts.chats.toolbox.search_engine()
        if found is None:
            raise InvalidParameter("search_engine", "no search engine is configured; see MODELYARD_SEARCH_ENGINE.")
        return found

    async def _tools(self, names: Sequence[str], bases: Sequence[KnowledgeBase]) -> list[Tool]:
        """The server's tools of these names; all that the key may use if there are no names. Raises `UnknownName`."""
        by_name = {tool.name: tool for tool in await server_tools(self._parts, self._grant, bases)}
        for name in names:
            if name not in by_name:
                raise UnknownName("tools", name, list(by_name), nearest(name, by_name))
        return [tool for name, tool in by_name.items() if not names or name in names]

    async def _files(self, body: NewChatAnswer, path: Sequence[Message]) -> list[FileRow]:
        """The named files, else those of the branch that are still there. Raises `FileNotFound` and `PermissionDenied`."""
        named = list(dict.fromkeys(body.files or file_ids(path)))
        if named and self._grant is not None:
            self._grant.check(FILES_READ)
        found = []
        for id in named:
            try:
                found.append(await self._parts.files.get(self._owner, id, "files"))
            except FileNotFound:
                if body.files or id in file_ids(path[-1:]):
                    raise
        return found

    async def _generate(self, chat: str, turn: ChatQuestionTurn, messages: Sequence[Message]) -> None:
        """Begin the generation of an answer whose messages are stored. If it is refused, they are removed again."""
        name = messages[-1].id
        details = {"chat": chat, "message": name, "mode": turn.mode, "model": turn.model}
        start = {"chat": chat, "message": name, "mode": turn.mode, "model": turn.model}

        async def make(events: EventWriter) -> None:
            writer = AnswerWriter(events, self._store, name)
            await writer.emit("start", start)
            models = models_for(self._parts, self._grant, admitted=False)
            await first_of(AnswerRun(self._parts, turn, models, writer).run(), writer.store_growing())

        try:
            await self._parts.generations.begin(self._owner, KIND, make, details, name=generation_id(name))
        except (ModelyardError, OSError):
            with suppress(ConversationNotFound):
                await self._store.delete_branch(self._owner, chat, messages[0].id)
            raise


def mode_of(files: Sequence[FileRow], bases: Sequence[str], tools: bool) -> AnswerMode:
    """The mode of a question that names none."""
    if files:
        return "files"
    if bases:
        return "knowledge"
    return "agent" if tools else "chat"


def unsaved(chat: str, owner: str, content: Sequence[Mapping[str, Any]]) -> Message:
    """A question that is not stored yet."""
    now = time.time()
    return Message(
        role="user",
        content=content,
        id=secrets.token_hex(16),
        chat=chat,
        owner=owner,
        parent=None,
        created_at=now,
        updated_at=now,
    )


async def first_of(work: Coroutine[Any, Any, None], beside: Coroutine[Any, Any, None]) -> None:
    """Do the work, and something beside it until the work is done; an error of either ends both and is raised."""
    tasks = [asyncio.ensure_future(work), asyncio.ensure_future(beside)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
