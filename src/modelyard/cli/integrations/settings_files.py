"""Settings files of other programs: settings are merged into what is there, comments stay, and a backup is made."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Literal, cast

from modelyard.core.errors import BadRequest

Document = MutableMapping[str, Any]
Language = Literal["toml", "yaml", "json"]
SECRETS = ("key", "token", "secret")
"""The value of a setting is not shown if its name ends with one of these."""
NAMED_BY = "name"
"""The field that tells which item of a list an earlier call wrote."""


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A program's settings file and its language."""

    path: Path
    language: Language


@dataclass(frozen=True, slots=True)
class Merged:
    """What merging settings into a file changed: a line for each setting, and the path of the former file."""

    changes: tuple[str, ...]
    backup: Path | None = None


def render(language: Language, settings: Mapping[str, Any]) -> str:
    """The settings alone, as text. A setting with the value None is one to take out, and is left out here."""
    document = _parse(language, "")
    _merge(document, settings)
    return _text(language, document).strip()


def write(file: SettingsFile, settings: Mapping[str, Any]) -> Merged:
    """Merge settings into a file, which is made if it does not exist; writing the same again changes nothing.

    Tables are merged key by key, lists item by item by their `name`. Raises `BadRequest` if the file cannot be understood.
    """
    path = file.path.resolve()  # where the file is a link, as in a collection of settings, the link stays
    former = path.read_text(encoding="utf-8") if path.exists() else ""
    document = _read(file, former)
    before = dict(_leaves(document))
    _merge(document, settings)
    changes = tuple(_changes(before, dict(_leaves(document))))
    if not changes:
        return Merged(())
    backup = _back_up(path) if former else None
    _replace(path, _text(file.language, document))
    return Merged(changes, backup)


def _read(file: SettingsFile, text: str) -> Document:
    from ruamel.yaml.error import YAMLError

    try:
        document = _parse(file.language, text)
    except (ValueError, YAMLError) as error:
        hint = "it has comments or an error" if file.language == "json" else "it has an error"
        first = str(error).splitlines()[0]
        raise BadRequest(
            f"'{file.path}' stays as it is, because {hint} ({first}); add the lines that this command prints without --write."
        ) from None
    if not isinstance(document, MutableMapping):
        raise BadRequest(f"'{file.path}' stays as it is, because it is no table of settings.")
    return document


def _parse(language: Language, text: str) -> Document:
    """The settings in a text, in an object that keeps its comments. Raises `ValueError` or `YAMLError`."""
    if language == "toml":
        import tomlkit

        return tomlkit.parse(text)
    if language == "yaml":
        from ruamel.yaml import YAML
        from ruamel.yaml.comments import CommentedMap

        document = YAML().load(text)
        return CommentedMap() if document is None else cast(Document, document)
    return cast(Document, json.loads(text)) if text.strip() else {}


def _text(language: Language, document: Document) -> str:
    if language == "toml":
        import tomlkit

        return tomlkit.dumps(document)
    if language == "yaml":
        from ruamel.yaml import YAML

        yaml, stream = YAML(), StringIO()
        yaml.indent(mapping=2, sequence=4, offset=2)
        yaml.width = 4096
        yaml.dump(document, stream)
        return stream.getvalue()
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _merge(document: Document, settings: Mapping[str, Any]) -> None:
    for name, value in settings.items():
        present = document.get(name)
        if value is None:
            document.pop(name, None)
        elif isinstance(value, Mapping):
            if not isinstance(present, MutableMapping):
                document[name] = _empty_table(document)
            _merge(document[name], value)
            _separate(document[name], present)
        elif _is_named(value) and isinstance(present, list):
            _merge_items(present, value)
        elif present != value:
            document[name] = value


def _empty_table(document: Document) -> Document:
    """A table of the kind that the document's library makes, so that it is written as people write it."""
    from tomlkit import TOMLDocument, table
    from tomlkit.items import Table

    return table() if isinstance(document, (TOMLDocument, Table)) else {}


def _separate(table: Document, former: object) -> None:
    """End a new table of TOML with an empty line, as people write them."""
    from tomlkit import nl
    from tomlkit.items import Table

    if former is None and isinstance(table, Table) and not table.is_super_table():
        table.add(nl())


def _is_named(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) and NAMED_BY in item for item in value)


def _merge_items(present: list[Any], items: list[Mapping[str, Any]]) -> None:
    for item in items:
        same = [each for each in present if isinstance(each, MutableMapping) and each.get(NAMED_BY) == item[NAMED_BY]]
        if same:
            _merge(same[0], item)
        else:
            present.append(item)


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is no table, with its place."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{place}.{name}" if place else str(name))
    elif _is_named(value):
        for item in value:
            yield from _leaves(item, f"{place}[{item[NAMED_BY]}]")
    else:
        yield place, value


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for place, value in after.items():
        if place not in before:
            yield f"{place} = {_shown(place, value)}"
        elif before[place] != value:
            yield f"{place} = {_shown(place, value)}, before {_shown(place, before[place])}"
    yield from (f"{place} is taken out" for place in before if place not in after)


def _shown(place: str, value: Any) -> str:
    name = place.rpartition(".")[2].lower()
    open_text = not isinstance(value, str) or value == "none" or value.startswith(("$", "{env"))
    secret = name.endswith(SECRETS) and not open_text
    return "(hidden)" if secret else json.dumps(value, ensure_ascii=False, default=str)


def _back_up(path: Path) -> Path:
    """Copy a file to the first free name beside it, with its permissions."""
    names = (path.with_name(f"{path.name}.bak{number or ''}") for number in range(1000))
    backup = next(name for name in names if not name.exists())
    _store(backup, path.read_text(encoding="utf-8"), path.stat().st_mode & 0o777)
    return backup


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    new = path.with_name(f".{path.name}.{os.getpid()}")
    _store(new, text, mode)
    new.replace(path)


def _store(path: Path, text: str, mode: int) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
        file.write(text)
