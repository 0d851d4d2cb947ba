"""Sweeps: at the start of the server and every half minute, expired files and uploads are deleted, and bytes that nobody sees."""

from __future__ import annotations

import asyncio
import logging

from modelyard.files.service import FileService
from modelyard.files.uploads import UploadService

log = logging.getLogger(__name__)

SWEEP_SECONDS = 30.0


class Sweeps:
    """Deletes what is over. Reads find nothing expired, whether or not a sweep came by."""

    def __init__(self, files: FileService, uploads: UploadService) -> None:
        self._files = files
        self._uploads = uploads

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self.sweep()
            except Exception:  # the top of a loop: whatever a store elsewhere raises, the next sweep tries again
                log.exception("expired files could not be deleted")

    async def sweep(self) -> None:
        """Delete what is over once."""
        await self._files.delete_expired()
        await self._uploads.expire()
        await self._files.arrivals.remove_unseen()
