"""`modelyard audit`: shows who made which change."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from modelyard.cli.connection import with_client
from modelyard.cli.output import json_option, print_list

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.metrics_types import AuditEntryDict

TITLES = ("TIME", "WHO", "FROM", "ACTION", "TARGET", "STATUS")


@click.command(short_help="Show who launched, deleted, made keys.")
@click.option("-a", "--action", metavar="ACTION", help="Only this action, such as models.launch.")
@click.option("-t", "--target", metavar="NAME", help="Only changes of this model, key or base.")
@click.option("-k", "--key", metavar="ID", help="Only changes with this key, by id or name, or of this user.")
@click.option(
    "-n", "--limit", type=click.IntRange(1, 1000), metavar="N", help="Maximum number of rows; 100 by default."
)
@json_option
@with_client
def command(
    client: Client, action: str | None, target: str | None, key: str | None, limit: int | None, as_json: bool
) -> None:
    """Show who launched and deleted models, made keys, and made other changes, newest first. It takes the scope admin."""
    found = client.metrics.audit(action, target, key, limit=limit)
    print_list(found, TITLES, _row, "There are no such changes.", as_json)


def _row(each: AuditEntryDict) -> list[str]:
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(each["at"]))
    return [at, each["name"] or "-", each["address"], each["action"], each["target"] or "-", str(each["status"])]
