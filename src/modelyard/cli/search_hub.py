"""`modelyard search-hub`: finds models on Hugging Face and ModelScope."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from modelyard.cli.connection import with_client
from modelyard.cli.output import json_option, note, print_json, print_table, printable

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.form_types import HubModelDict

TITLES = ("MODEL", "HUB", "TYPE", "FORMATS", "DOWNLOADS", "LIKES", "UPDATED", "HERE", "FAMILY")


@click.command("search-hub", short_help="Find models on hubs.")
@click.argument("words", nargs=-1, required=True, metavar="WORD...")
@click.option("--hub", metavar="NAME", help="huggingface or modelscope; both by default, or the hub of the settings.")
@click.option("-t", "--model-type", metavar="TYPE", help="LLM, embedding, rerank, image, audio or video.")
@click.option("-f", "--model-format", metavar="FORMAT", help="Such as ggufv2, pytorch, gptq or awq.")
@click.option("--limit", type=click.IntRange(1, 50), default=20, show_default=True, help="Models of each hub.")
@click.option("--cursor", metavar="TEXT", help="Of the next page, as this command prints it.")
@json_option
@with_client
def command(
    client: Client,
    /,
    words: tuple[str, ...],
    hub: str | None,
    model_type: str | None,
    model_format: str | None,
    limit: int,
    cursor: str | None,
    as_json: bool,
) -> int:
    """Find models whose names have the WORDS on Hugging Face and ModelScope, those with most downloads first.

    FORMATS are guessed by names and tags. HERE is yes for what is downloaded already. `modelyard launch MODEL` launches one.
    """
    page = client.hubs.search(" ".join(words), hub, model_type, model_format, limit, cursor)
    if as_json:
        print_json(page)
        return 0 if page["data"] else 1
    for failure in page["failures"]:
        note(printable(failure["message"]), fg="yellow")
    if page["data"]:
        print_table(TITLES, [row(each) for each in page["data"]])
    else:
        note("No model matches.")
    if page["next_cursor"]:
        note(f"There are more: --cursor {page['next_cursor']}")
    return 0 if page["data"] else 1


def row(model: HubModelDict) -> list[str]:
    """The table cells of one model."""
    updated = "-" if model["updated_at"] is None else time.strftime("%Y-%m-%d", time.localtime(model["updated_at"]))
    numbers = ["-" if each is None else str(each) for each in (model["downloads"], model["likes"])]
    name = f"{model['id']} (gated)" if model["gated"] else model["id"]
    about = [name, model["hub"], model["type"] or "-", ", ".join(model["formats"]) or "-"]
    return [*about, *numbers, updated, "yes" if model["cached"] else "no", model["family"] or "-"]
