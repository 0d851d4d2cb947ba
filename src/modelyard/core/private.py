"""Modes of files: files of this package in the home folder are readable by their owner alone, whoever made the folder."""

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
    "downloads",
    "engines",
    "knowledge",
    "logs",
    "registrations",
    "run",
    "modelyard.db*",
    "server.lock",
    "server.log",
)
"""The files of this package in a home folder, as patterns. A home folder may be one that holds other things, too."""

_before: int | None = None
"""The umask that the process was started with, once `be_private` has changed it."""


def be_private() -> None:
    """Set the umask of this process, and so of its children, for its whole life. Threads share it: call this first."""
    global _before
    before = os.umask(NOBODY_ELSE)
    _before = before if _before is None else _before


def umask_outside() -> int | None:
    """The umask for files that are not of the home, such as a hub's cache, which others may share; None for the present one."""
    return _before


@contextmanager
def private_files() -> Iterator[None]:
    """Files made in this block are private, those of child processes too. For commands, which have one thread."""
    before = os.umask(NOBODY_ELSE)
    try:
        yield
    finally:
        os.umask(before)


def private_folder(folder: Path) -> Path:
    """A folder that only its owner can enter, made if it is not there. Raises `OSError`.

    One that is there is made private if it is ours, unless it is plainly meant for more than this: the root, a person's home
    directory, or a folder that everybody may write to.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    shared = found.st_mode & stat.S_ISVTX or folder.resolve() in (Path("/"), Path("~").expanduser())
    if not shared and found.st_uid == os.geteuid() and found.st_mode & NOBODY_ELSE:
        folder.chmod(stat.S_IMODE(found.st_mode) & ~NOBODY_ELSE)
    return folder


def private_home(folder: Path) -> Path:
    """A home folder, made if it is not there, in which everything that this package keeps is private. Raises `OSError`.

    Links are not followed. Inside an engine's environment files keep the modes of their packages, behind its folder.
    """
    private_folder(folder)
    for pattern in KEPT:
        for place in folder.glob(pattern):
            _close(place)
    return folder


def _close(place: Path) -> None:
    """Take the rights of all others from a file, or from a folder and what is below it."""
    with suppress(OSError):  # what is not there any more, or not ours, is left as it is
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
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISREG(found.st_mode) and found.st_mode & NOBODY_ELSE and found.st_uid == os.geteuid():
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
    """Take the rights of all others from what is open, if it is ours. Its owner's stay: scripts go on to be executable."""
    found = os.fstat(descriptor)
    if found.st_mode & NOBODY_ELSE and found.st_uid == os.geteuid():
        os.fchmod(descriptor, stat.S_IMODE(found.st_mode) & ~NOBODY_ELSE)
