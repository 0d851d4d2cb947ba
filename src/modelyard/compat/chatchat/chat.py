"""Chatchat's `/chat/chat` and `/chat/feedback`: chatting with a model, storing the conversation, and rating its answers."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import Request
from fastapi.responses import StreamingResponse
from pydantic import Field

from modelyard.chats.linear import history
from modelyard.chats.types import MessageChange, MessageState, NewMessage, text_content
from modelyard.compat.chatchat.base import BaseResponse, ChatchatRefused, ChatchatRoute
from modelyard.compat.chatchat.prompts import render_prompt
from modelyard.compat.chatchat.streams import event_stream
from modelyard.compat.chatchat.turns import TEMPERATURE, ChatQuestion, ChatTurn, HistoryMessage
from modelyard.core.access import Owner
from modelyard.core.errors import ModelyardError
from modelyard.protocol.bounds import Few
from modelyard.protocol.chatchat import ChatEvents
from modelyard.protocol.deferred import DeferredModel
from modelyard.web.deps import TheChats, TheGrant, TheParts
from modelyard.web.router import BodyKind, Router

router = Router("/chat", tags=["chatchat"], route_class=ChatchatRoute)

KIND = "llm_chat"
LONGEST_ID = 32
HISTORY_QUESTIONS = 100
"""Maximum number of earlier questions of a stored conversation that are sent to the model."""
HISTORY_CHARACTERS = 6000
"""Maximum characters of earlier messages of a stored conversation that are sent to the model."""


class ModelChat(ChatQuestion):
    """A question to a model, optionally as part of a stored conversation."""

    conversation_id: str = ""
    history_len: int = Field(
        -1, description="Number of earlier questions of the conversation that are sent to the model."
    )
    history: int | Few[HistoryMessage] = Field([], description="A number means `history_len`.")  # type: ignore[assignment]
    temperature: float = Field(TEMPERATURE, ge=0, le=2)


class AnswerFeedback(DeferredModel):
    """A person's rating of an answer."""

    message_id: str = Field("", max_length=LONGEST_ID)
    score: int = Field(0, description="0 to 100.")
    reason: str = ""


@router.post("/chat", scope="models:read", body=BodyKind.TEXT, response_model=BaseResponse, events=ChatEvents)
async def chat(body: ModelChat, request: Request, parts: TheParts, grant: TheGrant) -> StreamingResponse:
    """Chat with a model. Streams `{"text", "message_id"}` for each piece of the answer, or sends one event with all of it."""
    count = body.history if isinstance(body.history, int) else 0
    messages = [] if isinstance(body.history, int) else body.history
    turn = ChatTurn(request, parts, grant, body.model_copy(update={"history": messages}))
    return event_stream(_chat_events(turn, body, min(count or body.history_len, HISTORY_QUESTIONS), Owner.of(grant)))


@router.post("/feedback", scope="models:read")
async def feedback(body: AnswerFeedback, chats: TheChats, grant: TheGrant) -> BaseResponse:
    """Store a person's rating of an answer."""
    try:
        await chats.store.rate(Owner.of(grant), body.message_id, body.score, body.reason)
    except ModelyardError as error:
        raise ChatchatRefused(500, f"反馈聊天记录出错： {error.message}") from error
    return BaseResponse(msg=f"已反馈聊天记录 {body.message_id}")


async def _chat_events(turn: ChatTurn, body: ModelChat, count: int, owner: Owner) -> AsyncGenerator[dict[str, Any]]:
    """Yield the events. The answer so far is stored even if the client disconnects."""
    store = turn.parts.chats.store
    messages = turn.messages(render_prompt("llm_chat", body.prompt_name, input=body.query, history=""))
    model = turn.model()
    chat = None
    if body.conversation_id:
        chat = (await store.get_or_create(owner, row_id(body.conversation_id), body.query, KIND)).id
        if len(messages) == 1 and count > 0:
            path = await store.path(owner, chat, last=2 * count)
            messages = [*history(path, count, HISTORY_CHARACTERS), *messages]
    message = (await store.add_messages(owner, chat, question_and_answer(body.query, model)))[-1].id
    answer: list[str] = []
    state = MessageState.STOPPED
    try:
        async with aclosing(turn.answer(messages)) as pieces:
            async for piece in pieces:
                answer.append(piece)
                if body.stream:
                    yield {"text": piece, "message_id": message}
        state = MessageState.COMPLETE
    finally:
        change = MessageChange(content=text_content("".join(answer)), state=state)
        await asyncio.shield(store.update_message(message, change))
    if not body.stream:
        yield {"text": "".join(answer), "message_id": message}


def question_and_answer(question: str, model: str) -> list[NewMessage]:
    """A question, and its answer, which begins."""
    return [
        NewMessage("user", text_content(question)),
        NewMessage("assistant", model=model, state=MessageState.RUNNING, metadata={"kind": KIND}),
    ]


def row_id(name: str) -> str:
    """Return the id under which a conversation is stored: the client's own, or its hash if that is too long."""
    if len(name) <= LONGEST_ID:
        return name
    return hashlib.blake2b(name.encode(), digest_size=LONGEST_ID // 2).hexdigest()
