"""Room on the disk that is kept for deleting: SQLite writes a journal before it gives anything back."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from contextlib import suppress
from pathlib import Path

from modelyard.core.errors import NotEnoughDisk

log = logging.getLogger(__name__)

SIZE = 8 << 20
"""Bytes of the reserve. Deleting writes the pages of the tree above what goes, and lists of free pages."""
SPARE = 2 << 20
"""Bytes beside the reserve that must be free before it is made."""
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What the system says of a disk, or of somebody's share of it, that is full."""


class Reserve:
    """A file without content beside a database; it is there unless the disk is full, and is given up for a deletion."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._missed = False

    @property
    def kept(self) -> bool:
        """Whether the room is there."""
        with suppress(OSError):
            return self.path.stat().st_size >= SIZE
        return False

    def keep(self) -> bool:
        """Make the file, if it is not there and there is room for it; whether it is there then."""
        if self.kept:
            return True
        with suppress(OSError):
            if self.free() >= SIZE + SPARE:
                self._allocate()
        if self.kept:
            self._missed = False
            return True
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
        if not self._missed:
            self._missed = True
            log.warning(
                "the disk of %s is full: what brings something is refused, and deleting works", self.path.parent
            )
        return False

    def lend(self) -> None:
        """Give the room up where nearly nothing else is free."""
        with suppress(OSError):
            if self.free() < SIZE:
                self.path.unlink(missing_ok=True)

    def check(self) -> None:
        """Raise `NotEnoughDisk` for what would fill the disk further while the room for deleting is not there."""
        if not self.keep():
            raise NotEnoughDisk.full(self.path.parent)

    def free(self) -> int:
        """Bytes that are free on the disk. Raises `OSError`."""
        return shutil.disk_usage(self.path.parent).free

    def _allocate(self) -> None:
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file, 0, SIZE)
            else:  # macOS
                os.write(file, bytes(SIZE))
        finally:
            os.close(file)
