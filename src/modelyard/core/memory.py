"""Computes the memory that a model needs on an engine, in bytes; shared by the catalog and the engines. Pure.

The constants of llama.cpp and transformers, in their profiles, were fitted to measurements of `benchmarks/memory.py`, which
docs/launching.md tabulates.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelyard.core.types import Footprint, Shape

MEBIBYTE = 1024 * 1024

CACHE_TYPES: dict[str, float] = {
    "f32": 4.0,
    "f16": 2.0,
    "bf16": 2.0,
    "q8_0": 34 / 32,
    "q5_1": 24 / 32,
    "q5_0": 22 / 32,
    "q4_1": 20 / 32,
    "q4_0": 18 / 32,
    "iq4_nl": 18 / 32,
    "fp8": 1.0,
}
"""Bytes per element; the quantised types have a scale per block of 32."""


def kv_bytes_per_token(shape: Shape, key: str = "f16", value: str = "f16") -> float:
    """Bytes of one token in the KV cache, over all layers that have one."""
    return (shape.cached_layers or shape.layers) * _layer_bytes(shape, key, value)


def kv_bytes(shape: Shape, tokens: int, key: str = "f16", value: str = "f16", *, windowed: int | None = None) -> int:
    """Bytes of a cache with `tokens` tokens, of which layers with a sliding window keep at most `windowed`."""
    layers = shape.cached_layers or shape.layers
    sliding = min(shape.sliding_layers, layers) if windowed is not None else 0
    held = (layers - sliding) * tokens + sliding * min(tokens, windowed or 0)
    return int(held * _layer_bytes(shape, key, value))


def _layer_bytes(shape: Shape, key: str, value: str) -> float:
    """Bytes of one token in one layer. Latent attention stores one vector for both keys and values."""
    if shape.kv_lora_rank:
        return (shape.kv_lora_rank + shape.qk_rope_head_dim) * CACHE_TYPES[key]
    value_dim = shape.value_dim or shape.head_dim
    return shape.kv_heads * (shape.head_dim * CACHE_TYPES[key] + value_dim * CACHE_TYPES[value])


@dataclass(frozen=True, slots=True)
class Runtime:
    """Memory of an engine's process beside weights and KV cache."""

    process: int
    """Bytes before a model is loaded."""
    widths: float
    """Values per token of a forward pass, in multiples of the residual stream's width."""
    logits: int = 1
    """Tokens of a pass for which logits are allocated."""
    element: int = 2
    """Bytes of a value."""
    mask: int = 0
    """Bytes of the attention mask per token of a pass and token of the cache."""
    word: int = 0
    """Bytes per word of the vocabulary, for the tokenizer's tables."""
    parallel: int = 1
    """Requests that are computed concurrently by default."""
    batch: int = 2048
    """Tokens of one pass by default."""
    byte_cache: str = "fp8"
    """The name of its cache type with one byte per element."""
    share: float = 1.0
    """The default part of a GPU's memory that the engine uses (`gpu_memory_utilization`), from 0 to 1."""

    def overhead(self, shape: Shape) -> int:
        """Bytes of the process, including tables for the model's vocabulary."""
        return self.process + self.word * shape.vocab

    def activations(self, shape: Shape, batch: int, tokens: int, logits: int | None = None) -> int:
        """Bytes of working memory of one pass over `batch` tokens, with `tokens` in the cache."""
        values = batch * shape.hidden * self.widths + (logits or self.logits) * shape.vocab
        return int(values * self.element) + batch * tokens * self.mask


PYTORCH = Runtime(process=350 * MEBIBYTE, widths=24, mask=8)
"""A PyTorch process, measured with transformers; the assumption for engines without figures of their own."""


def footprint(
    weights: int,
    shape: Shape | None,
    runtime: Runtime,
    *,
    context: int,
    parallel: int | None = None,
    batch: int | None = None,
    key: str = "f16",
    value: str = "f16",
    on_gpu: bool = True,
) -> Footprint:
    """Bytes for `parallel` requests of `context` tokens each. Without a shape, the cache is estimated from the weights.

    Memory for logits that no request asks for is allocated and never touched, so it does not count in main memory.
    """
    if shape is None:
        return Footprint(weights, weights // 5, runtime.process)
    parallel = parallel or runtime.parallel
    batch = min(batch or runtime.batch, context)
    tokens = context * parallel
    windowed = parallel * shape.sliding_window + batch if shape.sliding_window else None
    cache = kv_bytes(shape, tokens, key, value, windowed=windowed)
    activations = runtime.activations(shape, batch, tokens, None if on_gpu else parallel)
    return Footprint(weights, cache, runtime.overhead(shape), activations)
