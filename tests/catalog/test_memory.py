"""Memory before anything is downloaded: bits of quantisations, weights of real models, and caches of every kind of attention."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelyard.catalog.files import describe
from modelyard.catalog.index import FAMILIES
from modelyard.catalog.memory import bits, parameters, sketch
from modelyard.catalog.resolve import matching, variants
from modelyard.core.memory import footprint, kv_bytes, kv_bytes_per_token
from modelyard.core.types import ModelType, Shape
from modelyard.engines.llama_cpp import RUNTIME
from modelyard.engines.names import profiles
from tests import make_gguf

GIGABYTE = 1e9


@pytest.mark.parametrize(
    ("format", "quantization", "expected"),
    [
        ("ggufv2", "q4_k_m", 4.89),
        ("ggufv2", "Q8_0", 8.5),
        ("ggufv2", "UD-Q4_K_XL", 5.0),
        ("ggufv2", "i1-IQ2_M", 2.93),
        ("ggufv2", "UD-Q7_Z", 7.9),
        ("ggufv2", "F16", 16),
        ("pytorch", "none", 16),
        ("pytorch", "4-bit", 4.5),
        ("gptq", "Int4", 4.25),
        ("gptq", "Int8", 8.25),
        ("awq", "AWQ", 4.25),
        ("fp8", "FP8", 8.1),
        ("bnb", "4-bit", 4.25),
        ("mlx", "4bit", 4.5),
        ("mlx", "bf16", 16),
        ("something", "new", 16),
    ],
)
def test_bits_per_weight(format: str, quantization: str, expected: float) -> None:
    assert bits(format, quantization) == pytest.approx(expected)


def test_every_quantisation_of_the_catalog_has_a_plausible_width() -> None:
    for family in FAMILIES.families(ModelType.LLM):
        for variant in variants(family):
            width = bits(variant.spec.format, variant.quantization)
            assert 1.5 <= width <= 33, (family.name, variant.spec.format, variant.quantization)


REAL = [
    ("qwen2.5-instruct", "0_5", "pytorch", "none", 0.988),
    ("qwen2.5-instruct", 7, "pytorch", "none", 15.23),
    ("qwen2.5-instruct", 7, "ggufv2", "q4_k_m", 4.68),
    ("qwen2.5-instruct", 7, "ggufv2", "q8_0", 8.10),
    ("qwen2.5-instruct", 7, "gptq", "Int4", 5.57),
    ("qwen2.5-instruct", 72, "pytorch", "none", 145.4),
    ("llama-3.1-instruct", 8, "ggufv2", "Q4_K_M", 4.92),
]
"""What these files weigh on their hubs, in GB."""


@pytest.mark.parametrize(("name", "size", "format", "quantization", "gigabytes"), REAL)
def test_weights_of_real_models_within_six_percent(
    name: str, size: float | str, format: str, quantization: str, gigabytes: float
) -> None:
    family = FAMILIES.get(name)
    (variant, *_) = matching(family, size=size, format=format, quantization=quantization)
    assert sketch(variant).weights_bytes / GIGABYTE == pytest.approx(gigabytes, rel=0.06)


def test_a_variant_without_dimensions_has_those_of_its_size_in_another_format() -> None:
    (variant, *_) = matching(FAMILIES.get("qwen2.5-instruct"), size=7, format="ggufv2")
    shape = sketch(variant).shape
    assert shape is not None and (shape.layers, shape.kv_heads, shape.head_dim) == (28, 4, 128)


def test_a_count_far_from_the_size_is_not_believed() -> None:
    mixture = Shape(layers=48, hidden=2048, heads=32, kv_heads=4, head_dim=128, vocab=151_936, parameters=2_000_000_000)
    assert parameters(30, mixture) == 30_000_000_000
    assert parameters(None, mixture) == 2_000_000_000
    assert parameters(None, None) == 0


# Caches

GROUPED = Shape(layers=32, hidden=4096, heads=32, kv_heads=8, head_dim=128, vocab=128_256)
LATENT = Shape(61, 7168, 128, 128, 128, 129_280, kv_lora_rank=512, qk_rope_head_dim=64)
SLIDING = Shape(48, 3840, 16, 8, 256, 262_208, sliding_window=1024, sliding_layers=40)
LINEAR = Shape(48, 2048, 16, 2, 256, 151_936, cached_layers=12)


def test_latent_attention_keeps_one_vector_per_token() -> None:
    assert kv_bytes_per_token(LATENT) == 61 * (512 + 64) * 2, "69 KB, where all heads would take 4 MB"
    (variant, *_) = matching(FAMILIES.get("deepseek-v3"), format="pytorch")
    shape = sketch(variant).shape
    assert shape is not None and (shape.kv_lora_rank, shape.qk_rope_head_dim) == (512, 64)


def test_layers_with_a_window_keep_the_window() -> None:
    per_layer = 8 * 256 * 2 * 2
    assert kv_bytes(SLIDING, 32_768, windowed=1536) == (8 * 32_768 + 40 * 1536) * per_layer
    assert kv_bytes(SLIDING, 1000, windowed=1536) == 48 * 1000 * per_layer, "a short text is kept whole"
    assert kv_bytes(SLIDING, 32_768) == 48 * 32_768 * per_layer, "an engine without windows keeps everything"


def test_linear_layers_keep_nothing() -> None:
    assert kv_bytes(LINEAR, 100) == 12 * 100 * 2 * 256 * 2 * 2


def test_key_and_value_heads_of_different_width() -> None:
    shape = Shape(layers=1, hidden=64, heads=4, kv_heads=2, head_dim=192, value_dim=128)
    assert kv_bytes(shape, 1) == 2 * (192 + 128) * 2


@pytest.mark.parametrize(("dtype", "part"), [("f16", 1), ("q8_0", 34 / 64), ("fp8", 0.5), ("f32", 2)])
def test_types_of_the_cache(dtype: str, part: float) -> None:
    assert kv_bytes(GROUPED, 1000, dtype, dtype) == int(kv_bytes(GROUPED, 1000) * part)


# Whole estimates


def test_room_for_logits_that_nobody_asks_for_counts_on_gpus_only() -> None:
    there = footprint(5_000_000_000, GROUPED, RUNTIME, context=4096, parallel=1, on_gpu=True)
    here = footprint(5_000_000_000, GROUPED, RUNTIME, context=4096, parallel=1, on_gpu=False)
    assert there.activations - here.activations == (512 - 1) * GROUPED.vocab * 4
    assert (there.weights, there.kv_cache) == (here.weights, here.kv_cache)


def test_every_engine_grows_with_context_and_requests() -> None:
    measured = [(name, profile.memory) for name, profile in profiles() if profile.memory]
    assert len(measured) == 5
    for name, runtime in measured:
        one, two = (footprint(10**9, GROUPED, runtime, context=8192, parallel=n) for n in (1, 2))
        assert two.kv_cache == 2 * one.kv_cache, name
        assert one.total > 10**9


# Shapes from files


def test_windows_latents_and_linear_layers_are_read_from_a_config(tmp_path: Path) -> None:
    common = {
        "architectures": ["SomeForCausalLM"], "num_hidden_layers": 6, "hidden_size": 64, "num_attention_heads": 4,
        "num_key_value_heads": 2, "vocab_size": 100,
    }  # fmt: skip

    def shape(name: str, **more: object) -> Shape:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(common | more))
        (folder / "model.safetensors").write_bytes(b"0" * 1000)
        found = describe(folder).shape
        assert found is not None
        return found

    latent = shape("latent", kv_lora_rank=512, qk_rope_head_dim=64)
    assert (latent.kv_lora_rank, latent.qk_rope_head_dim) == (512, 64)
    kinds = ["sliding_attention"] * 4 + ["full_attention"] * 2
    window = shape("window", sliding_window=512, layer_types=kinds)
    assert (window.sliding_window, window.sliding_layers, window.cached_layers) == (512, 4, 6)
    linear = shape("linear", layer_types=["linear_attention"] * 4 + ["full_attention"] * 2)
    assert (linear.cached_layers, linear.sliding_layers) == (2, 0)
    pattern = shape("pattern", sliding_window=512, sliding_window_pattern=6)
    assert pattern.sliding_layers == 5
    unused = shape("unused", sliding_window=512, use_sliding_window=False)
    assert (unused.sliding_window, unused.sliding_layers) == (0, 0)
    everywhere = shape("everywhere", sliding_window=4096)
    assert everywhere.sliding_layers == 6
    assert shape("plain", sliding_window=None).sliding_layers == 0


def test_a_latent_vector_is_read_from_a_gguf_header(tmp_path: Path) -> None:
    keys = {
        "llama.attention.kv_lora_rank": 512,
        "llama.rope.dimension_count": 64,
        "llama.attention.key_length_mla": 192,
    }
    file = make_gguf.chat_model(tmp_path / "m.gguf", metadata=keys)
    shape = describe(file).shape
    assert shape is not None and (shape.kv_lora_rank, shape.qk_rope_head_dim) == (512, 64)
