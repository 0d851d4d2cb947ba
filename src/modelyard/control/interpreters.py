"""Which interpreter runs an engine: that of its own environment, or the server's where it has the libraries."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from modelyard.core.errors import MissingLibrary
from modelyard.engines.base import PYTHON, Command, Engine
from modelyard.runtime.environments import Environments


def absent(engine: Engine, folder: Path | None) -> tuple[str, ...]:
    """What keeps an engine from running here, in sentences; empty when it can. `folder` holds the environments."""
    if engine.environment is None:
        return engine.missing()
    return () if _own(engine, folder) else _missing(engine, folder)


def resolved(command: Command, engine: Engine, folder: Path | None) -> Command:
    """A command with a real interpreter in place of `PYTHON`, and with that interpreter's programs first in PATH.

    Raises `MissingLibrary` when the environment has gone since the launch was accepted.
    """
    if command.argv[0] != PYTHON:
        return command
    python = _own(engine, folder)
    if python is None:
        if sentences := _missing(engine, folder):
            raise MissingLibrary(engine.profile.title, engine.name, " ".join(sentences))
        return replace(command, argv=(sys.executable, *command.argv[1:]))
    return replace(command, argv=(python, *command.argv[1:]), env={**_paths(python), **command.env})


def _missing(engine: Engine, folder: Path | None) -> tuple[str, ...]:
    """What the server lacks to run an engine in its own interpreter, in sentences; empty when it can."""
    sentences = engine.missing()
    orphaned = Environments(folder).orphaned(engine.name) if folder is not None and engine.environment else ""
    return (orphaned,) if sentences and orphaned else sentences


def _own(engine: Engine, folder: Path | None) -> str | None:
    """The interpreter of an engine's environment; None when it has none."""
    if folder is None or engine.environment is None:
        return None
    found = Environments(folder).find(engine.name)
    return found.python if found else None


def _paths(python: str) -> Mapping[str, str]:
    """The environment's folder of programs at the front of PATH: libraries call helpers that are installed there."""
    return {"PATH": os.pathsep.join((str(Path(python).parent), os.environ.get("PATH", os.defpath)))}
