"""The file `modelyard.toml`: settings under the names of the manual, below the variables in precedence."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from modelyard.core.errors import CannotStart, nearest
from modelyard.core.wording import reason

NAME = "modelyard.toml"
VARIABLE = "MODELYARD_CONFIG"
"""Names another file; empty means none."""


class SettingsFileSource(PydanticBaseSettingsSource):
    """Reads the file for pydantic: `MODELYARD_CONFIG`, else `modelyard.toml` in the home folder of options and variables."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Not used: `__call__` returns all values at once."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """The values of the file by the names of settings. Raises `CannotStart`."""
        path = place(self.current_state.get("home") or self.settings_cls.model_fields["home"].default)
        if path is None:
            return {}
        values = read(path)
        if sentences := unknown(values, self.settings_cls.model_fields):
            raise CannotStart(f"{path}: {sentences[0]}")
        return values


def place(home: Path | str) -> Path | None:
    """The path of the file, or None if there is none in the folder `home`. Raises `CannotStart` if a named file is absent."""
    named = os.environ.get(VARIABLE)
    if named is not None:
        path = Path(named).expanduser()
        if named and not path.is_file():
            raise CannotStart(f"There is no file '{path}', which {VARIABLE} (--config) names.")
        return path if named else None
    path = Path(home).expanduser() / NAME
    return path if path.exists() else None


def read(path: Path) -> dict[str, Any]:
    """The values of a file as those of variables: a list of texts is one text with commas. Raises `CannotStart`."""
    import tomllib

    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CannotStart(f"The settings in '{path}' cannot be read: {reason(error)}.") from None
    return {name: ",".join(map(str, value)) if isinstance(value, list) else value for name, value in table.items()}


def unknown(names: Iterable[str], known: Mapping[str, Any]) -> list[str]:
    """A sentence for each name that is none of a setting, with the one that was probably meant."""
    sentences = []
    for name in names:
        if name in known:
            continue
        near = nearest(name.lower().removeprefix("modelyard_"), known)
        hint = f" Did you mean '{near}'?" if near else " `modelyard config show` lists them."
        sentences.append(f"There is no setting '{name}'.{hint}")
    return sentences
