"""`modelyard kb conversations`: lists, shows, exports and deletes conversations."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from modelyard.cli.connection import with_client
from modelyard.cli.output import json_option, note, print_json, print_table
from modelyard.core.errors import ModelyardError

if TYPE_CHECKING:
    from modelyard.client import Client

TITLES = ("ID", "TITLE", "LAST")


@click.command(short_help="List, export or delete conversations.")
@click.option("--export", "export_id", metavar="ID", help="Print this conversation as Markdown.")
@click.option("--delete", "delete_ids", metavar="ID", multiple=True, help="Delete this conversation; repeatable.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="Maximum number listed.")
@json_option
@with_client
def conversations(client: Client, export_id: str | None, delete_ids: tuple[str, ...], limit: int, as_json: bool) -> int:
    """List the conversations of this key, newest first."""
    if export_id is not None:
        messages = client.conversations.messages(export_id) if as_json else None
        if messages is not None:
            print_json(messages)
        else:
            click.echo(client.conversations.export(export_id), nl=False)
        return 0
    if delete_ids:
        return _deleted(client, delete_ids)
    found = client.conversations.list(limit)
    if as_json:
        print_json(found)
    elif found:
        rows = [
            [talk["id"], talk["title"], time.strftime("%Y-%m-%d %H:%M", time.localtime(talk["updated_at"]))]
            for talk in found
        ]
        print_table(TITLES, rows)
    else:
        note("There is no conversation yet.")
    return 0


def _deleted(client: Client, names: tuple[str, ...]) -> int:
    """Delete conversations. Returns the exit code, 1 if one could not be deleted."""
    code = 0
    for each in names:
        try:
            client.conversations.delete(each)
            click.echo(f"{each} deleted")
        except ModelyardError as error:
            note(f"Error: {error.message}")
            code = 1
    return code
