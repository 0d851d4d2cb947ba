"""Turns a model named in ms-swift's terms into the body of a launch: weights, engine, adapters, name."""

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
"""The name of an adapter for which nobody gave one."""
TRAINING = ("args.json", "sft_args.json")
"""Files in which a training saves its arguments, the newest spelling first."""


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """What to launch."""

    model_type: str | None = None
    """A name of ms-swift, or of our catalog."""
    model: str | None = None
    """Id of a hub, or a path; also a full checkpoint, or a folder that is an adapter."""
    adapters: tuple[tuple[str, str], ...] = ()
    """Name and path of each."""
    backend: str = "auto"
    served_name: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of the engine, and keys of a launch."""


def body(spec: LaunchSpec) -> dict[str, Any]:
    """The body of `POST /v1/models`. Raises `NotFound`, `BadRequest`, and what a hub answers."""
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
        raise BadRequest("Which model? Name one by model_type, such as qwen-7b-chat, or by model: an id or a path.")
    made["model_uid"] = spec.served_name or kind or _title(adapter, path)
    if engine := engine_of(spec.backend):
        made["model_engine"] = engine
    if adapters:
        made["lora_modules"] = [f"{name}={absolute(where)}" for name, where in adapters]
    return made


def engine_of(backend: str) -> str | None:
    """The engine that ms-swift's `--infer_backend` means; None leaves it to the server. Raises `InvalidParameter`."""
    name = canonical_name(backend)
    if name == "auto":
        return None
    if name == "lmdeploy":
        raise InvalidParameter("infer_backend", "LMDeploy is no engine of Modelyard; vllm runs the same models.")
    engines = [each for each, profile in profiles() if each in ENGINES and _infers(profile)]
    if name not in engines:
        backends = ("auto", "pt", *engines)
        hint = f" Did you mean '{near}'?" if (near := nearest(name, backends)) else ""
        raise InvalidParameter("infer_backend", f"'{backend}' is none of {', '.join(backends)}.{hint}")
    return name


def _infers(profile: Profile) -> bool:
    """Whether an engine can be the backend of `infer`: it runs language models in processes of this machine."""
    return ModelType.LLM in profile.types and not profile.remote


def training(path: str | None) -> dict[str, Any]:
    """The arguments that a training saved beside its checkpoint; empty where there are none."""
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
    """A path that is there as every process finds it; every other name as it is. A path that is not there is an error."""
    place = Path(name).expanduser()
    if place.exists():
        return str(place.resolve())
    if name.startswith(("/", "./", "../", "~")) or name.count("/") > 1:
        raise BadRequest(f"There is no file or folder '{name}'.")
    return name


def _of_type(name: str) -> dict[str, Any]:
    """The keys of a launch that say which weights a `model_type` means."""
    known = swift_models().get(name)
    if known is None:
        if not is_known(name):
            raise unknown(name)
        return {"model_name": name}
    hub, model_id = place(known)
    return {"model_name": model_id, "download_hub": hub}


def _base(kind: str | None, notes: Mapping[str, Any]) -> dict[str, Any]:
    """The base of an adapter: where the training found it, when that is still here, else what the name means."""
    noted = next((text for key in ("model_id_or_path", "model") if (text := _text(notes, key))), None)
    if noted and Path(noted).expanduser().is_dir():
        return {"model_name": absolute(noted)}
    return _of_type(kind) if kind else {}


def _text(notes: Mapping[str, Any], key: str) -> str | None:
    value = notes.get(key)
    return value if isinstance(value, str) and value else None


def _title(adapter: str | None, path: str | None) -> str:
    """A public name for a model without one: for an adapter, ms-swift's name of its base. Raises `AdapterInvalid`."""
    if adapter:
        path = config_base(adapter) or adapter
        if name := name_of(path):
            return name
    place = Path(str(path))
    return place.resolve().name if place.exists() else str(path).rstrip("/").rpartition("/")[2]
