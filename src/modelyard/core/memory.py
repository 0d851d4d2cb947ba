"""How many bytes a model's key-value cache takes: the arithmetic that the catalog and the engines share. Pure."""

from __future__ import annotations

from modelyard.core.types import Shape

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
"""Bytes per element; the quantised ones keep a scale per block of 32."""


def kv_bytes_per_token(shape: Shape, key: str = "f16", value: str = "f16") -> float:
    """Bytes of keys and values that one token leaves in the cache, over all layers."""
    return shape.layers * shape.kv_heads * shape.head_dim * (CACHE_TYPES[key] + CACHE_TYPES[value])


def kv_bytes(shape: Shape, tokens: int, key: str = "f16", value: str = "f16") -> int:
    """Bytes of a cache that holds `tokens` tokens."""
    return int(kv_bytes_per_token(shape, key, value) * tokens)
