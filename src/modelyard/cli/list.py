"""`modelyard list`: lists the launched models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from modelyard.cli.connection import with_client
from modelyard.cli.output import in_bytes, json_option, note, print_json, print_table

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.types import ModelDict

TITLES = ("UID", "TYPE", "NAME", "ENGINE", "REPLICAS", "STATE", "CONTEXT", "MEMORY")


@click.command("list")
@json_option
@with_client
def command(client: Client, as_json: bool) -> None:
    """List the launched models."""
    models = list(client.models.list().values())
    if as_json:
        print_json(models)
    elif models:
        print_table(TITLES, [row(model) for model in models if not model.get("alias_of")])
        for model in models:
            if names := model.get("aliases"):
                note(f"{model['id']} also answers as {', '.join(names)}.")
            if model.get("error") and not model.get("alias_of"):
                note(f"{model['id']}: {model['error']}", fg="red")
    else:
        note("No model is running; start one with `modelyard launch demo`.")


def row(model: ModelDict) -> list[str]:
    """The table cells of one model."""
    memory = model.get("memory") or {}
    context = model.get("context_length")
    return [
        model["id"],
        model["model_type"],
        model["model_name"],
        model.get("model_engine") or "-",
        f"{model.get('replica_ready', 0)}/{model.get('replica', 1)}",
        model.get("status", "-"),
        str(context) if context else "-",
        in_bytes(memory.get("total")) if not model.get("parent") else f"adapter of {model['parent']}",
    ]
