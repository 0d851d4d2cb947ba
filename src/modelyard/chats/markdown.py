"""A branch of a chat as Markdown, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelyard.chats.types import Chat, Message

LONGEST_HEADING = 200
KINDS = {"image_url": "picture", "input_audio": "recording", "file": "file"}


def as_markdown(chat: Chat, path: Sequence[Message]) -> str:
    """A chat's title, and each message of a branch; a short question is a heading."""
    parts = [f"# {chat.title or chat.id}", ""]
    if chat.settings.system:
        parts += [*_quoted(chat.settings.system), ""]
    for message in path:
        parts += _message(message)
    return "\n".join(parts)


def _message(message: Message) -> Iterator[str]:
    text = message.text
    if message.role == "user" and text and "\n" not in text and len(text) <= LONGEST_HEADING:
        yield from (f"## {text}", "")
    elif message.role != "assistant":
        yield from (f"## {message.role.capitalize()}", "", text, "")
    for part in message.content:
        if (kind := KINDS.get(str(part.get("type")))) is not None:
            yield from (f"[{kind}]", "")
    if message.role != "assistant":
        return
    if message.reasoning:
        yield from (*_quoted(message.reasoning), "")
    if message.tool_calls:
        yield from (*(_call(each) for each in message.tool_calls), "")
    yield from (text, "")
    yield from map(_citation, message.citations)
    if message.citations:
        yield ""


def _quoted(text: str) -> list[str]:
    return [f"> {line}".rstrip() for line in text.splitlines()]


def _call(call: Mapping[str, Any]) -> str:
    output = " ".join(str(call.get("output") or "").split())
    return f"- `{call.get('name')}` {call.get('arguments')}: {output[:LONGEST_HEADING]}"


def _citation(citation: Mapping[str, Any]) -> str:
    page = f", page {citation['page']}" if citation.get("page") else ""
    return (
        f"- [{citation.get('number')}] {citation.get('document') or citation.get('title') or citation.get('url')}{page}"
    )
