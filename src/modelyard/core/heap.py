"""glibc's heap: how many there are, and giving free memory back to the system. Other C libraries have no such functions."""

from __future__ import annotations

import ctypes

PARAMETERS = {"M_ARENA_MAX": (-8, 2), "M_TRIM_THRESHOLD": (-1, 1 << 20), "M_MMAP_THRESHOLD": (-3, 1 << 20)}
"""Parameters of `mallopt`: their numbers in malloc.h, and the values to set."""


def bound() -> None:
    """Keep malloc to two heaps, and let it return free blocks of a MiB or more to the system.

    By default it makes a heap for each thread, up to eight per core, and keeps what is freed in them: a server was at 400 MiB
    after 10,000 requests of `tests.fuzz`, and is at 170 MiB with this.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    for parameter, value in PARAMETERS.values():
        mallopt(parameter, value)


def trim() -> None:
    """Return every free page of all heaps to the system. It takes milliseconds, without Python's lock."""
    try:
        malloc_trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return
    malloc_trim(0)
