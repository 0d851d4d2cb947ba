"""From a launch request to a `Launch`: which weights, which engine, which options. Reads files, starts nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modelyard.catalog.find import find, looks_like_path
from modelyard.core.errors import BadRequest, InvalidParameter, MissingLibrary, NoEngineFits
from modelyard.core.types import Address, Hardware, Json, Launch, Model, ModelType
from modelyard.engines import ENGINES
from modelyard.protocol.models import LaunchRequest

CHECKING = Address(uds="/nowhere")
"""Stands for an address while a command is only being checked."""

SPELLINGS = {"llamacpp": "llama_cpp", "xllamacpp": "llama_cpp"}
"""What peers and people call our engines, beyond letter case, dots and dashes."""

NOT_YET = {
    "request_limits": "limits per model are not supported yet",
    "worker_ip": "this server runs on a single machine",
    "replica_config": "settings per replica are not supported yet",
    "virtual_env_packages": "engine environments are not supported yet",
    "virtual_env_find_links": "engine environments are not supported yet",
}
"""Launch keys of the peer that we refuse rather than ignore."""


def plan_launch(request: LaunchRequest, hardware: Hardware) -> Launch:
    """Everything about a launch that can be decided and checked before a process starts.

    Raises a `BadRequest`, `NotFound` or `NotEnoughMemory` with the reason.
    """
    _refuse_unsupported(request)
    extras: dict[str, Json] = dict(request.model_extra or {})
    wanted = request.model_engine or extras.pop("engine", None)
    engine_name = engine_spelled(str(wanted)) if wanted else None
    if engine_name:
        ENGINES.get(engine_name)  # an unknown engine is the first thing to hear of
    model = _model(request, engine_name)
    engine_name = engine_name or best_engine(model, hardware)
    launch = Launch(
        uid=checked_uid(request.model_uid or default_uid(request, model)),
        model=model,
        engine=engine_name,
        options={**extras, **_options(request)},
        env=checked_environment(request.envs or {}),
        gpus=_gpus(request),
        gpu_idx=_gpu_idx(request.gpu_idx),
    )
    engine = ENGINES.get(engine_name)
    if absent := engine.missing():
        raise MissingLibrary(engine_name, "its runtime", " ".join(absent))
    if wanted:
        fit = engine.fits(model, hardware)
        if fit.score <= 0:
            raise NoEngineFits(model.name, {engine_name: fit.reason})
    engine.command(launch, CHECKING, "")
    return launch


def engine_spelled(name: str) -> str:
    """Our name of an engine that somebody calls `llama.cpp`, `vLLM` or `sentence-transformers`."""
    plain = name.lower().replace(".", "_").replace("-", "_")
    return SPELLINGS.get(plain, plain)


def best_engine(model: Model, hardware: Hardware) -> str:
    """The installed engine that fits best; raises `NoEngineFits` with every engine's reason."""
    best, best_score = None, 0
    reasons: dict[str, str] = {}
    for name in ENGINES:
        engine = ENGINES.get(name)
        absent = engine.missing()
        fit = engine.fits(model, hardware)
        reasons[name] = " ".join(absent) if fit.score > 0 and absent else fit.reason
        if fit.score > best_score and not absent:
            best, best_score = name, fit.score
    if best is None:
        raise NoEngineFits(model.name, reasons)
    return best


def default_uid(request: LaunchRequest, model: Model) -> str:
    """The name somebody launched by, as the peer has it, unless that is a path."""
    name = request.model_name
    return model.name if name is None or looks_like_path(name) or os.path.isdir(name) else name


def checked_uid(uid: str) -> str:
    """A uid as given; raises `InvalidParameter` for one that could not stand in a URL, a log or a terminal."""
    if not uid or len(uid) > 100:
        raise InvalidParameter("model_uid", "must have 1 to 100 characters.")
    if not uid.isprintable() or uid != uid.strip() or uid.startswith("/") or uid.endswith("/"):
        raise InvalidParameter(
            "model_uid", f"{uid!r} may not hold control characters or begin or end with space or '/'."
        )
    return uid


def checked_environment(envs: Mapping[str, str]) -> Mapping[str, str]:
    """Variables as given; raises `InvalidParameter` for what no process can have."""
    for name, value in envs.items():
        if not name or "=" in name or "\0" in name + value or not _encodable(name + value):
            raise InvalidParameter("envs", f"{name!r} cannot be a variable with that value.")
    return envs


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_unsupported(request: LaunchRequest) -> None:
    for key, why in NOT_YET.items():
        if getattr(request, key):
            raise InvalidParameter(key, f"{why}.")
    if request.n_worker not in (None, 1):
        raise InvalidParameter("n_worker", "this server runs on a single machine.")
    if request.enable_virtual_env:
        raise InvalidParameter("enable_virtual_env", "engine environments are not supported yet.")


def _model(request: LaunchRequest, engine: str | None) -> Model:
    """The model that a request speaks of. Two engines have no weights of ours: the request itself describes the model."""
    kind = _type(request.model_type)
    if engine in ("external", "fake"):
        name = request.model_name or request.model_uid
        if not name:
            raise InvalidParameter("model_name", "is required.")
        return Model(name=name, type=kind or ModelType.LLM, format="remote" if engine == "external" else "fake")
    if not request.model_name and not request.model_path:
        raise InvalidParameter(
            "model_name", "is required: a family of the catalog, or a path to a .gguf file or folder."
        )
    model = find(
        request.model_name or str(request.model_path),
        type=kind,
        size=request.model_size_in_billions,
        format=request.model_format,
        quantization=request.quantization,
        path=request.model_path,
    )
    if kind is not None and model.type is not kind:
        raise BadRequest(f"'{model.name}' is a model of type {model.type}, not {kind}.")
    return replace(model, name=request.model_name) if request.model_path and request.model_name else model


def _type(given: str | None) -> ModelType | None:
    if given is None:
        return None
    for kind in ModelType:
        if given.lower() == kind.lower():
            return kind
    raise InvalidParameter("model_type", f"'{given}' is none of {', '.join(ModelType)}.")


def _options(request: LaunchRequest) -> dict[str, Json]:
    """Launch keys that are options of the engine under another name."""
    options: dict[str, Json] = {}
    if request.peft_model_config:
        options["lora"] = [_lora_path(entry) for entry in request.peft_model_config.get("lora_list", [])]
    if request.enable_thinking is not None:
        options["enable_thinking"] = request.enable_thinking
    return options


def _lora_path(entry: Any) -> Json:
    path = entry.get("local_path") if isinstance(entry, dict) else None
    if not isinstance(path, str):
        raise InvalidParameter("peft_model_config", "every entry of lora_list needs a local_path.")
    return path


def _gpus(request: LaunchRequest) -> int:
    """GPUs per replica: `auto` takes as many as `gpu_idx` names, else none, which is what a CPU build of an engine can use."""
    given = request.n_gpu
    if given in (None, "auto", "none"):
        return len(_gpu_idx(request.gpu_idx))
    if isinstance(given, str) and not given.isdigit():
        raise InvalidParameter("n_gpu", f"'{given}' is no number, 'auto' or null.")
    return int(given)


def _gpu_idx(given: int | str | list[int] | None) -> tuple[int, ...]:
    if given is None:
        return ()
    if isinstance(given, int):
        return (given,)
    parts = given.split(",") if isinstance(given, str) else given
    try:
        return tuple(int(part) for part in parts)
    except ValueError:
        raise InvalidParameter("gpu_idx", f"'{given}' is no list of GPU indexes.") from None
