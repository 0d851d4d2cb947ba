"""Files of owners: stores, lists, reads and deletes them."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import select, update

from modelyard.core.access import Owner
from modelyard.core.config import Settings
from modelyard.core.errors import BodyTooLarge, FileNotFound, InvalidParameter
from modelyard.core.names import composed
from modelyard.db.file_tables import FileRow
from modelyard.db.session import Database, retried
from modelyard.files import rows
from modelyard.files.arrivals import Arrivals, Content
from modelyard.files.lines import check_lines
from modelyard.files.rows import FileDetails
from modelyard.files.stores import store_of

LONGEST_NAME = 1000
FINE_TUNE = "fine-tune"


class FileService:
    """The files of all owners. Files of other owners appear as missing."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self.arrivals = Arrivals(database, store_of(settings))

    async def open(self) -> None:
        """Prepare the store."""
        await asyncio.to_thread(self.arrivals.store.open)

    @asynccontextmanager
    async def receiving(self, owner: Owner, data: AsyncIterator[bytes], expected: int = 0) -> AsyncIterator[Content]:
        """Store the content of a file while it arrives; `keep` makes it a file, and without that nothing is left.

        `expected` is the least number of bytes that will come. Raises `BodyTooLarge`, `FileQuotaExceeded` or `NotEnoughDisk`.
        """
        async with self._receiving(new_row(owner.id), data, self._settings.max_file_bytes, expected) as content:
            yield content

    @asynccontextmanager
    async def _receiving(
        self, row: FileRow, data: AsyncIterator[bytes], most: int, expected: int = 0
    ) -> AsyncIterator[Content]:
        excess = BodyTooLarge(most, "max_file_bytes", "The file")
        limits = await self.arrivals.limits_for(row.owner, most, excess, self._settings.file_quota_bytes)
        async with self.arrivals.receiving(row, data, limits, expected) as content:
            yield content

    async def keep(self, content: Content, details: FileDetails) -> FileRow:
        """Make content that has arrived a file. Raises `InvalidParameter`, `FileQuotaExceeded` and `BadRequest`."""
        return await self._show(content, await self.checked(content, details))

    async def checked(self, content: Content, details: FileDetails) -> FileDetails:
        """The details of a file in the form in which they are stored. Raises `InvalidParameter` or `BadRequest`."""
        if details.purpose == FINE_TUNE:
            await check_lines(self.arrivals.store.read(content.row.id))
        return FileDetails(check_filename(details.filename), details.purpose, details.lifetime)

    @retried
    async def _show(self, content: Content, details: FileDetails) -> FileRow:
        async with self.arrivals.counting, self._database.writing() as session:
            await rows.check_quota(session, content.row.owner, content.size, self._settings.file_quota_bytes)
            row = await rows.show(session, content.row.id, content.size, content.hash, details)
        content.kept = True
        return row

    async def add(
        self, owner: Owner, details: FileDetails, data: AsyncIterator[bytes], name: str | None = None
    ) -> FileRow:
        """Store a file that the server itself makes, such as the output of a job, of any size within the owner's quota.

        `name` is an id of `new_file_id`, for work that must find its file again after a kill. Raises `FileQuotaExceeded`,
        `NotEnoughDisk` and the errors of `keep`.
        """
        async with self._receiving(new_row(owner.id, name), data, sys.maxsize) as content:
            return await self.keep(content, details)

    async def get(self, owner: Owner, name: str, param: str = "file_id") -> FileRow:
        """A file by its id. Raises `FileNotFound`; `param` is the parameter that names it."""
        async with self._database.session() as session:
            return await rows.visible(session, owner, name, param)

    async def page(
        self,
        owner: Owner,
        *,
        after: str | None = None,
        limit: int = 10_000,
        ascending: bool = False,
        purpose: str | None = None,
    ) -> tuple[Sequence[FileRow], bool]:
        """Files in the order of their creation, and whether there are more of them.

        `after` is the last id of the page before; that file may have been deleted since. Raises `FileNotFound` for anything else.
        """
        async with self._database.session() as session:
            if after is not None:
                _check_cursor(await session.get(FileRow, after), owner, after)
            found = await rows.page(session, owner, after=after, limit=limit + 1, ascending=ascending, purpose=purpose)
        return found[:limit], len(found) > limit

    def read(self, row: FileRow) -> AsyncGenerator[bytes]:
        """The content of a file in blocks. Raises `FileNotFoundError` if somebody removed it by hand."""
        return self.arrivals.store.read(row.id)

    def path(self, row: FileRow) -> Path | None:
        """The path of a file's content if it is on this machine."""
        return self.arrivals.store.path(row.id)

    async def delete(self, owner: Owner, name: str) -> None:
        """Delete a file. Raises `FileNotFound`."""
        await self.get(owner, name)
        await self._remove(name)

    async def delete_expired(self) -> None:
        """Delete all files whose time is over."""
        async with self._database.session() as session:
            over = (await session.scalars(select(FileRow.id).where(FileRow.expires_at <= time.time()))).all()
        for name in over:
            await self._remove(name)

    async def _remove(self, name: str) -> None:
        """Take a file out of sight, then delete its bytes, then its row: interrupted at any point, a sweep finishes it."""
        async with self._database.freeing() as session:
            await session.execute(update(FileRow).where(FileRow.id == name).values(whole=False))
        await self.arrivals.remove(FileRow, [name])


def new_file_id() -> str:
    """An id for a file that will be stored later."""
    return rows.new_id("file-")


def new_row(owner: str, name: str | None = None) -> FileRow:
    """The row of a file whose content is about to arrive."""
    return FileRow(id=name or new_file_id(), owner=owner, created_at=time.time())


def check_filename(name: str) -> str:
    """The name of a file in composed form, which is never used as a path. Raises `InvalidParameter`."""
    name = composed(name)
    if not name.strip() or len(name) > LONGEST_NAME or "\0" in name:
        raise InvalidParameter("file", f"a file needs a name of at most {LONGEST_NAME} characters.")
    return name


def _check_cursor(row: FileRow | None, owner: Owner, after: str) -> None:
    if not rows.FILE_ID.fullmatch(after) or (row is not None and not owner.sees(row.owner)):
        raise FileNotFound(after, "after")
