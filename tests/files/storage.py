"""Files and uploads on a real database and a real store, in an event loop like the server's, for tests of the package."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop
from sqlalchemy import func, select, update

from modelyard.core.access import Owner
from modelyard.core.config import Settings
from modelyard.db.file_tables import FileRow, UploadPartRow, UploadRow
from modelyard.db.session import Database
from modelyard.files.rows import FileDetails
from modelyard.files.service import FileService
from modelyard.files.sweeps import Sweeps
from modelyard.files.uploads import UploadService

ANN, BEN, ROOT = Owner("ann"), Owner("ben"), Owner("root", everything=True)


@dataclass
class Storage:
    """The services of one run of a server."""

    settings: Settings
    database: Database
    files: FileService
    uploads: UploadService
    sweeps: Sweeps

    async def add(
        self,
        content: bytes,
        owner: Owner = ANN,
        name: str = "a.txt",
        purpose: str = "user_data",
        lifetime: int | None = None,
    ) -> FileRow:
        return await self.files.add(owner, FileDetails(name, purpose, lifetime), portions(content))

    async def content(self, row: FileRow) -> bytes:
        return b"".join([block async for block in self.files.read(row)])

    async def ids(self, owner: Owner = ANN) -> list[str]:
        rows, _ = await self.files.page(owner, ascending=True)
        return [row.id for row in rows]

    async def rows(self) -> int:
        """Rows of files and parts, whether anybody sees them or not."""
        async with self.database.session() as session:
            counts = [await session.scalar(select(func.count()).select_from(each)) for each in (FileRow, UploadPartRow)]
        return sum(each or 0 for each in counts)

    async def grow_old(self, table: type[FileRow | UploadRow], name: str, expires_at: float) -> None:
        """Move the end of a row's time into the past."""
        async with self.database.session() as session:
            await session.execute(update(table).where(table.id == name).values(expires_at=expires_at))

    def stored(self) -> list[str]:
        """Names of everything in the folder of files."""
        return sorted(path.name for path in self.settings.files_folder.rglob("*") if path.is_file())


async def portions(content: bytes, size: int = 1000) -> AsyncGenerator[bytes]:
    """Content as it comes from a network."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


@asynccontextmanager
async def storage(settings: Settings) -> AsyncIterator[Storage]:
    settings.folder.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database)
    await database.open()
    try:
        files = FileService(settings, database)
        await files.open()
        uploads = UploadService(settings, database, files)
        yield Storage(settings, database, files, uploads, Sweeps(files, uploads))
    finally:
        await database.close()


def on(settings: Settings, work: Callable[[Storage], Awaitable[None]]) -> None:
    """Run `work` on fresh services."""

    async def go() -> None:
        async with storage(settings) as made:
            await work(made)

    uvloop.run(go())


def settings_for(home: Path, database_url: str, **options: object) -> Settings:
    return Settings.model_validate({"home": home, "database_url": database_url, **options})
