"""Chatchat's `/chat/chat` and `/chat/feedback`: a talk with a model, kept in a conversation, and what people think of it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from modelyard.api.chatchat.base import BaseResponse, ChatchatRoute, Refused
from modelyard.api.chatchat.prompts import rendered
from modelyard.api.chatchat.streams import streamed
from modelyard.api.chatchat.turns import TEMPERATURE, Chat, History, Talk
from modelyard.api.deps import TheGrant, TheKnowledge, TheParts
from modelyard.chats.conversations import Conversations
from modelyard.core.access import Owner
from modelyard.core.errors import ModelyardError
from modelyard.protocol.bounds import Few

router = APIRouter(prefix="/chat", tags=["chatchat"], route_class=ChatchatRoute)

KIND = "llm_chat"
LONGEST_ID = 32
MOST_REMEMBERED = 100
"""Earlier questions of a conversation that a model is told at most."""
REMEMBERED = 6000
"""Characters of earlier messages that a model is told from a conversation."""


class ModelChat(Chat):
    """A question to a model."""

    conversation_id: str = ""
    history_len: int = Field(-1, description="Earlier messages of the conversation that the model is told.")
    history: int | Few[History] = Field([], description="A number is the same as `history_len`.")  # type: ignore[assignment]
    temperature: float = Field(TEMPERATURE, ge=0, le=2)


class Feedback(BaseModel):
    """What somebody thinks of an answer."""

    message_id: str = Field("", max_length=LONGEST_ID)
    score: int = Field(0, description="0 to 100.")
    reason: str = ""


@router.post("/chat", response_class=StreamingResponse)
async def chat(body: ModelChat, request: Request, parts: TheParts, grant: TheGrant) -> StreamingResponse:
    """Talk to a model. Events: `{"text", "message_id"}` for each piece, or one for all."""
    count = body.history if isinstance(body.history, int) else 0
    given = [] if isinstance(body.history, int) else body.history
    talk = Talk(request, parts, grant, body.model_copy(update={"history": given}))
    return streamed(_chat(talk, body, min(count or body.history_len, MOST_REMEMBERED), Owner.of(grant)))


@router.post("/feedback")
async def feedback(body: Feedback, knowledge: TheKnowledge, grant: TheGrant) -> BaseResponse:
    """Keep what somebody thinks of an answer."""
    try:
        await knowledge.conversations.judge(Owner.of(grant), body.message_id, body.score, body.reason)
    except ModelyardError as error:
        raise Refused(500, f"反馈聊天记录出错： {error.message}") from error
    return BaseResponse(msg=f"已反馈聊天记录 {body.message_id}")


async def _chat(talk: Talk, body: ModelChat, count: int, owner: Owner) -> AsyncGenerator[dict[str, Any]]:
    """The events. What was said is kept even if nobody hears the end."""
    conversations = talk.parts.knowledge.conversations
    messages = talk.messages(rendered("llm_chat", body.prompt_name, input=body.query, history=""))
    model = talk.model()
    conversation = None
    if body.conversation_id:
        name = row_id(body.conversation_id)
        conversation = (await conversations.opened(owner, name, body.query, KIND)).id
        if len(messages) == 1 and count > 0:
            messages = [*await _remembered(conversations, conversation, count), *messages]
    message = await conversations.ask(owner, body.query, KIND, conversation, {"model": model})
    said: list[str] = []
    details = {"broken_off": True}
    try:
        async with aclosing(talk.said(messages)) as tokens:
            async for token in tokens:
                said.append(token)
                if body.stream:
                    yield {"text": token, "message_id": message}
        details = {}
    finally:
        await asyncio.shield(conversations.answered(message, "".join(said), details=details))
    if not body.stream:
        yield {"text": "".join(said), "message_id": message}


async def _remembered(conversations: Conversations, conversation: str, count: int) -> list[dict[str, str]]:
    """The last questions of a conversation that were answered, with their answers, as many as a model may be told."""
    told: list[dict[str, str]] = []
    left = REMEMBERED
    for each in reversed(await conversations.messages(conversation, count)):
        left -= len(each.question) + len(each.answer)
        if left < 0:
            break
        if each.answer:
            told = [
                {"role": "user", "content": each.question},
                {"role": "assistant", "content": each.answer},
                *told,
            ]
    return told


def row_id(name: str) -> str:
    """The id of a conversation as its row has it; one that is too long is shortened to its hash."""
    if len(name) <= LONGEST_ID:
        return name
    return hashlib.blake2b(name.encode(), digest_size=LONGEST_ID // 2).hexdigest()
