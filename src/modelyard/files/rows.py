"""Queries and ids that files and uploads share."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.core.access import Owner
from modelyard.core.errors import FileNotFound, FileQuotaExceeded
from modelyard.db.file_tables import FileRow, UploadPartRow
from modelyard.db.owners import mine

FILE_ID = re.compile(r"file-[0-9a-f]{27}")
MONTH = 30 * 24 * 3600
LIFETIMES = {"batch": MONTH}
"""Purpose → seconds after which a file expires if its upload says nothing else; other files stay."""


@dataclass(frozen=True, slots=True)
class FileDetails:
    """What a caller says about a file."""

    filename: str
    purpose: str
    lifetime: int | None = None
    """Seconds after which it expires; None for the lifetime of its purpose."""


def new_id(prefix: str) -> str:
    """A new id: microseconds and random digits, so that ids of later rows are greater."""
    return f"{prefix}{time.time_ns() // 1000:013x}{secrets.token_hex(7)}"


def expiry(created_at: float, purpose: str, lifetime: int | None) -> float | None:
    """The Unix time at which a file expires; None for never."""
    seconds = LIFETIMES.get(purpose) if lifetime is None else lifetime
    return None if seconds is None else created_at + seconds


async def visible(session: AsyncSession, owner: Owner, name: str, param: str = "file_id") -> FileRow:
    """A file that the owner may see. Raises `FileNotFound`."""
    row = await session.get(FileRow, name)
    if row is None or not row.whole or not owner.sees(row.owner) or expired(row):
        raise FileNotFound(name, param)
    return row


def expired(row: FileRow) -> bool:
    """Whether a file's time is over, whether or not a sweep has deleted it."""
    return row.expires_at is not None and row.expires_at <= time.time()


async def page(
    session: AsyncSession, owner: Owner, *, after: str | None, limit: int, ascending: bool, purpose: str | None
) -> Sequence[FileRow]:
    """Files that an owner sees in the order of their creation; `after` is the id of the file before the first one."""
    query = mine(select(FileRow), owner, FileRow.owner).where(FileRow.whole)
    query = query.where((FileRow.expires_at.is_(None)) | (FileRow.expires_at > time.time()))
    if purpose is not None:
        query = query.where(FileRow.purpose == purpose)
    if after is not None:
        query = query.where(FileRow.id > after if ascending else FileRow.id < after)
    return (await session.scalars(query.order_by(FileRow.id if ascending else FileRow.id.desc()).limit(limit))).all()


async def used(session: AsyncSession, owner: str) -> int:
    """Bytes of all files of an owner id, and of the parts of its unfinished uploads."""
    files = select(func.coalesce(func.sum(FileRow.size), 0)).where(FileRow.owner == owner, FileRow.whole)
    parts = select(func.coalesce(func.sum(UploadPartRow.size), 0)).where(
        UploadPartRow.owner == owner, UploadPartRow.whole
    )
    return int(await session.scalar(files) or 0) + int(await session.scalar(parts) or 0)


async def check_quota(session: AsyncSession, owner: str, size: int, quota: int) -> None:
    """Raise `FileQuotaExceeded` if so many more bytes are more than the owner may have."""
    if quota and (taken := await used(session, owner)) + size > quota:
        raise FileQuotaExceeded(quota, taken)


async def hide_parts(session: AsyncSession, upload: str) -> Sequence[str]:
    """Take the parts of an upload out of sight; returns their ids, of which bytes and rows are still to be deleted."""
    names = (await session.scalars(select(UploadPartRow.id).where(UploadPartRow.upload_id == upload))).all()
    await session.execute(update(UploadPartRow).where(UploadPartRow.upload_id == upload).values(whole=False))
    return names


async def show(session: AsyncSession, name: str, size: int, digest: str, details: FileDetails) -> FileRow:
    """Make a file visible whose bytes are complete."""
    row = await session.get_one(FileRow, name)
    row.filename, row.purpose = details.filename, details.purpose
    row.size, row.hash = size, digest
    row.expires_at = expiry(row.created_at, details.purpose, details.lifetime)
    row.whole = True
    return row
