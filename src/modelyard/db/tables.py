"""The rows: what is wanted, and what happened. Observed state lives in memory; only transitions are written."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Float, Index, Integer, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Serial = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only plain INTEGER keys


class Base(DeclarativeBase):
    """All tables."""


class Deployment(Base):
    """A model that somebody wants to run."""

    __tablename__ = "deployments"

    uid: Mapped[str] = mapped_column(String(100), primary_key=True)
    launch: Mapped[dict[str, object]] = mapped_column(JSON)
    """`core.types.Launch`, encoded: the resolved model, the engine and its options."""
    request: Mapped[dict[str, object]] = mapped_column(JSON)
    """The body that asked for it, as it came."""
    ordinals: Mapped[list[int]] = mapped_column(JSON)
    """Numbers of the wanted replicas."""
    generation: Mapped[int] = mapped_column(Integer, default=1)
    """Counts up when the launch itself changes; replicas of an older generation are replaced."""
    terminating: Mapped[bool] = mapped_column(default=False)
    """The model shall go; the row is deleted when its last replica is gone."""
    was_ready: Mapped[bool] = mapped_column(default=False)
    """It has worked before, so crashes are worth a restart."""
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""


class Event(Base):
    """Something that happened to a model."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_uid_id", "uid", "id"),)

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    uid: Mapped[str] = mapped_column(String(100))
    at: Mapped[float] = mapped_column(Float)
    """Unix time."""
    kind: Mapped[str] = mapped_column(String(10))
    """`INFO`, `WARNING` or `ERROR`."""
    content: Mapped[str] = mapped_column(Text)
