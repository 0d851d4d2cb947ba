"""`modelyard logs`: prints the output of a model's replica."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from modelyard.cli.connection import with_client
from modelyard.cli.output import json_option, note, print_json
from modelyard.core.errors import NotFound

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.types import LogsDict

POLL = 0.5
WINDOW = 2000
"""Lines read at a time while following; if a replica prints more within `POLL`, some are lost."""
CONTEXT = 50
"""Lines that are compared to find where the last read ended."""


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
    logs = client.models.logs(uid, max(lines, WINDOW) if follow else lines, replica)
    if as_json:
        print_json(logs)
        return
    _print(logs["lines"][-lines:])
    if follow:
        try:
            for new in _growth(client, logs, replica):
                _print(new)
        except NotFound:
            note(f"{uid} is gone.")


def _print(lines: Sequence[str]) -> None:
    for line in lines:
        click.echo(line)
    sys.stdout.flush()


def _growth(client: Client, logs: LogsDict, replica: str | None) -> Iterator[list[str]]:
    """Yield lines as they are added to the log; the log of a new replica is yielded from its beginning."""
    while True:
        time.sleep(POLL)
        now = client.models.logs(logs["uid"], WINDOW, replica)
        yield added(logs["lines"], now["lines"])
        logs = now


def added(before: Sequence[str], now: Sequence[str]) -> list[str]:
    """The lines of `now` after those of `before`, if both are ends of one growing log; if of different logs, all lines."""
    if list(now[: len(before)]) == list(before):
        return list(now[len(before) :])
    for end in range(len(now), 1, -1):
        # The first line of either may be cut off in the middle, and is not compared.
        known = min(end - 1, len(before) - 1, CONTEXT)
        if known > 0 and list(before[-known:]) == list(now[end - known : end]):
            return list(now[end:])
    return list(now)
