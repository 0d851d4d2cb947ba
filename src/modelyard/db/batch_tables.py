"""The table of batches: many requests to models in one file."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Float, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from modelyard.db.tables import Base


class BatchRow(Base):
    """A batch. Ids of later batches are greater; its job has the same id."""

    __tablename__ = "batches"
    __table_args__ = (Index("ix_batches_owner", "owner", "id"), Index("ix_batches_state", "state"))

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner: Mapped[str] = mapped_column(String(32))
    """Owner id of the caller that created it; see `core.access.Owner`."""
    key: Mapped[str] = mapped_column(String(32), default="")
    """Id of the API key with whose rights its requests are sent; empty for a user's login and without keys."""
    username: Mapped[str] = mapped_column(String(100), default="")
    """Name of the user with whose rights its requests are sent; empty for API keys and without keys."""
    endpoint: Mapped[str] = mapped_column(String(100))
    input_file: Mapped[str] = mapped_column(String(40))
    completion_window: Mapped[str] = mapped_column(String(20))
    """Its time as the caller wrote it, such as `24h`."""
    notes: Mapped[dict[str, str] | None] = mapped_column(JSON, default=None)
    """The `metadata` that the caller gave it."""
    output_lifetime: Mapped[int | None] = mapped_column(BigInteger, default=None)
    """Seconds after which its output files expire; None for never."""
    model: Mapped[str | None] = mapped_column(String(300), default=None)
    """The model of its requests; None if they name several."""
    state: Mapped[str] = mapped_column(String(12))
    """`batches.rows.BatchState`."""
    problems: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON, default=None)
    """Why it failed: wrong lines of its input."""
    lines: Mapped[int] = mapped_column(Integer, default=0)
    """Lines of its input, blank ones included."""
    total: Mapped[int] = mapped_column(Integer, default=0)
    """Requests of its input."""
    completed: Mapped[int] = mapped_column(Integer, default=0)
    failed: Mapped[int] = mapped_column(Integer, default=0)
    """Requests that were answered with an error."""
    tokens: Mapped[list[int] | None] = mapped_column(JSON, default=None)
    """Tokens of prompts, cached ones among them, tokens of answers, and those of reasoning among them; None if unfinished."""
    output_file: Mapped[str | None] = mapped_column(String(40), default=None)
    """Id of the file of answers, reserved before the file is made."""
    error_file: Mapped[str | None] = mapped_column(String(40), default=None)
    """Id of the file of errors, reserved before the file is made."""
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time, like all that follow."""
    expires_at: Mapped[float] = mapped_column(Float)
    """When it ends with what is answered by then."""
    in_progress_at: Mapped[float | None] = mapped_column(Float, default=None)
    finalizing_at: Mapped[float | None] = mapped_column(Float, default=None)
    completed_at: Mapped[float | None] = mapped_column(Float, default=None)
    failed_at: Mapped[float | None] = mapped_column(Float, default=None)
    expired_at: Mapped[float | None] = mapped_column(Float, default=None)
    cancelling_at: Mapped[float | None] = mapped_column(Float, default=None)
    cancelled_at: Mapped[float | None] = mapped_column(Float, default=None)
