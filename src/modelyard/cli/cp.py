"""`modelyard cp`: gives a model a second name, as a registered family of the same files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from modelyard.cli.connection import with_client
from modelyard.cli.name_completion import launched_models
from modelyard.cli.output import json_option, note, print_json, print_sentence

if TYPE_CHECKING:
    from modelyard.client import Client


@click.command(short_help="Give a model a second name.")
@click.argument("source", shell_complete=launched_models)
@click.argument("destination")
@json_option
@with_client
def command(client: Client, source: str, destination: str, as_json: bool) -> None:
    """Register DESTINATION as a family of the same files as SOURCE: a launched model, a family, or owner/name of a hub.

    Files are not copied. While SOURCE runs, it answers for DESTINATION, too. `modelyard launch --alias` gives a model another
    name for as long as it is launched.
    """
    client.registrations.copy(source, destination)
    if as_json:
        print_json({"source": source, "destination": destination})
        return
    print_sentence(f"{destination} is a copy of {source}")
    note(f"`modelyard launch {destination}` launches it; `modelyard unregister {destination}` removes it.")
