"""Chatchat's `/chat/agent_chat`: a model that calls tools until it answers. Nothing of it is shared between requests."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from modelyard.api.chatchat.base import ChatchatRoute
from modelyard.api.chatchat.prompts import rendered
from modelyard.api.chatchat.streams import limit, streamed
from modelyard.api.chatchat.turns import Chat, Talk, tools_for
from modelyard.api.deps import TheGrant, TheParts
from modelyard.knowledge.tool_loop import Answer, Notice, Token, ToolEnded, run

router = APIRouter(prefix="/chat", tags=["chatchat"], route_class=ChatchatRoute)

FENCE = "\n```\n"
AGAIN = "重新开始尝试"


@router.post("/agent_chat", response_class=StreamingResponse)
async def agent_chat(body: Chat, request: Request, parts: TheParts, grant: TheGrant) -> StreamingResponse:
    """Ask a model that has tools. Events: `{"answer"}`, `{"tools"}`, `{"final_answer"}`, or one for all.

    The web and MCP servers are among the tools only for keys with the scope `tools:use`.
    """
    return streamed(_agent(Talk(request, parts, grant, body)))


async def _agent(talk: Talk) -> AsyncGenerator[dict[str, Any]]:
    body = talk.body
    prompt = rendered("agent_chat", body.prompt_name, input=body.query, history="", tools="")
    tools = await tools_for(talk.parts, talk.grant)
    asked = {
        "model": talk.model(),
        "messages": talk.messages(prompt),
        "temperature": body.temperature,
        **limit(body.max_tokens),
    }
    thoughts: list[str] = []
    async with aclosing(run(talk.models, asked, tools)) as events:
        async for event in events:
            if isinstance(event, Answer):
                whole = {"answer": "".join(thoughts), "final_answer": event.text}
                yield {"final_answer": event.text} if body.stream else whole
            elif isinstance(event, Token):
                thoughts.append(event.text)
                if body.stream:
                    yield {"answer": event.text}
            elif isinstance(event, ToolEnded):
                lines = told(event)
                thoughts += [FENCE, *(f"{line}\n" for line in lines), FENCE]
                if body.stream:
                    yield {"tools": [FENCE, *lines, *([] if event.ok else [AGAIN]), FENCE]}
            elif isinstance(event, Notice) and body.stream:
                yield {"notice": event.text}


def told(event: ToolEnded) -> list[str]:
    """A call, in Chatchat's words."""
    if not event.ok:
        return [f"工具名称: {event.name}", "工具状态: 调用失败", f"错误信息: {event.output}"]
    given = event.arguments
    if isinstance(given, dict):
        values = list(given.values())
        plain = len(values) == 1 and isinstance(values[0], str)
        given = values[0] if plain else json.dumps(given, ensure_ascii=False)
    return [f"工具名称: {event.name}", "工具状态: 调用成功", f"工具输入: {given}", f"工具输出: {event.output}"]
