"""Lists the models in the hubs' cache folders, under their names in the catalog."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from modelyard.catalog.family import Family, ModelSource, Spec
from modelyard.catalog.files import describe
from modelyard.catalog.hubs.cache import Cached, cached_models
from modelyard.catalog.hubs.complete import named_files, repository
from modelyard.catalog.index import Catalog
from modelyard.catalog.resolve import quantizations, size_of
from modelyard.catalog.version import version_of
from modelyard.core.errors import ModelFilesInvalid
from modelyard.core.types import ModelType


@dataclass(frozen=True, slots=True)
class InventoryEntry:
    """One cached model with its name in the catalog, or its repository id if the catalog does not have it."""

    name: str
    type: ModelType | None
    """None if the files are no model of a known type."""
    size: float | None
    format: str
    quantization: str
    cached: Cached

    @property
    def version(self) -> str:
        """The version string that the cache routes use."""
        return version_of(self.name, self.size, self.format, self.quantization)


def inventory(catalog: Catalog, name: str | None = None) -> list[InventoryEntry]:
    """Every complete cached model, or those of a name."""
    models = list(cached_models())
    known = _by_repository(catalog, {model.snapshot.model_id.lower() for model in models})
    entries = [_entry(model, known) for model in models]
    return [entry for entry in entries if name is None or entry.name.lower() == name.lower()]


Place = tuple[Family, Spec, ModelSource, str]
Known = dict[tuple[str, str], list[Place]]
"""Hub and repository id in lower case → the catalog's variants in it."""


def _by_repository(catalog: Catalog, ids: set[str]) -> Known:
    known: Known = {}
    for place, hub in _places(catalog) if ids else ():
        model_id = (repository(place[2], place[3]) or "").lower()
        if model_id in ids:
            known.setdefault((hub, model_id), []).append(place)
    return known


def _places(catalog: Catalog) -> Iterator[tuple[Place, str]]:
    for family in catalog.families():
        for spec in family.specs:
            for hub, source in spec.src.items():
                for quantization in quantizations(spec):
                    yield (family, spec, source, quantization), hub


def _entry(model: Cached, known: Known) -> InventoryEntry:
    for family, spec, source, quantization in known.get((model.snapshot.hub, model.snapshot.model_id.lower()), ()):
        if _is_it(model, source, quantization):
            return InventoryEntry(
                family.name, family.type, size_of(spec.size_in_billions), spec.format, quantization, model
            )
    try:
        found = describe(model.path)
    except ModelFilesInvalid:
        return InventoryEntry(model.snapshot.model_id, None, None, "unknown", model.quantization or "none", model)
    quantization = model.quantization or found.quantization or "none"
    return InventoryEntry(
        model.snapshot.model_id, found.type, found.size_in_billions, found.format, quantization, model
    )


def _is_it(model: Cached, source: ModelSource, quantization: str) -> bool:
    names = named_files(source, quantization)
    if model.quantization is None:
        return not names
    here = {str(PurePosixPath(file.relative_to(model.snapshot.folder))).lower() for file in model.files}
    return {name.lower() for name in names} == here
