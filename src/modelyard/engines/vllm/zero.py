"""Starts vLLM's server with the model itself behind a *zero adapter*: a LoRA adapter that changes nothing.

vLLM's CPU build, 0.32, answers requests without an adapter with the most recently loaded one if both are in one
batch: the index of "none" is -1, which counts from the end. So every request must have an adapter. The model gets
a hidden name, and its public name becomes that of an adapter whose second matrix is zero, so that its answers are the
model's own, bit for bit. Runs inside vLLM's environment; `python -m modelyard.engines.vllm.zero` takes vLLM's arguments.
"""

from __future__ import annotations

import json
import runpy
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

SERVER = "vllm.entrypoints.openai.api_server"
HIDDEN = "\u2009of "
"""Prefix of the hidden name of the model itself; no public name begins with a space."""

USUAL = ("q_proj", "qkv_proj", "query_key_value", "c_attn", "Wqkv", "W_pack", "in_proj_qkv", "o_proj", "down_proj")
"""Modules that vLLM's adapters may change; every architecture has one of them."""


def main(argv: Sequence[str]) -> None:
    """Rewrite the arguments and run vLLM's server in this process."""
    words = list(argv)
    name = words[words.index("--served-model-name") + 1]
    model = Path(words[words.index("--model") + 1])
    folder = Path(tempfile.mkdtemp(prefix="zero-adapter-"))  # removed with the replica, as its other temporary files
    make(model, folder)
    words[words.index("--served-model-name") + 1] = HIDDEN + name
    sys.argv = [SERVER, *words, "--lora-modules", json.dumps({"name": name, "path": str(folder)})]
    runpy.run_module(SERVER, run_name="__main__", alter_sys=True)


def make(model: Path, folder: Path) -> None:
    """Write the adapter for a model into a folder. Exits if the model has no module for it."""
    import torch
    from safetensors.torch import save_file

    name, rows, columns = module_of(model)
    prefix = f"base_model.model.{name}"
    matrices = {f"{prefix}.lora_A.weight": torch.zeros(1, columns), f"{prefix}.lora_B.weight": torch.zeros(rows, 1)}
    save_file(matrices, str(folder / "adapter_model.safetensors"))
    config = {"peft_type": "LORA", "r": 1, "lora_alpha": 1, "target_modules": [name.rpartition(".")[2]], "bias": "none"}
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")


def module_of(model: Path) -> tuple[str, int, int]:
    """A module that adapters may change: its name, its outputs and its inputs."""
    found = dict(_modules(model))
    for usual in USUAL:
        for name, (rows, columns) in found.items():
            if name.rpartition(".")[2] == usual:
                return name, rows, columns
    sys.exit(f"error: {model} has no module that adapters on the CPU could begin with ({', '.join(USUAL)})")


def _modules(model: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    from safetensors import safe_open

    for file in sorted(model.glob("*.safetensors")):
        with safe_open(str(file), framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118 - it is no dict
                shape = weights.get_slice(name).get_shape()
                if name.endswith(".weight") and len(shape) == 2:
                    yield name.removesuffix(".weight"), (shape[0], shape[1])


if __name__ == "__main__":
    main(sys.argv[1:])
