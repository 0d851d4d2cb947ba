"""Calls of hosted tools in earlier items, as calls and results of a chat completion. Pure.

A turn that ended with an answer needs them no more. One that did not, because the model also called functions of the client, goes
on with what they have returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from modelyard.protocol.responses_items import (
    AgentMessageItem,
    AnyItem,
    CustomCallItem,
    CustomOutputItem,
    FileSearchItem,
    FunctionCallItem,
    FunctionOutputItem,
    HostedItem,
    McpCallItem,
    MessageItem,
    WebSearchItem,
)

HOSTED = (FileSearchItem, WebSearchItem, McpCallItem)
STEPS = (*HOSTED, FunctionCallItem, CustomCallItem, FunctionOutputItem, CustomOutputItem)
"""What a turn consists of that has not ended."""


def without_answered(items: Sequence[tuple[AnyItem, str]]) -> Sequence[tuple[AnyItem, str]]:
    """The items without the hosted calls of turns that end with a message of the assistant."""
    if not any(isinstance(item, HOSTED) for item, _ in items):
        return items
    kept: list[tuple[AnyItem, str]] = []
    answered: bool | None = None
    for item, place in reversed(items):
        if isinstance(item, AgentMessageItem) or (isinstance(item, MessageItem) and item.role == "user"):
            answered = None
        elif answered is None and isinstance(item, (MessageItem, *STEPS)):
            answered = isinstance(item, MessageItem) and item.role == "assistant"
        if not (answered and isinstance(item, HOSTED)):
            kept.append((item, place))
    return kept[::-1]


def call_and_result(item: HostedItem, place: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The call of the model, and the message with what it has returned; None for an item that does not have it."""
    text = _text_of(item)
    if not text:
        return None
    identity = item.id if isinstance(item.id, str) else place
    name, arguments = _function(item)
    call = {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}
    return call, {"role": "tool", "tool_call_id": identity, "content": text}


def _text_of(item: HostedItem) -> str:
    if isinstance(item.output, str) and item.output:
        return item.output
    error = item.error if isinstance(item, McpCallItem) else None
    content = error.get("content") if isinstance(error, dict) else None
    parts = content if isinstance(content, list) else []
    texts = [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return "Error: " + "\n".join(texts) if texts else ""


def _function(item: HostedItem) -> tuple[str, str]:
    """The name of the function that was called, and its arguments."""
    if isinstance(item, McpCallItem):
        arguments = item.arguments if isinstance(item.arguments, str) else ""
        return f"{item.server_label}__{item.name}", arguments or "{}"
    if isinstance(item, FileSearchItem):
        return "file_search", _encoded({"query": _joined(item.queries)})
    action = item.action if isinstance(item.action, dict) else {}
    if action.get("type") == "open_page":
        return "open_page", _encoded({"url": str(action.get("url") or "")})
    return "web_search", _encoded({"query": _joined(action.get("queries"))})


def _joined(queries: Any) -> str:
    return "; ".join(each for each in queries if isinstance(each, str)) if isinstance(queries, list) else ""


def _encoded(arguments: dict[str, str]) -> str:
    return msgspec.json.encode(arguments).decode()
