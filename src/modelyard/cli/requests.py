"""`modelyard requests`: shows the newest inference requests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from modelyard.cli.connection import with_client
from modelyard.cli.output import json_option, print_list

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.metrics_types import RequestDict

TITLES = ("TIME", "KEY", "PATH", "MODEL", "STATUS", "TTFT", "SECONDS", "TOKENS", "ID")


@click.command(short_help="Show the newest inference requests.")
@click.option("-m", "--model", metavar="UID", help="Only requests to this model.")
@click.option("-k", "--key", metavar="ID", help="Only requests with this key, by id or name, or of this user.")
@click.option("-s", "--status", metavar="STATUS", help="Only requests with this status: 429, or 4xx.")
@click.option(
    "-n", "--limit", type=click.IntRange(1, 1000), metavar="N", help="Maximum number of requests; 100 by default."
)
@json_option
@with_client
def command(
    client: Client, model: str | None, key: str | None, status: str | None, limit: int | None, as_json: bool
) -> None:
    """Show your newest inference requests, newest first; with an administrator's key, those of all.

    TOKENS are those of the prompt and of the answer; ~ marks an estimate, for streams that did not ask for their usage.
    """
    found = client.metrics.requests(model, key, status, limit=limit)
    print_list(found, TITLES, _row, "There are no such requests since the server started.", as_json)


def _row(each: RequestDict) -> list[str]:
    tokens = f"{each['tokens_in']} + {each['tokens_out']}"
    return [
        time.strftime("%H:%M:%S", time.localtime(each["at"])),
        each["user"] or each["key_name"] or "-",
        f"({each['path']})" if each["inside"] else each["path"] or "-",
        each["model"] or "-",
        str(each["status"]) if each["outcome"] == "complete" else f"{each['status']} {each['outcome']}",
        "-" if each["ttft"] is None else f"{each['ttft']:.3f}",
        f"{each['seconds']:.3f}",
        f"~{tokens}" if each["estimated"] else tokens,
        each["id"],
    ]
