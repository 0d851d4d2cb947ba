"""`modelyard adapter`: load, unload and list the LoRA adapters of running models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from modelyard.cli.connection import with_client
from modelyard.cli.groups import SubcommandGroup
from modelyard.cli.launch import absolute
from modelyard.cli.output import in_bytes, json_option, note, print_json, print_sentence, print_table

if TYPE_CHECKING:
    from modelyard.client import Client

TITLES = ("NAME", "MODEL", "STATE", "RANK", "SIZE", "PATH")


@click.group(cls=SubcommandGroup, short_help="Load, unload and list LoRA adapters.")
def command() -> None:
    """Load, unload and list the LoRA adapters of running models.

    Each adapter has a model name of its own: requests with that name use the adapter, requests with its model's name do
    not. Loaded adapters are restored when the server starts again.
    """


@command.command("load", short_help="Load an adapter.")
@click.argument("name")
@click.argument("path")
@click.option("-m", "--model", metavar="UID", help="The model to load it on; else the only one that it suits.")
@click.option("--scale", type=click.FloatRange(0, min_open=True), metavar="N", help="Multiplies the adapter's scaling.")
@click.option("--replace", is_flag=True, help="Replace a loaded adapter of that name.")
@with_client
def load(client: Client, name: str, path: str, model: str | None, scale: float | None, replace: bool) -> None:
    """Load the adapter in the folder PATH on every replica of a running model, under the model name NAME."""
    client.adapters.load(name, absolute(path), model=model, lora_scale=scale, load_inplace=replace or None)
    print_sentence(f"{name} loaded")


@command.command("unload", short_help="Unload adapters.")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@with_client
def unload(client: Client, names: tuple[str, ...]) -> None:
    """Unload adapters; their model keeps running."""
    for name in names:
        client.adapters.unload(name)
        print_sentence(f"{name} unloaded")


@command.command("list", short_help="List the adapters.")
@json_option
@with_client
def list_adapters(client: Client, as_json: bool) -> None:
    """List the adapters of all running models."""
    found = client.adapters.list()
    if as_json:
        print_json(found)
    elif found:
        rows = [
            [each["id"], each["parent"], each["status"], str(each["rank"]), in_bytes(each["size_bytes"]), each["root"]]
            for each in found
        ]
        print_table(TITLES, rows)
        for each in found:
            if each["error"]:
                note(f"{each['id']}: {each['error']}", fg="red")
    else:
        note("No adapter is loaded; `modelyard adapter load NAME PATH` loads one.")
