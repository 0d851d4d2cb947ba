"""`modelyard logs`: prints the output of a model's replica, or lines of all models, jobs and the server."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.connection import with_client
from modelyard.cli.durations import Duration
from modelyard.cli.exit_codes import INTERRUPTED
from modelyard.cli.name_completion import launched_models
from modelyard.cli.output import json_option, note, print_json, printable

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.log_types import LogEntryDict

LEVELS = ("debug", "info", "warning", "error", "critical")


@click.command(short_help="Show what models, jobs and the server printed.")
@click.argument("uid", required=False, shell_complete=launched_models)
@click.option("-n", "--lines", type=click.IntRange(1), default=200, show_default=True, help="Number of last lines.")
@click.option("-f", "--follow", is_flag=True, help="Keep printing new lines, until Ctrl-C or the model is gone.")
@click.option("--replica", metavar="NAME", help="Name of the replica; else the newest.")
@click.option("--all", "everything", is_flag=True, help="All models, jobs and the server; also without UID.")
@click.option("--job", "jobs", metavar="ID", multiple=True, help="What a job's process printed; may be repeated.")
@click.option("--server", is_flag=True, help="The server's own log, for administrators.")
@click.option("--level", type=click.Choice(LEVELS), help="Only lines of this level or a higher one.")
@click.option("-q", "--text", metavar="TEXT", help="Only lines that contain this text.")
@click.option("--since", type=Duration(), metavar="TIME", help="Only lines younger than 10m, 2h or 1d.")
@json_option
@with_client
def command(
    client: Client, /, uid: str | None, lines: int, follow: bool, replica: str | None, everything: bool, as_json: bool,
    **chosen: Any,
) -> int:  # fmt: skip
    """Show the last lines of a model's replica; without UID, those of all models and jobs, and of the server.

    Lines of several logs begin with where they come from. With --follow and --json, one line of JSON for each line.
    """
    if everything and uid is not None:
        raise click.UsageError("--all and UID exclude each other.")
    if uid is None or any(chosen.values()):
        if replica is not None and uid is None:
            raise click.UsageError("--replica needs the UID of its model.")
        return _across(client, uid, replica, lines, follow, as_json, chosen)
    if follow and as_json:
        raise click.UsageError("--json cannot be combined with --follow for one model.")
    if not follow:
        logs = client.models.logs(uid, lines, replica)
        if as_json:
            print_json(logs)
        else:
            _print(logs["lines"])
        return 0
    with client.models.follow_logs(uid, lines, replica) as portions:
        for portion in portions:
            _print(portion["lines"])
    note(f"{uid} is gone.")
    return 0


def _across(
    client: Client, uid: str | None, replica: str | None, lines: int, follow: bool, as_json: bool,
    chosen: dict[str, Any],
) -> int:  # fmt: skip
    """Print lines of several logs, or those of one that match."""
    query: dict[str, Any] = {"model": uid, "replica": replica, "job": list(chosen.pop("jobs")) or None, **chosen}
    if (age := query["since"]) is not None:
        query["since"] = time.time() - age
    if not follow:
        found = client.logs.list(**query, limit=lines)
        if as_json:
            print_json(found)
        else:
            _print([entry_line(entry) for entry in found["data"]])
        return 0
    try:
        with client.logs.follow(**query, limit=lines) as news:
            for each in news:
                _print([json.dumps(entry) if as_json else entry_line(entry) for entry in each["data"]])
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def entry_line(entry: LogEntryDict) -> str:
    """A line with where it comes from, for people."""
    place = entry["replica"] or (f"job {entry['job']}" if entry["job"] else "server")
    at = ""
    if entry["source"] == "server" and entry["at"] is not None:
        at = f"{time.strftime('%H:%M:%S', time.localtime(entry['at']))} {(entry['level'] or '').upper():<7} "
    return printable(f"{place} | {at}{entry['text']}")


def _print(lines: Sequence[str]) -> None:
    for line in lines:
        click.echo(line)
    sys.stdout.flush()
