"""`modelyard unregister`: forget a family that was registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from modelyard.cli.connection import with_client
from modelyard.cli.names import name_argument, the_name
from modelyard.cli.registrations import type_option

if TYPE_CHECKING:
    from modelyard.client import Client


@click.command(short_help="Forget a registered family.")
@type_option
@name_argument
@with_client
def command(client: Client, model_type: str, name: str | None, model_name: str | None) -> None:
    """Forget a family that was registered; those of the catalog stay."""
    chosen = the_name(name, model_name)
    client.registrations.unregister(model_type, chosen)
    click.echo(f"{chosen} unregistered")
