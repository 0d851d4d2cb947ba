"""Converts Langchain-Chatchat's rows of `conversation` and `message` to conversations in this server's import format."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

ChatchatConversation = dict[str, Any]
Rows = Mapping[str, Sequence[Mapping[str, Any]]]

LONGEST_ID = 32
LONGEST_TITLE = 80
LONGEST_KIND = 50
MESSAGES_AT_ONCE = 500
"""Messages per request. Chatchat cuts questions and answers at 4096 characters, if its database enforces the limit."""


def conversations(rows: Rows, fallback: float) -> list[ChatchatConversation]:
    """Every conversation with its messages, the oldest first; `fallback` is the Unix time of one without any time.

    Chatchat's own server writes no rows of conversations, only their ids into messages. Messages without such an id
    are grouped into one conversation per day.
    """
    named = {str(row["id"]): row for row in rows.get("conversation", ()) if row.get("id")}
    grouped: dict[str, list[ChatchatConversation]] = {}
    alone: dict[str, list[ChatchatConversation]] = {}
    every = [(unix_time(row.get("create_time"), fallback), row) for row in _messages(rows)]
    for when, row in sorted(every, key=lambda each: each[0]):
        conversation_id = str(row.get("conversation_id") or "")
        if conversation_id:
            grouped.setdefault(conversation_id, []).append(_message(row, when))
        else:
            day = datetime.fromtimestamp(when, UTC).date().isoformat()
            alone.setdefault(day, []).append(_message(row, when))
    found = [_conversation(name, named.get(name, {}), grouped.get(name, []), fallback) for name in {**named, **grouped}]
    found += [_conversation_of_day(day, messages) for day, messages in alone.items()]
    return sorted(found, key=lambda conversation: float(conversation["created_at"]))


def _messages(rows: Rows) -> Iterator[Mapping[str, Any]]:
    for table in ("chat_history", "message"):
        yield from (row for row in rows.get(table, ()) if row.get("id"))


def _conversation(
    name: str, row: Mapping[str, Any], messages: list[ChatchatConversation], fallback: float
) -> ChatchatConversation:
    first = messages[0] if messages else {}
    kinds = [kind for each in messages if (kind := _text(each["metadata"].get("chat_type")))]
    return {
        "id": identity(name),
        "title": _line(_text(row.get("name"))) or _line(first.get("question", "")),
        "kind": (_text(row.get("chat_type")) or next(iter(kinds), ""))[:LONGEST_KIND],
        "created_at": unix_time(row.get("create_time"), first.get("created_at", fallback)),
        "messages": messages,
    }


def _conversation_of_day(day: str, messages: list[ChatchatConversation]) -> ChatchatConversation:
    """Messages of one day without a conversation. If a later import finds more of them, they become another conversation."""
    return {
        "id": hashlib.sha256("\n".join(each["id"] for each in messages).encode()).hexdigest()[:LONGEST_ID],
        "title": f"Langchain-Chatchat, {day}",
        "kind": _text(messages[0]["metadata"].get("chat_type"))[:LONGEST_KIND],
        "created_at": messages[0]["created_at"],
        "messages": messages,
    }


def _message(row: Mapping[str, Any], when: float) -> ChatchatConversation:
    score = row.get("feedback_score")
    metadata = _object(row.get("meta_data"))
    if kind := _text(row.get("chat_type")):
        metadata["chat_type"] = kind
    return {
        "id": identity(str(row["id"])),
        "question": _text(row.get("query")),
        "answer": _text(row.get("response")),
        "score": min(score, 100) if isinstance(score, int) and score >= 0 else None,
        "reason": _text(row.get("feedback_reason"))[:4000],
        "metadata": metadata,
        "created_at": when,
    }


def identity(name: str) -> str:
    """An id that this server accepts: the original one if it is short enough, else one derived from it."""
    clean = name.replace("\0", "")
    if clean == name and 0 < len(name) <= LONGEST_ID:
        return name
    return hashlib.sha256(name.encode()).hexdigest()[:LONGEST_ID]


def unix_time(value: object, fallback: float) -> float:
    """Convert the UTC text of SQLite's `CURRENT_TIMESTAMP` to Unix time."""
    try:
        found = datetime.fromisoformat(str(value))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return fallback


def portions(found: Sequence[ChatchatConversation]) -> Iterator[list[ChatchatConversation]]:
    """Split conversations into portions for one request each; a long conversation is spread over several portions."""
    portion: list[ChatchatConversation] = []
    left = MESSAGES_AT_ONCE
    for conversation in found:
        for piece in _pieces(conversation):
            if portion and len(piece["messages"]) >= left:
                yield portion
                portion, left = [], MESSAGES_AT_ONCE
            portion.append(piece)
            left -= 1 + len(piece["messages"])
    if portion:
        yield portion


def _pieces(conversation: ChatchatConversation) -> Iterator[ChatchatConversation]:
    """Split a conversation into pieces of at most `MESSAGES_AT_ONCE` messages."""
    messages = conversation["messages"]
    for start in range(0, max(len(messages), 1), MESSAGES_AT_ONCE):
        yield {**conversation, "messages": messages[start : start + MESSAGES_AT_ONCE]}


def _object(value: object) -> dict[str, Any]:
    """The JSON object in a column; empty for anything else."""
    try:
        found = msgspec.json.decode(value) if isinstance(value, str | bytes) else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = None
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str:
    return value.replace("\0", "") if isinstance(value, str) else "" if value is None else str(value)


def _line(text: str) -> str:
    return " ".join(text.split())[:LONGEST_TITLE]
