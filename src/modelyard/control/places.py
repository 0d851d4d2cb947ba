"""Launches in the form of database rows, with paths relative to the package and the home folder, because both can move.

Such a path is stored as `{"package": "catalog/demo/…"}` or `{"home": "…"}`. Text that a caller sent is never converted."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

import modelyard
from modelyard.core.errors import ModelFilesInvalid
from modelyard.core.types import Launch, Model

PACKAGE = Path(modelyard.__file__).parent

Kept = dict[str, Any]


def packed(launch: Launch, home: Path) -> Kept:
    """Encode a launch for its row."""
    return _changed(asdict(launch), lambda path: _relative(path, home))


def unpacked(record: Kept, home: Path) -> Launch:
    """Decode a launch from its row, with the current folders. Raises `msgspec.ValidationError`."""
    return msgspec.convert(_changed(record, lambda path: _absolute(path, home)), Launch)


def check_there(model: Model) -> None:
    """Raise `ModelFilesInvalid` if files that cannot be downloaded were removed after the launch was accepted."""
    for path in (model.path, model.projector):
        if path is not None and model.download is None and not os.path.exists(path):
            raise ModelFilesInvalid(
                path,
                "its files are gone since it was launched. Put them back, or launch it from where they are now.",
            )


def _changed(record: Kept, change: Callable[[Any], Any]) -> Kept:
    model = {**record["model"]}
    for name in ("path", "projector"):
        model[name] = change(model.get(name))
    if model.get("download"):
        model["download"] = {**model["download"], "folder": change(model["download"]["folder"])}
    adapters = [{**each, "path": change(each["path"])} for each in record.get("adapters") or ()]
    return {**record, "model": model, "adapters": adapters}


def _relative(path: Any, home: Path) -> Any:
    for name, folder in (("package", PACKAGE), ("package", PACKAGE.resolve()), ("home", home)):
        if isinstance(path, str) and Path(path).is_relative_to(folder):
            return {name: str(Path(path).relative_to(folder))}
    return path


def _absolute(path: Any, home: Path) -> Any:
    if not isinstance(path, dict):
        return path
    return str(PACKAGE / path["package"]) if "package" in path else str(home / path["home"])
