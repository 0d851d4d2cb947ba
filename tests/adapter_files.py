"""Adapter folders as PEFT writes them, made without torch: what matters here is their names and sizes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np

Q_PROJ = {"model.layers.0.self_attn.q_proj": (256, 256)}
"""A module of the demo model: out and in."""


def safetensors(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """A file of zeros."""
    header: dict[str, Any] = {}
    end = 0
    for name, shape in shapes.items():
        size = int(np.prod(shape)) * 4
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(end))


def peft_adapter(
    folder: Path, modules: Mapping[str, tuple[int, int]] = Q_PROJ, rank: int = 8, base: str = "", **config: Any
) -> Path:
    """A folder whose two matrices for each module (out, in) are zeros."""
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted({module.rpartition(".")[2] for module in modules})
    given = {"peft_type": "LORA", "r": rank, "lora_alpha": 16, "target_modules": names, "bias": "none"}
    text = json.dumps({**given, "base_model_name_or_path": base, **config})
    (folder / "adapter_config.json").write_text(text, encoding="utf-8")
    shapes: dict[str, tuple[int, ...]] = {}
    for module, (wide, narrow) in modules.items():
        shapes[f"base_model.model.{module}.lora_A.weight"] = (rank, narrow)
        shapes[f"base_model.model.{module}.lora_B.weight"] = (wide, rank)
    safetensors(folder / "adapter_model.safetensors", shapes)
    return folder


def gguf_adapter(
    path: Path, modules: Mapping[str, tuple[int, int]], rank: int = 4, architecture: str = "llama"
) -> Path:
    """A GGUF file of zeros."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 8.0)
    for module, (wide, narrow) in modules.items():
        writer.add_tensor(f"{module}.weight.lora_a", np.zeros((rank, narrow), np.float32))
        writer.add_tensor(f"{module}.weight.lora_b", np.zeros((wide, rank), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
