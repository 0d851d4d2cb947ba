"""Routes that answer messages of chats. The server makes each answer to its end, whether or not its client stays."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Query, Request
from fastapi.responses import StreamingResponse

from modelyard.api.answering.service import ChatAnswers
from modelyard.protocol import answers as bodies
from modelyard.protocol.chats import MessageInfo
from modelyard.protocol.error_event import ErrorEvent
from modelyard.web.chat_views import message_info
from modelyard.web.deps import TheGrant, TheParts
from modelyard.web.generation_views import EventNumber, event_response, last_number
from modelyard.web.router import BodyKind, Router

router = Router("/v1/chats", tags=["chats"])


@router.post("/{chat}/answers", scope="models:read", body=BodyKind.TEXT)
async def answer(chat: str, body: bodies.NewChatAnswer, parts: TheParts, grant: TheGrant) -> bodies.ChatAnswerBegun:
    """Answer a message of a chat, or a new one, and return at once. Another answer to a message is a sibling of the first."""
    begun = await ChatAnswers(parts, grant).begin(chat, body)
    question = None if begun.question is None else message_info(begun.question)
    return bodies.ChatAnswerBegun(question=question, message=message_info(begun.message), mode=begun.mode)


@router.get("/{chat}/messages/{message}/events", scope="models:read", events=bodies.AnswerEvent | ErrorEvent)
async def follow(
    chat: str,
    message: str,
    request: Request,
    parts: TheParts,
    grant: TheGrant,
    after: EventNumber = 0,
    follow: Annotated[bool, Query(description="Whether to wait for events that are still to come.")] = True,
    last_event_id: Annotated[str | None, Header(max_length=20)] = None,
) -> StreamingResponse:
    """The past and future events of an answer, as server-sent events, until its last one.

    Any number of readers may follow it. One that was interrupted sends the number of the last event that it has, as
    `Last-Event-ID` or `after`, and gets exactly what it has missed.
    """
    number = last_number(after, last_event_id)
    return event_response(request, parts.keys, ChatAnswers(parts, grant).follow(chat, message, number, wait=follow))


@router.post("/{chat}/messages/{message}/stop", scope="models:read")
async def stop(chat: str, message: str, parts: TheParts, grant: TheGrant) -> MessageInfo:
    """Stop an answer with its model. Its text so far stays. One that has ended stays as it is."""
    return message_info(await ChatAnswers(parts, grant).stop(chat, message))
