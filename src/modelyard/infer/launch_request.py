"""Converts a model in ms-swift's terms to the body of a launch request: weights, engine, adapters, name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelyard.catalog.adapters import config_base, is_adapter
from modelyard.catalog.swift_models import is_known, name_of, place, swift_models, unknown
from modelyard.core.errors import BadRequest, InvalidParameter, nearest
from modelyard.core.types import ModelType
from modelyard.core.wording import reason
from modelyard.engines import ENGINES
from modelyard.engines.base import Profile
from modelyard.engines.names import canonical_name, profiles

DEFAULT_ADAPTER = "default-lora"
"""The name of an adapter that was given without one."""
TRAINING = ("args.json", "sft_args.json")
"""Files in which a training stores its arguments, the newer name first."""


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """The model to launch."""

    model_type: str | None = None
    """A name of ms-swift or of the catalog."""
    model: str | None = None
    """A hub id or a path; also a full checkpoint, or the folder of an adapter."""
    adapters: tuple[tuple[str, str], ...] = ()
    """Name and path of each adapter."""
    backend: str = "auto"
    served_name: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the engine, and fields of a launch request."""


def body(spec: LaunchSpec) -> dict[str, Any]:
    """The body of `POST /v1/models`. Raises `NotFound`, `BadRequest`, and the errors of hubs."""
    path = spec.model
    adapters = list(spec.adapters)
    adapter = path if path and is_adapter(path) else None
    if path is None and not spec.model_type and adapters and adapters[0][0] == DEFAULT_ADAPTER:
        adapter = adapters.pop(0)[1]
    notes = training(adapter or path)
    kind = spec.model_type or _text(notes, "model_type")
    made: dict[str, Any] = {**spec.options}
    if adapter:
        base = _base(kind, notes) if spec.model_type else {}
        made |= {"model_path" if base else "model_name": absolute(adapter), **base}
    elif path:
        made["model_name"] = absolute(path)
    elif spec.model_type:
        made |= _of_type(spec.model_type)
    else:
        raise BadRequest("No model; name one by model_type, such as qwen-7b-chat, or by model: an id or a path.")
    made["model_uid"] = spec.served_name or kind or _title(adapter, path)
    if engine := engine_of(spec.backend):
        made["model_engine"] = engine
    if adapters:
        made["lora_modules"] = [f"{name}={absolute(where)}" for name, where in adapters]
    return made


def engine_of(backend: str) -> str | None:
    """The engine for ms-swift's `--infer_backend`; None lets the server choose. Raises `InvalidParameter`."""
    name = canonical_name(backend)
    if name == "auto":
        return None
    if name == "lmdeploy":
        raise InvalidParameter("infer_backend", "Modelyard does not support LMDeploy; vllm runs the same models.")
    engines = [each for each, profile in profiles() if each in ENGINES and _infers(profile)]
    if name not in engines:
        backends = ("auto", "pt", *engines)
        hint = f" Did you mean '{near}'?" if (near := nearest(name, backends)) else ""
        raise InvalidParameter("infer_backend", f"'{backend}' is none of {', '.join(backends)}.{hint}")
    return name


def _infers(profile: Profile) -> bool:
    """Whether an engine can be the backend of `infer`: it runs language models in processes on this machine."""
    return ModelType.LLM in profile.types and not profile.remote


def training(path: str | None) -> dict[str, Any]:
    """The arguments that a training stored beside its checkpoint; empty if there are none."""
    for name in TRAINING:
        file = Path(path or "").expanduser() / name
        if path and file.is_file():
            try:
                found = json.loads(file.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise BadRequest(f"'{file}' cannot be read: {reason(error)}.") from None
            return found if isinstance(found, dict) else {}
    return {}


def absolute(name: str) -> str:
    """The absolute path of an existing path; other names unchanged. Raises `BadRequest` for a path that does not exist."""
    place = Path(name).expanduser()
    if place.exists():
        return str(place.resolve())
    if name.startswith(("/", "./", "../", "~")) or name.count("/") > 1:
        raise BadRequest(f"There is no file or folder '{name}'.")
    return name


def _of_type(name: str) -> dict[str, Any]:
    """The fields of a launch request that select the weights of a `model_type`."""
    known = swift_models().get(name)
    if known is None:
        if not is_known(name):
            raise unknown(name)
        return {"model_name": name}
    hub, model_id = place(known)
    return {"model_name": model_id, "download_hub": hub}


def _base(kind: str | None, notes: Mapping[str, Any]) -> dict[str, Any]:
    """The base of an adapter: its path at the training if that still exists, else by `model_type`."""
    noted = next((text for key in ("model_id_or_path", "model") if (text := _text(notes, key))), None)
    if noted and Path(noted).expanduser().is_dir():
        return {"model_name": absolute(noted)}
    return _of_type(kind) if kind else {}


def _text(notes: Mapping[str, Any], key: str) -> str | None:
    value = notes.get(key)
    return value if isinstance(value, str) and value else None


def _title(adapter: str | None, path: str | None) -> str:
    """A public name for an unnamed model: for an adapter, ms-swift's name of its base. Raises `AdapterInvalid`."""
    if adapter:
        path = config_base(adapter) or adapter
        if name := name_of(path):
            return name
    place = Path(str(path))
    return place.resolve().name if place.exists() else str(path).rstrip("/").rpartition("/")[2]
