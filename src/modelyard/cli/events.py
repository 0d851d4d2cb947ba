"""`modelyard events`: shows events of models, or follows everything that changes on the server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.connection import with_client
from modelyard.cli.exit_codes import INTERRUPTED
from modelyard.cli.name_completion import launched_models
from modelyard.cli.output import in_bytes, json_option, note, print_json, print_table, printable

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.event_types import ServerEventDict

SHOWN = 100
"""Events of all models that are shown."""


@click.command(short_help="Show events of models, or follow the server.")
@click.argument("uid", required=False, shell_complete=launched_models)
@click.option(
    "-f", "--follow", is_flag=True, help="Print what changes as it happens, until Ctrl-C; of one model with UID."
)
@click.option(
    "--topics",
    metavar="NAMES",
    help="With --follow: only these, divided by commas, such as models,jobs; see docs/events.md.",
)
@json_option
@with_client
def command(client: Client, uid: str | None, follow: bool, topics: str | None, as_json: bool) -> int:
    """Show the newest events of all models or of one, oldest first; with --follow, everything that changes on the server.

    With --follow and --json, one event per line. A broken connection is made again, and nothing is missed.
    """
    if follow:
        return _follow(client, uid, topics.split(",") if topics else None, as_json)
    if topics:
        raise click.UsageError("--topics needs --follow.")
    if uid is None:
        return _all(client, as_json)
    events = client.models.events(uid)
    if as_json:
        print_json(events)
    elif events:
        rows = [[_local(event["event_ts"]), event["event_type"], event["event_content"]] for event in events]
        print_table(("TIME", "TYPE", "WHAT"), rows)
    else:
        note(f"There are no events of {uid} yet.")
    return 0


def _all(client: Client, as_json: bool) -> int:
    """The newest events of all models, oldest first."""
    found = list(islice(client.events.past(), SHOWN))[::-1]
    if as_json:
        print_json(found)
    elif found:
        print_table(
            ("TIME", "MODEL", "TYPE", "WHAT"),
            [[_local(each["at"]), each["model_uid"], each["type"], each["text"]] for each in found],
        )
    else:
        note("Nothing has happened to any model yet.")
    return 0


def _local(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _follow(client: Client, uid: str | None, topics: list[str] | None, as_json: bool) -> int:
    try:
        with client.events.follow(topics) as events:
            for event in events:
                if uid is None or _model(event["data"]) == uid:
                    click.echo(json.dumps(event) if as_json else event_line(event))
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _model(data: Mapping[str, Any]) -> str | None:
    """The model that an event is about."""
    found: str | None = data.get("model_uid") or data.get("id")
    return found


def event_line(event: ServerEventDict) -> str:
    """An event as one line for people."""
    at = time.strftime("%H:%M:%S", time.localtime(event["at"]))
    sentence = SENTENCES.get(event["type"], str)  # a newer server may send types that are unknown here
    return printable(f"{at} {event['type']:<16} {sentence(event['data'])}".rstrip())


def _snapshot(data: Mapping[str, Any]) -> str:
    names = [name for name in ("models", "downloads", "jobs") if name in data]
    return ", ".join(f"{name}: {len(data[name])}" for name in names)


def _replicas(data: Mapping[str, Any]) -> str:
    states = ", ".join(f"{each['replica_id']} {each['status']}" for each in data["replicas"])
    return f"{data['model_uid']}: {states or 'none'}"


def _progress(data: Mapping[str, Any]) -> str:
    progress = data["progress"]
    return f"{data['model_uid']} {progress['progress']:.0%} {progress['stage']} {progress['info'] or ''}"


def _job(data: Mapping[str, Any]) -> str:
    progress = data["progress"]
    total = "" if progress["total"] is None else f"/{progress['total']}"
    amount = f"{progress['done']}{total} {progress['unit']}" if progress["unit"] else ""
    return f"{data['id']} {data['kind']} {data['state']} {amount} {progress['message']}"


def _gauges(data: Mapping[str, Any]) -> str:
    memory = data["devices"][0]
    free = f"{in_bytes(memory['memory_free'])} of {in_bytes(memory['memory_total'])} free"
    return f"{data['in_flight']} in flight, CPU {data['cpu_percent']:.0f} %, {free}"


SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "snapshot": _snapshot,
    "model": lambda data: f"{data['id']} {data['status']} {data['error'] or ''}",
    "model_removed": lambda data: str(data["id"]),
    "replicas": _replicas,
    "progress": _progress,
    "model_event": lambda data: f"{data['model_uid']} {data['event']['event_type']} {data['event']['event_content']}",
    "download": lambda data: f"{data['uid']} {data['status']} {data['info']}",
    "download_removed": lambda data: str(data["id"]),
    "job": _job,
    "job_removed": lambda data: str(data["id"]),
    "gauges": _gauges,
}
"""Type of an event → what its line says."""
