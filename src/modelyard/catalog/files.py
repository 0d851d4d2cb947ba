"""Describes the model in a GGUF file or a Hugging Face folder: its type, dimensions and abilities."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from math import ceil, isfinite
from pathlib import Path

from modelyard.catalog.gguf import FILE_TYPES, Header, read_header
from modelyard.catalog.hf_folder import read_folder
from modelyard.catalog.reading import files_below
from modelyard.catalog.thinking import chat_abilities, thinking_key
from modelyard.core.errors import ModelFilesInvalid, ModelyardError
from modelyard.core.types import Model, ModelType, Shape
from modelyard.core.wording import reason

SPLIT = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")

ENCODERS = (
    "bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "jina-bert-v3", "modern-bert", "neo-bert", "eurobert",
    "gemma-embedding", "t5encoder",
)  # fmt: skip
"""Architectures whose models only embed."""

WINDOWED = {"gemma2": 2, "gemma3": 6, "gemma3n": 5, "gpt-oss": 2, "cohere2": 4, "exaone4": 4, "llama4": 4}
"""Architectures with sliding-window layers → every how many layers one has full attention."""

RANK_POOLING = 4
VECTOR_POOLINGS = (1, 2, 3)


def describe(path: str | Path) -> Model:
    """Describe the model at a path: a `.gguf` file, a Hugging Face folder, or a folder with a single GGUF model.

    Raises `ModelFilesInvalid` with the problem.
    """
    try:
        return _describe(Path(path).expanduser().absolute(), str(path))
    except ModelyardError:  # also a RuntimeError, but it names the path already
        raise
    except (OSError, RuntimeError, UnicodeError) as error:  # RuntimeError: unknown user behind `~`
        raise ModelFilesInvalid(str(path), f"it cannot be read: {reason(error)}.") from error


def _describe(place: Path, path: str) -> Model:
    if place.is_file():
        return _describe_gguf(place)
    if not place.is_dir():
        raise ModelFilesInvalid(path, "there is no such file or folder.")
    if (place / "config.json").is_file() or (place / "model_index.json").is_file():
        return read_folder(place)
    return _describe_gguf(_only_gguf(place))


TEXT = (ModelType.LLM, ModelType.EMBEDDING, ModelType.RERANK)
"""Model types that can be recognised from the files; other models have no common format."""


def described_as(path: Path, type: ModelType | None) -> Model:
    """Describe the model at a path whose type the catalog or the launch names.

    The files need not identify themselves, as with many audio and image models.
    """
    try:
        model = describe(path)
    except ModelFilesInvalid:
        if type is None or type in TEXT or not path.exists():
            raise
        files = [path] if path.is_file() else list(files_below(path))
        return unread(path, type, sum(file.stat().st_size for file in files))
    return model if type is None or (model.type in TEXT and type in TEXT) else replace(model, type=type)


def unread(path: Path, type: ModelType, size: int) -> Model:
    """A model of which only the type and the size in bytes are known."""
    return Model(path.name, type, "pytorch", str(path), weights_bytes=size)


def _only_gguf(folder: Path) -> Path:
    """The single model in a folder of GGUF files. The parts of a split file count as one model; projectors do not count."""
    files = sorted(file for file in folder.glob("*.gguf") if not file.name.startswith("mmproj"))
    models = [file for file in files if (part := SPLIT.search(file.name)) is None or int(part[1]) == 1]
    if len(models) == 1:
        return models[0]
    if models:
        names = ", ".join(file.name for file in models)
        raise ModelFilesInvalid(str(folder), f"it holds {len(models)} GGUF models, so name one of them: {names}.")
    if not any(folder.iterdir()):
        raise ModelFilesInvalid(str(folder), "the folder is empty.")
    raise ModelFilesInvalid(str(folder), "the folder has neither a config.json nor a .gguf file.")


def _describe_gguf(path: Path) -> Model:
    parts = _parts(path)
    return describe_header(parts, [part.stat().st_size for part in parts])


def describe_header(parts: Sequence[Path], sizes: Sequence[int]) -> Model:
    """Describe a GGUF model by its headers: `parts` has the beginning of each part, `sizes` the parts' full sizes in bytes."""
    path = parts[0]
    headers = [read_header(part, size) for part, size in zip(parts, sizes, strict=True)]
    header = headers[0]
    architecture = header.text("general.architecture") or ""
    _refuse_fragments(path, header, architecture)
    kind = _type(header, architecture)
    template = header.text("tokenizer.chat_template")
    parameters = sum(each.parameters for each in headers)
    return Model(
        name=SPLIT.sub("", path.name).removesuffix(".gguf"),
        type=kind,
        format="ggufv2",
        path=str(path),
        size_in_billions=round(parameters / 1e9, 3) or None,
        quantization=FILE_TYPES.get(header.number("general.file_type") or 0),
        architecture=architecture,
        context_length=header.number(f"{architecture}.context_length") or 0,
        abilities=_abilities(kind, template),
        languages=(),
        description=header.text("general.description") or "",
        dimensions=header.number(f"{architecture}.embedding_length") if kind is ModelType.EMBEDDING else None,
        weights_bytes=sum(sizes),
        shape=shape_of(header, architecture, parameters),
        thinking_key=thinking_key(template) if template else None,
    )


def _parts(path: Path) -> list[Path]:
    """All files of a split model, or the file itself if it is not split."""
    split = SPLIT.search(path.name)
    if split is None:
        return [path]
    stem, count = path.name[: split.start()], int(split[2])
    if int(split[1]) != 1:
        raise ModelFilesInvalid(str(path), f"it is part {int(split[1])} of {count}; name the first part.")
    parts = [path.with_name(f"{stem}-{number:05d}-of-{count:05d}.gguf") for number in range(1, count + 1)]
    for part in parts:
        if not part.is_file():
            raise ModelFilesInvalid(str(path), f"its part '{part.name}' is missing.")
    return parts


def _refuse_fragments(path: Path, header: Header, architecture: str) -> None:
    if header.text("general.type") == "adapter":
        raise ModelFilesInvalid(str(path), "it is a LoRA adapter; launch its base model with the option `lora`.")
    if architecture == "clip" or header.text("general.type") == "mmproj":
        raise ModelFilesInvalid(str(path), "it is a projector; launch its language model with the option `mmproj`.")
    if not architecture:
        raise ModelFilesInvalid(str(path), "its header names no architecture.")


def _type(header: Header, architecture: str) -> ModelType:
    pooling = header.number(f"{architecture}.pooling_type")
    if pooling == RANK_POOLING or "cls.output.weight" in header.tensors:
        return ModelType.RERANK
    if pooling in VECTOR_POOLINGS or architecture in ENCODERS:
        return ModelType.EMBEDDING
    return ModelType.LLM


def _abilities(kind: ModelType, template: str | None) -> tuple[str, ...]:
    if kind is ModelType.EMBEDDING:
        return ("embed",)
    return ("rerank",) if kind is ModelType.RERANK else chat_abilities(template)


def shape_of(header: Header, architecture: str, parameters: int) -> Shape | None:
    """The model's dimensions, with head counts averaged over layers if these differ; None if the header lacks them."""

    def number(key: str) -> int:
        return header.number(f"{architecture}.{key}") or 0

    layers, hidden = number("block_count"), number("embedding_length")
    heads = _heads(header, f"{architecture}.attention.head_count", layers)
    if not (layers and hidden and heads):
        return None
    kv_heads = _heads(header, f"{architecture}.attention.head_count_kv", layers) or heads
    vocab = number("vocab_size") or header.lengths.get("tokenizer.ggml.tokens", 0)
    # Files from before llama.cpp supported latent attention have the rank without this key, and cache keys per head.
    latent = number("attention.kv_lora_rank") if number("attention.key_length_mla") else 0
    window, every = number("attention.sliding_window"), WINDOWED.get(architecture, 0)
    return Shape(
        layers,
        hidden,
        heads,
        kv_heads,
        head_dim=number("attention.key_length") or hidden // heads,
        vocab=vocab,
        parameters=parameters,
        value_dim=number("attention.value_length"),
        kv_lora_rank=latent,
        qk_rope_head_dim=number("rope.dimension_count") if latent else 0,
        sliding_window=window if every else 0,
        sliding_layers=layers - layers // every if window and every else 0,
    )


def _heads(header: Header, key: str, layers: int) -> int:
    value = header.metadata.get(key)
    if isinstance(value, list):
        return ceil(sum(filter(isfinite, value)) / (layers or len(value) or 1))
    return int(value) if isinstance(value, int) else 0
