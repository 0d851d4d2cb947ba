"""Maps names to classes that are imported on first use: engines, hubs and stores, built-in and third-party."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar, cast

from modelyard.core.errors import MissingLibrary, UnknownName, nearest

T = TypeVar("T")
log = logging.getLogger(__name__)


class Registry(Generic[T]):
    """`name → "module:attribute"`, and the entry-point group `modelyard.<group>` for third parties.

    A third party's name that is taken already is not registered; a warning in the log says so.
    `get` imports the module. An unknown name raises `UnknownName`, which lists the known ones; a library that is
    not installed raises `MissingLibrary`, which says how to install it.
    """

    def __init__(self, group: str, builtin: Mapping[str, str]) -> None:
        self.group = group
        self._targets: dict[str, str] = dict(builtin)
        self._scanned = False

    def _scan(self) -> None:
        if not self._scanned:
            self._scanned = True
            from importlib.metadata import entry_points  # takes 25 ms, which replicas do not need

            for point in entry_points(group=f"modelyard.{self.group}"):
                target = self._targets.setdefault(point.name, point.value)
                if target != point.value:
                    log.warning(
                        "The plug-in '%s' (%s) is left out: modelyard.%s has '%s' already (%s). Register it by another name.",
                        point.name, point.value, self.group, point.name, target,
                    )  # fmt: skip

    def __iter__(self) -> Iterator[str]:
        self._scan()
        return iter(sorted(self._targets))

    def __contains__(self, name: object) -> bool:
        self._scan()
        return name in self._targets

    def get(self, name: str) -> T:
        """Import and return the object registered as `name`."""
        if name not in self._targets:
            self._scan()
        if name not in self._targets:
            raise UnknownName(self.group, name, sorted(self._targets), nearest(name, self._targets))
        module, _, attribute = self._targets[name].partition(":")
        try:
            imported = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.split(".")[0] == "modelyard":
                raise
            raise MissingLibrary(name, error.name) from error
        if not hasattr(imported, attribute):
            raise ImportError(
                f"'{name}' of modelyard.{self.group} is '{self._targets[name]}', but {module} has no '{attribute}'."
            )
        return cast(T, getattr(imported, attribute))
