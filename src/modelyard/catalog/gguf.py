"""Reads the header of a GGUF file: its metadata and the list of its tensors, never the weights."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, prod
from pathlib import Path
from typing import TypeAlias

from modelyard.core.errors import ModelFilesInvalid

MAGIC = b"GGUF"
VERSIONS = (2, 3)
DIMENSIONS = 4
"""Maximum number of a tensor's dimensions in ggml."""
MOST_KEYS = 65_536
MOST_TENSORS = 65_536
MOST_WORDS = 2_000_000
"""Maximum number of texts in all arrays together: vocabularies have up to 260,000 tokens and 500,000 merges."""
LONGEST_TEXT = 4 << 20
"""Maximum bytes of a key, a name or a value."""
SHORT_ARRAY = 1024
"""Numeric arrays up to this length are read (heads per layer); of longer ones, and of text arrays, only the length is."""

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9

TENSOR_TYPES = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36), 10: (256, 84),
    11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66), 17: (256, 74),
    18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2),
    26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip
"""ggml type → weights per block, bytes per block."""

FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M",
    13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS",
    21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE",
}  # fmt: skip
"""`general.file_type` → the common name of the quantisation."""

OTHER_FORMATS = {
    b"PK\x03\x04": "a zip archive or a PyTorch checkpoint",
    b"\x80\x02": "a Python pickle",
    b"ggml": "an old GGML file; convert it to GGUF",
    b"ggjt": "an old GGML file; convert it to GGUF",
    b"lmgg": "an old GGML file; convert it to GGUF",
    b"tjgg": "an old GGML file; convert it to GGUF",
    b"version https://git-lfs": "a Git LFS pointer, not the file itself; run `git lfs pull`",
    b"<!DOCTYPE": "a web page, so the download went wrong",
    b"<html": "a web page, so the download went wrong",
    b"{": "JSON text",
}

Value: TypeAlias = "int | float | bool | str | list[int | float | bool]"


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a GGUF file."""

    metadata: Mapping[str, Value]
    lengths: Mapping[str, int]
    """Length of each array, including those that were not read."""
    shapes: Mapping[str, tuple[int, ...]]
    """Tensor name → its dimensions, the innermost first."""
    parameters: int

    @property
    def tensors(self) -> frozenset[str]:
        return frozenset(self.shapes)

    def text(self, key: str) -> str | None:
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    def number(self, key: str) -> int | None:
        value = self.metadata.get(key)
        return int(value) if isinstance(value, int | float) and isfinite(value) else None


def read_header(path: Path, size: int | None = None) -> Header:
    """Read the header of the file at `path`. Raises `ModelFilesInvalid` if it is not a complete GGUF file.

    `size` is the full size in bytes, if only the file's beginning is at `path`.
    """
    here = path.stat().st_size
    size = here if size is None else size
    if here == 0:
        raise ModelFilesInvalid(str(path), "the file is empty.")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:4] != MAGIC:
            raise ModelFilesInvalid(str(path), f"it is not a GGUF file but {what_is(data[:64])}.")
        try:
            return _Cursor(data, path).header(size)
        except struct.error:
            raise _truncated(path, here) from None
        except UnicodeDecodeError:
            raise ModelFilesInvalid(str(path), "its header is damaged: a name is not UTF-8.") from None


def what_is(start: bytes) -> str:
    """Guess the kind of a file from its first bytes."""
    for magic, title in OTHER_FORMATS.items():
        if start.startswith(magic):
            return title
    if len(start) > 8 and start[8:9] == b"{":
        return "a safetensors file; give its folder instead"
    return "something else"


def _truncated(path: Path, size: int, expected: int = 0) -> ModelFilesInvalid:
    of_all = f" of {expected}" if expected else ""
    return ModelFilesInvalid(str(path), f"the file ends too early, after {size}{of_all} bytes; download it again.")


class _Cursor:
    """A read position in the header."""

    def __init__(self, data: mmap.mmap, path: Path) -> None:
        self._data = data
        self._path = path
        self._at = 4
        self._words = 0

    def header(self, size: int) -> Header:
        version = self._one("I")
        if version not in VERSIONS:
            raise ModelFilesInvalid(str(self._path), f"it is GGUF version {version}; versions 2 and 3 can be read.")
        tensor_count, key_count = int(self._one("Q")), int(self._one("Q"))
        self._bound("metadata keys", key_count, MOST_KEYS)
        self._bound("tensors", tensor_count, MOST_TENSORS)
        metadata: dict[str, Value] = {}
        lengths: dict[str, int] = {}
        for _ in range(key_count):
            key = self._string()
            kind = int(self._one("I"))
            if kind == ARRAY:
                values, lengths[key] = self._array()
                if values is not None:
                    metadata[key] = values
            else:
                metadata[key] = self._string() if kind == STRING else self._one(self._scalar(kind))
        return self._tensors(tensor_count, metadata, lengths, size)

    def _tensors(self, count: int, metadata: dict[str, Value], lengths: dict[str, int], size: int) -> Header:
        shapes: dict[str, tuple[int, ...]] = {}
        parameters, end = 0, 0
        for _ in range(count):
            name = self._string()
            dimensions = int(self._one("I"))
            self._bound(f"dimensions of the tensor '{name[:100]}'", dimensions, DIMENSIONS)
            shapes[name] = shape = tuple(int(self._one("Q")) for _ in range(dimensions))
            kind, offset = int(self._one("I")), int(self._one("Q"))
            parameters += prod(shape)
            weights, width = TENSOR_TYPES.get(kind, (1, 0))
            end = max(end, offset + prod(shape) // weights * width)
        alignment = metadata.get("general.alignment", 32)
        step = alignment if isinstance(alignment, int) and alignment > 0 else 32
        expected = -(-self._at // step) * step + end
        if size < expected:
            raise _truncated(self._path, size, expected)
        return Header(metadata, lengths, shapes, parameters)

    def _bound(self, title: str, count: int, most: int) -> None:
        if count > most:
            raise ModelFilesInvalid(
                str(self._path),
                f"its header is damaged: it counts {count:,} {title}, and at most {most:,} are possible.",
            )

    def _scalar(self, kind: int) -> str:
        if kind not in SCALARS:
            raise ModelFilesInvalid(str(self._path), f"its header is damaged: there is no value type {kind}.")
        return SCALARS[kind]

    def _one(self, code: str) -> int | float | bool:
        (value,) = struct.unpack_from("<" + code, self._data, self._at)
        self._at += struct.calcsize("<" + code)
        return value  # type: ignore[no-any-return]

    def _string(self) -> str:
        length = int(self._one("Q"))
        self._bound("bytes of one text", length, LONGEST_TEXT)
        end = self._at + length
        if end > len(self._data):
            raise struct.error
        value = self._data[self._at : end].decode("utf-8")
        self._at = end
        return value

    def _array(self) -> tuple[list[int | float | bool] | None, int]:
        kind, count = int(self._one("I")), int(self._one("Q"))
        if kind == STRING:
            self._skip_strings(count)
            return None, count
        code = self._scalar(kind)
        start, width = self._at, struct.calcsize("<" + code)
        self._at += count * width
        if self._at > len(self._data):
            raise struct.error
        if count > SHORT_ARRAY:
            return None, count
        return list(struct.unpack_from(f"<{count}{code}", self._data, start)), count

    def _skip_strings(self, count: int) -> None:
        self._words += count
        self._bound("texts in its arrays", self._words, MOST_WORDS)
        read, at, data = struct.Struct("<Q").unpack_from, self._at, self._data
        for _ in range(count):
            at += 8 + read(data, at)[0]
        self._at = at
