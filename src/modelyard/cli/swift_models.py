"""Converts ms-swift's flags for model, adapters and options into the parameters of the package `infer`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from modelyard.compat.swift.flags import Flags, options, truth

if TYPE_CHECKING:
    from modelyard.infer.launch_request import LaunchSpec


def run_options(flags: Flags, default_backend: str = "") -> LaunchSpec:
    """The model to run and its options. Raises `click.UsageError` for `--merge_lora true`, which `modelyard export` does."""
    from modelyard.infer.launch_request import LaunchSpec, engine_of

    model = flags.model
    if truth(str(model.get("merge_lora", "false"))):
        raise click.UsageError(
            "Merge first: modelyard export --ckpt_dir … --merge_lora true, then name the merged folder."
        )
    backend = str(model.get("backend") or default_backend or "auto")
    model_type, weights, adapters = _weights(model)
    return LaunchSpec(
        model_type=model_type,
        model=weights,
        adapters=tuple(adapters),
        backend=backend,
        served_name=model.get("served_name"),
        options=options(flags, engine_of(backend) or ""),
    )


def _weights(model: Mapping[str, Any]) -> tuple[str | None, str | None, list[tuple[str, str]]]:
    """The name, the weights, and the adapters. An adapter in `--ckpt_dir` beside a model is loaded on that model."""
    from modelyard.catalog.adapters import is_adapter
    from modelyard.catalog.swift_models import name_of
    from modelyard.infer.engine import named_adapters
    from modelyard.infer.launch_request import training

    name, weights, checkpoint = model.get("model_type"), model.get("model"), model.get("ckpt_dir")
    given = model.get("adapters", [])
    if weights and checkpoint and is_adapter(checkpoint):
        noted = training(checkpoint).get("model_type")
        return name or noted or name_of(weights), weights, named_adapters([checkpoint, *given])
    return name, checkpoint or weights, named_adapters(given)


def help_text(summary: str, flags: dict[str, str]) -> str:
    """The help of a command that parses its flags by a table."""
    width = max(map(len, flags))
    lines = [f"  --{name:<{width}}  {text}" for name, text in flags.items()]
    return summary + "\n\n\b\n" + "\n".join(lines)


COMMON = {
    "model_type NAME": "a name of ms-swift or of the catalog: qwen-7b-chat",
    "model ID|PATH": "also --model_id_or_path: weights, or an adapter",
    "ckpt_dir PATH": "a checkpoint: weights, or an adapter, whose base is --model or what args.json names",
    "adapters [NAME=]PATH…": "also --lora_modules; without a name: default-lora",
    "infer_backend NAME": "vllm, pt, transformers, llama_cpp, auto",
    "served_model_name NAME": "else the model_type",
    "tensor_parallel_size N": "and every option of the engine, with or without vllm_",
    "max_model_len N": "tokens of prompt and answer",
}
"""Flags that these commands share."""


def passthrough(short: str, summary: str, flags: dict[str, str]) -> dict[str, Any]:
    """Settings of a click command that receives all words unparsed, because ms-swift's flags take several values."""
    return {
        "short_help": short,
        "help": help_text(summary, {**COMMON, **flags}),
        "context_settings": {
            "ignore_unknown_options": True,
            "allow_extra_args": True,
            "allow_interspersed_args": False,
        },
    }
