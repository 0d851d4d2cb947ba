"""`modelyard kb documents`, `chunks` and `download`: shows the contents of a knowledge base."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.connection import with_client
from modelyard.cli.kb_jobs import remarks
from modelyard.cli.output import in_bytes, json_option, note, print_json, print_table, printable
from modelyard.core.errors import BadRequest
from modelyard.core.wording import clean, reason

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.knowledge_types import DocumentDict

TITLES = ("NAME", "STATE", "SIZE", "CHUNKS", "ADDED")
PAGE = 10_000


def all_documents(client: Client, base: str, **which: Any) -> list[DocumentDict]:
    """Every document of a base, in as few requests as possible."""
    return list(client.documents.iterate(base, limit=PAGE, **which))


def named(client: Client, base: str, document: str) -> DocumentDict:
    """The document of this name. Raises `DocumentNotFound`."""
    return client.documents.list(base, name=document)["data"][0]


@click.command(short_help="List a base's documents.")
@click.argument("name")
@click.option("--state", metavar="STATE", help="Only waiting, ready, failed, cancelled or stored documents.")
@click.option("--contains", metavar="TEXT", default="", help="Only documents with this text in their name.")
@json_option
@with_client
def documents(client: Client, name: str, state: str | None, contains: str, as_json: bool) -> None:
    """List the documents of a knowledge base."""
    found = all_documents(client, clean(name), state=state, contains=clean(contains))
    if as_json:
        print_json(found)
    elif found:
        print_table(TITLES, [_row(each) for each in found])
        for each in found:
            if each["error"]:
                note(f"{printable(each['name'])}: {printable(each['error'])}", fg="red")
        remarks([(each["name"], each.get("notes") or ()) for each in found])
    else:
        note(f"There is no such document; `modelyard kb add {clean(name)} PATH` adds some.")


@click.command(short_help="Show a document's chunks.")
@click.argument("name")
@click.argument("document")
@click.option("--contains", metavar="TEXT", default="", help="Only chunks with this text.")
@json_option
@with_client
def chunks(client: Client, name: str, document: str, contains: str, as_json: bool) -> None:
    """Show the chunks of DOCUMENT."""
    base = clean(name)
    number = named(client, base, clean(document))["id"]
    found = list(client.documents.iterate_chunks(base, number, clean(contains) or None, limit=PAGE))
    if as_json:
        print_json(found)
        return
    for each in found:
        page_number = f", page {each['page']}" if each["page"] is not None else ""
        off = "" if each["enabled"] else ", hidden from searches"
        click.echo(click.style(f"#{each['position']} (id {each['id']}{page_number}{off}) {each['heading']}", bold=True))
        click.echo(printable(each["text"]))
        click.echo("")


@click.command(short_help="Get a document's file.")
@click.argument("name")
@click.argument("document")
@click.option("-o", "--output", metavar="FILE", help="The file to write; - is stdout. Else the document's name.")
@with_client
def download(client: Client, name: str, document: str, output: str | None) -> None:
    """Get the original file of DOCUMENT. An existing file is not overwritten unless -o names it."""
    base, title = clean(name), clean(document)
    number = named(client, base, title)["id"]
    if output == "-":
        sys.stdout.buffer.write(client.documents.content(base, number))
        sys.stdout.buffer.flush()
        return
    path = Path(output) if output else Path(title.replace("\\", "/").rsplit("/", 1)[-1])
    if output is None and (path.exists() or path.name in ("", ".", "..")):
        raise BadRequest(f"'{path}' is here already; name another file by -o FILE.")
    data = client.documents.content(base, number)
    try:
        path.write_bytes(data)
    except OSError as error:
        raise BadRequest(f"'{path}' cannot be written: {reason(error)}.") from None
    click.echo(str(path))


def _row(document: DocumentDict) -> list[str]:
    added = time.strftime("%Y-%m-%d %H:%M", time.localtime(document["created_at"]))
    return [document["name"], document["state"], in_bytes(document["size"]), str(document["chunks"]), added]
