"""`modelyard stop-cluster`: stops a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from modelyard.cli.connection import with_client
from modelyard.cli.output import agrees, note, print_sentence

if TYPE_CHECKING:
    from modelyard.client import Client


@click.command("stop-cluster", short_help="Stop the server.")
@click.option("-y", "--yes", "--check", "sure", is_flag=True, help="Do not ask.")
@with_client
def command(client: Client, sure: bool) -> int:
    """Stop the server and every model. The models are started again with the server."""
    if not sure and not agrees(f"Stop the server at {client.base_url} and every model?"):
        note("It goes on.")
        return 1
    client.cluster.stop()
    print_sentence(f"The server at {client.base_url} is stopping.")
    return 0
