"""Describes the model in a Hugging Face folder by its config, its chat template and the size of its weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from modelyard.catalog.reading import files_below, read_json, read_text
from modelyard.catalog.thinking import chat_abilities, thinking_key
from modelyard.core.errors import ModelFilesInvalid
from modelyard.core.types import OFFSET_POSITIONS, Model, ModelType, Shape
from modelyard.core.wording import reason

Config = dict[str, Any]

WEIGHTS = (".safetensors", ".bin", ".pt", ".pth")
"""Endings of weight files in order of preference; only the first kind present counts."""

DESCRIBING = frozenset(
    {
        "config.json", "model_index.json", "tokenizer_config.json", "chat_template.jinja", "chat_template.json",
        "modules.json", "sentence_bert_config.json",
    }
)  # fmt: skip
"""Patterns of the small files that describe a model."""

CLASSIFIER, CLASSIFY = "ForSequenceClassification", "classify"
"""How the names of classifiers' architectures end, and the ability of those that do not rank."""
UNSAID = 2
"""Labels of a classifier whose config.json names none, in transformers."""
UNLIMITED = 10**9
"""Tokenizers without a limit state a number above this one."""

LARGEST = 2**53
"""Limit of the numbers in a config: realistic ones are smaller, and floats are inexact above it."""

DTYPE_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "float8_e4m3fn": 1}
QUANTIZATIONS = {"bitsandbytes": "bnb", "compressed-tensors": "compressed-tensors"}


def read_folder(folder: Path, sizes: Mapping[str, int] | None = None) -> Model:
    """Describe the model in a folder with a `config.json` or a `model_index.json`. Raises `ModelFilesInvalid`.

    `sizes` has the sizes of all its files by name, if only those of `DESCRIBING` have been downloaded.
    """
    weights = _weights_bytes(sizes if sizes is not None else _sizes(folder))
    try:
        return _read(folder, weights)
    except (AttributeError, TypeError, LookupError, UnicodeError) as error:
        raise ModelFilesInvalid(
            str(folder), f"its configuration is not of the kind expected: {reason(error)}."
        ) from error


def _read(folder: Path, weights: int) -> Model:
    if (folder / "model_index.json").is_file():
        pipeline = _json(folder / "model_index.json").get("_class_name", "")
        kind = ModelType.VIDEO if "Video" in pipeline else ModelType.IMAGE
        return Model(folder.name, kind, "pytorch", str(folder), architecture=pipeline or None, weights_bytes=weights)
    config = _json(folder / "config.json")
    if not weights:
        raise ModelFilesInvalid(str(folder), "it has a config.json but no weights (.safetensors or .bin).")
    text: Config = {**config, **(config.get("text_config") or {})}
    architectures = config.get("architectures") or []
    architecture = architectures[0] if architectures else None
    kind = _type(folder, config, architecture or "")
    template = _template(folder)
    shape = _shape(text, weights)
    return Model(
        name=folder.name,
        type=kind,
        format=_format(config),
        path=str(folder),
        size_in_billions=round(shape.parameters / 1e9, 3) or None if shape else None,
        quantization=_quantization(config),
        architecture=architecture,
        context_length=_context(folder, kind, text),
        abilities=_abilities(kind, template, config),
        dimensions=_first(text, "hidden_size", "d_model") or None if kind is ModelType.EMBEDDING else None,
        weights_bytes=weights,
        shape=shape,
        thinking_key=thinking_key(template) if template else None,
    )


def _json(path: Path) -> Config:
    try:
        return read_json(path)
    except (ValueError, OSError) as error:
        raise ModelFilesInvalid(str(path.parent), f"its {path.name} cannot be read: {reason(error)}.") from None


def _text(path: Path) -> str:
    try:
        return read_text(path)
    except ValueError as error:
        raise ModelFilesInvalid(str(path.parent), f"its {path.name} cannot be read: {reason(error)}.") from None


def _first(config: Config, *keys: str) -> int:
    for key in keys:
        if isinstance(value := config.get(key), int) and abs(value) < LARGEST:
            return value
    return 0


def _context(folder: Path, kind: ModelType, config: Config) -> int:
    """Context in tokens; for models that read whole texts, the smallest value that the files state."""
    positions = _first(config, "max_position_embeddings", "n_positions", "seq_length", "max_source_positions")
    if kind not in (ModelType.EMBEDDING, ModelType.RERANK):
        return positions
    if config.get("model_type") in OFFSET_POSITIONS and positions:
        positions -= _first(config, "pad_token_id") + 1
    lengths = [positions]
    for name, key in (("sentence_bert_config.json", "max_seq_length"), ("tokenizer_config.json", "model_max_length")):
        if (folder / name).is_file():
            lengths.append(_first(_json(folder / name), key))
    return min((length for length in lengths if 0 < length < UNLIMITED), default=0)


def _sizes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_size for path in files_below(folder)}


def _weights_bytes(sizes: Mapping[str, int]) -> int:
    for kind in WEIGHTS:
        # Mistral's folders contain all weights twice, once as `consolidated`.
        found = [
            size
            for name, size in sizes.items()
            if name.endswith(kind) and not PurePosixPath(name).name.startswith(("consolidated", "training_args"))
        ]
        if found:
            return sum(found)
    return 0


def labels(config: Config) -> int:
    """The number of labels of a classifier. One with a single label ranks pairs of texts."""
    return int(config.get("num_labels") or len(config.get("id2label") or {}) or UNSAID)


def _type(folder: Path, config: Config, architecture: str) -> ModelType:
    if architecture.endswith(CLASSIFIER):
        return ModelType.RERANK
    if "Whisper" in architecture:
        return ModelType.AUDIO
    if (folder / "modules.json").is_file():
        return ModelType.EMBEDDING
    generates = "ForCausalLM" in architecture or "ForConditionalGeneration" in architecture or "LMHead" in architecture
    encodes = architecture.endswith(("Model", "ForMaskedLM")) and not generates
    return ModelType.EMBEDDING if encodes else ModelType.LLM


def _format(config: Config) -> str:
    method = (config.get("quantization_config") or {}).get("quant_method")
    if method:
        return QUANTIZATIONS.get(str(method).lower(), str(method).lower())
    return "mlx" if isinstance(config.get("quantization"), dict) else "pytorch"


def _quantization(config: Config) -> str:
    settings = config.get("quantization_config") or config.get("quantization") or {}
    bits = settings.get("bits") or settings.get("w_bit")
    if settings.get("load_in_4bit"):
        bits = 4
    if settings.get("load_in_8bit"):
        bits = 8
    return f"Int{bits}" if bits else str(settings.get("quant_method") or "none")


def _template(folder: Path) -> str | None:
    """The chat template, from its own file or from the tokenizer's config, which may have several."""
    if (file := folder / "chat_template.jinja").is_file():
        return _text(file)
    for name in ("chat_template.json", "tokenizer_config.json"):
        if not (folder / name).is_file():
            continue
        found = _json(folder / name).get("chat_template")
        if isinstance(found, list):
            found = "\n".join(str(entry.get("template", "")) for entry in found if isinstance(entry, dict))
        if isinstance(found, str):
            return found
    return None


def _abilities(kind: ModelType, template: str | None, config: Config) -> tuple[str, ...]:
    if kind is ModelType.EMBEDDING:
        return ("embed",)
    if kind is ModelType.RERANK:
        return (CLASSIFY,) if labels(config) > 1 else ("rerank",)
    if kind is not ModelType.LLM:
        return ("audio2text",)
    seen = ("vision",) if "vision_config" in config else ()
    return chat_abilities(template) + seen


def _shape(config: Config, weights: int) -> Shape | None:
    layers = _first(config, "num_hidden_layers", "n_layer", "num_layers")
    hidden = _first(config, "hidden_size", "n_embd", "d_model")
    heads = _first(config, "num_attention_heads", "n_head", "encoder_attention_heads")
    if not (layers and hidden and heads):
        return None
    kv_heads = _first(config, "num_key_value_heads", "multi_query_group_num") or heads
    head_dim = _first(config, "head_dim") or hidden // heads
    dtype = str(config.get("torch_dtype") or config.get("dtype") or "bfloat16").removeprefix("torch.")
    quantised = "quantization_config" in config or "quantization" in config
    parameters = 0 if quantised else weights // DTYPE_BYTES.get(dtype, 2)
    latent = _first(config, "kv_lora_rank")
    window = 0 if config.get("use_sliding_window") is False else _first(config, "sliding_window")
    kinds = config.get("layer_types")
    cached = [kind for kind in kinds if kind not in UNCACHED] if isinstance(kinds, list) else []
    sliding = _sliding(config, cached, layers) if window else 0
    return Shape(
        layers,
        hidden,
        heads,
        kv_heads,
        head_dim,
        _first(config, "vocab_size"),
        parameters,
        kv_lora_rank=latent,
        qk_rope_head_dim=_first(config, "qk_rope_head_dim") if latent else 0,
        cached_layers=len(cached),
        sliding_window=window if sliding else 0,
        sliding_layers=sliding,
    )


UNCACHED = ("linear_attention", "mamba", "conv", "recurrent")
"""Layer types that keep a state of fixed size instead of keys and values."""


def _sliding(config: Config, cached: list[str], layers: int) -> int:
    """The number of layers with sliding-window attention: by the config's list, its pattern, or else all layers."""
    if cached:
        return cached.count("sliding_attention")
    every = _first(config, "sliding_window_pattern")
    return layers - layers // every if every else layers
