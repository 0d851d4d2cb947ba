"""Checks the machine of a server: Python, hardware, engines, folders, database. Changes nothing."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from modelyard.core.config import Settings
from modelyard.core.errors import ModelyardError
from modelyard.core.wording import in_bytes, reason
from modelyard.engines import ENGINES
from modelyard.runtime.environments import Environments
from modelyard.runtime.hardware import inspect

LOW_DISK = 5 * 1024**3
NO_DISK = 200 * 1024**2
PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class Finding:
    """A result of a check. `state` is `ok`, `warning` or `blocked`; `blocked` means that the server cannot start."""

    state: str
    subject: str
    detail: str


def of_machine() -> Iterator[Finding]:
    """Findings that do not depend on settings."""
    yield from _python()
    yield from _hardware()


def of_settings(settings: Settings, every: bool = False) -> Iterator[Finding]:
    """Findings about engines (with `every` also those that exist for tests), the home folder, the disk and the database."""
    yield from _engines(settings.engines_folder, every)
    yield from _home(settings.folder)
    yield from _database(settings)


def _python() -> Iterator[Finding]:
    good = sys.version_info[:2] >= PYTHON
    detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding("ok" if good else "blocked", "python", detail if good else f"{detail}; 3.11 or newer is needed")


def _hardware() -> Iterator[Finding]:
    hardware = inspect()
    memory = f"{in_bytes(hardware.cpu.memory_free)} free of {in_bytes(hardware.cpu.memory_total)}"
    yield Finding("ok", "processor", f"{hardware.cpu_count} cores, {memory}")
    for gpu in hardware.gpus:
        free = f"{in_bytes(gpu.memory_free)} free of {in_bytes(gpu.memory_total)}"
        yield Finding("ok", f"GPU {gpu.name}", f"{gpu.title}, {free}")
    if not hardware.gpus:
        yield Finding("ok", "GPU", "none found; models run on the processor")


def _engines(folder: Path, every: bool) -> Iterator[Finding]:
    environments = Environments(folder)
    for name in ENGINES:
        try:
            engine = ENGINES.get(name)
            if engine.profile.for_tests and not every:
                continue
            environment = environments.find(name) if engine.environment else None
            absent = () if environment else engine.missing()
        except (ModelyardError, ImportError) as error:
            environment, absent = None, (str(error),)
        detail = "; ".join(absent) or "can run"
        if environment:
            versions = ", ".join(f"{package} {version}" for package, version in environment.versions.items())
            detail = f"can run: {versions} in {environment.folder}"
        elif absent and (folder / name).exists():
            detail = f"the environment in {folder / name} is damaged: modelyard engine install {name} --upgrade"
        yield Finding("warning" if absent else "ok", f"engine {name}", detail)


def _home(folder: Path) -> Iterator[Finding]:
    there = _nearest(folder)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield Finding("blocked", "home folder", f"{folder} cannot be written; set MODELYARD_HOME to a writable folder")
        return
    yield Finding("ok", "home folder", f"{folder} can be written" if folder.exists() else f"{folder} will be made")
    free = shutil.disk_usage(there).free
    state = "blocked" if free < NO_DISK else "warning" if free < LOW_DISK else "ok"
    yield Finding(state, "disk", f"{in_bytes(free)} free for models and logs")


def _nearest(path: Path) -> Path:
    """The path itself, or its nearest parent that exists."""
    return next(each for each in (path, *path.parents) if each.exists())


def _database(settings: Settings) -> Iterator[Finding]:
    scheme, _, rest = settings.database.partition(":///")
    if scheme.startswith("sqlite"):
        yield _sqlite(Path(rest))
        return
    parts = urlsplit(settings.database)
    where = f"{parts.scheme.partition('+')[0]} at {parts.hostname}:{parts.port or 5432}"
    try:
        socket.create_connection((parts.hostname or "localhost", parts.port or 5432), timeout=3).close()
    except OSError as error:
        yield Finding("blocked", "database", f"{where} does not answer: {reason(error)}")
    else:
        yield Finding("ok", "database", f"{where} answers")


def _sqlite(path: Path) -> Finding:
    if not path.exists():
        return Finding("ok", "database", f"{path} will be made")
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=3)) as connection:
            verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        return Finding("blocked", "database", f"{path}: {error}")
    if verdict != "ok":
        return Finding("blocked", "database", f"{path} is damaged: {verdict}")
    return Finding("ok", "database", f"{path}, {in_bytes(path.stat().st_size)}")
