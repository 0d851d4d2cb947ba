"""`modelyard show`: what a running model, or a family of the catalog, is."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.connection import with_client
from modelyard.cli.names import name_argument, required_name
from modelyard.cli.output import in_bytes, json_option, note, print_json, print_table, printable
from modelyard.cli.registrations import size_of, words
from modelyard.core.errors import BadRequest, ModelNotFound, NotFound, nearest
from modelyard.core.names import BASE

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.types import ModelDict

TITLES = ("FORMAT", "SIZE", "QUANTIZATIONS", "FROM")


@click.command(short_help="Show what a model or a family is.")
@name_argument
@json_option
@with_client
def command(client: Client, name: str | None, model_name: str | None, as_json: bool) -> None:
    """Show a launched model by its uid, else a family of the catalog by its NAME: what it can do, and its versions."""
    chosen = required_name(name, model_name)
    if chosen.startswith(BASE):
        base = shlex.quote(chosen.removeprefix(BASE))
        raise BadRequest(f"'{chosen}' is the name of a knowledge base; `modelyard kb show {base}` shows it.")
    try:
        model = client.models.describe(chosen)
    except ModelNotFound:
        family = _family(client, chosen)
    else:
        if as_json:
            print_json(model)
        else:
            _print(lines_of_model(model))
        return
    if as_json:
        print_json(family)
        return
    _print(lines_of_family(family))
    print_table(TITLES, [*rows_of_versions(family)])
    note(f"It does not run; `modelyard run {family['model_name']}` starts it.")


def _family(client: Client, name: str) -> dict[str, Any]:
    """The record of a family. Raises `NotFound`."""
    found = client.catalog.list(None, name, None, None, None, 100, None)["data"]
    for entry in found:
        if entry["model_name"].lower() == name.lower():
            return client.registrations.get(entry["model_type"], entry["model_name"])
    known = [*client.models.list(), *(entry["model_name"] for entry in found)]
    hint = f" Did you mean '{near}'?" if (near := nearest(name, known)) else ""
    advice = "`modelyard list` lists what is launched, `modelyard catalog` the families."
    raise NotFound(f"There is no model '{name}', neither launched nor in the catalog.{hint} {advice}")


def lines_of_model(model: ModelDict) -> Iterator[tuple[str, Any]]:
    """The subjects of a launched model."""
    memory = model.get("memory") or {}
    yield "uid", model["id"]
    yield "state", f"{model['status']}, {model['replica_ready']} of {model['replica']} replicas"
    yield "error", model.get("error")
    yield "model", model["model_name"]
    yield "type", model["model_type"]
    yield "engine", model.get("model_engine")
    yield "format", ", ".join(str(each) for each in (model.get("model_format"), model.get("quantization")) if each)
    yield "size", size_of({**model})
    yield "context", model.get("context_length")
    yield "abilities", ", ".join(model["model_ability"])
    yield "languages", ", ".join(model["model_lang"] or ())
    yield "memory", in_bytes(memory["total"]) if memory.get("total") else None
    yield "files", model.get("root")
    yield "aliases", ", ".join(model.get("aliases") or ())
    yield "about", model.get("model_description")


def lines_of_family(family: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The subjects of a family."""
    yield "model", family["model_name"]
    yield "type", family.get("model_type")
    yield "context", family.get("context_length")
    yield "abilities", ", ".join(words(family.get("model_ability")))
    yield "languages", ", ".join(words(family.get("model_lang") or family.get("language")))
    yield "about", family.get("model_description")


def rows_of_versions(family: dict[str, Any]) -> Iterator[list[str]]:
    """A row for each format and size."""
    for spec in family.get("model_specs") or ():
        quantizations = spec.get("quantizations") or words(spec.get("quantization"))
        yield [
            str(spec.get("model_format") or "-"),
            size_of(spec) or "-",
            ", ".join(quantizations) or "-",
            str(spec.get("model_id") or spec.get("model_uri") or "-"),
        ]


def _print(lines: Iterator[tuple[str, Any]]) -> None:
    for subject, value in lines:
        if value:
            click.echo(f"{subject:<10} {printable(str(value))}")
