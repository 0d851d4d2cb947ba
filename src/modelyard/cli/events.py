"""`modelyard events`: shows the events of a model."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from modelyard.cli.connection import with_client
from modelyard.cli.output import json_option, note, print_json, print_table

if TYPE_CHECKING:
    from modelyard.client import Client


@click.command()
@click.argument("uid")
@json_option
@with_client
def command(client: Client, uid: str, as_json: bool) -> None:
    """Show the events of a model, oldest first."""
    events = client.models.events(uid)
    if as_json:
        print_json(events)
    elif events:
        rows = [[_local(event["event_ts"]), event["event_type"], event["event_content"]] for event in events]
        print_table(("TIME", "TYPE", "WHAT"), rows)
    else:
        note(f"There are no events of {uid} yet.")


def _local(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
