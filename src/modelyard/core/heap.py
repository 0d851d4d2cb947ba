"""Memory of a process: limits of glibc's malloc, free memory back to the system, and when Python looks for garbage."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

PARAMETERS = {"M_ARENA_MAX": (-8, 2), "M_TRIM_THRESHOLD": (-1, 1 << 20), "M_MMAP_THRESHOLD": (-3, 1 << 20)}
"""Parameters of `mallopt`: their numbers in malloc.h, and the values to set."""


def bound() -> None:
    """Limit malloc to two heaps, and let it return free blocks of a MiB or more to the system.

    By default it creates up to eight heaps per core, one per thread, and keeps freed memory in them: a server used 400 MiB after
    10,000 requests of `tests.fuzz`, and uses 170 MiB with these settings.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    for parameter, value in PARAMETERS.values():
        mallopt(parameter, value)


def trim() -> None:
    """Return the free pages of all heaps to the system. Takes milliseconds, and releases Python's global lock."""
    try:
        malloc_trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return
    malloc_trim(0)


@contextmanager
def without_collection() -> Iterator[None]:
    """Import modules without looking for garbage meanwhile, of which imports leave none, and never look through them again.

    A server creates a million objects before it is ready; looking through them took an eighth of its start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
