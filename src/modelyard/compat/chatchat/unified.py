"""Chatchat 0.3's `/chat/chat/completions`: OpenAI's chat completions, whose `tools` may name tools of the server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field

from modelyard.chats.tool_loop import LoopAnswer, StreamedReply, TextPiece, ToolEnded, ToolStarted, run_tool_loop
from modelyard.chats.tools.base import Tool
from modelyard.chats.types import MessageChange, MessageState, text_content
from modelyard.compat.chatchat.chat import KIND, question_and_answer, row_id
from modelyard.compat.chatchat.kb_chat import choice, completion, head
from modelyard.compat.chatchat.prompts import render_prompt
from modelyard.compat.chatchat.streams import event_stream, token_limit
from modelyard.compat.chatchat.turns import ChatQuestion, ChatTurn
from modelyard.core.access import Grant, Owner
from modelyard.core.errors import InvalidParameter
from modelyard.protocol.bounds import Few, Fields, Many
from modelyard.protocol.chatchat import ChatchatChunks, ChatchatCompletion
from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.text_parts import text_of
from modelyard.web.deps import Parts, TheGrant, TheParts
from modelyard.web.disconnects import while_connected
from modelyard.web.router import BodyKind, Router
from modelyard.web.server_tools import server_tools

router = Router("/chat", tags=["chatchat"])
"""Routes for OpenAI's client, with errors in OpenAI's format."""

PASSED = ("frequency_penalty", "logit_bias", "logprobs", "presence_penalty", "response_format", "seed", "stop",
          "top_logprobs", "top_p", "user", "parallel_tool_calls", "max_completion_tokens")  # fmt: skip
"""Fields of a request that are passed to the model unchanged."""
NAMES = {
    "calculate": "calculator",
    "search_local_knowledgebase": "search_knowledge",
    "url_reader": "read_url",
}
"""Chatchat's names of tools → ours."""
NO_NAMES = ("auto", "none", "required")
STARTED, TEXT, FINISHED, TOOL_STARTED, TOOL_ENDED = 1, 2, 5, 6, 7
"""Values of `status` in the chunks of a chat with tools."""


class UnifiedChat(DeferredModel):
    """A chat completion request. If `tools` or `tool_choice` name tools of the server, the model may call them."""

    model_config = ConfigDict(extra="allow")

    messages: Many[Fields[Any]] = Field(min_length=1)
    model: str | None = None
    stream: bool | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    tools: Few[str | Fields[Any]] | None = None
    tool_choice: str | Fields[Any] | None = None
    conversation_id: str = Field("", description="The conversation that stores the question and its answer.")
    tool_input: Fields[Any] | None = Field(
        None, description="Arguments to call the tool of `tool_choice` with; the model answers from its output."
    )

    @property
    def question(self) -> str:
        """The text of the last message; empty if it has none."""
        return text_of(self.messages[-1].get("content"))

    @property
    def chosen(self) -> str:
        """The name of the tool that must be called; empty if none must be."""
        if isinstance(self.tool_choice, dict):
            return _tool_name(self.tool_choice)
        return "" if self.tool_choice in NO_NAMES else self.tool_choice or ""

    def request(self, model: str) -> dict[str, Any]:
        """Return the request to the model, without tools."""
        passed = {name: value for name in PASSED if (value := (self.model_extra or {}).get(name)) is not None}
        fields = {"model": model, "messages": self.messages, "temperature": self.temperature}
        return {**passed, **{k: v for k, v in fields.items() if v is not None}, **token_limit(self.max_tokens)}


@router.post(
    "/chat/completions",
    scope="models:read",
    body=BodyKind.TEXT,
    response_model=ChatchatCompletion,
    events=ChatchatChunks,
)
async def chat_completions(body: UnifiedChat, request: Request, parts: TheParts, grant: TheGrant) -> Response:
    """Chat with a model that may call the server's tools by name. Tools given as objects are the caller's own, as in OpenAI."""
    turn = ChatTurn(request, parts, grant, ChatQuestion(query=body.question, model_name=body.model))
    tools = await chosen_tools(body, parts, grant)
    row = await _message_row(body, parts, grant)
    uses_loop = tools and body.tool_input is None
    answer = _tool_loop_chunks(turn, body, tools) if uses_loop else _model_chunks(turn, body, tools)
    chunks = _stored(answer, parts, row)
    if body.stream:
        return event_stream(chunks)
    return JSONResponse(await while_connected(request, _as_completion(chunks)))


async def chosen_tools(body: UnifiedChat, parts: Parts, grant: Grant | None) -> list[Tool]:
    """Return the server's tools that a request names; none if its tools are its own. Raises `InvalidParameter`."""
    requested = list(body.tools or ([body.chosen] if body.chosen else []))
    if not requested or body.tool_choice == "none":
        return []
    by_name = {tool.name: tool for tool in await server_tools(parts, grant)}
    names = [each if isinstance(each, str) else _tool_name(each) for each in requested]
    names = [NAMES.get(name, name) for name in names]
    missing = [name for name in names if name not in by_name]
    if len(missing) == len(names) and not any(isinstance(each, str) for each in requested):
        return []
    if missing:
        raise InvalidParameter("tools", f"there is no tool {', '.join(missing)} here; there are {', '.join(by_name)}.")
    return [by_name[name] for name in dict.fromkeys(names)]


async def _message_row(body: UnifiedChat, parts: Parts, grant: Grant | None) -> str | None:
    """Store the question if a conversation is named, and return its id. Raises `ConversationNotFound`."""
    if not body.conversation_id:
        return None
    store, owner = parts.chats.store, Owner.of(grant)
    chat = await store.get_or_create(owner, row_id(body.conversation_id), body.question, KIND)
    return (await store.add_messages(owner, chat.id, question_and_answer(body.question, body.model or "")))[-1].id


async def _stored(
    chunks: AsyncGenerator[dict[str, Any]], parts: Parts, row: str | None
) -> AsyncGenerator[dict[str, Any]]:
    """Yield the chunks with the id of the stored message. The answer so far is stored even if the client disconnects."""
    reply, state = StreamedReply(), MessageState.STOPPED
    try:
        async with aclosing(chunks):
            async for chunk in chunks:
                if chunk.get("status") in (None, TEXT):
                    reply.add(chunk)
                yield {**chunk, "message_id": row}
        state = MessageState.COMPLETE
    finally:
        if row is not None:
            change = MessageChange(content=text_content(reply.text), usage=reply.usage, state=state)
            await asyncio.shield(parts.chats.store.update_message(row, change))


async def _model_chunks(turn: ChatTurn, body: UnifiedChat, tools: Sequence[Tool]) -> AsyncGenerator[dict[str, Any]]:
    """Yield the chunks of the model's server; with `tool_input`, call the tool first and answer from its output."""
    request = body.request(turn.model())
    if tools and body.tool_input is not None:
        output = await tools[0].call(body.tool_input)
        prompt = render_prompt("knowledge_base_chat", "default", context=output, question=body.question)
        request["messages"] = [*body.messages[:-1], {**body.messages[-1], "content": prompt}]
        result = {"tool_call": tools[0].name, "tool_output": output, "is_ref": True}
        yield {**head("chat.completion.chunk", turn.model()), **result, **choice("", None)}
    else:
        own = {"tools": body.tools, "tool_choice": body.tool_choice}
        request |= {name: value for name, value in own.items() if value}
    async with aclosing(turn.models.chat(request)) as chunks:
        async for chunk in chunks:
            yield {**chunk, "status": None}


async def _tool_loop_chunks(turn: ChatTurn, body: UnifiedChat, tools: Sequence[Tool]) -> AsyncGenerator[dict[str, Any]]:
    """Yield the chunks of a tool loop; `status` is the kind of a chunk. Text is sent in pieces, the final answer again as one."""
    request = body.request(turn.model())
    if body.chosen:
        request["tool_choice"] = {"type": "function", "function": {"name": tools[0].name}}
    first = head("chat.completion.chunk", turn.model())

    def chunk(
        status: int, text: str, calls: Sequence[dict[str, Any]] = (), reason: str | None = None
    ) -> dict[str, Any]:
        return {**first, "status": status, **choice(text, reason, calls)}

    yield chunk(STARTED, "")
    async with aclosing(run_tool_loop(turn.models, request, tools)) as events:
        async for event in events:
            match event:
                case TextPiece():
                    yield chunk(TEXT, event.text)
                case ToolStarted():
                    yield chunk(TOOL_STARTED, "", [tool_call(event, None, False)])
                case ToolEnded():
                    yield chunk(TOOL_ENDED, "", [tool_call(event, event.output, not event.ok)])
                case LoopAnswer():
                    yield {**chunk(FINISHED, event.text, reason=event.finish_reason), "usage": event.usage}


def tool_call(event: ToolStarted | ToolEnded, output: str | None, failed: bool) -> dict[str, Any]:
    """Render a tool call in Chatchat's form."""
    arguments = event.arguments
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    function = {"name": event.name, "arguments": text}
    return {
        "index": 0,
        "id": event.id,
        "type": "function",
        "function": function,
        "tool_output": output,
        "is_error": failed,
    }


async def _as_completion(chunks: AsyncGenerator[dict[str, Any]]) -> dict[str, Any]:
    """Join all chunks into one completion."""
    reply, result, ended = StreamedReply(), dict[str, Any](), list[dict[str, Any]]()
    last: dict[str, Any] = {}
    async with aclosing(chunks):
        async for chunk in chunks:
            last = {**last, **chunk}
            result |= {name: chunk[name] for name in ("tool_call", "tool_output", "is_ref") if chunk.get(name)}
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
    return {**whole, **result, **rest}


def _tool_name(tool: Mapping[str, Any]) -> str:
    """Return the name of a tool in OpenAI's form."""
    function = tool.get("function")
    return str(function.get("name", "")) if isinstance(function, Mapping) else ""
