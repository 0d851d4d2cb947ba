"""Finds families by name: built-in ones, read from a folder on first use, and those that users registered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from modelyard.catalog.family import Family, load
from modelyard.core.errors import NotFound, RegistrationExists
from modelyard.core.nearest import similar
from modelyard.core.types import ModelType


class Shelf:
    """The families of one type in a folder."""

    def __init__(self, folder: Path) -> None:
        self.families: dict[str, Family] = {}
        """By name in lower case."""
        self.aliases: dict[str, Family] = {}
        """By alias in lower case. The alias of a single spec refers to the family reduced to that spec."""
        for path in sorted(folder.glob("*.json")):
            family = load(path)
            self.families[family.name.lower()] = family
            for alias in family.aliases:
                self.aliases.setdefault(alias.lower(), family)
            for spec in family.specs:
                for alias in spec.aliases:
                    self.aliases.setdefault(alias.lower(), msgspec.structs.replace(family, specs=[spec]))


class Catalog:
    """A folder of families, `<type>/<file name>.json`, and the families that users registered.

    A type's files are read on its first use. Registered families are in memory only, and cannot replace a built-in
    family. Other threads may read while one thread registers.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._shelves: dict[ModelType, Shelf] = {}
        self._own: dict[tuple[ModelType, str], Family] = {}

    def get(self, name: str, type: ModelType | None = None) -> Family:
        """The family of a name, or else of an alias. Raises `NotFound` with similar names."""
        key = name.lower()
        kinds = [type] if type else list(ModelType)
        for kind in kinds:
            if found := self._shelf(kind).families.get(key) or self._own.get((kind, key)):
                return found
        for kind in kinds:
            if alias := self._shelf(kind).aliases.get(key):
                return alias
        raise not_found(name, type, self.names(type), ADVICE)

    def missing(self, name: str, type: ModelType | None) -> NotFound:
        """The error for an unknown family, with similar names."""
        return not_found(name, type, self.names(type))

    def names(self, type: ModelType | None = None) -> list[str]:
        """The names of all families, or of those of one type; without aliases."""
        return sorted((family.name for family in self.families(type)), key=str.lower)

    def families(self, type: ModelType | None = None) -> Iterator[Family]:
        """All families, the built-in ones first."""
        for kind in [type] if type else ModelType:
            yield from self._shelf(kind).families.values()
            yield from self.registered(kind)

    def built_in(self, name: str, type: ModelType) -> bool:
        """Whether there is a built-in family of exactly this name."""
        return name.lower() in self._shelf(type).families

    def registered(self, type: ModelType | None = None) -> list[Family]:
        """Users' families, of one type or of all, in the order of their registration."""
        return [family for (kind, _), family in self._own.items() if type is None or kind is type]

    def register(self, family: Family) -> None:
        """Add a user's family. Raises `RegistrationExists`."""
        self.check_new(family)
        self._own = {**self._own, (family.type, family.name.lower()): family}

    def check_new(self, family: Family) -> None:
        """Raise `RegistrationExists` if the family's name is taken."""
        built_in = self.built_in(family.name, family.type)
        if built_in or (family.type, family.name.lower()) in self._own:
            raise RegistrationExists(family.name, family.type, built_in)

    def unregister(self, name: str, type: ModelType) -> None:
        """Remove a user's family, if it exists."""
        self._own = {key: family for key, family in self._own.items() if key != (type, name.lower())}

    @property
    def loaded(self) -> bool:
        """Whether any file has been read."""
        return bool(self._shelves)

    def _shelf(self, type: ModelType) -> Shelf:
        if type not in self._shelves:
            self._shelves[type] = Shelf(self.folder / type.lower())
        return self._shelves[type]


def file_name(name: str) -> str:
    """The base name of a family's file: its name in lower case, with dashes for characters that file systems reject."""
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-.")


ADVICE = " Give a family of the catalog, `owner/name` of a hub, or a path to a .gguf file or a Hugging Face folder."
"""The end of an error about an unknown name in a launch request."""


def not_found(name: str, type: ModelType | None, known: list[str], advice: str = "") -> NotFound:
    """The error for an unknown name, with the similar ones among `known`."""
    near = similar(name, known)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    kind = f" of type {type}" if type else ""
    error = NotFound(f"There is no model '{name}'{kind} in the catalog.{hint}{advice}")
    error.param = "model_name"
    return error


FAMILIES = Catalog(Path(__file__).parent / "families")
"""The families that come with this package."""
