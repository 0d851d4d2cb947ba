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


class Autostart(Base):
    """What shall be launched when the server starts, in which order, though nobody asks for it then."""

    __tablename__ = "autostart"

    uid: Mapped[str] = mapped_column(String(100), primary_key=True)
    entry: Mapped[dict[str, object]] = mapped_column(JSON)
    """`enabled`, `priority`, `max_retries`, `retry_interval_seconds` and `launch`, the body of a launch request."""


class Registration(Base):
    """A family that users brought, beside those of the catalog."""

    __tablename__ = "registrations"

    type: Mapped[str] = mapped_column(String(20), primary_key=True)
    """`core.types.ModelType`."""
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    """In lower case, so that two spellings of one name cannot both be registered; the record has it as given."""
    record: Mapped[dict[str, object]] = mapped_column(JSON)
    """`catalog.family.Family`, encoded."""
    persist: Mapped[bool] = mapped_column()
    """Whether it outlives the server."""
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""


class User(Base):
    """A person who may log in."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    password: Mapped[str] = mapped_column(String(200))
    """A salted scrypt hash, with its parameters."""
    scopes: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""


class Key(Base):
    """An API key, or the token of a login. The secret itself is never stored."""

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    prefix: Mapped[str] = mapped_column(String(16))
    """The first characters of the secret, by which its owner recognises it."""
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the secret, which has 256 random bits, so that a slow hash would protect nothing."""
    user_id: Mapped[int | None] = mapped_column(Integer, default=None)
    """The person who logged in; None for an API key."""
    scopes: Mapped[list[str]] = mapped_column(JSON)
    models: Mapped[list[str] | None] = mapped_column(JSON, default=None)
    """The only models it may use; None for all."""
    requests_per_minute: Mapped[int | None] = mapped_column(Integer, default=None)
    tokens_per_minute: Mapped[int | None] = mapped_column(Integer, default=None)
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""
    expires_at: Mapped[float | None] = mapped_column(Float, default=None)
    """Unix time."""
    revoked_at: Mapped[float | None] = mapped_column(Float, default=None)
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
