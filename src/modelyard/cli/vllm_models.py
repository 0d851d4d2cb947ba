"""`modelyard vllm-models`: lists the architectures that vLLM would run on the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from modelyard.cli.connection import with_client
from modelyard.cli.output import json_option, note, print_json, print_table

if TYPE_CHECKING:
    from modelyard.client import Client


@click.command("vllm-models", short_help="List what vLLM would run.")
@json_option
@with_client
def command(client: Client, as_json: bool) -> None:
    """List the architectures that vLLM would run on the server."""
    found = client.models.vllm_architectures()
    rows = [[name, "chat"] for name in found["chat"]] + [[name, "generate"] for name in found["generate"]]
    if as_json:
        print_json(found)
    elif rows:
        print_table(("ARCHITECTURE", "ABILITY"), rows)
    else:
        note(
            "vLLM cannot run on this server: `modelyard doctor` says why, `modelyard engine install vllm` installs it."
        )
