"""Reads LoRA adapters without their weights, from a PEFT folder or a GGUF file, and finds an adapter's base model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelyard.catalog.gguf import MAGIC, read_header
from modelyard.catalog.reading import read_json
from modelyard.catalog.safetensors import tensor_shapes
from modelyard.core.errors import AdapterInvalid, AdapterNotFound, ModelFilesInvalid
from modelyard.core.types import Adapter
from modelyard.core.wording import reason

CONFIG = "adapter_config.json"
WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
TRAINING = "args.json"
"""The file beside a checkpoint in which ms-swift stores the arguments of the training."""

PEFT_TENSOR = re.compile(
    r"^(?:base_model\.model\.)?(?P<module>.+?)\.lora_(?P<side>A|B|embedding_A|embedding_B|magnitude_vector)\b"
)
GGUF_TENSOR = re.compile(r"^(?P<module>.+)\.weight\.lora_(?P<side>[ab])$")
EMBEDDING = ("embed_tokens", "lm_head", "wte", "token_embd", "output")

IMPOSSIBLE = (OSError, RuntimeError, ValueError)
"""Errors of a path that cannot exist: it is too long, names an unknown user, or contains a null character."""

Shapes = Mapping[str, tuple[int, ...]]


def is_adapter(path: str | Path) -> bool:
    """Whether a path is an adapter rather than a model. Never raises."""
    try:
        place = Path(path).expanduser()
        if place.is_dir():
            return (place / CONFIG).is_file() and not (place / "config.json").is_file()
        if not place.is_file():
            return False
        with place.open("rb") as file:
            if file.read(4) != MAGIC:
                return False
        return read_header(place).text("general.type") == "adapter"
    except (*IMPOSSIBLE, ModelFilesInvalid):
        return False


def read_adapter(name: str, path: str | Path, scale: float = 1.0) -> Adapter:
    """Describe the adapter at a path. Raises `AdapterNotFound`, or `AdapterInvalid` with the problem of its files."""
    try:
        place = Path(path).expanduser().absolute()
        there = place.exists()
    except IMPOSSIBLE:
        there = False
    if not there:
        raise AdapterNotFound.at(name, str(path))
    try:
        return _read_gguf(name, place, scale) if place.is_file() else _read_peft(name, place, scale)
    except (OSError, ModelFilesInvalid) as error:
        raise AdapterInvalid(
            str(path), getattr(error, "problem", "") or f"it cannot be read: {reason(error)}."
        ) from error


def base_of(path: str | Path) -> str:
    """The base model that a PEFT folder's files name: a folder or a repository id; empty if they name none."""
    place = Path(path).expanduser()
    training = _json(place / TRAINING) if (place / TRAINING).is_file() else {}
    names = [training.get("model_id_or_path"), training.get("model"), config_base(place)]
    found = [name for name in names if isinstance(name, str) and name]
    here = [name for name in found if is_folder(name)]
    return next(iter([*here, *found]), "")


def config_base(path: str | Path) -> str:
    """The base model that a PEFT folder's config names; empty if it names none. Raises `AdapterInvalid`."""
    place = Path(path).expanduser() / CONFIG
    return str(_json(place).get("base_model_name_or_path") or "") if place.is_file() else ""


def is_folder(name: str) -> bool:
    """Whether a name is a folder on this machine. Never raises."""
    try:
        return Path(name).expanduser().is_dir()
    except IMPOSSIBLE:
        return False


def weights_of(adapter: Adapter) -> dict[str, dict[str, tuple[int, ...]]]:
    """Module → `a` and `b` → dimensions in PyTorch's order: `a` is rank × in, `b` is out × rank. Empty if unknown."""
    place = Path(adapter.path)
    found: dict[str, dict[str, tuple[int, ...]]] = {}
    if adapter.format == "gguf":
        for name, shape in read_header(place).shapes.items():
            if part := GGUF_TENSOR.match(name):
                found.setdefault(part["module"], {})[part["side"]] = shape[::-1]
        return found
    for name, shape in _peft_shapes(place).items():
        if (part := PEFT_TENSOR.match(name)) and part["side"] in ("A", "B"):
            found.setdefault(part["module"], {})[part["side"].lower()] = shape
    return found


def _read_peft(name: str, place: Path, scale: float) -> Adapter:
    config = _config(place)
    weights = next((place / file for file in WEIGHTS if (place / file).is_file()), None)
    if weights is None:
        raise AdapterInvalid(str(place), f"it has neither {WEIGHTS[0]} nor {WEIGHTS[1]}.")
    shapes = _peft_shapes(place)
    parts = [part for tensor in shapes if (part := PEFT_TENSOR.match(tensor))]
    if shapes and not parts:
        raise AdapterInvalid(str(place), f"{weights.name} holds no LoRA weights.")
    named = config.get("target_modules")
    modules = {part["module"].rpartition(".")[2] for part in parts} or set(named if isinstance(named, list) else ())
    ranks = [shape[0] for tensor, shape in shapes.items() if re.search(r"\.lora_A\b", tensor)] or _ranks(config)
    return Adapter(
        name,
        str(place),
        "peft",
        rank=max(ranks, default=0),
        targets=tuple(sorted(modules)),
        traits=_traits(config, modules, {part["side"] for part in parts}),
        base=str(config.get("base_model_name_or_path") or ""),
        size=weights.stat().st_size,
        scale=scale,
    )


def _config(place: Path) -> dict[str, Any]:
    if not (place / CONFIG).is_file():
        raise AdapterInvalid(
            str(place), f"it has no {CONFIG}; an adapter is the folder that PEFT saves, or a GGUF file."
        )
    config = _json(place / CONFIG)
    kind = str(config.get("peft_type") or "LORA").upper()
    if kind != "LORA":
        raise AdapterInvalid(str(place), f"it is of the kind {kind}; only LoRA adapters can be served.")
    return config


def _ranks(config: Mapping[str, Any]) -> list[int]:
    pattern = config.get("rank_pattern")
    given = [config.get("r"), *(pattern.values() if isinstance(pattern, dict) else ())]
    return [rank for rank in given if isinstance(rank, int)]


def _traits(config: Mapping[str, Any], modules: set[str], sides: set[str]) -> tuple[str, ...]:
    traits = {
        "dora": bool(config.get("use_dora")) or "magnitude_vector" in sides,
        "bias": (config.get("bias") or "none") != "none" or bool(config.get("lora_bias")),
        "modules_to_save": bool(config.get("modules_to_save")) or bool(config.get("trainable_token_indices")),
        "parameters": bool(config.get("target_parameters")),
        "embeddings": any(side.startswith("embedding") for side in sides) or bool(modules & set(EMBEDDING)),
    }
    return tuple(sorted(name for name, so in traits.items() if so))


def _peft_shapes(place: Path) -> Shapes:
    """The shapes of the weights; empty for a format that only torch can read."""
    file = place / WEIGHTS[0]
    return tensor_shapes(file) if file.is_file() else {}


def _read_gguf(name: str, place: Path, scale: float) -> Adapter:
    header = read_header(place)
    if header.text("general.type") != "adapter" or header.text("adapter.type") != "lora":
        raise AdapterInvalid(str(place), "this GGUF file is no LoRA adapter.")
    parts = [(part, shape) for tensor, shape in header.shapes.items() if (part := GGUF_TENSOR.match(tensor))]
    if not parts:
        raise AdapterInvalid(str(place), "it holds no LoRA weights.")
    modules = {part["module"].rpartition(".")[2] for part, _ in parts}
    return Adapter(
        name,
        str(place),
        "gguf",
        rank=max((shape[-1] for part, shape in parts if part["side"] == "a"), default=0),
        targets=tuple(sorted(modules)),
        traits=("embeddings",) if modules & set(EMBEDDING) else (),
        base=header.text("general.base_model.0.name") or "",
        size=place.stat().st_size,
        scale=scale,
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        return read_json(path)
    except (ValueError, OSError) as error:
        raise AdapterInvalid(str(path.parent), f"its {path.name} cannot be read: {reason(error)}.") from None
