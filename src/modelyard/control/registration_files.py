"""Registered families as files in a folder: reads all files, writes one, removes one. `registrations.py` interprets them.

A file is `{"model_type": "LLM", "model": {…}}` with the record of the request; a bare record with a `model_type` is accepted
too. Users may write, edit and copy files: their names have no meaning, and a file that cannot be read is skipped."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modelyard.core.errors import Unavailable
from modelyard.core.private import private_folder
from modelyard.core.types import ModelType
from modelyard.core.wording import reason

log = logging.getLogger(__name__)

LONGEST = 200
"""Maximum length in bytes of a file's name without its ending; file systems allow 255."""
LARGEST = 16 * 2**20
"""Maximum size of a file in bytes: more than a request body may have."""
HOME = "$MODELYARD_HOME"
"""Stands for the home folder at the beginning of a `model_uri` or an adapter's path in a file, because that folder can move."""


@dataclass(frozen=True, slots=True)
class Written:
    """The content of one file."""

    path: Path
    type: ModelType
    record: Mapping[str, Any]


class RegistrationFiles:
    """The folder `registrations` of a home folder. Not safe for concurrent calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self) -> list[Written]:
        """All files that can be read, by name; logs a warning for each other one."""
        files = []
        for path in sorted(self.folder.glob("*.json")):
            try:
                one = _read(path)
                files.append(replace(one, record=_placed(one.record, HOME, str(self.folder.parent))))
            except (OSError, ValueError, RecursionError) as error:
                skipped(path, error)
        return files

    def write(self, type: ModelType, name: str, record: Mapping[str, Any]) -> Path:
        """Write a new file atomically, readable by its owner only. Raises `Unavailable`."""
        content = {"model_type": type.value, "model": _placed(record, str(self.folder.parent), HOME)}
        text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
        try:
            path = self._free(f"{type.value}-{name}")
            place = private_folder(self.folder) / f".{os.getpid()}.part"
            try:
                with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                    file.write(text.encode())
                    file.flush()
                    os.fsync(file.fileno())
                place.replace(path)
            finally:
                place.unlink(missing_ok=True)
            self._settle()
        except OSError as error:
            raise Unavailable(
                f"The registration of '{name}' cannot be written to {self.folder}: {reason(error)}."
            ) from error
        return path

    def remove(self, path: Path) -> None:
        """Remove a file if it exists. Raises `Unavailable`."""
        try:
            path.unlink(missing_ok=True)
            self._settle()
        except FileNotFoundError:
            return  # the folder was removed
        except OSError as error:
            raise Unavailable(f"The file {path} cannot be removed: {reason(error)}.") from error

    def _free(self, name: str) -> Path:
        """A path that does not exist yet: a broken file of that name is kept, so that its owner can repair it."""
        if len(name.encode()) > LONGEST:
            digest = hashlib.sha256(name.encode()).hexdigest()[:16]
            name = f"{name.encode()[: LONGEST - 20].decode(errors='ignore')}-{digest}"
        path, number = self.folder / f"{name}.json", 1
        while os.path.lexists(path):
            number += 1
            path = self.folder / f"{name}-{number}.json"
        return path

    def _settle(self) -> None:
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def skipped(path: Path, problem: object) -> None:
    """Log a warning that a file is skipped."""
    log.warning("the registration file %s is skipped: %s", path, problem)


def _placed(value: Any, before: str, after: str) -> Any:
    """A record in which the folder `before` is replaced by `after` where a `model_uri` or an adapter's path begins with it."""
    if isinstance(value, list):
        return [_placed(each, before, after) for each in value]
    if not isinstance(value, Mapping):
        return value
    fields = {key: _placed(each, before, after) for key, each in value.items()}
    if isinstance(uri := fields.get("model_uri"), str):
        fields["model_uri"] = _moved(uri, before, after)
    if isinstance(paths := fields.get("adapters"), list):
        fields["adapters"] = [_moved(path, before, after) if isinstance(path, str) else path for path in paths]
    return fields


def _moved(uri: str, before: str, after: str) -> str:
    scheme = "file://" if uri.startswith("file://") else ""
    path = uri.removeprefix(scheme)
    return scheme + after + path.removeprefix(before) if path.startswith(before + "/") else uri


def _read(path: Path) -> Written:
    """Read a file. Raises `OSError` and `ValueError`."""
    if not path.is_file():
        raise ValueError("it is no file")
    if path.stat().st_size > LARGEST:
        raise ValueError(f"it is larger than {LARGEST >> 20} MiB")
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    if not isinstance(content, dict):
        raise ValueError("it is no JSON object")
    kinds = {kind.lower(): kind for kind in ModelType}
    kind = kinds.get(str(content.get("model_type")).lower())
    if kind is None:
        raise ValueError(f"its 'model_type' must be one of {', '.join(ModelType)}")
    record = content["model"] if "model" in content else {k: v for k, v in content.items() if k != "model_type"}
    if not isinstance(record, dict):
        raise ValueError("its 'model' is no JSON object")
    return Written(path, kind, record)
