"""`modelyard terminate`: stops models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from modelyard.cli.connection import with_client
from modelyard.cli.name_completion import launched_models
from modelyard.cli.output import complain, print_sentence
from modelyard.core.errors import ModelyardError, ServerUnreachable

if TYPE_CHECKING:
    from modelyard.client import Client


@click.command(short_help="Stop models.")
@click.argument("uids", metavar="UID...", nargs=-1, shell_complete=launched_models)
@click.option("--model-uid", "more", metavar="UID", multiple=True, help="The same as UID.")
@with_client
def command(client: Client, uids: tuple[str, ...], more: tuple[str, ...]) -> int:
    """Stop models and wait until their processes are gone."""
    if not uids + more:
        raise click.UsageError("No model; `modelyard list` shows the running ones.")
    code = 0
    for uid in uids + more:
        try:
            client.models.terminate(uid)
        except ServerUnreachable:
            raise
        except ModelyardError as error:
            complain(error.message)
            code = 1
        else:
            print_sentence(f"{uid} terminated")
    return code
