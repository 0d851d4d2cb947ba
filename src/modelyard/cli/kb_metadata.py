"""`modelyard kb metadata`: changes the metadata of documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.connection import with_client
from modelyard.cli.kb_add import pairs
from modelyard.cli.output import json_option, note, print_json, print_sentence, printable
from modelyard.core.wording import clean

if TYPE_CHECKING:
    from modelyard.client import Client

BATCH = 10_000
"""Maximum number of documents that one request names."""


@click.command(short_help="Change the metadata of documents.")
@click.argument("name")
@click.argument("documents", metavar="DOCUMENT...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All documents of the base, in place of DOCUMENT.")
@click.option("--contains", metavar="TEXT", help="All documents with this text in their name, in place of DOCUMENT.")
@click.option("--set", "fields", metavar="KEY=VALUE", multiple=True, help="Add a field, or change it.")
@click.option("--remove", metavar="KEY", multiple=True, help="Remove a field.")
@json_option
@with_client
def metadata(
    client: Client,
    name: str,
    documents: tuple[str, ...],
    every: bool,
    contains: str | None,
    fields: tuple[str, ...],
    remove: tuple[str, ...],
    as_json: bool,
) -> int:
    """Change the metadata of documents, by which searches filter. Fields that are not named stay as they are."""
    change: dict[str, Any] = {**pairs(fields), **dict.fromkeys(map(clean, remove))}
    if not change:
        raise click.UsageError("Say what to change, by --set KEY=VALUE or --remove KEY.")
    if bool(documents) + every + (contains is not None) != 1:
        raise click.UsageError("Name documents, or give --all or --contains TEXT.")
    base = clean(name)
    names = [clean(each) for each in documents]
    if not documents:
        names = [each["name"] for each in client.documents.iterate(base, contains=clean(contains or ""))]
    changed, missing = 0, []
    for start in range(0, len(names), BATCH):
        answer = client.documents.configure_many(base, names[start : start + BATCH], metadata=change)
        changed += answer["changed"]
        missing += answer["missing"]
    if as_json:
        print_json({"changed": changed, "missing": missing})
    else:
        print_sentence(f"{changed} changed")
        for each in missing:
            note(f"There is no document '{printable(each)}'.", fg="red")
    return int(bool(missing))
