"""Knowledge bases as models: the OpenAI door behind `kb:NAME` and behind the field `knowledge` of a chat request.

The gateway relays to it as to any replica, over a socket of this server, so that limits, metering and cancelling are the same.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Protocol

from msgspec import UNSET
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from modelyard.api.knowledge_views import citation_dict
from modelyard.api.leaving import while_awaited
from modelyard.api.sse import event, streamed
from modelyard.core.access import BASE, Grant
from modelyard.core.errors import InvalidParameter, ModelyardError
from modelyard.core.rules import Honour, Ignore, Refuse, Rules
from modelyard.core.types import Task
from modelyard.engines.rules import IGNORED, INNER, OF_COMPLETIONS
from modelyard.knowledge.answering.answer import Answered, Question, Sources, Token
from modelyard.knowledge.search.search import Mode
from modelyard.knowledge.service import Knowledge
from modelyard.protocol import errors
from modelyard.protocol.inference import ChatRequest, StreamOptions
from modelyard.protocol.inference import Knowledge as Options
from modelyard.protocol.requests import decode

PREFIX = "/knowledge"
PASSED = (
    *("temperature", "top_p", "top_k", "min_p", "max_tokens", "max_completion_tokens", "seed", "stop", "logit_bias"),
    *("presence_penalty", "frequency_penalty", "repetition_penalty"),
    *("reasoning_effort", "enable_thinking", "chat_template_kwargs"),
)
"""Fields of a request that its model gets as they are."""

HONOURED = frozenset(
    {
        *PASSED,
        "model",
        "messages",
        "knowledge",
        "stream",
        "stream_options",
        "stream_options.include_usage",
        "request_id",
    }
)
REFUSED = Refuse("an answer from knowledge bases has no such parameter")
RULES = Rules(
    {
        Task.CHAT: {name: Honour() if name in HONOURED else REFUSED for name in ChatRequest.__struct_fields__}
        | dict.fromkeys((*INNER, *OF_COMPLETIONS), REFUSED)
        | dict.fromkeys(IGNORED, Ignore())
    }
)
"""What each parameter means to a base, in the words of the engines' rules."""


class Callers(Protocol):
    """Knows whose key a relayed request came with."""

    def caller(self, headers: Headers) -> Grant | None: ...


def door(knowledge: Knowledge, passage: Callers) -> Starlette:
    """The app. Models answer as the key of the caller allows."""

    async def chat(request: Request) -> Response:
        try:
            body = decode(await request.body(), ChatRequest)
            question = await _question(knowledge, body, passage.caller(request.headers))
            knowledge.answering.model(question)
        except ModelyardError as error:
            return JSONResponse(errors.envelope(error), error.status)
        if body.stream is True:
            wants_usage = isinstance(body.stream_options, StreamOptions) and body.stream_options.include_usage is True
            return streamed(_chunks(knowledge, body.model, question, wants_usage))
        try:
            return JSONResponse(await while_awaited(request, _completion(knowledge, body.model, question)))
        except ModelyardError as error:
            return JSONResponse(errors.envelope(error), error.status, errors.headers(error))

    return Starlette(routes=[Route(f"{PREFIX}/v1/chat/completions", chat, methods=["POST"])])


async def _question(knowledge: Knowledge, body: ChatRequest, grant: Grant | None) -> Question:
    """What is asked: the last message of the user, with what went before it."""
    options = body.knowledge if isinstance(body.knowledge, Options) else Options(bases=[body.model.removeprefix(BASE)])
    for index, each in enumerate(body.messages):
        _check_content(each.content, f"messages[{index}].content")
    spoken = [each for each in body.messages if each.role not in ("system", "developer")]
    if not spoken or spoken[-1].role != "user":
        raise InvalidParameter("messages", "the last message must be the user's question.")
    text = text_of(spoken[-1].content)
    if not text.strip():
        raise InvalidParameter("messages", "there is no question in the last message.")
    history = [
        {"role": each.role, "content": text_of(each.content)} for each in body.messages if each is not spoken[-1]
    ]
    given = {name: value for name in PASSED if (value := getattr(body, name, UNSET)) not in (UNSET, None)}
    return Question(
        text=text,
        bases=await knowledge.several(options.bases),
        model=None if body.model.startswith(BASE) else body.model,
        history=history,
        k=options.top_k,
        mode=Mode(options.mode),
        where=options.filter,
        rerank=options.rerank,
        min_score=options.min_score,
        options=given,
        grant=grant,
    )


def _check_content(content: Any, place: str) -> None:
    """Raises `InvalidParameter` for parts that are no text, such as pictures."""
    for number, part in enumerate(content if isinstance(content, list) else ()):
        if part.get("type") != "text":
            problem = f"an answer from knowledge bases reads texts only, not a part of type '{part.get('type')}'."
            raise InvalidParameter(f"{place}[{number}].type", problem)


def text_of(content: Any) -> str:
    """A message's text, of plain or of parted content."""
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, dict) and part.get("type") == "text"]
        return "\n".join(str(part.get("text", "")) for part in parts)
    return content if isinstance(content, str) else ""


async def _completion(knowledge: Knowledge, model: str, question: Question) -> dict[str, Any]:
    sources: list[dict[str, Any]] = []
    answered: Answered | None = None
    async with aclosing(knowledge.answering.answer(question)) as told:
        async for each in told:
            if isinstance(each, Sources):
                sources = [citation_dict(source) for source in each.citations]
            elif isinstance(each, Answered):
                answered = each
    assert answered is not None
    message = {"role": "assistant", "content": answered.text}
    return {
        **_head(model, "chat.completion"),
        "choices": [{"index": 0, "message": message, "finish_reason": answered.finish_reason, "logprobs": None}],
        "usage": _usage(answered),
        **_extra(answered, sources),
    }


async def _chunks(knowledge: Knowledge, model: str, question: Question, wants_usage: bool) -> AsyncGenerator[bytes]:
    head = _head(model, "chat.completion.chunk")

    def chunk(delta: dict[str, Any], reason: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return event({**head, "choices": [choice], **more})

    sources: list[dict[str, Any]] = []
    yield chunk({"role": "assistant", "content": ""})
    async with aclosing(knowledge.answering.answer(question)) as told:
        async for each in told:
            if isinstance(each, Sources):
                sources = [citation_dict(source) for source in each.citations]
            elif isinstance(each, Token):
                yield chunk({"content": each.text})
            else:
                yield chunk({"content": ""}, each.finish_reason, **_extra(each, sources))
                if wants_usage:
                    yield event({**head, "choices": [], "usage": _usage(each)})
    yield b"data: [DONE]\n\n"


def _head(model: str, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
        "system_fingerprint": None,
    }


def _extra(answered: Answered, sources: list[dict[str, Any]]) -> dict[str, Any]:
    """What OpenAI has no field for."""
    return {
        "citations": [citation_dict(each) for each in answered.citations],
        "knowledge": {"evidence": answered.evidence, "sources": sources, "model": answered.model},
    }


def _usage(answered: Answered) -> dict[str, Any]:
    none = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    return {**none, **answered.usage}
