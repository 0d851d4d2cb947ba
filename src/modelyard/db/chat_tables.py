"""The tables of chats: trees of messages, in folders.

A message names its parent without a foreign key: SQLite stops a cascade after 1,000 levels, which is a long chat. The store keeps
parents valid, since each change of a tree holds the lock of its chat.
"""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from modelyard.db.tables import Base, Serial


class ChatFolderRow(Base):
    """A folder of chats."""

    __tablename__ = "chat_folders"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner: Mapped[str] = mapped_column(String(32), index=True)
    """Owner id of the caller that made it; see `core.access.Owner`."""
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""


class ChatRow(Base):
    """A chat."""

    __tablename__ = "chats"
    __table_args__ = (
        Index("ix_chats_owner", "owner", "updated_at", "id"),
        Index("ix_chats_updated_at", "updated_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner: Mapped[str] = mapped_column(String(32))
    """Owner id of the caller that began it; see `core.access.Owner`."""
    title: Mapped[str] = mapped_column(String(200), default="")
    search: Mapped[str] = mapped_column(Text, default="")
    """The title as searches compare it."""
    kind: Mapped[str] = mapped_column(String(50), default="")
    """`chat`, `knowledge`, or the type that a client of another system gives it."""
    pinned: Mapped[bool] = mapped_column(default=False)
    folder_id: Mapped[str | None] = mapped_column(ForeignKey("chat_folders.id", ondelete="SET NULL"), index=True)
    settings: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    """`chats.types.ChatSettings`."""
    active_leaf: Mapped[str | None] = mapped_column(String(32), default=None)
    """Id of the last message of the branch that is shown; None without messages."""
    messages: Mapped[int] = mapped_column(Integer, default=0)
    """Number of its messages."""
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    """Bytes of all its messages."""
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""
    updated_at: Mapped[float] = mapped_column(Float)
    """Unix time of its newest message."""


class ChatMessageRow(Base):
    """A message of a chat. Later siblings have greater numbers."""

    __tablename__ = "chat_messages"
    __table_args__ = (Index("ix_chat_messages_chat", "chat_id", "number"), {"sqlite_autoincrement": True})

    number: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    chat_id: Mapped[str | None] = mapped_column(ForeignKey("chats.id", ondelete="CASCADE"))
    """None for a message outside of chats, which its owner can rate."""
    owner: Mapped[str] = mapped_column(String(32), default="")
    """Owner id; that of its chat, if it has one."""
    parent: Mapped[str | None] = mapped_column(String(32), default=None)
    """Id of the message that it follows; None for a first one."""
    role: Mapped[str] = mapped_column(String(10))
    """`system`, `user`, `assistant` or `tool`."""
    state: Mapped[str] = mapped_column(String(10), index=True)
    """`chats.types.MessageState`."""
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    """Bytes of what it holds, as JSON."""
    score: Mapped[int | None] = mapped_column(Integer, default=None)
    """Feedback from 0 to 100; None if there is none."""
    reason: Mapped[str] = mapped_column(Text, default="")
    """The reason of the feedback."""
    model: Mapped[str] = mapped_column(String(300), default="")
    finish_reason: Mapped[str] = mapped_column(String(30), default="")
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""
    updated_at: Mapped[float] = mapped_column(Float)
    """Unix time."""
    search: Mapped[str] = mapped_column(Text, default="")
    """The text as searches compare it."""
    content: Mapped[list[dict[str, object]]] = mapped_column(JSON, default=list)
    """Content parts in OpenAI's form."""
    reasoning: Mapped[str] = mapped_column(Text, default="")
    tool_calls: Mapped[list[dict[str, object]]] = mapped_column(JSON, default=list)
    citations: Mapped[list[dict[str, object]]] = mapped_column(JSON, default=list)
    parameters: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    usage: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    timings: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    """Milliseconds by name."""
    error: Mapped[dict[str, object] | None] = mapped_column(JSON(none_as_null=True), default=None)
    """Code and message of what it failed with."""
    details: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    """Other data: bases, notes, fields of other systems."""
