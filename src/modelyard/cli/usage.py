"""`modelyard usage`: shows requests and tokens by day, key, user and model."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal, cast

import click

from modelyard.cli.connection import with_client
from modelyard.cli.output import json_option, print_list

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.metrics_types import UsageEntryDict

PARTS = ("day", "key", "user", "model")
TITLES = ("REQUESTS", "ERRORS", "TOKENS IN", "CACHED", "TOKENS OUT")
DAY = click.DateTime(["%Y-%m-%d"])


@click.command(short_help="Show requests and tokens by day, key, user and model.")
@click.option("--by", type=click.Choice(PARTS), multiple=True, help="Keep these apart and add the rest; repeatable.")
@click.option("--since", type=DAY, metavar="DAY", help="First day, such as 2026-11-29, in UTC.")
@click.option("--until", type=DAY, metavar="DAY", help="Last day.")
@click.option("-k", "--key", metavar="ID", help="Only this key, by id or name.")
@click.option("-u", "--user", metavar="NAME", help="Only this user.")
@click.option("-m", "--model", metavar="UID", help="Only this model.")
@json_option
@with_client
def command(
    client: Client,
    by: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    key: str | None,
    user: str | None,
    model: str | None,
    as_json: bool,
) -> None:
    """Show your requests and tokens by day, key, user and model; with an administrator's key, those of all."""
    parts = [part for part in PARTS if part in by] or list(PARTS)
    days = [None if day is None else day.date().isoformat() for day in (since, until)]
    chosen = cast(list[Literal["day", "key", "user", "model"]], parts)
    found = list(client.metrics.iterate_usage(chosen, days[0], days[1], key, user, model))
    print_list(
        found,
        [*(part.upper() for part in parts), *TITLES],
        lambda each: _row(each, parts),
        "There is no such usage.",
        as_json,
    )


def _row(each: UsageEntryDict, parts: list[str]) -> list[str]:
    texts = {"day": each["day"], "key": each["key_name"] or each["key"], "user": each["user"], "model": each["model"]}
    numbers = (each["requests"], each["errors"], each["tokens_in"], each["tokens_cached"], each["tokens_out"])
    return [*(texts[part] or "-" for part in parts), *map(str, numbers)]
