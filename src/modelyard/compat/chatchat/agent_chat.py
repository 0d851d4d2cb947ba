"""Chatchat's `/chat/agent_chat`: a model that calls tools until it answers. Requests share no state."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import Request
from fastapi.responses import StreamingResponse

from modelyard.chats.tool_loop import LoopAnswer, Notice, TextPiece, ToolEnded, run_tool_loop
from modelyard.compat.chatchat.base import BaseResponse, ChatchatRoute
from modelyard.compat.chatchat.prompts import render_prompt
from modelyard.compat.chatchat.streams import event_stream, token_limit
from modelyard.compat.chatchat.turns import ChatQuestion, ChatTurn
from modelyard.protocol.chatchat import AgentEvents
from modelyard.web.deps import TheGrant, TheParts
from modelyard.web.router import BodyKind, Router
from modelyard.web.server_tools import server_tools

router = Router("/chat", tags=["chatchat"], route_class=ChatchatRoute)

FENCE = "\n```\n"
AGAIN = "重新开始尝试"


@router.post("/agent_chat", scope="models:read", body=BodyKind.TEXT, response_model=BaseResponse, events=AgentEvents)
async def agent_chat(body: ChatQuestion, request: Request, parts: TheParts, grant: TheGrant) -> StreamingResponse:
    """Ask a model that has tools. Streams `{"answer"}`, `{"tools"}` and `{"final_answer"}` events, or sends one with everything.

    The tools include web search and MCP servers only for keys with the scope `tools:use`.
    """
    return event_stream(_agent_events(ChatTurn(request, parts, grant, body)))


async def _agent_events(turn: ChatTurn) -> AsyncGenerator[dict[str, Any]]:
    body = turn.body
    prompt = render_prompt("agent_chat", body.prompt_name, input=body.query, history="", tools="")
    tools = await server_tools(turn.parts, turn.grant)
    request = {
        "model": turn.model(),
        "messages": turn.messages(prompt),
        "temperature": body.temperature,
        **token_limit(body.max_tokens),
    }
    thoughts: list[str] = []
    async with aclosing(run_tool_loop(turn.models, request, tools)) as events:
        async for event in events:
            if isinstance(event, LoopAnswer):
                whole = {"answer": "".join(thoughts), "final_answer": event.text}
                yield {"final_answer": event.text} if body.stream else whole
            elif isinstance(event, TextPiece):
                thoughts.append(event.text)
                if body.stream:
                    yield {"answer": event.text}
            elif isinstance(event, ToolEnded):
                lines = tool_report(event)
                thoughts += [FENCE, *(f"{line}\n" for line in lines), FENCE]
                if body.stream:
                    yield {"tools": [FENCE, *lines, *([] if event.ok else [AGAIN]), FENCE]}
            elif isinstance(event, Notice) and body.stream:
                yield {"notice": event.text}


def tool_report(event: ToolEnded) -> list[str]:
    """Describe a finished tool call in Chatchat's words."""
    if not event.ok:
        return [f"工具名称: {event.name}", "工具状态: 调用失败", f"错误信息: {event.output}"]
    arguments = event.arguments
    if isinstance(arguments, dict):
        values = list(arguments.values())
        plain = len(values) == 1 and isinstance(values[0], str)
        arguments = values[0] if plain else json.dumps(arguments, ensure_ascii=False)
    return [f"工具名称: {event.name}", "工具状态: 调用成功", f"工具输入: {arguments}", f"工具输出: {event.output}"]
