"""Resolves what a user names to a `Model`: a family of the catalog, a path, or a repository id of a hub."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from modelyard.catalog.descriptions import one_line
from modelyard.catalog.family import Size
from modelyard.catalog.family_defaults import with_family
from modelyard.catalog.files import describe, described_as
from modelyard.catalog.hubs import HUBS, REMOTE
from modelyard.catalog.hubs.cache import in_cache, snapshot_of
from modelyard.catalog.hubs.complete import named_files, repository
from modelyard.catalog.hubs.queries import AUTO, RepositoryQuery, ask, hubs_to_ask
from modelyard.catalog.index import FAMILIES, Catalog
from modelyard.catalog.projectors import beside
from modelyard.catalog.resolve import FORMATS, Variant, resolve
from modelyard.core.errors import (
    BadRequest,
    HubsOffline,
    HubUnavailable,
    InvalidParameter,
    ModelFilesInvalid,
    ModelyardError,
    NotFound,
)
from modelyard.core.types import Model, ModelType

HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
"""The form `owner/name`."""


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
    hub: str | None = None,
    projector: str | None = None,
    local: bool = True,
) -> Model:
    """Find the model of `name`: a family or an alias, a `.gguf` file, a folder, or a repository id of a hub.

    Without `local`, no name is interpreted as a path.

    `path` says where the files are. With a family and a `path`, the files determine the model, and the family adds its
    name and languages. `hub` names the hub to download missing files from, and `projector` the projector file of a GGUF
    model with several.
    Raises `NotFound`, `InvalidParameter`, `ModelFilesInvalid`, `HubUnavailable` or a hub's error.
    """
    if path is not None:
        return _beside_path(_at_path(name, path, catalog), projector)
    if local and looks_like_path(name):
        return _beside_path(describe(name), projector)
    try:
        family = catalog.get(name, type)
    except NotFound:
        if local and os.path.isdir(name):  # unlike pathlib, it accepts names that are not valid as paths
            return _beside_path(describe(name), projector)
        if HUB_ID.fullmatch(name):
            return by_id(name, type=type, format=format, quantization=quantization, hub=hub, projector=projector)
        raise
    variant = resolve(family, size=size, format=format, quantization=quantization, formats=formats)
    return locate(variant, hub=hub, projector=projector)


def looks_like_path(name: str) -> bool:
    """Whether a name can only be a path: hub ids and family names do not have this form."""
    return name.startswith(("/", "./", "../", "~")) or name.endswith(".gguf") or (os.sep != "/" and os.sep in name)


def locate(variant: Variant, *, hub: str | None = None, projector: str | None = None) -> Model:
    """Describe a variant's model: by its files if they are here, else by a hub's metadata and with its `download`.

    If only the family's projector is missing, the hub is queried for it; if no hub can be reached, the model is returned without
    it and accepts text only.
    Raises `BadRequest` if no known hub has it or hubs are disabled, `HubUnavailable` if none answers.
    """
    here = _located(variant, hub, projector)
    on_hub = any(name in REMOTE and source.model_id for name, source in variant.spec.src.items())
    if here is not None and (here.projector or not on_hub or not _projector(variant, here.hub, projector)):
        return here
    try:
        return _from_hub(variant, hub, projector)
    except (HubsOffline, HubUnavailable):
        if here is None or projector:
            raise
        return here


def _located(variant: Variant, hub: str | None, projector: str | None) -> Model | None:
    """Describe a variant's model by its files, if they are here."""
    for source_name, source in variant.spec.src.items():
        if source_name in HUBS and (hub in (None, AUTO, source_name) or source_name not in REMOTE):
            place = HUBS.get(source_name).locate(source, variant.quantization)
            if place is not None:
                model = _from_family(_described(place, source_name, variant.family.type), variant, source_name)
                return _beside_place(model, place, _projector(variant, source_name, projector))
    return None


def _from_hub(variant: Variant, hub: str | None, projector: str | None) -> Model:
    """Describe a variant's model by a hub's metadata."""
    sources = variant.spec.src
    having = [name for name in REMOTE if name in sources and sources[name].model_id]
    if not having:
        where = " or ".join(f"{name} ({source.path or source.model_id})" for name, source in sources.items())
        raise BadRequest(
            f"The files of '{variant.family.name}' are expected at {where}, and are not there. Give their path as model_path."
        )
    what = f"'{variant.family.name}' ({variant.spec.format}, {variant.quantization})"
    return _first_answer(
        hubs_to_ask(what, hub, having), lambda name: _from_family(ask(_query(variant, name, projector)), variant, name)
    )


def by_id(
    model_id: str,
    *,
    type: ModelType | None = None,
    format: str | None = None,
    quantization: str | None = None,
    hub: str | None = None,
    projector: str | None = None,
) -> Model:
    """Describe the model of a repository: from a hub's cache folder if it is complete there, else by the hub's metadata."""
    quantization = quantization or None
    for name in [hub] if hub in REMOTE else REMOTE:
        if (place := in_cache(name, model_id, format, quantization)) is not None:
            model = _beside_place(replace(_described(place, name, type), name=model_id), place, projector)
            if model.projector or not projector:
                return model
    query = RepositoryQuery(
        hub="", model_id=model_id, type=type, format=format, quantization=quantization, projector=projector
    )
    return _first_answer(hubs_to_ask(f"'{model_id}'", hub), lambda name: ask(msgspec.structs.replace(query, hub=name)))


def _projector(variant: Variant, hub: str | None, projector: str | None) -> str | None:
    """The name of the projector: the requested one, else the family's first."""
    source = variant.spec.src.get(hub or "")
    return projector or next(iter(source.projectors), None) if source else projector


def _beside_path(model: Model, projector: str | None) -> Model:
    """The model at the request's path with its projector. Raises `InvalidParameter` if the named projector is missing."""
    found = beside(model, Path(str(model.path)).parent, projector, shared=True)
    if projector and not found.projector:
        raise InvalidParameter("multimodal_projector", f"there is no '{projector}' beside {model.path}.")
    return found


def _beside_place(model: Model, place: Path, projector: str | None) -> Model:
    """A model of a cache folder or of a family's folder, with its projector if that is there."""
    snapshot = snapshot_of(place)
    return beside(model, snapshot.folder if snapshot else place.parent, projector, shared=snapshot is None)


def _first_answer(hubs: Sequence[str], read: Callable[[str], Model]) -> Model:
    """The answer of the first hub that has the model. If none has it, raises the first hub's error."""
    problem: ModelyardError | None = None
    for name in hubs:
        try:
            return read(name)
        except (NotFound, HubUnavailable) as error:
            problem = problem or error
    assert problem is not None, "there is at least one hub to ask"
    raise problem


def _query(variant: Variant, hub: str, projector: str | None) -> RepositoryQuery:
    source = variant.spec.src[hub]
    model_id = repository(source, variant.quantization)
    assert model_id is not None, "only sources with an id are asked for"
    names = tuple(named_files(source, variant.quantization))
    return RepositoryQuery(
        hub=hub,
        model_id=model_id,
        revision=source.revision,
        type=variant.family.type,
        format=variant.spec.format,
        quantization=None if variant.quantization == "none" else variant.quantization,
        names=names,
        projector=_projector(variant, hub, projector),
    )


def _described(place: Path, hub: str, type: ModelType | None) -> Model:
    """Describe the model at a path; in a cache folder, the path determines repository and revision."""
    if hub not in REMOTE:
        return describe(place)
    model = described_as(place, type)
    snapshot = snapshot_of(place)
    return replace(model, hub=hub, model_id=snapshot.model_id, revision=snapshot.revision) if snapshot else model


def as_downloaded(model: Model) -> Model:
    """Describe a downloaded model again by its files, which are more precise than the hub's metadata.

    Raises `ModelFilesInvalid` if they are not such a model.
    """
    assert model.path is not None, "a planned download knows where its files will be"
    found = described_as(Path(model.path), model.type)
    return replace(
        model,
        architecture=found.architecture or model.architecture,
        context_length=found.context_length or model.context_length,
        weights_bytes=found.weights_bytes,
        shape=found.shape or model.shape,
        thinking_key=model.thinking_key or found.thinking_key,
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
        with_family(model, family),
        name=family.name,
        family=family.name,
        languages=tuple(family.languages),
        description=one_line(family) or model.description,
    )


def _from_family(model: Model, variant: Variant, hub: str) -> Model:
    """Complete a model's description from its files with fields of its family. Where both have a value, the files' is used."""
    family = variant.family
    if model.type is not family.type:
        raise ModelFilesInvalid(str(model.path), f"it is of type {model.type}, and '{family.name}' is {family.type}.")
    model = with_family(model, family)
    return replace(
        model,
        name=family.name,
        family=family.family or family.name,
        size_in_billions=variant.size if variant.size is not None else model.size_in_billions,
        quantization=variant.quantization if variant.quantization != "none" else model.quantization,
        abilities=tuple(dict.fromkeys((*family.all_abilities, *model.abilities))),
        languages=tuple(family.languages),
        description=one_line(family),
        context_length=model.context_length or family.context_length,
        dimensions=model.dimensions or family.dimensions,
        hub=hub,
        model_id=model.model_id or repository(variant.spec.src[hub], variant.quantization),
        revision=model.revision or variant.spec.src[hub].revision,
    )
