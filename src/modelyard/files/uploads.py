"""Uploads in parts: `/v1/uploads`. Parts are stored under their own ids; completing an upload joins them to a file."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select

from modelyard.core.access import Owner
from modelyard.core.config import Settings
from modelyard.core.errors import BodyTooLarge, InvalidParameter, UploadNotFound
from modelyard.db.file_tables import FileRow, UploadPartRow, UploadRow
from modelyard.db.session import Database, retried
from modelyard.db.statements import batched
from modelyard.files import rows
from modelyard.files.arrivals import Content, SizeLimits
from modelyard.files.rows import FileDetails
from modelyard.files.service import FileService, check_filename, new_row
from modelyard.files.stores import whole_step

PENDING, COMPLETED, CANCELLED, EXPIRED = "pending", "completed", "cancelled", "expired"
OPEN_SECONDS = 3600.0
"""Seconds for which an upload accepts parts."""
REMEMBERED_SECONDS = 24 * 3600.0
"""Seconds after that for which its row is kept, so that requests about it get a precise answer."""
MOST_PARTS = 10_000


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload, and the file that was made of it, if it is completed and the file is still there."""

    row: UploadRow
    file: FileRow | None = None


class UploadService:
    """The uploads of all owners. Uploads of other owners appear as missing."""

    def __init__(self, settings: Settings, database: Database, files: FileService) -> None:
        self._settings = settings
        self._database = database
        self._files = files
        self._arrivals = files.arrivals

    async def begin(self, owner: Owner, details: FileDetails, size: int) -> Upload:
        """Begin an upload of `size` bytes. Raises `BodyTooLarge`, `FileQuotaExceeded`, `NotEnoughDisk` or `InvalidParameter`."""
        most, quota = self._settings.max_file_bytes, self._settings.file_quota_bytes
        limits = await self._arrivals.limits_for(
            owner.id, most, BodyTooLarge(most, "max_file_bytes", "The file"), quota
        )
        limits.check(size)
        self._arrivals.store.check_room(size)
        now = time.time()
        row = UploadRow(
            id=rows.new_id("upload_"),
            owner=owner.id,
            filename=check_filename(details.filename),
            purpose=details.purpose,
            size=size,
            lifetime=details.lifetime,
            created_at=now,
            expires_at=now + OPEN_SECONDS,
        )
        async with self._database.session() as session:
            session.add(row)
        return Upload(row)

    async def add_part(self, owner: Owner, name: str, data: AsyncIterator[bytes], expected: int = 0) -> UploadPartRow:
        """Store a part while it arrives. Raises `UploadNotFound`, `InvalidParameter`, `FileQuotaExceeded` or `NotEnoughDisk`."""
        upload = check_pending(await self._get(owner, name))
        excess = InvalidParameter("data", f"the upload was created for {upload.size} bytes, and this part has more.")
        limits = await self._arrivals.limits_for(upload.owner, upload.size, excess, self._settings.file_quota_bytes)
        part = UploadPartRow(id=rows.new_id("part_"), upload_id=name, owner=upload.owner, created_at=time.time())
        async with self._arrivals.receiving(part, data, limits, min(expected, upload.size)) as content:
            if not content.size:
                raise InvalidParameter("data", "the part is empty.")
            return await self._keep_part(name, content)

    @retried
    async def _keep_part(self, name: str, content: Content) -> UploadPartRow:
        quota = self._settings.file_quota_bytes
        async with self._arrivals.counting, self._database.writing() as session:
            check_pending(await session.get_one(UploadRow, name, with_for_update=True))
            of_upload = select(func.count()).where(UploadPartRow.upload_id == name, UploadPartRow.whole)
            if (await session.scalar(of_upload) or 0) >= MOST_PARTS:
                raise InvalidParameter("upload_id", f"it has {MOST_PARTS} parts, the limit; send larger ones.")
            await rows.check_quota(session, content.row.owner, content.size, quota)
            part = await session.get_one(UploadPartRow, content.row.id)
            part.size, part.whole = content.size, True
        content.kept = True
        return part

    async def complete(self, owner: Owner, name: str, part_ids: Sequence[str], md5: str | None = None) -> Upload:
        """Join parts in this order to a file. A completed upload is returned as it is, so that a request can be repeated.

        Raises `UploadNotFound`, `InvalidParameter`, `NotEnoughDisk`, and `BadRequest` for a file that its purpose does not allow.
        """
        upload = await self._get(owner, name)
        if upload.state == COMPLETED:
            return await self._completed(upload)
        check_pending(upload)
        await self._check_parts(upload, part_ids)
        digest = hashlib.md5(usedforsecurity=False)
        limits = SizeLimits(upload.size, InvalidParameter("part_ids", "a part has changed."))
        joined = self._joined(part_ids, digest)
        async with self._arrivals.receiving(new_row(upload.owner), joined, limits, upload.size) as content:
            if md5 is not None and md5.strip().lower() != digest.hexdigest():
                raise InvalidParameter("md5", f"the parts have the MD5 {digest.hexdigest()}; send them again.")
            details = FileDetails(upload.filename, upload.purpose, upload.lifetime)
            found = await self._finish(name, content, await self._files.checked(content, details))
        await self._remove_parts(name)
        return found

    async def _check_parts(self, upload: UploadRow, part_ids: Sequence[str]) -> None:
        """Raise `InvalidParameter` unless these are parts of the upload and have its size together."""
        query = select(UploadPartRow.id, UploadPartRow.size).where(
            UploadPartRow.upload_id == upload.id, UploadPartRow.whole
        )
        async with self._database.session() as session:
            sizes = {part: size for part, size in (await session.execute(query)).all()}
        for number, part in enumerate(part_ids):
            if part not in sizes:
                raise InvalidParameter(f"part_ids.{number}", f"'{part}' is no part of this upload.")
        if len(set(part_ids)) != len(part_ids):
            raise InvalidParameter("part_ids", "a part is named twice.")
        total = sum(sizes[part] for part in part_ids)
        if total != upload.size:
            raise InvalidParameter(
                "part_ids",
                f"these parts have {total} bytes together, and the upload was created for {upload.size}; send what is missing, "
                "or begin another upload.",
            )

    async def _joined(self, part_ids: Sequence[str], digest: hashlib._Hash) -> AsyncIterator[bytes]:
        for part in part_ids:
            try:
                async for block in self._arrivals.store.read(part):
                    await whole_step(digest.update, block)
                    yield block
            except FileNotFoundError:
                raise InvalidParameter("upload_id", "it was cancelled or completed meanwhile.") from None

    @retried
    async def _finish(self, name: str, content: Content, details: FileDetails) -> Upload:
        """Make the joined content a file, in one transaction with the end of its upload."""
        async with self._arrivals.counting, self._database.writing() as session:
            row = await session.get_one(UploadRow, name, with_for_update=True)
            check_pending(row)
            await rows.hide_parts(session, name)
            await rows.check_quota(session, row.owner, content.size, self._settings.file_quota_bytes)
            file = await rows.show(session, content.row.id, content.size, content.hash, details)
            row.state, row.file_id = COMPLETED, file.id
        content.kept = True
        return Upload(row, file)

    async def _completed(self, row: UploadRow) -> Upload:
        async with self._database.session() as session:
            file = await session.get(FileRow, row.file_id)
        return Upload(row, file if file is not None and file.whole else None)

    async def cancel(self, owner: Owner, name: str) -> Upload:
        """Cancel an upload and delete its parts. Raises `UploadNotFound`, and `InvalidParameter` if it is completed."""
        await self._get(owner, name)
        row = await self._end(name, CANCELLED)
        if row.state == COMPLETED:
            raise InvalidParameter(
                "upload_id", f"the upload is completed; DELETE /v1/files/{row.file_id} deletes its file."
            )
        return Upload(row)

    async def expire(self) -> None:
        """End uploads whose time is over, and delete rows of those that ended long ago."""
        now = time.time()
        query = select(UploadRow.id).where(UploadRow.expires_at <= now, UploadRow.state == PENDING)
        async with self._database.session() as session:
            over = (await session.scalars(query)).all()
        for name in over:
            await self._end(name, EXPIRED)
        await self._forget(now - REMEMBERED_SECONDS)

    async def _forget(self, before: float) -> None:
        """Delete the rows of uploads that accepted parts until then, and have none left."""
        parts = select(UploadPartRow.id).where(UploadPartRow.upload_id == UploadRow.id)
        query = select(UploadRow.id).where(UploadRow.expires_at <= before, ~parts.exists())
        async with self._database.session() as session:
            names = (await session.scalars(query)).all()
        for portion in batched(names):
            async with self._database.freeing() as session:
                await session.execute(delete(UploadRow).where(UploadRow.id.in_(portion)))

    @retried
    async def _end(self, name: str, state: str) -> UploadRow:
        """Give a pending upload another state, and delete its parts."""
        async with self._database.freeing() as session:
            row = await session.get_one(UploadRow, name, with_for_update=True)
            if row.state == PENDING:
                row.state = state
                await rows.hide_parts(session, name)
        await self._remove_parts(name)
        return row

    async def _remove_parts(self, name: str) -> None:
        """Delete the parts of an upload that nobody sees any more."""
        query = select(UploadPartRow.id).where(UploadPartRow.upload_id == name, UploadPartRow.whole.is_(False))
        async with self._database.session() as session:
            names = (await session.scalars(query)).all()
        await self._arrivals.remove_idle(UploadPartRow, names)

    async def _get(self, owner: Owner, name: str) -> UploadRow:
        async with self._database.session() as session:
            row = await session.get(UploadRow, name)
        if row is None or not owner.sees(row.owner):
            raise UploadNotFound(name)
        return row


def check_pending(row: UploadRow) -> UploadRow:
    """The upload, if it accepts parts. Raises `InvalidParameter`."""
    state = EXPIRED if row.state == PENDING and row.expires_at <= time.time() else row.state
    if state != PENDING:
        raise InvalidParameter("upload_id", f"the upload is {state}; POST /v1/uploads begins another one.")
    return row
