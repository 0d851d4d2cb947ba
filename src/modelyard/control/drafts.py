"""Drafts a registration record from the metadata of a repository on a hub, or of files on this machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from modelyard.catalog.files import describe
from modelyard.catalog.find import HUB_ID, by_id, looks_like_path
from modelyard.catalog.index import Catalog
from modelyard.catalog.registration import parse
from modelyard.control.launch_plans import checked_hub, model_type
from modelyard.core.errors import InvalidParameter, ModelyardError
from modelyard.core.types import Model, ModelType
from modelyard.protocol.registrations import DraftRequest

Record = dict[str, Any]


def draft(request: DraftRequest, catalog: Catalog, local: bool) -> tuple[ModelType, Record]:
    """The type and the record of a source. Reads files or queries a hub, and downloads nothing; call it in a thread.

    Without `local`, no source is interpreted as a path. Raises `InvalidParameter`, `NotFound`, `ModelFilesInvalid`,
    `HubUnavailable`, or `RegistrationInvalid` for a name that no family can have.
    """
    model = _model(request, local)
    record = record_of_model(model, request.model_name or _name(request.source))
    parse(model.type, record, catalog)
    return model.type, record


def record_of_model(model: Model, name: str) -> Record:
    """The record of a model that was read from files or a hub."""
    record: Record = {
        "version": 2,
        "model_name": name,
        "model_description": model.description,
        "model_lang": list(model.languages),
        "model_ability": list(model.abilities),
        "context_length": model.context_length,
        "dimensions": model.dimensions,
        "model_specs": [_spec(model)],
    }
    return {field: value for field, value in record.items() if value}


def _model(request: DraftRequest, local: bool) -> Model:
    source, kind = request.source, model_type(request.model_type)
    if local and (looks_like_path(source) or Path(source).exists()):
        model = _described(source)
        if kind is not None and kind is not model.type:
            raise InvalidParameter("model_type", f"the files are of type {model.type}, not {kind}.")
        return model
    if not HUB_ID.fullmatch(source):
        raise InvalidParameter(
            "source", f"'{source}' is neither `owner/name` of a hub nor a path of the server's machine."
        )
    return by_id(source, type=kind, quantization=request.quantization, hub=checked_hub(request.download_hub))


def _described(source: str) -> Model:
    try:
        return describe(source)
    except ModelyardError as error:
        error.param = "source"
        raise


def _name(source: str) -> str:
    """A family's name for a source: the last part of it, with dashes for characters that no name has."""
    last = source.rstrip("/").rpartition("/")[2].removesuffix(".gguf")
    return re.sub(r"[^\w.-]+", "-", last).strip("-._")


def _spec(model: Model) -> Record:
    spec: Record = {
        "model_format": model.format,
        "model_size_in_billions": model.size_in_billions,
        "quantizations": [model.quantization or "none"],
    }
    if model.hub is None or model.model_id is None:
        spec |= {"model_uri": f"file://{Path(str(model.path)).resolve()}"}
    else:
        spec |= {"model_hub": model.hub, "model_id": model.model_id, "model_revision": model.revision}
        spec |= {"model_file_name_template": _file(model)}
    return {field: value for field, value in spec.items() if value is not None}


def _file(model: Model) -> str | None:
    """The one GGUF file of a repository that the model is; None for other formats, and for weights in parts."""
    if model.format != "ggufv2" or model.download is None:
        return None
    projector = Path(model.projector).name if model.projector else ""
    files = [
        file.name for file in model.download.files if file.name.endswith(".gguf") and Path(file.name).name != projector
    ]
    return files[0] if len(files) == 1 else None
