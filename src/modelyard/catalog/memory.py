"""How much memory a model needs before anything is launched. Pure; engines refine it by their own options."""

from __future__ import annotations

from modelyard.core.memory import kv_bytes
from modelyard.core.types import Footprint, Model, Shape

ACTIVATIONS = 12
"""Widths of the residual stream that one pass holds per token, seen with llama.cpp and close for others."""


def estimate(
    model: Model,
    *,
    context: int,
    parallel: int = 1,
    batch: int = 512,
    cache_type: str = "f16",
    runtime_bytes: int = 0,
) -> Footprint:
    """Bytes for `parallel` requests of `context` tokens each. Without a shape, the cache is guessed from the weights."""
    if model.shape is None:
        return Footprint(model.weights_bytes, model.weights_bytes // 5, runtime_bytes)
    cache = kv_bytes(model.shape, context * parallel, cache_type, cache_type)
    return Footprint(model.weights_bytes, cache, runtime_bytes + activation_bytes(model.shape, batch))


def activation_bytes(shape: Shape, batch: int) -> int:
    """Working memory of one pass over `batch` tokens, in 32-bit floats."""
    return 4 * batch * (shape.hidden * ACTIVATIONS + shape.vocab)


def weights_from_parameters(parameters: int, bits: float) -> int:
    """Bytes of weights stored at so many bits each, for a model that is not downloaded yet."""
    return int(parameters * bits / 8)
