"""File modes: the package's files in the home folder are readable by their owner only, whoever created the folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NOBODY_ELSE = 0o077
"""Mode bits of the group and of others: a umask that makes files 0600 and folders 0700."""

KEPT = (
    "auth",
    "blobs",
    "created",
    "downloads",
    "engines",
    "generations",
    "knowledge",
    "logs",
    "registrations",
    "run",
    "modelyard.db*",
    "server.lock",
    "server.log",
)
"""Patterns of this package's files in a home folder, which may also contain other files."""

_before: int | None = None
"""The umask with which the process was started, once `be_private` has changed it."""


def be_private() -> None:
    """Set the umask of this process and its children for its whole life. Call it before threads start, which share it."""
    global _before
    before = os.umask(NOBODY_ELSE)
    _before = before if _before is None else _before


def umask_outside() -> int | None:
    """The umask for files outside the home folder, such as a shared hub cache; None for the present one."""
    return _before


@contextmanager
def private_files() -> Iterator[None]:
    """Make files created in this block private, including those of child processes. For single-threaded commands."""
    before = os.umask(NOBODY_ELSE)
    try:
        yield
    finally:
        os.umask(before)


def private_folder(folder: Path) -> Path:
    """A folder that only its owner can enter, created if it is missing. Raises `OSError`.

    An existing folder of our user is made private, unless it clearly has other purposes: the root, a user's home
    directory, or a folder that everybody may write to.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    shared = status.st_mode & stat.S_ISVTX or folder.resolve() in (Path("/"), Path("~").expanduser())
    if not shared and status.st_uid == os.geteuid() and status.st_mode & NOBODY_ELSE:
        folder.chmod(stat.S_IMODE(status.st_mode) & ~NOBODY_ELSE)
    return folder


def private_home(folder: Path) -> Path:
    """A home folder, created if it is missing, with all files of this package made private. Raises `OSError`.

    Links are not followed. Files in an engine's environment keep the modes of their packages; its folder protects them.
    """
    private_folder(folder)
    for pattern in KEPT:
        for place in folder.glob(pattern):
            _close(place)
    return folder


def _close(place: Path) -> None:
    """Remove other users' permissions from a file, or from a folder and everything below it."""
    with suppress(OSError):  # files that disappeared or belong to other users are skipped
        _close_file(str(place), None)
    if place.is_symlink() or not place.is_dir():
        return
    for _, folders, files, descriptor in os.fwalk(place):
        _strip(descriptor)
        for name in files:
            with suppress(OSError):
                _close_file(name, descriptor)
        if place.name == "engines":
            for name in folders:
                _close_folder(name, descriptor)
            folders.clear()


def _close_file(name: str, folder: int | None) -> None:
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISREG(status.st_mode) and status.st_mode & NOBODY_ELSE and status.st_uid == os.geteuid():
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        try:
            _strip(descriptor)
        finally:
            os.close(descriptor)


def _close_folder(name: str, folder: int) -> None:
    with suppress(OSError):
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(name, flags, dir_fd=folder)
        try:
            _strip(descriptor)
        finally:
            os.close(descriptor)


def _strip(descriptor: int) -> None:
    """Remove other users' permissions from an open file of our user. The owner's permissions stay, so scripts stay executable."""
    status = os.fstat(descriptor)
    if status.st_mode & NOBODY_ELSE and status.st_uid == os.geteuid():
        os.fchmod(descriptor, stat.S_IMODE(status.st_mode) & ~NOBODY_ELSE)
