"""Converts between rows and the values of `types.py`, and measures what a message holds."""

from __future__ import annotations

import secrets
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, cast

import msgspec
from msgspec import UNSET

from modelyard.chats.types import Chat, ChatSettings, Message, MessageChange, MessageState, NewMessage, text_of_parts
from modelyard.db.chat_tables import ChatMessageRow, ChatRow

LONGEST_TITLE = 200
FIRST_TEXT = 80
"""Maximum characters of a first question that become a title."""
LONGEST_MODEL = 300
LONGEST_FINISH_REASON = 30
HELD = ("content", "reasoning", "tool_calls", "citations", "parameters", "usage", "timings", "error", "details")
"""Columns that count for the size of a message."""


def new_id() -> str:
    """A new id of a chat, message or folder; as long as Chatchat's ids."""
    return secrets.token_hex(16)


def folded(text: str) -> str:
    """A text as searches compare it: without differences of case, and of wide and narrow characters."""
    return unicodedata.normalize("NFKC", text).casefold()


def one_line(text: str, most: int = FIRST_TEXT) -> str:
    """A text as a title."""
    return " ".join(text[: 20 * most].split())[:most]


def settings_of(value: Mapping[str, Any]) -> ChatSettings:
    """The settings in a row."""
    return msgspec.convert(value, ChatSettings)


def settings_value(settings: ChatSettings) -> dict[str, Any]:
    """Settings as a row stores them: only those that are not the default."""
    plain = ChatSettings()
    found = {name: value for name, value in asdict(settings).items() if value != getattr(plain, name)}
    return cast("dict[str, Any]", msgspec.to_builtins(found))


def chat_of(row: ChatRow) -> Chat:
    """The chat of a row."""
    return Chat(
        id=row.id,
        owner=row.owner,
        title=row.title,
        kind=row.kind,
        pinned=row.pinned,
        folder=row.folder_id,
        settings=settings_of(row.settings),
        active_leaf=row.active_leaf,
        message_count=row.messages,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def message_of(row: ChatMessageRow) -> Message:
    """The message of a row."""
    return Message(
        id=row.id,
        chat=row.chat_id,
        owner=row.owner,
        parent=row.parent,
        role=cast("Any", row.role),
        content=row.content,
        reasoning=row.reasoning,
        tool_calls=row.tool_calls,
        citations=row.citations,
        model=row.model,
        parameters=row.parameters,
        usage=row.usage,
        timings=row.timings,
        state=MessageState(row.state),
        finish_reason=row.finish_reason,
        error=row.error,
        metadata=row.details,
        score=row.score,
        reason=row.reason,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def row_of(message: NewMessage, owner: str, chat: str | None, parent: str | None) -> ChatMessageRow:
    """A new row of a message."""
    now = time.time() if message.created_at is None else message.created_at
    row = ChatMessageRow(
        id=message.id or new_id(),
        chat_id=chat,
        owner=owner,
        parent=parent,
        role=message.role,
        content=_dicts(message.content),
        reasoning=message.reasoning,
        tool_calls=_dicts(message.tool_calls),
        citations=_dicts(message.citations),
        model=message.model[:LONGEST_MODEL],
        parameters=dict(message.parameters),
        usage=dict(message.usage),
        timings=dict(message.timings),
        state=message.state,
        finish_reason=message.finish_reason[:LONGEST_FINISH_REASON],
        error=None if message.error is None else dict(message.error),
        details=dict(message.metadata),
        score=message.score,
        reason=message.reason,
        search=folded(message.text),
        created_at=now,
        updated_at=now,
    )
    row.size = size_of(row)
    return row


def change_row(row: ChatMessageRow, change: MessageChange) -> None:
    """Change the columns of a message that are not UNSET."""
    given = {each.name: value for each in fields(change) if (value := getattr(change, each.name)) is not UNSET}
    for name, value in given.items():
        setattr(row, COLUMNS.get(name, name), STORED.get(name, lambda value: value)(value))
    if "content" in given:
        row.search = folded(text_of_parts(row.content))
    row.size = size_of(row)
    row.updated_at = time.time()


def _dicts(values: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [dict(each) for each in values]


COLUMNS = {"metadata": "details"}
"""Fields whose columns have other names."""
STORED: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("content", "tool_calls", "citations"), _dicts),
    **dict.fromkeys(("parameters", "usage", "timings", "metadata"), dict),
    "error": lambda value: None if value is None else dict(value),
    "model": lambda value: value[:LONGEST_MODEL],
    "finish_reason": lambda value: value[:LONGEST_FINISH_REASON],
}
"""Field → function that makes the value of its column; other fields are stored as they are."""


def size_of(row: ChatMessageRow) -> int:
    """Bytes of what a message holds, as JSON."""
    return len(msgspec.json.encode([getattr(row, name) for name in HELD]))
