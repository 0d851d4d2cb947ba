"""Writes a launch request as a command line, for people who filled in a form. The inverse of `cli/launch.py`. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from modelyard.protocol.models import LaunchRequest

OPTIONS: Mapping[str, str] = {
    "model_name": "--model-name",
    "model_uid": "--model-uid",
    "model_type": "--model-type",
    "model_engine": "--model-engine",
    "model_size_in_billions": "--size-in-billions",
    "model_format": "--model-format",
    "quantization": "--quantization",
    "model_path": "--model-path",
    "n_worker": "--n-worker",
    "worker_ip": "--worker-ip",
    "enable_thinking": "--enable-thinking",
    "request_limits": "--request-limits",
    "n_ctx": "--context-length",
}
"""Fields with one value → their options."""
REPEATED: Mapping[str, str] = {
    "aliases": "--alias",
    "virtual_env_packages": "--virtual-env-package",
    "virtual_env_find_links": "--virtual-env-find-link",
}
"""Fields that are lists → the option of each item."""
PAIRS: Mapping[str, str] = {"envs": "--env", "quantization_config": "--quantization-config"}
"""Fields that are objects → the option of each name and value."""
IMAGE_PAIRS: Mapping[str, str] = {
    "image_lora_load_kwargs": "--image-lora-load-kwargs",
    "image_lora_fuse_kwargs": "--image-lora-fuse-kwargs",
}


class Inexpressible(Exception):
    """The command line has no option for a value."""


def command_line(request: LaunchRequest) -> str | None:
    """The command that sends this request, quoted for a shell; None if no option expresses one of its values."""
    fields = {**request.model_dump(exclude_defaults=True), **(request.model_extra or {})}
    try:
        return shlex.join(["modelyard", "launch", *_words(fields)])
    except Inexpressible:
        return None


def _words(fields: Mapping[str, Any]) -> Iterator[str]:
    for name, value in fields.items():
        if (words := SPECIAL.get(name)) is not None:
            yield from words(value)
        elif name in REPEATED:
            yield from (word for each in value or () for word in _option(REPEATED[name], each))
        elif name in PAIRS:
            yield from _pairs(PAIRS[name], value)
        elif value is not None:
            yield from _option(OPTIONS.get(name) or _flag(name), value)


def _option(flag: str, value: Any) -> tuple[str, ...]:
    """An option with its value; in one word if the value would be read as another option."""
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, str | int | float):
        text = str(value)
    else:
        raise Inexpressible
    return (f"{flag}={text}",) if text.startswith("-") else (flag, text)


def _flag(name: str) -> str:
    """The option of an engine's option."""
    if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]*", name):
        raise Inexpressible
    return f"--{name.replace('_', '-')}"


def _pairs(flag: str, values: Any) -> Iterator[str]:
    if not isinstance(values, dict):
        raise Inexpressible
    for name, value in values.items():
        if not isinstance(value, str) or value.startswith("-") or name.startswith("-"):
            raise Inexpressible
        yield from (flag, name, value)


def _adapters(config: Any) -> Iterator[str]:
    for name, value in (config or {}).items():
        if name in IMAGE_PAIRS:
            yield from _pairs(IMAGE_PAIRS[name], value)
            continue
        if name != "lora_list" or not isinstance(value, list):
            raise Inexpressible
        for each in value:
            if not isinstance(each, dict) or set(each) != {"lora_name", "local_path"}:
                raise Inexpressible
            yield from ("--lora-modules", str(each["lora_name"]), str(each["local_path"]))


def _modules(value: Any) -> Iterator[str]:
    for each in value if isinstance(value, list) else [value]:
        name, equals, path = str(each).partition("=")
        if not equals or not isinstance(each, str):
            raise Inexpressible
        yield from ("--lora-modules", name, path)


SPECIAL: Mapping[str, Callable[[Any], Iterable[str]]] = {
    "peft_model_config": _adapters,
    "lora_modules": _modules,
    "n_gpu": lambda value: ("--n-gpu", "none" if value is None else str(value)),
    "gpu_idx": lambda value: _option("--gpu-idx", ",".join(map(str, value)) if isinstance(value, list) else value),
    "replica_config": lambda value: ("--replica-config", json.dumps(value, ensure_ascii=False)),
    "enable_virtual_env": lambda value: ("--enable-virtual-env" if value else "--disable-virtual-env",),
}
"""Fields that need a function of their own to be written as options."""
