"""`modelyard logs`: prints the output of a model's replica."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from modelyard.cli.connection import with_client
from modelyard.cli.output import json_option, note, print_json

if TYPE_CHECKING:
    from modelyard.client import Client


@click.command(short_help="Show what a model's process printed.")
@click.argument("uid")
@click.option("-n", "--lines", type=click.IntRange(1), default=200, show_default=True, help="Number of last lines.")
@click.option("-f", "--follow", is_flag=True, help="Keep printing new lines, until Ctrl-C or the model is gone.")
@click.option("--replica", metavar="NAME", help="Name of the replica; else the newest.")
@json_option
@with_client
def command(client: Client, uid: str, lines: int, follow: bool, replica: str | None, as_json: bool) -> None:
    """Show the last lines that a model's replica printed."""
    if follow and as_json:
        raise click.UsageError("--json cannot be combined with --follow.")
    if not follow:
        logs = client.models.logs(uid, lines, replica)
        if as_json:
            print_json(logs)
        else:
            _print(logs["lines"])
        return
    with client.models.follow_logs(uid, lines, replica) as portions:
        for portion in portions:
            _print(portion["lines"])
    note(f"{uid} is gone.")


def _print(lines: Sequence[str]) -> None:
    for line in lines:
        click.echo(line)
    sys.stdout.flush()
