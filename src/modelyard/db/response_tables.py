"""The tables of stored responses and conversations.

A thread is a list of items in their order: a conversation, or what successive responses have read and written. A response has its
own items in one thread, behind those that it was answered from, so each item is stored once. A response that follows another
than the last one of a thread begins a thread of its own, which continues its parent from a position.
"""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Float, ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from modelyard.db.tables import Base, Serial


class ThreadRow(Base):
    """A list of items in their order."""

    __tablename__ = "response_threads"
    __table_args__ = (Index("ix_response_threads_owner", "owner", "conversation", "size", "details_size"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner: Mapped[str] = mapped_column(String(32))
    """Owner id of the caller that began it; see `core.access.Owner`."""
    conversation: Mapped[bool] = mapped_column(default=False)
    """Whether it is a conversation that its owner created and has not deleted."""
    parent_id: Mapped[str | None] = mapped_column(String(64), default=None, index=True)
    """Id of the thread whose first items come before its own; no foreign key, because SQLite stops long cascades."""
    parent_length: Mapped[int] = mapped_column(Integer, default=0)
    """Number of positions of the parent that come before."""
    length: Mapped[int] = mapped_column(Integer, default=0)
    """The position of its next item."""
    parent_size: Mapped[int] = mapped_column(BigInteger, default=0)
    """Bytes of the items of its parents that come before."""
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    """Bytes of its own items."""
    details: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    """The `metadata` of a conversation."""
    details_size: Mapped[int] = mapped_column(BigInteger, default=0)
    """Bytes that a conversation takes besides its items; 0 for other threads."""
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""


class ResponseItemRow(Base):
    """An item of a thread."""

    __tablename__ = "response_items"
    __table_args__ = (
        Index("ix_response_items_position", "thread_id", "position", unique=True),
        Index("ix_response_items_id", "id"),
        {"sqlite_autoincrement": True},
    )

    number: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(128))
    """The id that clients know; the same item may be in several threads."""
    thread_id: Mapped[str] = mapped_column(ForeignKey("response_threads.id"))
    position: Mapped[int] = mapped_column(Integer)
    """Its place in the thread, from 0; there may be gaps."""
    hidden: Mapped[bool] = mapped_column(default=False)
    """Whether it was deleted from its conversation, so that only the response that wrote it still has it."""
    size: Mapped[int] = mapped_column(Integer)
    """Bytes of `json`."""
    json: Mapped[str] = mapped_column(Text)


class ResponseRow(Base):
    """A response. It has items in a thread once it has ended as `completed` or `incomplete`."""

    __tablename__ = "stored_responses"
    __table_args__ = (
        Index("ix_stored_responses_owner", "owner", "created_at"),
        Index("ix_stored_responses_size", "owner", "size"),
        Index("ix_stored_responses_thread", "thread_id", "output_end"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner: Mapped[str] = mapped_column(String(32))
    """Owner id of the caller; see `core.access.Owner`."""
    status: Mapped[str] = mapped_column(String(20))
    """`queued`, `in_progress`, `completed`, `incomplete`, `failed` or `cancelled`."""
    background: Mapped[bool] = mapped_column(default=False)
    thread_id: Mapped[str | None] = mapped_column(ForeignKey("response_threads.id"), default=None)
    """The thread of its items; before its end, the one of what it is answered from."""
    input_start: Mapped[int] = mapped_column(Integer, default=0)
    """The position of its first item of input; before its end, the number of positions that it is answered from."""
    output_start: Mapped[int] = mapped_column(Integer, default=0)
    """The position of its first item of output."""
    output_end: Mapped[int] = mapped_column(Integer, default=0)
    """The position behind its last item of output."""
    body: Mapped[bytes] = mapped_column(LargeBinary)
    """The response as JSON. Its `output` is empty if its items are in the thread."""
    input: Mapped[bytes] = mapped_column(LargeBinary, default=b"[]")
    """The items of input of a response without items in a thread, as a JSON array."""
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    """Bytes of `body` and `input`."""
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""
    expires_at: Mapped[float] = mapped_column(Float, index=True)
    """Unix time at which it is deleted."""
