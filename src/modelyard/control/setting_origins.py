"""Finds where each setting comes from (variable, file or default), and what is wrong with variables and file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelyard.core.config import Settings
from modelyard.core.errors import CannotStart
from modelyard.core.mismatches import field_problem
from modelyard.core.settings_file import place, read, unknown

if TYPE_CHECKING:
    from pydantic import ValidationError

PREFIX = "MODELYARD_"
NO_SETTINGS = ("endpoint", "api_key", "language", "config")
"""Variables without their prefix that are not settings: those of clients and of the command line, and the settings file's."""
HIDDEN = "(set, not shown)"
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class SettingOrigin:
    """A setting of the server that would start here, with its origin."""

    name: str
    value: Any
    """The value; for a secret `HIDDEN`, or None if it is not set."""
    origin: str
    """Name of a variable, path of a file, or `default`."""
    secret: bool


def setting_origins() -> list[SettingOrigin]:
    """Every setting, in the order of the manual. Raises `CannotStart` or pydantic's `ValidationError` for what is wrong."""
    values = Settings().model_dump(mode="json")
    path = config_file()
    in_file = read(path) if path else {}
    origins = []
    for name, field in Settings.model_fields.items():
        value = values[name] if field.repr else HIDDEN if values[name] else None
        origins.append(SettingOrigin(name, value, _origin(name, path, in_file), not field.repr))
    return origins


def config_file() -> Path | None:
    """The file of settings, or None if there is none. Raises `CannotStart` if a file that is named is absent."""
    return place(variables().get("home") or Settings.model_fields["home"].default)


def variables() -> dict[str, str]:
    """The environment's variables with the prefix, in small letters and without it."""
    prefixed = {name.upper(): value for name, value in os.environ.items() if name.upper().startswith(PREFIX)}
    return {name.removeprefix(PREFIX).lower(): value for name, value in prefixed.items()}


def problems() -> Iterator[str]:
    """A sentence for each thing that is wrong with the variables and the file."""
    from pydantic import ValidationError

    sentences = unknown((name for name in variables() if name not in NO_SETTINGS), Settings.model_fields)
    yield from (f"variables: {each}" for each in sentences)
    try:
        path = config_file()
        in_file = read(path) if path else {}
    except CannotStart as error:
        yield error.message
        return
    unknown_names = unknown(in_file, Settings.model_fields)
    yield from (f"{path}: {each}" for each in unknown_names)
    if path is not None and stat.S_IMODE(path.stat().st_mode) & 0o077 and _secrets(in_file):
        yield f"{path}: others can read it, and it holds {', '.join(_secrets(in_file))}; `chmod 600` closes it."
    if unknown_names:
        return
    try:
        Settings()
    except ValidationError as error:
        yield from problems_in(error)


def problems_in(error: ValidationError) -> list[str]:
    """Sentences about wrong values, each with the variable or the file that holds the value."""
    try:
        path = config_file()
        in_file = read(path) if path else {}
    except CannotStart:
        path, in_file = None, {}
    sentences = []
    for each in error.errors():
        name = str(each["loc"][0])
        origin = _origin(name, path, in_file)
        where = place_of(name, origin) if origin != DEFAULT else f"{PREFIX}{name.upper()}"
        sentences.append(f"{where}: {field_problem(each['type'], each['msg'])}.")
    return sentences


def place_of(name: str, origin: str) -> str:
    """The variable that sets a setting, or the file and the name in it."""
    return origin if origin.startswith(PREFIX) else f"{origin}: {name}"


def _origin(name: str, path: Path | None, in_file: Mapping[str, Any]) -> str:
    if name in variables():
        return f"{PREFIX}{name.upper()}"
    return str(path) if name in in_file else DEFAULT


def _secrets(in_file: Mapping[str, Any]) -> list[str]:
    return [name for name in in_file if name in Settings.model_fields and not Settings.model_fields[name].repr]
