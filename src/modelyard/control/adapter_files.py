"""Finds and reads the adapters that a launch or a request names, and checks them against model and engine. Loads nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from modelyard.catalog.adapter_checks import check_suits
from modelyard.catalog.adapters import base_of, is_adapter, is_folder, read_adapter
from modelyard.core.errors import InvalidParameter
from modelyard.core.types import Adapter, Json, Launch
from modelyard.engines import ENGINES
from modelyard.engines.base import ADAPTERS
from modelyard.protocol.models import LaunchRequest

DEFAULT_NAME = "default-lora"
"""Name of an adapter whose own path was launched, as in ms-swift."""


def separated(request: LaunchRequest) -> tuple[LaunchRequest, tuple[Adapter, ...]]:
    """Split a launch into the launch of the base model, and its adapters in order.

    A launch of an adapter's own path becomes one of its base, with the adapter as `default-lora`.
    Raises `AdapterNotFound`, `AdapterInvalid` or `InvalidParameter`.
    """
    extras = dict(request.model_extra or {})
    modules = [*_modules(extras.pop("lora_modules", None)), *_peer(request.peft_model_config)]
    update: dict[str, Any] = {}
    path = next((each for each in (request.model_path, request.model_name) if each and is_adapter(each)), None)
    if path is not None:
        modules.insert(0, (DEFAULT_NAME, path, 1.0))
        update = _of_base(request, path)
    if extras.keys() != (request.model_extra or {}).keys() or update:
        fields = {
            name: getattr(request, name) for name in request.model_fields_set if name in LaunchRequest.model_fields
        }
        request = LaunchRequest.model_construct(**{**fields, **extras, **update})
    adapters = tuple(read_adapter(name, place, scale) for name, place, scale in modules)
    if len(names := Counter(adapter.name for adapter in adapters)) < len(adapters):
        raise InvalidParameter(ADAPTERS, f"two adapters are called '{names.most_common(1)[0][0]}'.")
    return request, adapters


def check(launch: Launch, adapters: Iterable[Adapter]) -> None:
    """Raise an error for adapters that a launch cannot use: made for another model, or not supported by the engine."""
    for adapter in adapters:
        if adapter.name == launch.uid:
            raise InvalidParameter(
                ADAPTERS, f"'{adapter.name}' is the name of the model itself; give the adapter another."
            )
        ENGINES.get(launch.engine).check_adapter(launch, adapter)
        check_suits(adapter, launch.model)


def _of_base(request: LaunchRequest, path: str) -> dict[str, Any]:
    """Fields that turn the request into one of the adapter's base: the model that it names, else the one that the files name."""
    if request.model_name and request.model_name != path:
        return {"model_path": None}
    base = base_of(path)
    if not base:
        raise InvalidParameter(
            "model_path", f"'{path}' is an adapter, and its files do not name its base model; give that as model_name."
        )
    if base.startswith(("/", "~", ".")) and not is_folder(base):
        raise InvalidParameter(
            "model_path",
            f"'{path}' is an adapter of '{base}', which is not on this machine; give its base as model_name, and the "
            "adapter as model_path.",
        )
    return {"model_path": None, "model_name": base}


def _modules(value: Json) -> Iterator[tuple[str, str, float]]:
    """Yield name, path and scale of each adapter, from `name=path` texts, objects in vLLM's format, or name → path."""
    if isinstance(value, str):
        value = _text(value)
    if isinstance(value, dict):
        value = (
            [value] if "path" in value or "lora_path" in value else [f"{name}={path}" for name, path in value.items()]
        )
    if not isinstance(value, list | None):
        raise InvalidParameter(ADAPTERS, "it is a list of name=path.")
    for entry in value or ():
        if isinstance(entry, dict):
            yield _entry(entry, ADAPTERS, "every adapter needs a name and a path.")
            continue
        name, equals, path = str(entry).partition("=")
        if not equals or not name or not path:
            raise InvalidParameter(ADAPTERS, f"'{entry}' is not of the form name=path.")
        yield name.strip(), path.strip(), 1.0


def _text(text: str) -> Json:
    """Read a list from a text: JSON, or `name=path` separated by spaces or commas."""
    if text.lstrip().startswith(("{", "[")):
        try:
            value: Json = json.loads(text)
        except ValueError as error:
            raise InvalidParameter(ADAPTERS, f"it is not JSON: {error}.") from None
        return value
    return [word for word in text.replace(",", " ").split() if word]


def _peer(config: Mapping[str, Any] | None) -> Iterator[tuple[str, str, float]]:
    """Yield the entries of `lora_list` in Xinference's `peft_model_config`, whose names are optional."""
    entries = (config or {}).get("lora_list") or []
    if not isinstance(entries, list):
        raise InvalidParameter("peft_model_config", "lora_list is a list of objects.")
    for number, entry in enumerate(entries):
        named = (
            {"lora_name": f"lora-{number + 1}" if number else DEFAULT_NAME, **entry} if isinstance(entry, dict) else {}
        )
        yield _entry(named, "peft_model_config", "every entry of lora_list needs a local_path.")


def _entry(entry: Mapping[str, Any], param: str, needs: str) -> tuple[str, str, float]:
    name = entry.get("name") or entry.get("lora_name")
    path = entry.get("path") or entry.get("lora_path") or entry.get("local_path")
    scale = entry.get("scale", entry.get("lora_scale", 1.0))
    if not isinstance(name, str) or not isinstance(path, str):
        raise InvalidParameter(param, needs)
    if isinstance(scale, bool) or not isinstance(scale, int | float):
        raise InvalidParameter(param, f"the scale of '{name}' is no number.")
    return name, path, float(scale)
