"""The tables of what was used and done: sums of requests by day, and changes that callers made."""

from __future__ import annotations

from sqlalchemy import BigInteger, Float, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from modelyard.db.tables import Base, Serial


class UsageRow(Base):
    """The requests of one day with one key, or of one user, to one model."""

    __tablename__ = "usage"

    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    """Such as `2026-11-29`, in UTC."""
    owner: Mapped[str] = mapped_column(String(32), primary_key=True)
    """Owner id of the caller; see `core.access.Owner`."""
    key: Mapped[str] = mapped_column(String(32), primary_key=True)
    """Id of the API key; empty without one."""
    username: Mapped[str] = mapped_column(String(100), primary_key=True)
    """Name of the user who logged in; empty for API keys and without keys."""
    model: Mapped[str] = mapped_column(String(300), primary_key=True)
    """Empty for requests that were refused before their model was found."""
    requests: Mapped[int] = mapped_column(BigInteger, default=0)
    errors: Mapped[int] = mapped_column(BigInteger, default=0)
    tokens_in: Mapped[int] = mapped_column(BigInteger, default=0)
    tokens_out: Mapped[int] = mapped_column(BigInteger, default=0)
    tokens_cached: Mapped[int] = mapped_column(BigInteger, default=0)


class AuditRow(Base):
    """A change that somebody made or tried to make: a launch, a new key, a deleted model."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_action", "action", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    at: Mapped[float] = mapped_column(Float)
    """Unix time."""
    action: Mapped[str] = mapped_column(String(100))
    """The name of the operation, such as `launch` or `create_key`."""
    target: Mapped[str] = mapped_column(String(300), default="")
    """What was changed: the uid of a model, the name of a key; empty if the request did not name it."""
    owner: Mapped[str] = mapped_column(String(32))
    """Owner id of the caller; see `core.access.Owner`."""
    key: Mapped[str] = mapped_column(String(32), default="")
    """Id of the API key; empty without one."""
    name: Mapped[str] = mapped_column(String(100), default="")
    """Name of the key or of the user; empty without keys."""
    address: Mapped[str] = mapped_column(String(64), default="")
    """IP address of the client."""
    status: Mapped[int] = mapped_column(Integer)
    """Status of the answer."""
    request_id: Mapped[str] = mapped_column(String(128))
