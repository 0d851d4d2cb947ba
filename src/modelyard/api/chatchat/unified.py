"""Chatchat 0.3's `/chat/chat/completions`: OpenAI's chat completion, where `tools` may name tools of the server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from modelyard.api.chatchat.chat import KIND, row_id
from modelyard.api.chatchat.kb_chat import choice, completion, head
from modelyard.api.chatchat.prompts import rendered
from modelyard.api.chatchat.streams import limit, streamed
from modelyard.api.chatchat.turns import Chat, Talk, tools_for
from modelyard.api.deps import Parts, TheGrant, TheParts
from modelyard.api.knowledge_door import text_of
from modelyard.api.leaving import while_awaited
from modelyard.chats.tools.base import Tool
from modelyard.core.access import Grant, Owner
from modelyard.core.errors import InvalidParameter
from modelyard.knowledge.tool_loop import Answer, Reply, Token, ToolEnded, ToolStarted, run
from modelyard.protocol.bounds import Few, Fields, Many

router = APIRouter(prefix="/chat", tags=["chatchat"])
"""For OpenAI's own client, so its errors are OpenAI's."""

PASSED = ("frequency_penalty", "logit_bias", "logprobs", "presence_penalty", "response_format", "seed", "stop",
          "top_logprobs", "top_p", "user", "parallel_tool_calls", "max_completion_tokens")  # fmt: skip
"""More fields of a request that its model gets as they are."""
NAMES = {
    "calculate": "calculator",
    "search_local_knowledgebase": "search_knowledge",
    "url_reader": "read_url",
}
"""What Chatchat calls tools."""
NO_NAMES = ("auto", "none", "required")
STARTED, SAYS, FINISHED, TOOL_STARTED, TOOL_ENDED = 1, 2, 5, 6, 7
"""Of `status`, in an agent's chunks."""


class Unified(BaseModel):
    """A chat completion. With `tools` or `tool_choice` of the server, an agent answers it."""

    model_config = ConfigDict(extra="allow")

    messages: Many[Fields[Any]] = Field(min_length=1)
    model: str | None = None
    stream: bool | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    tools: Few[str | Fields[Any]] | None = None
    tool_choice: str | Fields[Any] | None = None
    conversation_id: str = Field("", description="Where the question and its answer are kept.")
    tool_input: Fields[Any] | None = Field(
        None, description="Call the tool of `tool_choice` with this, and answer from what it gives."
    )

    @property
    def question(self) -> str:
        """The text of the last message."""
        return text_of(self.messages[-1].get("content"))

    @property
    def chosen(self) -> str:
        """The tool that must be called; empty for none."""
        if isinstance(self.tool_choice, dict):
            return _name(self.tool_choice)
        return "" if self.tool_choice in NO_NAMES else self.tool_choice or ""

    def request(self, model: str) -> dict[str, Any]:
        """What the model is asked, without tools."""
        given = {name: value for name in PASSED if (value := (self.model_extra or {}).get(name)) is not None}
        asked = {"model": model, "messages": self.messages, "temperature": self.temperature}
        return {**given, **{k: v for k, v in asked.items() if v is not None}, **limit(self.max_tokens)}


@router.post("/chat/completions", response_model=None)
async def chat_completions(body: Unified, request: Request, parts: TheParts, grant: TheGrant) -> Response:
    """Talk to a model, or to an agent whose tools are named. Tools that are no names are the caller's own, as with OpenAI."""
    talk = Talk(request, parts, grant, Chat(query=body.question, model_name=body.model))
    tools = await chosen_tools(body, parts, grant)
    row = await _row(body, parts, grant)
    said = _agent(talk, body, tools) if tools and body.tool_input is None else _model(talk, body, tools)
    chunks = _kept(said, parts, row)
    if body.stream:
        return streamed(chunks)
    return JSONResponse(await while_awaited(request, _whole(chunks)))


async def chosen_tools(body: Unified, parts: Parts, grant: Grant | None) -> list[Tool]:
    """The server's tools that a request names; none where its tools are its own. Raises `InvalidParameter`."""
    given = list(body.tools or ([body.chosen] if body.chosen else []))
    if not given or body.tool_choice == "none":
        return []
    by_name = {tool.name: tool for tool in await tools_for(parts, grant)}
    names = [NAMES.get(name, name) for name in (each if isinstance(each, str) else _name(each) for each in given)]
    missing = [name for name in names if name not in by_name]
    if len(missing) == len(names) and not any(isinstance(each, str) for each in given):
        return []
    if missing:
        raise InvalidParameter("tools", f"there is no tool {', '.join(missing)} here; there are {', '.join(by_name)}.")
    return [by_name[name] for name in dict.fromkeys(names)]


async def _row(body: Unified, parts: Parts, grant: Grant | None) -> str | None:
    """The id of the row of the question, where a conversation is named. Raises `ConversationNotFound`."""
    if not body.conversation_id:
        return None
    talks, owner = parts.knowledge.conversations, Owner.of(grant)
    talk = await talks.opened(owner, row_id(body.conversation_id), body.question, KIND)
    return await talks.ask(owner, body.question, KIND, talk.id)


async def _kept(
    chunks: AsyncGenerator[dict[str, Any]], parts: Parts, row: str | None
) -> AsyncGenerator[dict[str, Any]]:
    """The same with the id of their row, where what was said is kept even if nobody hears the end."""
    reply = Reply()
    try:
        async with aclosing(chunks) as given:
            async for chunk in given:
                if chunk.get("status") in (None, SAYS):
                    reply.add(chunk)
                yield {**chunk, "message_id": row}
    finally:
        if row is not None:
            await asyncio.shield(parts.knowledge.conversations.answered(row, reply.text))


async def _model(talk: Talk, body: Unified, tools: Sequence[Tool]) -> AsyncGenerator[dict[str, Any]]:
    """What the model says, chunk by chunk as its server sends them; of what a tool gave, if it shall be called first."""
    asked = body.request(talk.model())
    if tools and body.tool_input is not None:
        output = await tools[0].call(body.tool_input)
        prompt = rendered("knowledge_base_chat", "default", context=output, question=body.question)
        asked["messages"] = [*body.messages[:-1], {**body.messages[-1], "content": prompt}]
        told = {"tool_call": tools[0].name, "tool_output": output, "is_ref": True}
        yield {**head("chat.completion.chunk", talk.model()), **told, **choice("", None)}
    else:
        own = {"tools": body.tools, "tool_choice": body.tool_choice}
        asked |= {name: value for name, value in own.items() if value}
    async with aclosing(talk.models.chat(asked)) as chunks:
        async for chunk in chunks:
            yield {**chunk, "status": None}


async def _agent(talk: Talk, body: Unified, tools: Sequence[Tool]) -> AsyncGenerator[dict[str, Any]]:
    """An agent's chunks: `status` says what each is. What is said comes piece by piece, and the answer once more as a whole."""
    asked = body.request(talk.model())
    if body.chosen:
        asked["tool_choice"] = {"type": "function", "function": {"name": tools[0].name}}
    first = head("chat.completion.chunk", talk.model())

    def chunk(
        status: int, text: str, calls: Sequence[dict[str, Any]] = (), reason: str | None = None
    ) -> dict[str, Any]:
        return {**first, "status": status, **choice(text, reason, calls)}

    yield chunk(STARTED, "")
    async with aclosing(run(talk.models, asked, tools)) as events:
        async for event in events:
            match event:
                case Token():
                    yield chunk(SAYS, event.text)
                case ToolStarted():
                    yield chunk(TOOL_STARTED, "", [call(event, None, False)])
                case ToolEnded():
                    yield chunk(TOOL_ENDED, "", [call(event, event.output, not event.ok)])
                case Answer():
                    yield {**chunk(FINISHED, event.text, reason=event.finish_reason), "usage": event.usage}


def call(event: ToolStarted | ToolEnded, output: str | None, failed: bool) -> dict[str, Any]:
    """A call as Chatchat shows it."""
    given = event.arguments
    arguments = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
    function = {"name": event.name, "arguments": arguments}
    return {
        "index": 0,
        "id": event.id,
        "type": "function",
        "function": function,
        "tool_output": output,
        "is_error": failed,
    }


async def _whole(chunks: AsyncGenerator[dict[str, Any]]) -> dict[str, Any]:
    """All chunks as one completion."""
    reply, told, ended = Reply(), dict[str, Any](), list[dict[str, Any]]()
    last: dict[str, Any] = {}
    async with aclosing(chunks) as given:
        async for chunk in given:
            last = {**last, **chunk}
            told |= {name: chunk[name] for name in ("tool_call", "tool_output", "is_ref") if chunk.get(name)}
            if chunk.get("status") == TOOL_ENDED:
                ended += chunk["choices"][0]["delta"]["tool_calls"]
            elif chunk.get("status") in (None, FINISHED):
                reply.add(chunk)
    whole = completion(last.get("model"), reply.text, None, reply.finish_reason or "stop")
    own = [
        {"id": each.id, "type": "function", "function": {"name": each.name, "arguments": each.text}}
        for each in reply.calls(0)
    ]
    whole["choices"][0]["message"]["tool_calls"] = ended or own
    rest = {"message_id": last.get("message_id"), "status": last.get("status"), "usage": last.get("usage")}
    return {**whole, **told, **rest}


def _name(tool: Mapping[str, Any]) -> str:
    """Of a tool as OpenAI has it."""
    function = tool.get("function")
    return str(function.get("name", "")) if isinstance(function, Mapping) else ""
