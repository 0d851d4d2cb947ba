"""The services of files and uploads of a server, with the task that deletes what has expired."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from modelyard.core.config import Settings
from modelyard.db.session import Database
from modelyard.files.service import FileService
from modelyard.files.sweeps import Sweeps
from modelyard.files.uploads import UploadService


@asynccontextmanager
async def files_running(settings: Settings, database: Database) -> AsyncIterator[tuple[FileService, UploadService]]:
    """Provide the services during the block. What an earlier run left unfinished is removed before. Raises `CannotStart`."""
    files = FileService(settings, database)
    await files.open()
    uploads = UploadService(settings, database, files)
    sweeps = Sweeps(files, uploads)
    await sweeps.sweep()
    sweeping = asyncio.create_task(sweeps.run(), name="sweeps of files")
    try:
        yield files, uploads
    finally:
        sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await sweeping
