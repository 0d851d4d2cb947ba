"""The table of browsers' sessions."""

from __future__ import annotations

from sqlalchemy import Float, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from modelyard.db.tables import Base, Serial


class SessionRow(Base):
    """A session of a browser. The tokens themselves are never stored."""

    __tablename__ = "sessions"
    __table_args__ = (
        Index("ix_sessions_owner", "owner"),
        Index("ix_sessions_expires", "expires_at"),
        {"sqlite_autoincrement": True},
    )

    number: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    """Never used twice, so that other processes recognise a new session by the highest one."""
    id: Mapped[str] = mapped_column(String(32), unique=True)
    owner: Mapped[str] = mapped_column(String(32))
    """Owner id of its requests; see `core.access.Owner`."""
    user_id: Mapped[int | None] = mapped_column(Integer, default=None)
    """The user who logged in."""
    key_id: Mapped[str | None] = mapped_column(String(32), default=None)
    """The key with which it was begun. Without user and key, it belongs to a server that requires none."""
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the current token."""
    next_hash: Mapped[str | None] = mapped_column(String(64), default=None)
    """SHA-256 of the next token, which was sent to the browser; None if there is none."""
    next_at: Mapped[float] = mapped_column(Float, default=0.0)
    """Unix time at which the next token was made."""
    previous_hash: Mapped[str | None] = mapped_column(String(64), default=None)
    """SHA-256 of the token before the current one."""
    previous_until: Mapped[float] = mapped_column(Float, default=0.0)
    """Unix time until which the token before the current one is accepted."""
    changes: Mapped[int] = mapped_column(Integer, default=0)
    """Incremented with each change of the tokens, by which other processes recognise it."""
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""
    rotated_at: Mapped[float] = mapped_column(Float)
    """Unix time at which the current token came into use."""
    last_used_at: Mapped[float] = mapped_column(Float)
    """Unix time."""
    expires_at: Mapped[float] = mapped_column(Float)
    """Unix time at which it ends, whatever its use."""
    user_agent: Mapped[str] = mapped_column(String(300), default="")
    """The program that began it, by its own words."""
    address: Mapped[str] = mapped_column(String(64), default="")
    """IP address from which it was begun."""
