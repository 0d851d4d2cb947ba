"""Selects the files of a repository that one variant of a model needs. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from modelyard.core.errors import InvalidParameter, NotFound
from modelyard.core.types import RemoteFile

LADDER = (
    "q4_k_m", "q4_k_s", "q5_k_m", "q4_0", "q5_k_s", "q6_k", "q8_0", "iq4_xs", "iq4_nl", "mxfp4", "q3_k_m", "q3_k_l",
    "q5_0", "q2_k", "bf16", "f16", "f32",
)  # fmt: skip
"""Quantisations in order of preference, for requests that name none: the most widely used one, then its neighbours."""

QUANTIZATION = re.compile(
    r"(?:^|[-._/])((?:ud-)?(?:i?q\d+(?:_[a-z0-9]+)*|tq\d_\d|bf16|f16|fp16|f32|fp32|mxfp4(?:_moe)?))(?=[-._/]|$)",
    re.IGNORECASE,
)
SPLIT = re.compile(r"-\d{5}-of-(\d{5})\.gguf$", re.IGNORECASE)

KINDS = (".safetensors", ".bin", ".pt", ".pth")
"""Endings of weight files in order of preference; if a folder has its weights in two formats, the first is used."""

NEVER = (
    ".h5",
    ".msgpack",
    ".ot",
    ".tflite",
    ".mlmodel",
    ".gguf",
    ".ckpt",
    ".png",
    ".jpg",
    ".jpeg",
    ".gif",
    ".mp4",
    ".pdf",
)
OTHER_RUNTIMES = ("onnx", "openvino", "coreml", "tensorrt", "original", "metal", "flax", ".git")
WEIGHTS = (*KINDS, ".onnx")


def ggufs(files: Sequence[RemoteFile]) -> dict[str, list[RemoteFile]]:
    """The GGUF models of a repository by the name of their quantisation; the parts of a split one in order.

    Projectors and importance matrices are left out.
    """
    groups: dict[str, list[RemoteFile]] = {}
    for file in sorted(files, key=lambda file: file.name):
        name = PurePosixPath(file.name).name.lower()
        if not name.endswith(".gguf") or "mmproj" in name or "imatrix" in name:
            continue
        whole = SPLIT.sub("", file.name).removesuffix(".gguf")
        groups.setdefault(whole, []).append(file)
    by_names: dict[str, list[RemoteFile]] = {}
    for whole, parts in groups.items():
        found = QUANTIZATION.findall(whole)
        title = found[-1] if found else PurePosixPath(whole).name
        by_names[whole if title in by_names else title] = parts
    return by_names


def choose_gguf(model_id: str, files: Sequence[RemoteFile], quantization: str | None) -> list[RemoteFile]:
    """The file of a quantisation, or its parts; without a `quantization`, of the preferred one.

    Raises `InvalidParameter` with the choices.
    """
    groups = ggufs(files)
    if not groups:
        raise NotFound(f"'{model_id}' has no GGUF file.")
    by_name = {name.lower(): parts for name, parts in groups.items()}
    if quantization is not None and quantization.lower() not in ("", "none"):
        title = quantization.lower()
        if title not in by_name:
            raise InvalidParameter("quantization", f"'{model_id}' has no '{quantization}'; it has {', '.join(groups)}.")
        return by_name[title]
    return next((by_name[name] for name in LADDER if name in by_name), next(iter(by_name.values())))


PROJECTORS = ("f16", "bf16", "q8_0", "f32")
"""Precisions of a projector in order of preference, for requests that name none."""


def is_projector(name: str) -> bool:
    """Whether a file is a vision or audio projector of a GGUF model."""
    base = PurePosixPath(name).name.lower()
    return base.endswith(".gguf") and "mmproj" in base


def choose_projector(model_id: str, files: Sequence[RemoteFile], title: str | None) -> RemoteFile | None:
    """The projector of a name, or the preferred one without a name; None if the repository has none.

    Raises `InvalidParameter` with the choices.
    """
    there = {file.name: file for file in sorted(files, key=lambda file: file.name) if is_projector(file.name)}
    if title:
        found = next((file for name, file in there.items() if title.lower() in (name.lower(), _base(name))), None)
        if found is None:
            have = ", ".join(there) or "none"
            raise InvalidParameter("multimodal_projector", f"'{model_id}' has no '{title}'; it has {have}.")
        return found
    return min(there.values(), key=lambda file: _precision(file.name), default=None)


def _base(name: str) -> str:
    return PurePosixPath(name).name.lower()


def _precision(name: str) -> int:
    found = [title.lower().replace("fp", "f") for title in QUANTIZATION.findall(name)]
    return next((place for place, title in enumerate(PROJECTORS) if title in found), len(PROJECTORS))


def by_names(model_id: str, files: Sequence[RemoteFile], names: Sequence[str]) -> list[RemoteFile]:
    """Files by their names, in any letter case."""
    by_name = {file.name.lower(): file for file in files}
    missing = [name for name in names if name.lower() not in by_name]
    if missing:
        have = ", ".join(sorted(file.name for file in files if file.name.endswith(".gguf"))) or "none of that kind"
        raise NotFound(f"'{model_id}' has no file '{missing[0]}'; it has {have}.")
    return [by_name[name.lower()] for name in names]


def choose_folder(model_id: str, files: Sequence[RemoteFile]) -> list[RemoteFile]:
    """All files that a model in a folder needs: its weights in one format, and the small files beside them.

    Raises `NotFound` if there are no weights.
    """
    pipeline = any(file.name == "model_index.json" for file in files)
    kept = [file for file in files if _is_ours(file.name, pipeline)]
    best = {folder: _best_kind(kept, folder) for folder in {_folder(file.name) for file in kept}}
    plain = {file.name for file in kept}
    chosen = [
        file
        for file in kept
        if _kind(file.name) in (None, best[_folder(file.name)]) and not _is_half_copy(file.name, plain)
    ]
    if not any(_suffix(file.name) in WEIGHTS for file in chosen):
        raise NotFound(f"'{model_id}' has no weights (.safetensors, .bin or .gguf).")
    return chosen


def in_order(files: Sequence[RemoteFile]) -> list[RemoteFile]:
    """The order of the download: weights last, so that a folder with all its weights is complete."""
    return sorted(files, key=lambda file: (_suffix(file.name) in (*WEIGHTS, ".gguf"), file.name))


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _folder(name: str) -> str:
    return str(PurePosixPath(name).parent)


def _kind(name: str) -> str | None:
    suffix = _suffix(name)
    return suffix if suffix in KINDS else None


def _is_ours(name: str, pipeline: bool) -> bool:
    path = PurePosixPath(name)
    if path.name.startswith((".git", "README", "LICENSE")) or path.suffix.lower() in NEVER:
        return False
    if any(part.lower() in OTHER_RUNTIMES for part in path.parts[:-1]):
        return False
    if path.suffix.lower() == ".onnx" and path.name.lower().startswith("model"):
        return False
    if path.name.startswith(("consolidated", "training_args", "optimizer", "rng_state", "scheduler.pt")):
        return False
    # A pipeline's weights are in its subfolders; a file at the top is the whole model again as one file.
    return not (pipeline and len(path.parts) == 1 and path.suffix.lower() in WEIGHTS)


def _best_kind(files: Sequence[RemoteFile], folder: str) -> str | None:
    here = {_kind(file.name) for file in files if _folder(file.name) == folder}
    return next((kind for kind in KINDS if kind in here), None)


def _is_half_copy(name: str, names: set[str]) -> bool:
    """Whether a file is a half-precision copy, such as `model.fp16.safetensors` beside `model.safetensors`."""
    return any(mark in name and name.replace(mark, ".") in names for mark in (".fp16.", ".non_ema.", ".fp32."))
