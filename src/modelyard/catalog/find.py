"""From what a user names to a `Model`: a family of the catalog, a path, or the id of a repository on a hub."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from modelyard.catalog.describing import one_line
from modelyard.catalog.family import Size
from modelyard.catalog.files import describe, described_as
from modelyard.catalog.hubs import HUBS, REMOTE
from modelyard.catalog.hubs.cache import in_cache, snapshot_of
from modelyard.catalog.hubs.complete import named_files, repository
from modelyard.catalog.hubs.queries import AUTO, Question, ask, to_ask
from modelyard.catalog.index import FAMILIES, Catalog
from modelyard.catalog.projectors import beside
from modelyard.catalog.resolve import FORMATS, Variant, resolve
from modelyard.catalog.shaping import shaped
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
"""`owner/name`."""


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
    """The model that `name` means: a family or an alias, a `.gguf` file, a folder, or the id of a repository on a hub.

    Without `local`, no name is taken for a path.

    `path` overrides where it is. With a family and a `path`, the files decide what the model is, and the family gives its
    name and languages. `hub` says which hub to take files from that are not here, and `projector` names what a GGUF model
    sees or hears through, where there are several.
    Raises `NotFound`, `InvalidParameter`, `ModelFilesInvalid`, `HubUnavailable` or what a hub answers.
    """
    if path is not None:
        return _beside_path(_at_path(name, path, catalog), projector)
    if local and looks_like_path(name):
        return _beside_path(describe(name), projector)
    try:
        family = catalog.get(name, type)
    except NotFound:
        if local and os.path.isdir(name):  # unlike pathlib, it finds nothing wrong with a name that no folder can have
            return _beside_path(describe(name), projector)
        if HUB_ID.fullmatch(name):
            return by_id(name, type=type, format=format, quantization=quantization, hub=hub, projector=projector)
        raise
    variant = resolve(family, size=size, format=format, quantization=quantization, formats=formats)
    return locate(variant, hub=hub, projector=projector)


def looks_like_path(name: str) -> bool:
    """Whether a name can only be meant as a path: hub ids and families have neither of these."""
    return name.startswith(("/", "./", "../", "~")) or name.endswith(".gguf") or (os.sep != "/" and os.sep in name)


def locate(variant: Variant, *, hub: str | None = None, projector: str | None = None) -> Model:
    """The model of a variant: as its files say when they are here, else as a hub describes it, with its `download`.

    When all is here but the projector that the family names, the hub is asked for that; when it cannot be asked, the model
    reads text only.
    Raises `BadRequest` when no hub that we know has it or none may be asked, `HubUnavailable` when none answers.
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
    """The model of a variant as its files say, where they are here."""
    for source_name, source in variant.spec.src.items():
        if source_name in HUBS and (hub in (None, AUTO, source_name) or source_name not in REMOTE):
            place = HUBS.get(source_name).locate(source, variant.quantization)
            if place is not None:
                model = _from_family(_described(place, source_name, variant.family.type), variant, source_name)
                return _beside_place(model, place, _projector(variant, source_name, projector))
    return None


def _from_hub(variant: Variant, hub: str | None, projector: str | None) -> Model:
    """The model of a variant as a hub describes it."""
    sources = variant.spec.src
    having = [name for name in REMOTE if name in sources and sources[name].model_id]
    if not having:
        where = " or ".join(f"{name} ({source.path or source.model_id})" for name, source in sources.items())
        raise BadRequest(
            f"The files of '{variant.family.name}' are expected at {where}, and are not there. Give their path as model_path."
        )
    what = f"'{variant.family.name}' ({variant.spec.format}, {variant.quantization})"
    return _first_answer(
        to_ask(what, hub, having), lambda name: _from_family(ask(_question(variant, name, projector)), variant, name)
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
    """The model in a repository, from the cache folder of a hub when it is there whole, else as the hub describes it."""
    quantization = quantization or None
    for name in [hub] if hub in REMOTE else REMOTE:
        if (place := in_cache(name, model_id, format, quantization)) is not None:
            model = _beside_place(replace(_described(place, name, type), name=model_id), place, projector)
            if model.projector or not projector:
                return model
    question = Question(
        hub="", model_id=model_id, type=type, format=format, quantization=quantization, projector=projector
    )
    return _first_answer(to_ask(f"'{model_id}'", hub), lambda name: ask(msgspec.structs.replace(question, hub=name)))


def _projector(variant: Variant, hub: str | None, wanted: str | None) -> str | None:
    """The name of the projector to take: the wished one, else the first that the family names."""
    source = variant.spec.src.get(hub or "")
    return wanted or next(iter(source.projectors), None) if source else wanted


def _beside_path(model: Model, projector: str | None) -> Model:
    """A model at a path that somebody gave, with its projector. Raises `InvalidParameter` when a wished one is not there."""
    found = beside(model, Path(str(model.path)).parent, projector, shared=True)
    if projector and not found.projector:
        raise InvalidParameter("multimodal_projector", f"there is no '{projector}' beside {model.path}.")
    return found


def _beside_place(model: Model, place: Path, projector: str | None) -> Model:
    """A model of a cache folder, or of one that a family names, with its projector if that is there."""
    snapshot = snapshot_of(place)
    return beside(model, snapshot.folder if snapshot else place.parent, projector, shared=snapshot is None)


def _first_answer(hubs: Sequence[str], read: Callable[[str], Model]) -> Model:
    """From the first hub that has it; raises what the first one said when none has."""
    problem: ModelyardError | None = None
    for name in hubs:
        try:
            return read(name)
        except (NotFound, HubUnavailable) as error:
            problem = problem or error
    assert problem is not None, "there is at least one hub to ask"
    raise problem


def _question(variant: Variant, hub: str, projector: str | None) -> Question:
    source = variant.spec.src[hub]
    model_id = repository(source, variant.quantization)
    assert model_id is not None, "only sources with an id are asked for"
    names = tuple(named_files(source, variant.quantization))
    return Question(
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
    """The model at a place; in a cache folder, the place says which repository and revision it is."""
    if hub not in REMOTE:
        return describe(place)
    model = described_as(place, type)
    snapshot = snapshot_of(place)
    return replace(model, hub=hub, model_id=snapshot.model_id, revision=snapshot.revision) if snapshot else model


def as_downloaded(model: Model) -> Model:
    """A model whose files have come, with what these say where the hub's metadata could only guess.

    Raises `ModelFilesInvalid` when they are no such model.
    """
    assert model.path is not None, "whoever planned the download said where the files will be"
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
        shaped(model, family),
        name=family.name,
        family=family.name,
        languages=tuple(family.languages),
        description=one_line(family) or model.description,
    )


def _from_family(model: Model, variant: Variant, hub: str) -> Model:
    """What the files say, with what only the family knows. Where both know, the files are right."""
    family = variant.family
    if model.type is not family.type:
        raise ModelFilesInvalid(str(model.path), f"it is of type {model.type}, and '{family.name}' is {family.type}.")
    model = shaped(model, family)
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
