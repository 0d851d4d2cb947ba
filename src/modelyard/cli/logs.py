"""`modelyard logs`: the output of a model's replica."""

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
"""Lines looked at while following; a replica that prints more than this within `POLL` loses some."""
CONTEXT = 50
"""Lines by which the place is found again where the last look ended."""


@click.command(short_help="Show what a model's process printed.")
@click.argument("uid")
@click.option(
    "-n", "--lines", type=click.IntRange(1), default=200, show_default=True, help="How many of the last lines."
)
@click.option("-f", "--follow", is_flag=True, help="Go on printing what comes, until Ctrl-C or the model is gone.")
@click.option("--replica", metavar="NAME", help="Which replica, as the replicas are called; else the newest.")
@json_option
@with_client
def command(client: Client, uid: str, lines: int, follow: bool, replica: str | None, as_json: bool) -> None:
    """Show the last lines that a model's replica printed."""
    if follow and as_json:
        raise click.UsageError("--json shows what is there; it does not go with --follow.")
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
    """Lines added to the log, as they are added; the log of a new replica is added as a whole."""
    while True:
        time.sleep(POLL)
        now = client.models.logs(logs["uid"], WINDOW, replica)
        yield added(logs["lines"], now["lines"])
        logs = now


def added(before: Sequence[str], now: Sequence[str]) -> list[str]:
    """The lines of `now` after those of `before`, when both are the end of one growing log; all of them, if of another."""
    if list(now[: len(before)]) == list(before):
        return list(now[len(before) :])
    for end in range(len(now), 1, -1):
        # The first line of either end may be cut off in its middle, and is not compared.
        known = min(end - 1, len(before) - 1, CONTEXT)
        if known > 0 and list(before[-known:]) == list(now[end - known : end]):
            return list(now[end:])
    return list(now)
