"""Estimates the memory of a model of the catalog before its files are here: the weights from size and quantisation, the
dimensions from the family. Pure. For a launch with options, the engine's own estimate is more exact.
"""

from __future__ import annotations

import re
from dataclasses import replace

from modelyard.catalog.descriptions import one_line
from modelyard.catalog.family import Dimensions, Family
from modelyard.catalog.resolve import Variant, size_of
from modelyard.core.types import Model, Shape

GGUF_BITS = {
    "tq1_0": 1.69, "tq2_0": 2.06, "iq1_s": 2.0, "iq1_m": 2.15, "q1_0": 1.7, "iq2_xxs": 2.39, "iq2_xs": 2.59,
    "iq2_s": 2.74, "iq2_m": 2.93, "q2_k_s": 2.97, "q2_k_xs": 2.9, "q2_k": 3.16, "q2_k_l": 3.3, "q2_k_xl": 3.3,
    "iq3_xxs": 3.25, "iq3_xs": 3.5, "iq3_s": 3.66, "iq3_m": 3.76, "q3_k_s": 3.64, "q3_k_m": 4.0, "q3_k": 4.0,
    "q3_k_l": 4.3, "q3_k_xl": 4.4, "iq4_xs": 4.46, "iq4_nl": 4.68, "iq4_nl_xl": 4.8, "mxfp4_moe": 4.3, "mxfp4": 4.3,
    "q4_0": 4.66, "q4_k_s": 4.67, "q4_k_m": 4.89, "q4_k": 4.89, "q4_k_l": 5.0, "q4_k_xl": 5.0, "q4": 4.89,
    "q4_1": 5.14, "q5_0": 5.6, "q5_k_s": 5.57, "q5_k_m": 5.7, "q5_k": 5.7, "q5_k_l": 5.8, "q5_k_xl": 5.8, "q5_1": 6.06,
    "q6_k": 6.56, "q6_k_s": 6.56, "q6": 6.56, "q6_k_l": 6.7, "q6_k_xl": 6.9, "q8_0": 8.5, "q8_k_xl": 9.3,
    "f16": 16.0, "fp16": 16.0, "bf16": 16.0, "f32": 32.0, "fp32": 32.0, "none": 8.5,
}  # fmt: skip
"""Bits per weight averaged over a file, because mixed quantisations keep some tensors at more bits. From an 8B Llama."""

FORMAT_BITS = {"pytorch": 16.0, "fp8": 8.1, "fp4": 4.5, "bnb": 4.5, "gptq": 4.25, "awq": 4.25, "mlx": 16.0}
"""Bits per weight if the quantisation's name has no number, or is `none`."""

OVERHEADS = {"gptq": 0.25, "awq": 0.25, "bnb": 0.25, "mlx": 0.5, "fp8": 0.1, "fp4": 0.5, "pytorch": 0.5}
"""Bits per weight that scales and zero points add."""

KEEP_EMBEDDINGS = ("gptq", "awq", "bnb", "fp8", "fp4")
"""Formats that keep the embeddings and the output matrix at 16 bits."""

LATENT = {"DeepseekV2": (512, 64), "DeepseekV3": (512, 64), "DeepseekV32": (512, 64), "GlmMoeDsa": (512, 64),
          "Glm4MoeLite": (512, 64), "KimiK25": (512, 64), "MiniCPM3": (256, 32)}  # fmt: skip
"""Architectures with multi-head latent attention → width of the latent vector, and of the rotary key beside it."""

LARGE = 6_000_000_000
SHARING = ("Gemma", "Cohere", "Bloom", "GPT2")
"""Architectures whose output matrix is the embedding matrix, at every size."""

NEAR = 0.2
"""Relative difference. Stated sizes are rounded (7 for 7.6): a count from the dimensions is used if it is this close."""


def sketch(variant: Variant) -> Model:
    """Describe a variant without its files: the catalog's fields, and the estimated weights; 0 bytes if the size is unknown."""
    family, spec = variant.family, variant.spec
    shape = shape_of(variant)
    architecture = family.architectures[0] if family.architectures else None
    count = parameters(variant.size, shape, architecture)
    return Model(
        name=family.name,
        type=family.type,
        format=spec.format,
        size_in_billions=variant.size,
        quantization=variant.quantization,
        architecture=architecture,
        context_length=family.context_length,
        abilities=tuple(family.abilities),
        languages=tuple(family.languages),
        description=one_line(family),
        family=family.family or family.name,
        dimensions=family.dimensions,
        weights_bytes=weights(spec.format, variant.quantization, count, shape),
        shape=replace(shape, parameters=count) if shape else None,
    )


def bits(format: str, quantization: str) -> float:
    """Average bits per weight of a quantisation in a format, including scales."""
    name = quantization.lower()
    if format in ("ggufv2", "ggmlv3"):
        plain = name.removeprefix("i1-").removeprefix("ud-")
        if plain in GGUF_BITS:
            return GGUF_BITS[plain]
        found = re.search(r"q(\d)", plain)
        return int(found[1]) + 0.9 if found else GGUF_BITS["none"]
    if re.fullmatch(r"b?f(?:p|loat)?16", name):
        return 16.0
    found = re.search(r"(\d+)", name)
    if name == "none" or found is None:
        return FORMAT_BITS.get(format, 16.0)
    return min(int(found[1]), 32) + OVERHEADS.get(format, 0.0)


def weights(format: str, quantization: str, count: int, shape: Shape | None) -> int:
    """Bytes of `count` weights in a quantisation."""
    kept = min(2 * shape.vocab * shape.hidden, count) if shape and format in KEEP_EMBEDDINGS else 0
    return weights_from_parameters(count - kept, bits(format, quantization)) + kept * 2


def weights_from_parameters(parameters: int, bits: float) -> int:
    """Bytes of weights with this many bits each."""
    return int(parameters * bits / 8)


def parameters(size: float | None, shape: Shape | None, architecture: str | None = None) -> int:
    """The number of parameters: counted from the dimensions if that is close to the size, else the size. 0 if unknown.

    Small models may share the embeddings with the output matrix; large ones do only in the architectures of `SHARING`.
    """
    stated = int((size or 0) * 1e9)
    if shape is None or not shape.parameters:
        return stated
    apart, shared = shape.parameters, shape.parameters - shape.vocab * shape.hidden
    if (architecture or "").startswith(SHARING):
        nearest = shared
    elif stated == 0 or stated >= LARGE:
        nearest = apart
    else:
        nearest = min(apart, shared, key=lambda count: abs(count - stated))
    return nearest if stated == 0 or abs(nearest - stated) <= NEAR * stated else stated


def shape_of(variant: Variant) -> Shape | None:
    """The dimensions of a variant; if its format has none, those of an equal size in another format."""
    family = variant.family
    alike = [variant.spec, *(spec for spec in family.specs if size_of(spec.size_in_billions) == variant.size)]
    found = next((spec.shape for spec in alike if spec.shape), None)
    return shape_from(found, family) if found else None


def shape_from(dims: Dimensions, family: Family) -> Shape:
    """Convert a family's dimensions; `parameters` is counted for a dense model with a separate output matrix."""
    hidden, heads = dims.hidden_size, dims.num_attention_heads
    kv_heads = dims.num_key_value_heads or heads
    head_dim = dims.head_dim or hidden // heads
    attention = 2 * hidden * head_dim * (heads + kv_heads)
    block = attention + 3 * hidden * (dims.intermediate_size or 0)
    total = dims.num_hidden_layers * block + 2 * dims.vocab_size * hidden if dims.intermediate_size else 0
    architecture = family.architectures[0] if family.architectures else ""
    latent, rotated = LATENT.get(re.sub(r"(?:For|Model).*", "", architecture), (0, 0))
    return Shape(
        layers=dims.num_hidden_layers,
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        vocab=dims.vocab_size,
        parameters=total,
        kv_lora_rank=latent,
        qk_rope_head_dim=rotated,
    )
