"""Reads the header of a safetensors file: names and dimensions of its tensors, without the weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from modelyard.core.errors import ModelFilesInvalid

LONGEST = 16 << 20
"""Maximum bytes of a header, enough for about 120,000 tensors. The library accepts 100 MB, which take gigabytes in Python."""
DIMENSIONS = 16


class _TensorEntry(msgspec.Struct):
    """One tensor in a header."""

    shape: Annotated[list[Annotated[int, Meta(ge=0)]], Meta(max_length=DIMENSIONS)]
    data_offsets: tuple[int, int]


def tensor_shapes(path: Path) -> Mapping[str, tuple[int, ...]]:
    """Tensor name → dimensions. Raises `ModelFilesInvalid` for a damaged file or another format."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > LONGEST:
            raise ModelFilesInvalid(
                str(path), f"its safetensors header is said to have {length:,} bytes; {LONGEST:,} are the limit."
            )
        if not 0 < length <= path.stat().st_size - 8:
            raise ModelFilesInvalid(str(path), "it is no whole safetensors file.")
        try:
            parts = msgspec.json.decode(file.read(length), type=dict[str, msgspec.Raw])
            parts.pop("__metadata__", None)
            entries = {name: msgspec.json.decode(part, type=_TensorEntry) for name, part in parts.items()}
        except (msgspec.MsgspecError, ValueError, RecursionError):
            raise ModelFilesInvalid(str(path), "the header of this safetensors file is damaged.") from None
    end = max((entry.data_offsets[1] for entry in entries.values()), default=0)
    if path.stat().st_size < 8 + length + end:
        raise ModelFilesInvalid(str(path), "the file ends too early; copy or download it again.")
    return {name: tuple(entry.shape) for name, entry in entries.items()}


def folder_shapes(folder: Path) -> Mapping[str, tuple[int, ...]]:
    """The tensors of all safetensors files of a folder; empty if the weights have another format."""
    found: dict[str, tuple[int, ...]] = {}
    for file in sorted(folder.glob("*.safetensors")):
        found.update(tensor_shapes(file))
    return found
