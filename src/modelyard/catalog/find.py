"""From what a user names to a `Model`: a family of the catalog, or a path."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from modelyard.catalog.family import FAMILIES, Catalog, Size
from modelyard.catalog.files import describe
from modelyard.catalog.hubs import HUBS
from modelyard.catalog.resolve import FORMATS, Variant, resolve
from modelyard.core.errors import BadRequest, ModelFilesInvalid, NotFound
from modelyard.core.types import Model, ModelType


def find(
    name: str,
    *,
    type: ModelType | None = None,
    size: Size | None = None,
    format: str | None = None,
    quantization: str | None = None,
    path: str | None = None,
    formats: Sequence[str] = FORMATS,
    catalog: Catalog = FAMILIES,
) -> Model:
    """The model that `name` means: a family or an alias, a `.gguf` file or a folder. `path` overrides where it is.

    With a family and a `path`, the files decide what the model is, and the family gives its name and languages.
    Raises `NotFound`, `InvalidParameter` or `ModelFilesInvalid`.
    """
    if path is not None:
        return _at_path(name, path, catalog)
    if looks_like_path(name):
        return describe(name)
    try:
        family = catalog.get(name, type)
    except NotFound:
        if Path(name).is_dir():
            return describe(name)
        raise
    return locate(resolve(family, size=size, format=format, quantization=quantization, formats=formats))


def looks_like_path(name: str) -> bool:
    """Whether a name can only be meant as a path: hub ids and families have neither of these."""
    return name.startswith(("/", "./", "../", "~")) or name.endswith(".gguf") or (os.sep != "/" and os.sep in name)


def locate(variant: Variant) -> Model:
    """The model of a variant whose files are on this machine. Raises `BadRequest` when they are only on a hub."""
    for source_name, source in variant.spec.src.items():
        if source_name in HUBS:
            place = HUBS.get(source_name).locate(source, variant.quantization)
            if place is not None:
                return _from_family(describe(place), variant, source_name)
    hubs = " or ".join(f"{hub} ({source.model_id})" for hub, source in variant.spec.src.items())
    raise BadRequest(
        f"The files of '{variant.family.name}' are on {hubs}, and this version does not download. "
        "Download them and give their path as model_path."
    )


def _at_path(name: str, path: str, catalog: Catalog) -> Model:
    model = describe(path)
    if looks_like_path(name):
        return model
    try:
        family = catalog.get(name, model.type)
    except NotFound:
        return model
    return replace(
        model,
        name=family.name,
        family=family.name,
        languages=tuple(family.languages),
        description=family.description or model.description,
    )


def _from_family(model: Model, variant: Variant, hub: str) -> Model:
    """What the files say, with what only the family knows. Where both know, the files are right."""
    family = variant.family
    if model.type is not family.type:
        raise ModelFilesInvalid(str(model.path), f"it is of type {model.type}, and '{family.name}' is {family.type}.")
    return replace(
        model,
        name=family.name,
        family=family.family or family.name,
        size_in_billions=variant.size if variant.size is not None else model.size_in_billions,
        quantization=variant.quantization if variant.quantization != "none" else model.quantization,
        abilities=tuple(dict.fromkeys((*family.abilities, *model.abilities))),
        languages=tuple(family.languages),
        description=family.description,
        context_length=model.context_length or family.context_length,
        dimensions=model.dimensions or family.dimensions,
        hub=hub,
        model_id=variant.spec.src[hub].model_id,
        revision=variant.spec.src[hub].revision,
    )
