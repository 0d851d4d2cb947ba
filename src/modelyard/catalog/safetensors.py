"""Reads the header of a safetensors file: which tensors it has and how large each is, never the weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from modelyard.core.errors import ModelFilesInvalid

LONGEST = 100_000_000
"""Bytes of a header; the library itself takes no longer one."""


def tensor_shapes(path: Path) -> Mapping[str, tuple[int, ...]]:
    """Name → dimensions. Raises `ModelFilesInvalid` for a file that is damaged or something else."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= min(LONGEST, path.stat().st_size - 8):
            raise ModelFilesInvalid(str(path), "it is no whole safetensors file.")
        try:
            header = json.loads(file.read(length))
            entries = {name: each for name, each in header.items() if name != "__metadata__"}
            shapes = {name: tuple(map(int, each["shape"])) for name, each in entries.items()}
            end = max((each["data_offsets"][1] for each in entries.values()), default=0)
        except (ValueError, TypeError, LookupError, AttributeError):
            raise ModelFilesInvalid(str(path), "the header of this safetensors file is damaged.") from None
    if path.stat().st_size < 8 + length + end:
        raise ModelFilesInvalid(str(path), "the file ends too early; copy or download it again.")
    return shapes


def folder_shapes(folder: Path) -> Mapping[str, tuple[int, ...]]:
    """The tensors of all files of a folder; empty where the weights are of another kind."""
    found: dict[str, tuple[int, ...]] = {}
    for file in sorted(folder.glob("*.safetensors")):
        found.update(tensor_shapes(file))
    return found
