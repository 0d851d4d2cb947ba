"""Checks whether an adapter was made for a model, by module names and dimensions of its weights. Reads headers only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from modelyard.catalog.adapters import Shapes, weights_of
from modelyard.catalog.gguf import read_header
from modelyard.catalog.safetensors import folder_shapes
from modelyard.core.errors import AdapterInvalid
from modelyard.core.types import Adapter, Model, ModelType

LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks|blk)\.(?P<rest>\d+\..+)$")
"""From the layer's number on, module names do not depend on how the model is wrapped."""


def check_suits(adapter: Adapter, model: Model) -> None:
    """Raise `AdapterInvalid` if an adapter cannot work on a model whose files are here; passes if that cannot be decided."""
    if model.type is not ModelType.LLM:
        raise AdapterInvalid(
            adapter.path, f"adapters are for language models, and '{model.name}' is of type {model.type}."
        )
    if model.path is None or not Path(model.path).exists():
        return
    gguf = model.format == "ggufv2"
    if gguf != (adapter.format == "gguf"):
        return  # the engine checks the format
    if gguf:
        _same_architecture(adapter, model)
    elif model.format != "pytorch":
        return  # the weights of a quantised model are packed, so that their dimensions differ
    base = _base_shapes(model)
    changed = weights_of(adapter)
    if base and changed:
        _compare(adapter, model, changed, base)


def _same_architecture(adapter: Adapter, model: Model) -> None:
    mine = read_header(Path(adapter.path)).text("general.architecture")
    if mine and model.architecture and mine != model.architecture:
        raise AdapterInvalid(
            adapter.path, f"it is for models of architecture {mine}, and this one is {model.architecture}."
        )


def _base_shapes(model: Model) -> Shapes:
    """Module → its weight's dimensions in PyTorch's order, under the full name and under the part after `layers.`."""
    path = Path(str(model.path))
    if path.is_file():
        found = {name: shape[::-1] for name, shape in read_header(path).shapes.items()}
    else:
        found = dict(folder_shapes(path))
    weights = {name.removesuffix(".weight"): shape for name, shape in found.items() if name.endswith(".weight")}
    return {**{_tail(name): shape for name, shape in weights.items()}, **weights}


def _tail(name: str) -> str:
    part = LAYER.search(name)
    return part["rest"] if part else name


def _compare(
    adapter: Adapter, model: Model, changed: Mapping[str, Mapping[str, tuple[int, ...]]], base: Shapes
) -> None:
    known = 0
    for module, sides in changed.items():
        shape = base.get(module) or base.get(_tail(module))
        if shape is None or len(shape) != 2:
            continue
        known += 1
        a, b = sides.get("a"), sides.get("b")
        if a is None or b is None or len(a) != 2 or len(b) != 2:
            raise AdapterInvalid(adapter.path, f"its weights for {module} are not a pair of matrices.")
        if a[0] != b[1]:
            raise AdapterInvalid(adapter.path, f"its two matrices for {module} are of ranks {a[0]} and {b[1]}.")
        if sorted((b[0], a[1])) != sorted(shape):
            raise AdapterInvalid(
                adapter.path,
                f"for {module} it has weights of {b[0]} × {a[1]}, and '{model.name}' has {shape[0]} × {shape[1]} there: it "
                f"was made for another model{_named(adapter)}.",
            )
    if not known:
        raise AdapterInvalid(
            adapter.path,
            f"it changes {next(iter(changed))}, which '{model.name}' does not have: it was made for another model"
            f"{_named(adapter)}.",
        )


def _named(adapter: Adapter) -> str:
    return f" ({adapter.base})" if adapter.base else ""
