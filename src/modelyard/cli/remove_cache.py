"""`modelyard remove-cache`: deletes the files of a model from the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from modelyard.cli.connection import with_client
from modelyard.cli.output import agrees, note, print_sentence, printable
from modelyard.core.wording import clean

if TYPE_CHECKING:
    from modelyard.client import Client


@click.command("remove-cache", short_help="Delete the files of a model.")
@click.argument("version", required=False)
@click.option("-n", "--model-version", "--model_version", metavar="VERSION", help="Alternative to VERSION.")
@click.option("--worker-ip", metavar="ADDRESS", help="Must be the server's own address, if given.")
@click.option("-y", "--yes", "--check", "sure", is_flag=True, help="Do not ask.")
@with_client
def command(client: Client, version: str | None, model_version: str | None, worker_ip: str | None, sure: bool) -> int:
    """Delete the files of a VERSION, as `modelyard cached` lists it, from the server."""
    chosen = model_version or version
    if not chosen:
        raise click.UsageError("No version; `modelyard cached` lists them.")
    chosen = clean(chosen)
    paths = client.cache.files(chosen, worker_ip)["paths"]
    for path in paths:
        note(printable(str(path)), dim=True)
    if not sure and not agrees(f"Delete {len(paths)} files of {chosen}?"):
        note("Nothing was deleted.")
        return 1
    if not client.cache.remove(chosen, worker_ip):
        raise click.ClickException(f"The files of {chosen} were not removed.")
    print_sentence(f"{chosen} removed")
    return 0
