"""Looking at real processes, for tests that start and kill them. No sleeps: every wait is for something to become true."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import psutil

T = TypeVar("T")

FORKED: dict[str, int] = {}
"""Mark → the process id of a server that was forked, whose environment the system does not show."""


def wait_for(what: Callable[[], T | None], seconds: float = 20.0, pause: float = 0.01) -> T:
    """Poll until `what()` is true and return it; the deadline is for hangs only, and is no measurement."""
    deadline = time.monotonic() + seconds
    while True:
        if value := what():
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"still not so after {seconds:g} s")
        time.sleep(pause)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def family(pid: int) -> list[int]:
    """A process and everything below it."""
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def marked(mark: str) -> list[psutil.Process]:
    """Every live process whose environment holds `mark`: descendants inherit it, wherever they went."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and (
                process.pid == FORKED.get(mark) or mark in process.environ().values()
            ):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found
