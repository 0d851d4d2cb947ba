"""Reserved disk space for deletions, because SQLite writes a journal before it frees any space."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from modelyard.core.errors import NotEnoughDisk

log = logging.getLogger(__name__)

SIZE = 8 << 20
"""Bytes of the reserve. A deletion writes the tree pages above the deleted rows, and lists of free pages."""
SPARE = 2 << 20
"""Bytes that must be free beside the reserve when it is created."""
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Error numbers of a full disk, or of an exhausted quota."""


def disk_error(error: OSError, where: object) -> Exception:
    """`NotEnoughDisk` for the error of a full disk, else the error itself."""
    return NotEnoughDisk.full(where) if error.errno in FULL else error


@contextmanager
def full_disk_named(where: object) -> Iterator[None]:
    """Raise the error of a full disk as `NotEnoughDisk`."""
    try:
        yield
    except OSError as error:
        if (replacement := disk_error(error, where)) is error:
            raise
        raise replacement from error


class Reserve:
    """A file beside the database that occupies space. It exists unless the disk is full, and is removed for a deletion."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._missed = False

    @property
    def kept(self) -> bool:
        """Whether the space is reserved."""
        with suppress(OSError):
            return self.path.stat().st_size >= SIZE
        return False

    def keep(self) -> bool:
        """Create the file if it is missing and there is space for it; returns whether it exists afterwards."""
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
            log.warning("the disk of %s is full: requests that add data are refused; deletions work", self.path.parent)
        return False

    def lend(self) -> None:
        """Release the space if almost nothing else is free."""
        with suppress(OSError):
            if self.free() < SIZE:
                self.path.unlink(missing_ok=True)

    def check(self) -> None:
        """Raise `NotEnoughDisk` while the space for deletions is not reserved."""
        if not self.keep():
            raise NotEnoughDisk.full(self.path.parent)

    def free(self) -> int:
        """Free bytes on the disk. Raises `OSError`."""
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
