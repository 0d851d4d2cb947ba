"""Reads chats of ChatGPT's export, `conversations.json`.

A chat is a `mapping` of nodes with parents. Nodes without a message, hidden ones and empty ones are left out, and what follows
them follows their parents. Custom instructions become the system text of the chat. Files of pictures are not in that file, so
pictures become their names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from modelyard.chats.imported import ImportedChat, ImportedNode, fields, in_order, items, number, text
from modelyard.chats.types import ChatSettings, MessageState, NewMessage, Role, text_content

ROLES: Mapping[str, Role] = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
EVERYBODY = "all"
"""The recipient of messages that call no tool."""
BROKEN_OFF = frozenset({"interrupted", "in_progress", "finished_partial_completion"})
HIDDEN = "is_visually_hidden_from_conversation"


def openai_chat(value: Mapping[str, Any]) -> ImportedChat:
    """A chat of an export."""
    mapping = fields(value.get("mapping"))
    created_at = number(value.get("create_time"), 0.0)
    nodes = {str(name): fields(node) for name, node in mapping.items()}
    read = {name: _message(node, created_at) for name, node in nodes.items()}
    messages = {name: message for name, message in read.items() if message is not None}
    _join_thoughts(nodes, messages)
    found = [ImportedNode(name, _parent(nodes, messages, name), message) for name, message in messages.items()]
    return ImportedChat(
        id=text(value.get("conversation_id")) or text(value.get("id")) or text(value.get("current_node")),
        title=text(value.get("title")),
        created_at=created_at,
        kind="chatgpt",
        settings=ChatSettings(system=_instructions(nodes)),
        active_leaf=_kept(nodes, messages, text(value.get("current_node"))),
        nodes=in_order(found),
    )


def _message(node: Mapping[str, Any], created_at: float) -> NewMessage | None:
    message = fields(node.get("message"))
    metadata = fields(message.get("metadata"))
    role = ROLES.get(text(fields(message.get("author")).get("role")))
    if role is None or metadata.get(HIDDEN) or metadata.get("is_user_system_message"):
        return None
    content = fields(message.get("content"))
    kind = text(content.get("content_type"))
    body = "\n".join(filter(None, _texts(content)))
    recipient = text(message.get("recipient")) or EVERYBODY
    finish = text(fields(metadata.get("finish_details")).get("type"))
    broken_off = finish in BROKEN_OFF or text(message.get("status")) in BROKEN_OFF
    new = NewMessage(
        role,
        model=text(metadata.get("model_slug")) if role == "assistant" else "",
        state=MessageState.STOPPED if broken_off else MessageState.COMPLETE,
        finish_reason=finish,
        metadata={"name": name} if (name := text(fields(message.get("author")).get("name"))) else {},
        created_at=number(message.get("create_time"), created_at),
    )
    if kind in ("thoughts", "reasoning_recap"):
        return replace(new, reasoning=body) if kind == "thoughts" and body else None
    if role == "assistant" and recipient != EVERYBODY and body:
        return replace(new, tool_calls=[{"id": text(message.get("id")), "name": recipient, "arguments": body}])
    return replace(new, content=text_content(body)) if body else None


def _texts(content: Mapping[str, Any]) -> Iterator[str]:
    """The texts of a content of any type."""
    for part in items(content.get("parts")):
        yield part if isinstance(part, str) else _placeholder(fields(part))
    for name in ("text", "result", "content"):
        yield text(content.get(name))
    if url := text(content.get("url")):
        yield url
    for thought in map(fields, items(content.get("thoughts"))):
        yield "\n".join(filter(None, (text(thought.get("summary")), text(thought.get("content")))))


def _placeholder(part: Mapping[str, Any]) -> str:
    """What stands for a part that is no text."""
    if transcript := text(part.get("text")):
        return transcript
    kind = text(part.get("content_type")).partition("_")[0] or "part"
    name = text(part.get("asset_pointer")).rpartition("/")[2]
    return f"[{kind} {name}]" if name else ""


def _instructions(nodes: Mapping[str, Mapping[str, Any]]) -> str:
    """The custom instructions of a chat."""
    for node in nodes.values():
        metadata = fields(fields(node.get("message")).get("metadata"))
        data = fields(metadata.get("user_context_message_data"))
        parts = [text(data.get(name)) for name in ("about_user_message", "about_model_message")]
        if any(parts):
            return "\n\n".join(filter(None, parts))
    return ""


def _join_thoughts(nodes: Mapping[str, Mapping[str, Any]], messages: dict[str, NewMessage]) -> None:
    """Put thinking that one answer follows into that answer."""
    children: dict[str | None, list[str]] = {}
    for name in messages:
        children.setdefault(_parent(nodes, messages, name), []).append(name)
    joined: dict[str, str] = {}
    for name in list(messages):
        thinking, after = messages[name], children.get(name, [])
        if not thinking.reasoning or len(after) != 1:
            continue
        answer = after[0]
        while answer in joined:
            answer = joined[answer]
        if messages[answer].role == "assistant":
            both = [thinking.reasoning, messages[answer].reasoning]
            messages[answer] = replace(messages[answer], reasoning="\n\n".join(filter(None, both)))
            del messages[name]
            joined[name] = answer


def _parent(nodes: Mapping[str, Mapping[str, Any]], messages: Mapping[str, NewMessage], name: str) -> str | None:
    return _kept(nodes, messages, text(nodes[name].get("parent")))


def _kept(nodes: Mapping[str, Mapping[str, Any]], messages: Mapping[str, NewMessage], name: str) -> str | None:
    """The node itself or its nearest ancestor that is a message here."""
    passed: set[str] = set()
    while name in nodes and name not in messages and name not in passed:
        passed.add(name)
        name = text(nodes[name].get("parent"))
    return name if name in messages else None
