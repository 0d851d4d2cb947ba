"""The tables of files that callers store, and of uploads in parts. The bytes are in the store of files, under the ids of rows.

A row is written before its bytes. While it is not `whole`, nobody sees it, and the next sweep deletes it with its bytes, so that
neither a killed server nor a full disk leaves bytes behind that no row knows.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Float, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from modelyard.db.tables import Base


class FileRow(Base):
    """A file that a caller uploaded, or that a job made. Ids of later files are greater."""

    __tablename__ = "files"
    __table_args__ = (Index("ix_files_owner", "owner", "id"), Index("ix_files_expires_at", "expires_at"))

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(String(32))
    """Owner id of the caller that created it; see `core.access.Owner`."""
    filename: Mapped[str] = mapped_column(String(1000), default="")
    """The name that its owner gave it; it is never used as a path."""
    purpose: Mapped[str] = mapped_column(String(20), default="")
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    """Size of its content in bytes."""
    hash: Mapped[str] = mapped_column(String(64), default="")
    """SHA-256 of its content."""
    whole: Mapped[bool] = mapped_column(default=False, index=True)
    """Whether its content is complete and it is not being deleted."""
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""
    expires_at: Mapped[float | None] = mapped_column(Float, default=None)
    """Unix time at which it is deleted."""


class UploadRow(Base):
    """A file that arrives in parts."""

    __tablename__ = "file_uploads"
    __table_args__ = (Index("ix_file_uploads_expires_at", "expires_at"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(String(32))
    """Owner id of the caller that created it; see `core.access.Owner`."""
    filename: Mapped[str] = mapped_column(String(1000))
    purpose: Mapped[str] = mapped_column(String(20))
    size: Mapped[int] = mapped_column(BigInteger)
    """Size in bytes that the file will have."""
    lifetime: Mapped[int | None] = mapped_column(BigInteger, default=None)
    """Seconds after which the file expires; None for the purpose's own."""
    state: Mapped[str] = mapped_column(String(10), default="pending")
    """`pending`, `completed`, `cancelled` or `expired`."""
    file_id: Mapped[str | None] = mapped_column(String(40), default=None)
    """The file that was made of its parts."""
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""
    expires_at: Mapped[float] = mapped_column(Float)
    """Unix time until which parts are accepted."""


class UploadPartRow(Base):
    """A part of an upload."""

    __tablename__ = "file_upload_parts"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    upload_id: Mapped[str] = mapped_column(ForeignKey("file_uploads.id"), index=True)
    owner: Mapped[str] = mapped_column(String(32), index=True)
    """Owner id of its upload."""
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    """Size of its content in bytes."""
    whole: Mapped[bool] = mapped_column(default=False, index=True)
    """Whether its content is complete and it is not being deleted."""
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""
