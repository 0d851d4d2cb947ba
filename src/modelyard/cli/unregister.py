"""`modelyard unregister`: removes a registered family."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from modelyard.cli.connection import with_client
from modelyard.cli.names import name_argument, required_name
from modelyard.cli.output import print_sentence
from modelyard.cli.registrations import type_option

if TYPE_CHECKING:
    from modelyard.client import Client


@click.command(short_help="Remove a registered family.")
@type_option
@name_argument
@with_client
def command(client: Client, model_type: str, name: str | None, model_name: str | None) -> None:
    """Remove a registered family; those of the catalog cannot be removed."""
    chosen = required_name(name, model_name)
    client.registrations.unregister(model_type, chosen)
    print_sentence(f"{chosen} unregistered")
