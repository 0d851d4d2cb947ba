"""The memory estimate against what processes really take: llama.cpp replicas, and transformers in a Python of its own.

    python -m benchmarks.memory                                   # llama.cpp
    python -m benchmarks.memory --transformers /path/to/python    # and transformers, with a Python that has torch

Weights are zeros: memory does not depend on what they say. Each model's whole context is filled before anybody looks.
llama.cpp reads its files instead of mapping them here, so that every resident byte is one that the process needs. When it
maps them, which is the default, the pages of the file are resident beside the copies that it makes of some quantisations
(Q4_0, Q4_K) in another order; the kernel takes such pages back when it needs them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gguf
import httpx
import numpy as np
import psutil
from gguf.constants import GGML_QUANT_SIZES
from tests.processes import wait_for

from benchmarks.make_model import DEMO, copy_tokenizer
from modelyard.catalog.files import describe
from modelyard.core.memory import MEBIBYTE, PYTORCH, footprint
from modelyard.core.types import Address, Footprint, Json, Launch
from modelyard.engines.llama_cpp import engine

KINDS = {
    "F16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "Q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
    "Q6_K": (gguf.GGMLQuantizationType.Q6_K, gguf.LlamaFileType.MOSTLY_Q6_K),
    "Q4_K": (gguf.GGMLQuantizationType.Q4_K, gguf.LlamaFileType.MOSTLY_Q4_K_M),
    "Q4_0": (gguf.GGMLQuantizationType.Q4_0, gguf.LlamaFileType.MOSTLY_Q4_0),
}


@dataclass(frozen=True, slots=True)
class Dims:
    """The dimensions of a Llama of zeros."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    feed_forward: int
    vocab: int = 0
    """0 is the demo model's; others are padded with tokens that nobody says."""


SMALL = Dims(layers=12, hidden=768, heads=12, kv_heads=12, feed_forward=3072)
WIDE = Dims(layers=16, hidden=1024, heads=16, kv_heads=8, feed_forward=2816)
DEEP = Dims(layers=28, hidden=1024, heads=16, kv_heads=2, feed_forward=4096, vocab=151_936)
LARGE = Dims(layers=24, hidden=2048, heads=16, kv_heads=4, feed_forward=5632, vocab=32_000)
TITLES = {SMALL: "12 × 768, 12 KV heads", WIDE: "16 × 1024, 8 KV heads", DEEP: "28 × 1024, 2 KV heads, large vocabulary",
          LARGE: "24 × 2048, 4 KV heads"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """One launch to weigh."""

    dims: Dims | None
    """None is the demo model."""
    kind: str
    context: int
    parallel: int = 1
    cache: str = "f16"


CASES = (
    Case(None, "Q8_0", 512),
    Case(None, "Q8_0", 2048, parallel=4),
    Case(SMALL, "F16", 2048),
    Case(SMALL, "Q8_0", 4096),
    Case(SMALL, "Q8_0", 1024, cache="q8_0"),
    Case(WIDE, "Q4_K", 512),
    Case(WIDE, "Q8_0", 2048, parallel=4),
    Case(DEEP, "Q4_K", 1024),
    Case(DEEP, "Q6_K", 2048),
    Case(LARGE, "Q4_0", 512),
    Case(LARGE, "Q4_K", 1024),
    Case(LARGE, "Q8_0", 512, parallel=2),
    Case(WIDE, "Q8_0", 8192),
)
FOLDER_CASES = (
    Case(SMALL, "float32", 512),
    Case(SMALL, "bfloat16", 2048),
    Case(WIDE, "bfloat16", 512),
    Case(WIDE, "bfloat16", 4096),
    Case(DEEP, "bfloat16", 1024),
    Case(LARGE, "bfloat16", 2048),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One case, estimated and weighed."""

    engine: str
    title: str
    estimate: Footprint
    measured: int

    @property
    def ratio(self) -> float:
        return self.estimate.total / self.measured


def make_gguf(path: Path, dims: Dims, kind: str, context: int) -> Path:
    """A Llama of zeros in one quantisation."""
    type_, file_type = KINDS[kind]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(context)
    writer.add_embedding_length(dims.hidden)
    writer.add_block_count(dims.layers)
    writer.add_feed_forward_length(dims.feed_forward)
    writer.add_head_count(dims.heads)
    writer.add_head_count_kv(dims.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(file_type)
    vocabulary = copy_tokenizer(writer, dims.vocab)
    writer.add_vocab_size(vocabulary)
    block, width = GGML_QUANT_SIZES[type_]
    for name, (rows, columns) in _matrices(dims, vocabulary).items():
        data = np.zeros((rows, columns // block * width), np.uint8)
        writer.add_tensor(name, data, raw_dtype=type_)
    norms = ["output_norm.weight"]
    norms += [f"blk.{layer}.{name}_norm.weight" for layer in range(dims.layers) for name in ("attn", "ffn")]
    for name in norms:
        writer.add_tensor(name, np.ones(dims.hidden, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _matrices(dims: Dims, vocabulary: int) -> dict[str, tuple[int, int]]:
    hidden, narrow = dims.hidden, dims.kv_heads * dims.hidden // dims.heads
    shapes = {"token_embd.weight": (vocabulary, hidden), "output.weight": (vocabulary, hidden)}
    for layer in range(dims.layers):
        block = f"blk.{layer}."
        shapes |= {
            block + "attn_q.weight": (hidden, hidden),
            block + "attn_k.weight": (narrow, hidden),
            block + "attn_v.weight": (narrow, hidden),
            block + "attn_output.weight": (hidden, hidden),
            block + "ffn_gate.weight": (dims.feed_forward, hidden),
            block + "ffn_up.weight": (dims.feed_forward, hidden),
            block + "ffn_down.weight": (hidden, dims.feed_forward),
        }
    return shapes


@contextmanager
def replica(launch: Launch, folder: Path) -> Iterator[tuple[psutil.Process, httpx.Client]]:
    """A llama.cpp replica as the server starts it, and a client of it."""
    socket = folder / "r.sock"
    command = engine.command(launch, Address(uds=str(socket)), "")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command.argv, env={**os.environ, **command.env}, stdout=log, stderr=log)
    try:
        wait_for(socket.exists, seconds=120)
        with httpx.Client(
            transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://replica", timeout=3600
        ) as http:
            wait_for(lambda: http.get("/health").status_code == 200, seconds=120)
            yield psutil.Process(process.pid), http
    finally:
        process.terminate()
        process.wait()


def weigh_llama(case: Case, folder: Path) -> Row:
    """Launch, fill every slot's context, weigh."""
    path = DEMO if case.dims is None else make_gguf(folder / "model.gguf", case.dims, case.kind, case.context)
    options: dict[str, Json] = {"n_ctx": case.context, "n_parallel": case.parallel}
    options |= {"cache_type_k": case.cache, "cache_type_v": case.cache, "use_mmap": False}
    launch = Launch("m", describe(path), "llama_cpp", options)
    with replica(launch, folder) as (process, http):
        body: dict[str, Any] = {"model": "m", "max_tokens": 1, "temperature": 0, "cache_prompt": False}
        prompts = [[5 + slot] * (case.context - 8) for slot in range(case.parallel)]
        answer = http.post("/v1/completions", json={**body, "prompt": prompts if case.parallel > 1 else prompts[0]})
        answer.raise_for_status()
        measured = process.memory_info().rss
    title = "demo model" if case.dims is None else TITLES[case.dims]
    slots = f" × {case.parallel}" if case.parallel > 1 else ""
    cache = f", cache {case.cache}" if case.cache != "f16" else ""
    return Row(
        "llama.cpp", f"{title}, {case.kind}, {case.context}{slots} tokens{cache}", engine.footprint(launch), measured
    )


CHILD = """
import json, sys, torch
from transformers import AutoModelForCausalLM
folder, context = sys.argv[1], int(sys.argv[2])
model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
model.get_input_embeddings().weight.sum()  # the words of a whole vocabulary are touched sooner or later
with torch.inference_mode():
    cache, step = None, 2048
    for start in range(0, context, step):
        ids = torch.full((1, min(step, context - start)), 5)
        out = model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache = out.past_key_values
rss = next(line for line in open('/proc/self/status') if line.startswith('VmRSS'))
print(int(rss.split()[1]) * 1024)
"""
MAKE = """
import sys, json, torch
from transformers import LlamaConfig, LlamaForCausalLM
folder, dtype, settings = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
model = LlamaForCausalLM(LlamaConfig(**settings)).to(getattr(torch, dtype))
model.save_pretrained(folder)
"""


def weigh_transformers(case: Case, folder: Path, python: str) -> Row:
    """Write a random Llama, load it in a process of its own, read a whole context in passes, weigh at the end."""
    assert case.dims is not None
    dims = case.dims
    settings = {
        "num_hidden_layers": dims.layers, "hidden_size": dims.hidden, "num_attention_heads": dims.heads,
        "num_key_value_heads": dims.kv_heads, "intermediate_size": dims.feed_forward,
        "vocab_size": dims.vocab or 8192, "max_position_embeddings": case.context,
    }  # fmt: skip
    place = folder / "model"
    subprocess.run([python, "-c", MAKE, str(place), case.kind, json.dumps(settings)], check=True, capture_output=True)
    command = [python, "-c", CHILD, str(place), str(case.context)]
    measured = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    model = describe(place)
    kind = "f32" if case.kind == "float32" else "f16"
    runtime = replace(PYTORCH, element=4) if kind == "f32" else PYTORCH
    need = footprint(
        model.weights_bytes, model.shape, runtime, context=case.context, key=kind, value=kind, on_gpu=False
    )
    return Row("transformers", f"{TITLES[dims]}, {case.kind}, {case.context} tokens", need, measured)


def table(rows: Sequence[Row]) -> str:
    """Markdown."""
    lines = ["| engine | model | weights | KV cache | activations | overhead | estimate | measured | ratio |",
             "|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for row in rows:
        need = row.estimate
        parts = (need.weights, need.kv_cache, need.activations, need.overhead, need.total, row.measured)
        cells = " | ".join(f"{part / MEBIBYTE:.0f}" for part in parts)
        lines.append(f"| {row.engine} | {row.title} | {cells} | {row.ratio:.2f} |")
    return "\n".join(lines)


def measure(python: str | None, llama: bool) -> list[Row]:
    """Every case, one after the other."""
    rows = []
    for case in CASES if llama else ():
        with tempfile.TemporaryDirectory() as folder:
            rows.append(weigh_llama(case, Path(folder)))
            print(table(rows[-1:]).splitlines()[-1], flush=True)
    for case in FOLDER_CASES if python else ():
        with tempfile.TemporaryDirectory() as folder:
            rows.append(weigh_transformers(case, Path(folder), str(python)))
            print(table(rows[-1:]).splitlines()[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--transformers", metavar="PYTHON", help="a Python that has torch and transformers")
    parser.add_argument("--no-llama", action="store_true", help="transformers only")
    args = parser.parse_args()
    rows = measure(args.transformers, not args.no_llama)
    print("\nSizes in MiB, resident memory.\n\n" + table(rows))


if __name__ == "__main__":
    main()
