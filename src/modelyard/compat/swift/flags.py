"""Parses command lines of ms-swift 2 and 4 into options of the model, the engine and the answer. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from modelyard.core.errors import nearest

MODEL = {
    "model_type": "model_type",
    "model": "model",
    "model_id_or_path": "model",
    "ckpt_dir": "ckpt_dir",
    "adapters": "adapters",
    "lora_modules": "adapters",
    "infer_backend": "backend",
    "served_model_name": "served_name",
    "merge_lora": "merge_lora",
    "system": "system",
    "verbose": "verbose",
}
"""Flags about the model → our names."""

ENGINE = {
    name: name
    for name in (
        "tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size", "gpu_memory_utilization", "max_model_len",
        "max_num_seqs", "enforce_eager", "enable_prefix_caching", "quantization", "reasoning_parser", "enable_lora", "max_loras",
        "max_lora_rank",
    )
} | {"torch_dtype": "dtype", "dtype": "dtype"}  # fmt: skip
"""Flags of the engine → its options; each may begin with `vllm_`."""

ANSWER = {
    "max_new_tokens": "max_tokens",
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "repetition_penalty": "repetition_penalty",
    "stop_words": "stop",
    "seed": "seed",
    "stream": "stream",
}
"""Flags about answers → fields of a `RequestConfig`."""
LISTS = ("adapters", "lora_modules", "stop_words", "val_dataset")
NUMBERS = {
    "max_tokens": int,
    "temperature": float,
    "top_p": float,
    "top_k": int,
    "repetition_penalty": float,
    "seed": int,
}
SWITCHES = ("merge_lora", "verbose", "stream", "enforce_eager", "enable_prefix_caching", "enable_lora")
"""Flags in these tables that may be given without a value, which means true."""
ADAPTER_SIZES = ("enable_lora", "max_loras", "max_lora_rank")


@dataclass(frozen=True, slots=True)
class Flags:
    """A parsed command line."""

    model: Mapping[str, Any] = field(default_factory=dict)
    engine: Mapping[str, Any] = field(default_factory=dict)
    answer: Mapping[str, Any] = field(default_factory=dict)
    own: Mapping[str, Any] = field(default_factory=dict)
    """Flags of the command itself."""


def parse(words: Sequence[str], own: Sequence[str] = ()) -> Flags:
    """Parse a command line; `own` names flags of the command itself, in addition to those of the tables above.

    `--a-b`, `--a_b` and `--a=b` are equivalent; a switch without a value is true. Raises `click.UsageError`, with the nearest
    flag.
    """
    found: dict[str, dict[str, Any]] = {"model": {}, "engine": {}, "answer": {}, "own": {}}
    for name, values in _pairs(words):
        place, key = _meaning(name, own)
        if not values and place != "own" and key not in SWITCHES:
            raise click.UsageError(f"--{name} takes a value.")
        value: Any = values if name in LISTS else _single(name, values)
        if place == "answer":
            value = _answer(name, key, value)
        found[place][key] = [*found[place].get(key, []), *value] if name in LISTS and place == "model" else value
    return Flags(**found)


def truth(text: str) -> bool:
    """Parse `true` and `false` in ms-swift's spellings. Raises `click.UsageError`."""
    if text.lower() in ("true", "1", "yes"):
        return True
    if text.lower() in ("false", "0", "no"):
        return False
    raise click.UsageError(f"'{text}' is neither true nor false.")


def options(flags: Flags, backend: str) -> dict[str, Any]:
    """The engine's options. vLLM's limits for adapters are dropped for other engines."""
    vllm = backend == "vllm"
    return {name: value for name, value in flags.engine.items() if vllm or name not in ADAPTER_SIZES}


def _pairs(words: Sequence[str]) -> list[tuple[str, list[str]]]:
    pairs: list[tuple[str, list[str]]] = []
    for word in words:
        if word.startswith("--") and len(word) > 2:
            name, equals, value = word[2:].partition("=")
            pairs.append((name.replace("-", "_"), [value] if equals else []))
        elif not pairs or (word.startswith("-") and not re.match(r"-\.?\d", word)):
            raise click.UsageError(f"'{word}' is not a flag; flags begin with --.")
        else:
            pairs[-1][1].append(word)
    return pairs


def _meaning(name: str, own: Sequence[str]) -> tuple[str, str]:
    if name in own:
        return "own", name
    for place, table in (("model", MODEL), ("engine", ENGINE), ("answer", ANSWER)):
        plain = name.removeprefix("vllm_") if table is ENGINE else name
        if plain in table:
            return place, table[plain]
    near = nearest(name, [*own, *MODEL, *ENGINE, *ANSWER])
    raise click.UsageError(f"There is no flag --{name}.{f' Did you mean --{near}?' if near else ''}")


def _single(name: str, values: list[str]) -> str:
    if len(values) > 1:
        raise click.UsageError(f"--{name} takes one value, not {' '.join(values)}.")
    return values[0] if values else "true"


def _answer(name: str, key: str, value: Any) -> Any:
    if key == "stream":
        return truth(value)
    if key not in NUMBERS:
        return value
    try:
        return NUMBERS[key](value)
    except ValueError:
        raise click.UsageError(f"--{name} is a number, not '{value}'.") from None
