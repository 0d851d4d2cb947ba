"""`modelyard cached`: lists the models whose files are on the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from modelyard.cli.connection import with_client
from modelyard.cli.names import name_argument
from modelyard.cli.output import in_bytes, json_option, print_list
from modelyard.core.wording import clean

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.types import CachedModelDict

TITLES = ("NAME", "TYPE", "FORMAT", "SIZE", "QUANTIZATION", "DISK", "VERSION")


@click.command(short_help="List the models whose files are on the server.")
@name_argument
@click.option("--worker-ip", metavar="ADDRESS", help="Must be the server's own address, if given.")
@json_option
@with_client
def command(client: Client, name: str | None, model_name: str | None, worker_ip: str | None, as_json: bool) -> None:
    """List the models whose files are on the server, or those of one NAME; `remove-cache` takes the last column."""
    chosen = model_name or name
    found = client.cache.list(clean(chosen) if chosen else None, worker_ip)
    print_list(
        found,
        TITLES,
        row,
        f"No files of {chosen} are on the server." if chosen else "No model's files are on the server.",
        as_json,
    )


def row(cached: CachedModelDict) -> list[str]:
    """The table cells of one cached version."""
    size = cached.get("model_size_in_billions")
    return [
        str(cached.get("model_name") or "-"),
        str(cached.get("model_type") or "-"),
        str(cached.get("model_format") or "-"),
        f"{str(size).replace('_', '.')}B" if size else "-",
        str(cached.get("quantization") or "-"),
        in_bytes(cached.get("size_bytes")),
        str(cached.get("model_version") or "-"),
    ]
