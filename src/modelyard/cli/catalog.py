"""`modelyard catalog`: finds families that can be launched, and which of them fit here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from modelyard.cli.connection import with_client
from modelyard.cli.output import in_bytes, json_option, print_list

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.form_types import CatalogEntryDict

TITLES = ("NAME", "TYPE", "ABILITIES", "HERE", "ENGINE", "VERSION", "MEMORY")
PAGE = 100


@click.command("catalog", short_help="Find families to launch.")
@click.argument("words", nargs=-1, metavar="[WORD]...")
@click.option("-t", "--model-type", metavar="TYPE", help="LLM, embedding, rerank, image, audio or video.")
@click.option("-a", "--ability", metavar="NAME", help="Only with this ability, such as vision or tools.")
@click.option("--cached", is_flag=True, default=None, help="Only those with files on the server.")
@click.option("--fits", is_flag=True, default=None, help="Only those that fit the server now.")
@json_option
@with_client
def command(
    client: Client,
    /,
    words: tuple[str, ...],
    model_type: str | None,
    ability: str | None,
    cached: bool | None,
    fits: bool | None,
    as_json: bool,
) -> int:
    """Find families whose name, description or languages have the WORDS, with the version that a launch would choose.

    HERE is yes if it fits now, tight if it just fits, and no otherwise.
    """
    found: list[CatalogEntryDict] = []
    cursor: str | None = None
    while True:
        page = client.catalog.list(model_type, " ".join(words) or None, ability, cached, fits, PAGE, cursor)
        found += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    print_list(found, TITLES, row, "No family matches.", as_json)
    return 0 if found else 1


def row(entry: CatalogEntryDict) -> list[str]:
    """The table cells of one family."""
    best = entry["best"]
    common = [entry["model_name"], entry["model_type"], ", ".join(entry["model_ability"]) or "-"]
    if best is None:
        return [*common, "no", "-", "-", "-"]
    size = f"{best['model_size_in_billions']:g}B" if best["model_size_in_billions"] else None
    version = " ".join(filter(None, (size, best["model_format"], best["quantization"])))
    here = "no" if not entry["fits"] else "yes" if best["comfortable"] else "tight"
    return [*common, here, best["model_engine"], version, in_bytes(best["memory"])]
