"""Reads chats of Open WebUI's export.

A chat is `{"id", "title", "chat": {"history": {"messages", "currentId"}, …}, …}`; older versions have a list `messages` in place
of the history. Answers hold their thinking and tool calls as `<details>` in their text, which become fields.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from modelyard.chats.imported import ImportedChat, ImportedNode, fields, in_order, items, number, text
from modelyard.chats.types import ChatSettings, MessageState, NewMessage, Part, Role, text_content

ROLES: Mapping[str, Role] = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
DETAILS = re.compile(r'<details type="(reasoning|tool_calls)"([^>]*)>(.*?)</details>\s*', re.DOTALL)
SUMMARY = re.compile(r"<summary>.*?</summary>", re.DOTALL)
ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')
QUOTE = re.compile(r"^> ?", re.MULTILINE)
FULL_SCORE = 100
LATEST_SECONDS = 1e11
"""Larger times are in milliseconds."""


def open_webui_chat(value: Mapping[str, Any]) -> ImportedChat:
    """A chat of an export."""
    chat = fields(value.get("chat"))
    created_at = _seconds(value.get("created_at"), _seconds(chat.get("timestamp"), 0.0))
    history = fields(chat.get("history"))
    listed = list(fields(history.get("messages")).values()) or _linked(items(chat.get("messages")))
    nodes = [node for each in listed if (node := _node(fields(each), created_at)) is not None]
    system = text(chat.get("system")) or text(fields(chat.get("params")).get("system"))
    parameters = {
        name: setting
        for name, setting in fields(chat.get("params")).items()
        if name != "system" and isinstance(setting, int | float)
    }
    return ImportedChat(
        id=text(value.get("id")) or text(chat.get("id")),
        title=text(value.get("title")) or text(chat.get("title")),
        created_at=created_at,
        kind="open_webui",
        pinned=bool(value.get("pinned")),
        settings=ChatSettings(system=system, parameters=parameters),
        active_leaf=text(history.get("currentId")) or (nodes[-1].id if nodes else None),
        nodes=in_order(nodes),
    )


def _linked(messages: list[Any]) -> Iterator[Mapping[str, Any]]:
    """Messages of a list, each as the child of the one before."""
    parent: str | None = None
    for index, message in enumerate(map(fields, messages)):
        name = text(message.get("id")) or str(index)
        yield {"parentId": parent, **message, "id": name}
        parent = name


def _node(message: Mapping[str, Any], created_at: float) -> ImportedNode | None:
    role = ROLES.get(text(message.get("role")))
    if role is None or not text(message.get("id")):
        return None
    plain, reasoning, calls = _split(text(message.get("content")))
    error = message.get("error")
    rating = fields(message.get("annotation"))
    done = message.get("done", True) is not False
    new = NewMessage(
        role,
        [*text_content(plain), *_pictures(message)],
        reasoning=reasoning,
        tool_calls=calls,
        citations=list(_citations(message)),
        model=text(message.get("model")),
        usage=fields(message.get("usage")) or fields(message.get("info")),
        state=MessageState.FAILED if error else MessageState.COMPLETE if done else MessageState.STOPPED,
        error={"code": "imported", "message": text(fields(error).get("content")) or str(error)} if error else None,
        metadata={"files": names} if (names := _file_names(message)) else {},
        score={1: FULL_SCORE, -1: 0}.get(rating.get("rating") or 0),
        reason=" ".join(filter(None, (text(rating.get("reason")), text(rating.get("comment"))))),
        created_at=_seconds(message.get("timestamp"), created_at),
    )
    return ImportedNode(text(message.get("id")), text(message.get("parentId")) or None, new)


def _split(content: str) -> tuple[str, str, list[dict[str, Any]]]:
    """The text of an answer, its thinking, and its tool calls."""
    thinking: list[str] = []
    calls: list[dict[str, Any]] = []
    for found in DETAILS.finditer(content):
        kind, attributes, inside = found.groups()
        if kind == "reasoning":
            thinking.append(QUOTE.sub("", html.unescape(SUMMARY.sub("", inside))).strip())
        else:
            calls.append(_call({name: html.unescape(value) for name, value in ATTRIBUTE.findall(attributes)}))
    return DETAILS.sub("", content).strip() if thinking or calls else content, "\n\n".join(thinking), calls


def _call(attributes: Mapping[str, str]) -> dict[str, Any]:
    call = {"id": attributes.get("id", ""), "name": attributes.get("name", "")}
    return {**call, "arguments": _decoded(attributes.get("arguments", "")), "output": _output(attributes), "ok": True}


def _output(attributes: Mapping[str, str]) -> str:
    output = _decoded(attributes.get("result", ""))
    return output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)


def _decoded(value: str) -> Any:
    """The JSON value of an attribute, which may be JSON in a JSON string; the text itself if it is none."""
    for _ in range(2):
        try:
            decoded = json.loads(value)
        except ValueError:
            return value
        if not isinstance(decoded, str):
            return decoded
        value = decoded
    return value


def _pictures(message: Mapping[str, Any]) -> list[Part]:
    files = map(fields, items(message.get("files")))
    urls = [text(each.get("url")) for each in files if text(each.get("type")) == "image"]
    good = [url for url in urls if url.startswith(("data:image/", "http://", "https://"))]
    return [{"type": "image_url", "image_url": {"url": url}} for url in good]


def _file_names(message: Mapping[str, Any]) -> list[str]:
    return [name for each in map(fields, items(message.get("files"))) if (name := text(each.get("name")))]


def _citations(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The sources of an answer, one for each piece of text."""
    sources = items(message.get("sources")) or items(message.get("citations"))
    for index, source in enumerate(map(fields, sources), 1):
        about = fields(source.get("source"))
        pieces = [piece for piece in items(source.get("document")) if isinstance(piece, str)] or [""]
        name, url = text(about.get("name")), text(about.get("url"))
        for piece in pieces:
            yield {"number": index, "document": name or url, "text": piece, **({"url": url} if url else {})}


def _seconds(value: Any, otherwise: float) -> float:
    """A Unix time in seconds, of one in seconds, milliseconds or nanoseconds."""
    found = number(value, otherwise)
    while found > LATEST_SECONDS:
        found /= 1000
    return found
