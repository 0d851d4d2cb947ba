"""Chooses the Python interpreter of an engine: its own environment's, or the server's if that has the libraries."""

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
    """The reasons why an engine cannot run here, as sentences; empty if it can. `folder` holds the environments."""
    if engine.environment is None:
        return engine.missing()
    return () if _own(engine, folder) else _missing(engine, folder)


def resolved(command: Command, engine: Engine, folder: Path | None) -> Command:
    """Replace `PYTHON` in a command by the engine's interpreter, and put that interpreter's programs first in PATH.

    Raises `MissingLibrary` if the environment was removed after the launch was accepted.
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
    """What the server's interpreter lacks to run an engine, as sentences; empty if it can run it."""
    sentences = engine.missing()
    orphaned = Environments(folder).orphaned(engine.name) if folder is not None and engine.environment else ""
    return (orphaned,) if sentences and orphaned else sentences


def _own(engine: Engine, folder: Path | None) -> str | None:
    """The interpreter of an engine's own environment; None if it has none."""
    if folder is None or engine.environment is None:
        return None
    environment = Environments(folder).find(engine.name)
    return environment.python if environment else None


def _paths(python: str) -> Mapping[str, str]:
    """PATH with the environment's programs first, because libraries call helper programs that are installed there."""
    return {"PATH": os.pathsep.join((str(Path(python).parent), os.environ.get("PATH", os.defpath)))}
