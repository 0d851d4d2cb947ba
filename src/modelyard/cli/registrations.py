"""`modelyard registrations`: lists the families of the catalog and those registered by users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.connection import with_client
from modelyard.cli.output import json_option, note, print_json, print_table

if TYPE_CHECKING:
    from modelyard.client import Client

TITLES = ("NAME", "TYPE", "SIZES", "LANGUAGES", "ABILITIES", "ORIGIN")
SHOWN = 4
"""Maximum number of languages or sizes that are listed; of more, only the number is printed."""

type_option = click.option(
    "-t",
    "--model-type",
    metavar="TYPE",
    default="LLM",
    show_default=True,
    help="LLM, embedding, rerank, image, audio or video.",
)


@click.command(short_help="List what can be launched.")
@type_option
@json_option
@with_client
def command(client: Client, model_type: str, as_json: bool) -> None:
    """List the families of a type: those of the catalog, and registered ones."""
    families = client.registrations.list(model_type, detailed=True)
    if as_json:
        print_json(families)
    elif families:
        print_table(TITLES, [row(family, model_type) for family in families])
    else:
        note(f"There is no family of type {model_type}.")


def row(family: dict[str, Any], model_type: str) -> list[str]:
    """The table cells of one family."""
    sizes = dict.fromkeys(size_of(spec) for spec in family.get("model_specs") or ())
    return [
        family["model_name"],
        family.get("model_type") or model_type,
        some([size for size in sizes if size]),
        some(words(family.get("model_lang") or family.get("language"))),
        ", ".join(words(family.get("model_ability"))) or "-",
        "built-in" if family.get("is_builtin") else "registered",
    ]


def size_of(spec: dict[str, Any]) -> str:
    """Billions of parameters for people: `0_5` becomes 0.5B."""
    size = spec.get("model_size_in_billions")
    return f"{str(size).replace('_', '.')}B" if size else ""


def words(given: str | list[str] | None) -> list[str]:
    """One word or several as a list; a registered record may have either."""
    return [given] if isinstance(given, str) else given or []


def some(found: list[str]) -> str:
    """The words, or the first ones and the number of the others."""
    more = f" +{len(found) - SHOWN}" if len(found) > SHOWN else ""
    return ", ".join(found[:SHOWN]) + more or "-"
