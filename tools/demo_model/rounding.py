# Owns the rounding of the safetensors' matrices, which makes them a quarter smaller in a wheel. It needs no torch.
from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

STEPS = 181
"""Most steps from zero to a row's largest weight. The step is a power of two, so a row has 91 to 181 of them, where Q8_0 has 127
in each block of 32; fewer steps compress better. bfloat16 holds each multiple of a power of two up to 256 exactly."""


def rounded(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row in multiples of a power of two of its own."""
    largest = np.abs(matrix).max(axis=1, keepdims=True)
    step = np.exp2(np.ceil(np.log2(np.maximum(largest, 1e-30) / STEPS))).astype(np.float32)
    return (np.rint(matrix / step) * step + np.float32(0)).astype(np.float32)  # + 0: there is one zero only


def round_file(path: Path) -> None:
    """Round the bfloat16 matrices of a safetensors file in place."""
    data = bytearray(path.read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    for entry in header.values():
        if len(entry["shape"]) == 2:
            assert entry["dtype"] == "BF16"
            first, end = (start + offset for offset in entry["data_offsets"])
            wide = np.frombuffer(bytes(data[first:end]), "<u2").astype(np.uint32) << 16
            narrow = rounded(wide.view(np.float32).reshape(entry["shape"])).view(np.uint32) >> 16
            data[first:end] = narrow.astype("<u2").tobytes()
    path.write_bytes(data)


def main() -> None:
    parser = argparse.ArgumentParser(description="Round the matrices of a safetensors file of bfloat16 in place.")
    parser.add_argument("file", type=Path)
    round_file(parser.parse_args().file)


if __name__ == "__main__":
    main()
