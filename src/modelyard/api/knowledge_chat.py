"""Knowledge bases as chat models: the app that the gateway calls for `kb:NAME` and for a chat's field `knowledge`."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import msgspec
from msgspec import UNSET, to_builtins

from modelyard.core.access import BASE, Grant
from modelyard.core.asgi import App, Receive, Scope, Send
from modelyard.core.errors import InvalidParameter, UnsupportedParameter
from modelyard.core.rules import Honour, Ignore, Refuse, Rules
from modelyard.core.types import Task
from modelyard.engines.rules import IGNORED, INNER, OF_COMPLETIONS, OLD
from modelyard.gateway.apps import caller_of
from modelyard.gateway.sender import Caller
from modelyard.knowledge.answering.answer import AnswerToken, FinalAnswer, KnowledgeQuestion, Sources
from modelyard.knowledge.search.search import Mode
from modelyard.knowledge.service import KnowledgeService
from modelyard.knowledge.types import Models
from modelyard.protocol.inference import ChatRequest, StreamOptions
from modelyard.protocol.inference import Knowledge as Options
from modelyard.protocol.requests import decode
from modelyard.protocol.text_parts import text_of
from modelyard.web.sse import HEADERS, MEDIA_TYPE, send_events

EVENT_HEADERS = [
    (b"content-type", f"{MEDIA_TYPE}; charset=utf-8".encode()),
    *((name.encode(), value.encode()) for name, value in HEADERS.items()),
]
PASSED = (
    *("temperature", "top_p", "top_k", "min_p", "max_tokens", "max_completion_tokens", "seed", "stop", "logit_bias"),
    *("presence_penalty", "frequency_penalty", "repetition_penalty"),
    *("reasoning_effort", "enable_thinking", "chat_template_kwargs"),
)
"""Fields of a request that are passed to the model unchanged."""

HONOURED = frozenset(
    {
        *PASSED,
        *OLD,  # they arrive as tools
        "tool_choice",
        "model",
        "messages",
        "knowledge",
        "stream",
        "stream_options",
        "stream_options.include_usage",
        "request_id",
    }
)
WITHOUT_EFFECT = (*IGNORED, "tools", "parallel_tool_calls")
"""Agents and editors offer tools with every request, so an answer leaves them unused instead of refusing them."""
REFUSED = Refuse("an answer from knowledge bases has no such parameter")
RULES = Rules(
    {
        Task.CHAT: {name: Honour() if name in HONOURED else REFUSED for name in ChatRequest.__struct_fields__}
        | dict.fromkeys((*INNER, *OF_COMPLETIONS), REFUSED)
        | dict.fromkeys(WITHOUT_EFFECT, Ignore())
    }
)
"""What a base does with each parameter, as rules like those of engines."""


def knowledge_app(knowledge: KnowledgeService, models: Callable[[Caller], Models]) -> App:
    """The app. `models` returns the models for a caller."""

    async def chat(scope: Scope, receive: Receive, send: Send) -> None:
        caller = caller_of(scope)
        body = decode((await receive())["body"], ChatRequest)
        question = await _question(knowledge, body, caller.grant, models(caller))
        knowledge.answering.model(question)
        if body.stream is True:
            wants_usage = isinstance(body.stream_options, StreamOptions) and body.stream_options.include_usage is True
            await send({"type": "http.response.start", "status": 200, "headers": EVENT_HEADERS})
            await send_events(_chunks(knowledge, body.model, question, wants_usage), send)
            return
        answer = msgspec.json.encode(await _completion(knowledge, body.model, question))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return chat


async def _question(
    knowledge: KnowledgeService, body: ChatRequest, grant: Grant | None, models: Models
) -> KnowledgeQuestion:
    """The question of a request: the user's last message, with the messages before it."""
    options = body.knowledge if isinstance(body.knowledge, Options) else Options(bases=[body.model.removeprefix(BASE)])
    if body.tool_choice not in (UNSET, None, "auto", "none"):
        raise UnsupportedParameter("tool_choice", body.model, "an answer from knowledge bases calls no tool")
    for index, each in enumerate(body.messages):
        _check_content(each.content, f"messages[{index}].content")
    turns = [each for each in body.messages if each.role not in ("system", "developer")]
    if not turns or turns[-1].role != "user":
        raise InvalidParameter("messages", "the last message must be the user's question.")
    text = text_of(turns[-1].content)
    if not text.strip():
        raise InvalidParameter("messages", "the last message has no text.")
    history = [{"role": each.role, "content": text_of(each.content)} for each in body.messages if each is not turns[-1]]
    given = {name: value for name in PASSED if (value := getattr(body, name, UNSET)) not in (UNSET, None)}
    return KnowledgeQuestion(
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
        models=models,
    )


def _check_content(content: Any, place: str) -> None:
    """Raise `InvalidParameter` for parts that are not text, such as pictures."""
    for number, part in enumerate(content if isinstance(content, list) else ()):
        if part.get("type") != "text":
            problem = f"an answer from knowledge bases accepts texts only, not a part of type '{part.get('type')}'."
            raise InvalidParameter(f"{place}[{number}].type", problem)


async def _completion(knowledge: KnowledgeService, model: str, question: KnowledgeQuestion) -> dict[str, Any]:
    sources: list[dict[str, Any]] = []
    ranker: str | None = None
    answered: FinalAnswer | None = None
    async with aclosing(knowledge.answering.answer(question)) as parts:
        async for each in parts:
            if isinstance(each, Sources):
                sources, ranker = [to_builtins(source) for source in each.citations], each.rerank_model
            elif isinstance(each, FinalAnswer):
                answered = each
    assert answered is not None
    message = {"role": "assistant", "content": answered.text}
    return {
        **_head(model, "chat.completion"),
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": answered.finish_reason,
                "logprobs": None,
                **_stop(answered),
            }
        ],
        "usage": _usage(answered),
        **_extra(answered, sources, ranker),
    }


async def _chunks(
    knowledge: KnowledgeService, model: str, question: KnowledgeQuestion, wants_usage: bool
) -> AsyncGenerator[bytes]:
    head = _head(model, "chat.completion.chunk")

    def chunk(delta: dict[str, Any], answered: FinalAnswer | None = None, **more: Any) -> bytes:
        reason = answered.finish_reason if answered else None
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason, **_stop(answered)}
        return _event({**head, "choices": [choice], **more})

    begin = b"data: " + msgspec.json.encode(head)[:-1] + b',"choices":[{"index":0,"delta":{"content":'
    end = b'},"logprobs":null,"finish_reason":null}]}\n\n'
    sources: list[dict[str, Any]] = []
    ranker: str | None = None
    yield chunk({"role": "assistant", "content": ""})
    async with aclosing(knowledge.answering.answer(question)) as parts:
        async for each in parts:
            if isinstance(each, AnswerToken) and each.citations:
                yield chunk({"content": each.text, "citations": [to_builtins(source) for source in each.citations]})
            elif isinstance(each, AnswerToken):
                yield begin + msgspec.json.encode(each.text) + end
            elif isinstance(each, Sources):
                sources, ranker = [to_builtins(source) for source in each.citations], each.rerank_model
            else:
                yield chunk({"content": ""}, each, **_extra(each, sources, ranker))
                if wants_usage:
                    yield _event({**head, "choices": [], "usage": _usage(each)})
    yield b"data: [DONE]\n\n"


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def _head(model: str, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
        "system_fingerprint": None,
    }


def _extra(answered: FinalAnswer, sources: list[dict[str, Any]], ranker: str | None) -> dict[str, Any]:
    """The fields of an answer that OpenAI's format does not have."""
    return {
        "citations": [to_builtins(each) for each in answered.citations],
        "knowledge": {
            "evidence": answered.evidence,
            "sources": sources,
            "model": answered.model,
            "rerank_model": ranker,
            "notes": list(answered.notes),
        },
    }


def _stop(answered: FinalAnswer | None) -> dict[str, str]:
    """The stop string that ended an answer, as engines name it; empty if none did."""
    return {"stop_reason": answered.stop_reason} if answered and answered.stop_reason else {}


def _usage(answered: FinalAnswer) -> dict[str, Any]:
    none = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    return {**none, **answered.usage}
