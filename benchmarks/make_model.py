"""Makes the model that benchmarks run: the demo model's tokenizer, random weights, and as many of them as a real model has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np

DEMO = Path(__file__).resolve().parent.parent / "src" / "modelyard" / "catalog" / "demo" / "modelyard-demo.gguf"
LAYERS, HIDDEN, FEED_FORWARD, HEADS, KV_HEADS, CONTEXT = 16, 1024, 2816, 16, 8, 2048


def make(path: Path) -> int:
    """Write a Llama of about 200 million random weights in Q8_0; returns how many weights it has."""
    rng = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "llama")
    _describe(writer)
    vocabulary = copy_tokenizer(writer)
    head = HIDDEN // HEADS
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (vocabulary, HIDDEN),
        "output.weight": (vocabulary, HIDDEN),
    }
    for layer in range(LAYERS):
        shapes |= {
            f"blk.{layer}.attn_q.weight": (HIDDEN, HIDDEN),
            f"blk.{layer}.attn_k.weight": (KV_HEADS * head, HIDDEN),
            f"blk.{layer}.attn_v.weight": (KV_HEADS * head, HIDDEN),
            f"blk.{layer}.attn_output.weight": (HIDDEN, HIDDEN),
            f"blk.{layer}.ffn_gate.weight": (FEED_FORWARD, HIDDEN),
            f"blk.{layer}.ffn_up.weight": (FEED_FORWARD, HIDDEN),
            f"blk.{layer}.ffn_down.weight": (HIDDEN, FEED_FORWARD),
        }
    norms = ["output_norm.weight"]
    norms += [f"blk.{layer}.{name}_norm.weight" for layer in range(LAYERS) for name in ("attn", "ffn")]
    for name in norms:
        writer.add_tensor(name, np.ones(HIDDEN, np.float32))
    kind = gguf.GGMLQuantizationType.Q8_0
    for name, shape in shapes.items():
        weights = (rng.standard_normal(shape, np.float32) * 0.02).astype(np.float32)
        writer.add_tensor(name, gguf.quants.quantize(weights, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return sum(int(np.prod(shape)) for shape in shapes.values())


def _describe(writer: gguf.GGUFWriter) -> None:
    writer.add_name("random")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)


def copy_tokenizer(writer: gguf.GGUFWriter, size: int = 0) -> int:
    """Everything under `tokenizer.` of the demo model; returns the size of its vocabulary, padded to `size`."""
    padding = {"tokenizer.ggml.scores": 0.0, "tokenizer.ggml.token_type": int(gguf.TokenType.UNUSED)}
    vocabulary = 0
    for name, field in gguf.GGUFReader(DEMO).fields.items():
        if not name.startswith("tokenizer."):
            continue
        value: Any = field.contents()
        kind = field.types[0]
        sub = field.types[-1] if kind is gguf.GGUFValueType.ARRAY else None
        if name == "tokenizer.ggml.tokens":
            value = [*value, *(f"<unused {number}>" for number in range(len(value), size))]
            vocabulary = len(value)
        elif name in padding:
            value = [*value, *[padding[name]] * (size - len(value))]
        writer.add_key_value(name, value, kind, sub)
    return vocabulary
