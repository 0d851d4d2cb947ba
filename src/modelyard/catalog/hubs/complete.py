"""Checks whether a cache folder has all files of a model. Looks at file names only, so it is cheap."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from modelyard.catalog.family import ModelSource
from modelyard.catalog.hubs.base import Snapshot
from modelyard.catalog.hubs.select import SPLIT, choose_gguf
from modelyard.core.errors import InvalidParameter, NotFound
from modelyard.core.types import RemoteFile

WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".onnx", ".ckpt", ".msgpack")
"""Endings of weight files. GGUF is not among them, because a GGUF file is a whole model."""
INDEX = ".index.json"
UNFINISHED = ".modelyard-unfinished"
"""A marker file that exists during a download: some models have several weight files without an index that names them."""


def named_files(source: ModelSource, quantization: str) -> list[str]:
    """The files that a source names for a quantisation: one, or all parts; empty if the whole repository is needed."""
    parts = next((found for key, found in source.parts.items() if key.lower() == quantization.lower()), None)
    if parts and source.split_file:
        return [fill(source.split_file, quantization, part) for part in parts]
    return [fill(source.file, quantization)] if source.file else []


def fill(template: str, quantization: str, part: str = "") -> str:
    """Replace the two placeholders of a template; other braces stay."""
    return template.replace("{quantization}", quantization).replace("{part}", part)


def repository(source: ModelSource, quantization: str) -> str | None:
    """The repository id, `owner/name`."""
    return fill(source.model_id, quantization) if source.model_id else None


def place(folder: Path, source: ModelSource, quantization: str) -> Path | None:
    """The path of a quantisation's weights in a folder if all of them are there, else None."""
    names = named_files(source, quantization)
    if not names:
        return folder if is_complete(folder) else _gguf(folder, quantization)
    found = [existing(folder, name) for name in names]
    return found[0] if all(found) else None


def first_place(
    revisions: Callable[[str, str | None], Iterable[Snapshot]], source: ModelSource, quantization: str
) -> Path | None:
    """The path of the weights in the first revision that has all of them, else None."""
    model_id = repository(source, quantization)
    if model_id is None:
        return None
    for snapshot in revisions(model_id, source.revision):
        if found := place(snapshot.folder, source, quantization):
            return found
    return None


def _gguf(folder: Path, quantization: str) -> Path | None:
    """The GGUF file of a quantisation for a source without file names; the first part of a complete split file."""
    names = [str(path.relative_to(folder)) for path in folder.rglob("*.gguf") if path.is_file()]
    try:
        parts = choose_gguf(folder.name, [RemoteFile(name) for name in names], quantization)
    except (NotFound, InvalidParameter):
        return None
    split = SPLIT.search(parts[0].name)
    return folder / parts[0].name if split is None or int(split[1]) == len(parts) else None


def existing(folder: Path, name: str) -> Path | None:
    """The path of a file with this name, in any letter case because hubs and catalogs differ in it. None for names that lead
    out of the folder, which registered families may contain."""
    path = folder / name
    if folder not in path.parents or ".." in Path(name).parts:
        return None
    if path.is_file():
        return path
    folded = path.name.lower()
    beside = path.parent.iterdir() if path.parent.is_dir() else iter(())
    return next((other for other in beside if other.name.lower() == folded and other.is_file()), None)


def is_complete(folder: Path) -> bool:
    """Whether a folder has weights, and every part that its indexes name."""
    if not folder.is_dir() or (folder / UNFINISHED).exists():
        return False
    files = [path for path in folder.rglob("*") if path.is_file()]
    if not any(path.suffix in WEIGHTS for path in files):
        return False
    if not all(_has_parts(path, files) for path in files if path.name.endswith(INDEX)):
        return False
    pipeline = folder / "model_index.json"
    return not pipeline.is_file() or all(_has_component(folder / name, files) for name in _components(pipeline))


def _has_parts(index: Path, files: Sequence[Path]) -> bool:
    """Whether the parts that an index names are there; an index of a weight kind that was not downloaded is ignored."""
    weights = _json(index).get("weight_map")
    if not isinstance(weights, dict):
        return True
    parts = {index.parent / str(name) for name in weights.values()}
    here = parts.intersection(files)
    kind = next((part.suffix for part in parts), "")
    others = any(path.parent == index.parent and path.suffix in WEIGHTS and path.suffix != kind for path in files)
    return here == parts or (not here and others)


def _components(pipeline: Path) -> list[str]:
    """The component folders of a diffusion pipeline."""
    return [
        name
        for name, value in _json(pipeline).items()
        if isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value)
    ]


def _has_component(folder: Path, files: Sequence[Path]) -> bool:
    inside = [path for path in files if folder in path.parents]
    needs = any(path.name == "config.json" for path in inside)
    return bool(inside) and (not needs or any(path.suffix in WEIGHTS for path in inside))


def _json(path: Path) -> dict[str, object]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        return {}
    return value if isinstance(value, dict) else {}
