"""`modelyard cal-model-mem`: estimates the memory of a launch, before anything is downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.connection import with_client
from modelyard.cli.launch import absolute
from modelyard.cli.names import name_argument, required_name
from modelyard.cli.output import in_bytes, json_option, print_json, print_table

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.types import EstimateDict

PARTS = {
    "weights": "weights",
    "kv_cache": "KV cache",
    "activations": "activations",
    "overhead": "overhead",
    "total": "total",
}
"""Parts of an estimate → their titles in the table."""


@click.command("cal-model-mem", short_help="Estimate the memory of a launch.")
@name_argument
@click.option("-t", "--model-type", metavar="TYPE", help="LLM, embedding, …; LLM if left out.")
@click.option("-en", "--model-engine", metavar="ENGINE", help="Else the best that fits.")
@click.option("-s", "--size-in-billions", "model_size_in_billions", metavar="SIZE", help="Which size of a family.")
@click.option("-f", "--model-format", metavar="FORMAT", help="Which format of a family, such as ggufv2.")
@click.option("-q", "--quantization", metavar="NAME", help="Which quantisation of a format.")
@click.option("-c", "--context-length", type=click.IntRange(1), metavar="TOKENS", help="Else that of the model.")
@click.option("--kv-cache-dtype", metavar="BITS", help="8, 16 or 32 bits per value; else the engine's default.")
@json_option
@with_client
def command(client: Client, /, name: str | None, model_name: str | None, as_json: bool, **given: Any) -> None:
    """Estimate the memory of a launch by the catalog, a hub or the model's files."""
    bits = given.pop("kv_cache_dtype")
    found = client.models.estimate(
        absolute(required_name(name, model_name)),
        kv_cache_dtype=int(bits) if bits and bits.isdigit() else bits,
        **given,
    )
    if as_json:
        print_json(found)
        return
    click.echo(heading(found))
    figures: Mapping[str, Any] = found
    rows = [[title, in_bytes(figures[part])] for part, title in PARTS.items() if isinstance(figures.get(part), int)]
    print_table(("PART", "MEMORY"), rows)


def heading(found: EstimateDict) -> str:
    """The model of an estimate in one line."""
    size = found.get("model_size_in_billions")
    words = [
        found.get("model_name"),
        f"{str(size).replace('_', '.')}B" if size else None,
        found.get("model_format"),
        found.get("quantization"),
        f"{context} tokens" if (context := found.get("context_length")) else None,
        f"on {engine}" if (engine := found.get("model_engine")) else None,
    ]
    return ", ".join(str(word) for word in words if word)
