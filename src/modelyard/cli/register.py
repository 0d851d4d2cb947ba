"""`modelyard register`: registers a user's family, so that it can be launched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TextIO

import click

from modelyard.cli import catalog
from modelyard.cli.connection import with_client
from modelyard.cli.output import json_option, print_json, print_sentence, print_table
from modelyard.cli.registrations import type_option
from modelyard.core.wording import reason

if TYPE_CHECKING:
    from modelyard.client import Client


@click.command(short_help="Register a family of your own.")
@type_option
@click.option(
    "-f",
    "--file",
    type=click.File(encoding="utf-8"),
    required=True,
    help="The family as JSON, in the format of the registrations' documentation; - for stdin.",
)
@click.option(
    "-p", "--persist", is_flag=True, help="Keep it after the server stops, as a file in the folder registrations."
)
@click.option("--dry-run", is_flag=True, help="Only check it, and show what a launch of it would choose.")
@click.option("-w", "--worker-ip", metavar="ADDRESS", help="Must be the server's own address, if given.")
@json_option
@with_client
def command(
    client: Client, model_type: str, file: TextIO, persist: bool, dry_run: bool, worker_ip: str | None, as_json: bool
) -> None:
    """Register a family of your own, which can then be launched by its name."""
    try:
        text = file.read()
        record = json.loads(text)
    except ValueError as error:
        raise click.ClickException(f"'{file.name}' is not JSON: {reason(error)}.") from None
    if dry_run:
        checked = client.registrations.check(model_type, text, persist)
        if as_json:
            print_json(checked)
        else:
            print_table(catalog.TITLES, [catalog.row(checked["entry"])])
        return
    client.registrations.register(model_type, text, persist, worker_ip)
    name = record.get("model_name") if isinstance(record, dict) else None
    if as_json:
        print_json({"model_type": model_type, "model_name": name, "persist": persist})
    else:
        print_sentence(f"{name} registered")
