"""Finds the projector file of a GGUF model with vision or audio input on this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from modelyard.catalog.hubs.select import choose_projector, ggufs
from modelyard.core.errors import InvalidParameter
from modelyard.core.types import Model, ModelType, RemoteFile

SENSES = ("vision", "audio", "omni")


def with_projector(model: Model, path: Path | None) -> Model:
    """The model with its projector, which counts as a vision projector if its purpose is unknown."""
    if path is None or model.type is not ModelType.LLM:
        return model
    sees = any(sense in model.abilities for sense in SENSES)
    return replace(model, projector=str(path), abilities=model.abilities if sees else (*model.abilities, "vision"))


def beside(model: Model, folder: Path, title: str | None, *, shared: bool) -> Model:
    """Add the projector in a model's folder: the named one, else the preferred one. If there is none, the model is unchanged.

    If the folder is `shared` with files of other models, an unnamed projector is used only if it is the only one.
    """
    if model.format != "ggufv2" or not folder.is_dir():
        return model
    files = folder.glob("*.gguf") if shared else folder.rglob("*.gguf")
    names = [RemoteFile(str(file.relative_to(folder))) for file in files if file.is_file()]
    if shared and not title and len(ggufs(names)) != 1:
        return model
    try:
        found = choose_projector(model.name, names, title)
    except InvalidParameter:
        return model
    return with_projector(model, folder / found.name if found else None)
