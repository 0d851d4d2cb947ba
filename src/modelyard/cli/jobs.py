"""`modelyard jobs`: lists, follows and controls background jobs of all kinds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import click

from modelyard.cli.connection import with_client
from modelyard.cli.exit_codes import INTERRUPTED
from modelyard.cli.groups import SubcommandGroup
from modelyard.cli.output import in_bytes, json_option, note, print_json, print_list, print_table, printable
from modelyard.core.errors import ConnectionLost, InvalidParameter

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.job_types import JobDict, JobEventDict, JobProgressDict

TITLES = ("ID", "KIND", "STATE", "PROGRESS", "CREATED", "WHAT")
FINISHED = ("done", "failed", "cancelled")
RETRIES = 3
"""Consecutive connections that may break while a job is followed."""


@click.group(cls=SubcommandGroup, short_help="Show, follow and control background jobs.")
def command() -> None:
    """List, follow and control background jobs of the server: downloads, installs, indexing."""


@command.command("list", short_help="List jobs.")
@click.option("--kind", metavar="KIND", help="Only jobs of this kind.")
@click.option("--state", metavar="STATE", help="Only jobs in this state, such as running or failed.")
@click.option("--limit", type=click.IntRange(1, 1000), metavar="N", help="Maximum number of jobs; 100 by default.")
@json_option
@with_client
def list_jobs(client: Client, kind: str | None, state: str | None, limit: int | None, as_json: bool) -> None:
    """List your jobs, newest first; with an administrator's key, all jobs."""
    found = client.jobs.list(kind, state, limit)
    print_list(found, TITLES, _row, "There are no jobs.", as_json)


@command.command("start", short_help="Start a job.")
@click.argument("kind")
@click.argument("parameters", metavar="[NAME=VALUE]...", nargs=-1)
@json_option
@with_client
def start(client: Client, kind: str, parameters: tuple[str, ...], as_json: bool) -> None:
    """Start a job of a kind: `modelyard jobs start engine_install engine=vllm`.

    A value that is valid JSON is parsed as JSON; other values are text.
    """
    job = client.jobs.create(kind, dict(_parameter(each) for each in parameters))
    if as_json:
        print_json(job)
    else:
        click.echo(job["id"])
        note(f"`modelyard jobs follow {job['id']}` follows it.")


@command.command("show", short_help="Show a job.")
@click.argument("job_id", metavar="ID")
@json_option
@with_client
def show(client: Client, job_id: str, as_json: bool) -> None:
    """Show one job."""
    _print(client.jobs.get(job_id), as_json)


@command.command("follow", short_help="Follow a job until it is finished.")
@click.argument("job_id", metavar="ID")
@json_option
@with_client
def follow(client: Client, job_id: str, as_json: bool) -> int:
    """Print the events of a job until it is finished. With --json, one event per line.

    The exit code is 0 if the job is done, 1 if it failed or was cancelled. After Ctrl-C the job continues.
    """
    try:
        for event in events_of(client, job_id):
            click.echo(json.dumps(event) if as_json else _sentence(event))
    except KeyboardInterrupt:
        note(f"The job continues. `modelyard jobs cancel {job_id}` cancels it.")
        return INTERRUPTED
    job = client.jobs.get(job_id)
    if job["error"]:
        note(printable(job["error"]["message"]), fg="red")
    return int(job["state"] != "done")


@command.command("logs", short_help="Print what a job's process printed.")
@click.argument("job_id", metavar="ID")
@click.option("-n", "--lines", type=click.IntRange(1, 10_000), default=200, show_default=True, help="Lines at most.")
@json_option
@with_client
def logs(client: Client, job_id: str, lines: int, as_json: bool) -> None:
    """Print the last lines that a job's process printed."""
    found = client.jobs.logs(job_id, lines)
    if as_json:
        print_json(found)
    else:
        for line in found:
            click.echo(printable(line))


def _verb(name: str, short_help: str, text: str, call: Callable[[Client, str], JobDict]) -> None:
    """Create a command that changes one job and prints it."""

    @command.command(name, short_help=short_help, help=text)
    @click.argument("job_id", metavar="ID")
    @json_option
    @with_client
    def change(client: Client, job_id: str, as_json: bool) -> None:
        _print(call(client, job_id), as_json)


_verb("cancel", "Cancel a job.", "Cancel a job; its results so far stay.", lambda client, job: client.jobs.cancel(job))
_verb("pause", "Pause a job.", "Pause a job, if its kind supports it.", lambda client, job: client.jobs.pause(job))
_verb(
    "resume",
    "Go on with a job.",
    "Continue a job that was paused or has failed.",
    lambda client, job: client.jobs.resume(job),
)


@command.command("rm", short_help="Delete finished jobs.")
@click.argument("job_ids", metavar="ID...", nargs=-1, required=True)
@json_option
@with_client
def remove(client: Client, job_ids: tuple[str, ...], as_json: bool) -> None:
    """Delete finished jobs with their events and logs."""
    for job_id in job_ids:
        client.jobs.remove(job_id)
    if as_json:
        print_json({"deleted": list(job_ids)})


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InvalidParameter("parameters", f"'{printable(text)}' should be NAME=VALUE.")
    with suppress(ValueError):
        return name, json.loads(value)
    return name, value


def events_of(client: Client, job_id: str) -> Iterator[JobEventDict]:
    """Yield events until the last one. After a broken connection, the stream is continued after the last event's number."""
    after = lost = 0
    while True:
        try:
            with client.jobs.follow(job_id, after) as events:
                for event in events:
                    lost = 0
                    after = event["seq"] or after
                    yield event
                    if event["type"] == "state" and event["data"]["state"] in FINISHED:
                        return
        except ConnectionLost:
            lost += 1
            if lost > RETRIES:
                raise
            time.sleep(0.5)
        else:
            if client.jobs.get(job_id)["state"] in FINISHED:
                return


def _sentence(event: JobEventDict) -> str:
    """An event as text for people."""
    data = event["data"]
    at = time.strftime("%H:%M:%S", time.localtime(event["at"]))
    if event["type"] == "state":
        return f"{at} {data['state']}"
    if event["type"] == "progress":
        return printable(f"{at} {_progress(cast('JobProgressDict', data))} {data['message']}".rstrip())
    return printable(f"{at} {event['type']} " + ", ".join(f"{name}: {value}" for name, value in data.items()))


def _progress(progress: JobProgressDict) -> str:
    done, total, unit = progress["done"], progress["total"], progress["unit"]
    if unit == "bytes":
        return in_bytes(done) if total is None else f"{in_bytes(done)} of {in_bytes(total)}"
    return f"{done}{'' if total is None else f'/{total}'} {unit}".strip()


def _print(job: JobDict, as_json: bool) -> None:
    if as_json:
        print_json(job)
        return
    print_table(TITLES, [_row(job)])
    if job["error"]:
        note(printable(job["error"]["message"]), fg="red")


def _row(job: JobDict) -> list[str]:
    created = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(job["created_at"]))
    what = job["progress"]["message"] or _what(job["parameters"])
    return [job["id"], job["kind"], job["state"], _progress(job["progress"]), created, what[:60]]


def _what(parameters: dict[str, Any]) -> str:
    return ", ".join(str(value) for value in parameters.values() if isinstance(value, str))
