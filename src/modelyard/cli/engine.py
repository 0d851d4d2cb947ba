"""`modelyard engine`: shows which engines run a model, and manages engine environments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli import environments
from modelyard.cli.connection import with_client
from modelyard.cli.names import name_argument, required_name
from modelyard.cli.output import json_option, note, print_json, print_table

if TYPE_CHECKING:
    from modelyard.client import Client

TITLES = ("ENGINE", "NAME", "FORMAT", "SIZE", "QUANTIZATION")


class Verbs(click.Group):
    """A group with a default subcommand: `engine -n MODEL`, Xinference's form, is `engine of MODEL`."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if not args or args[0] in self.commands or args[0] in ("-h", "--help"):
            return super().make_context(info_name, args, parent, **extra)
        return self.commands["of"].make_context(info_name, args, parent, **extra)


@click.group(cls=Verbs, short_help="Show which engines run a model; install engines.")
def command() -> None:
    """Show which engines can run a model here: `modelyard engine -n MODEL`. Install, list, check and remove engines.

    Engines that do not come with Modelyard, such as vLLM, have environments of their own.
    """


command.add_command(environments.install)
command.add_command(environments.list_engines)
command.add_command(environments.remove)
command.add_command(environments.doctor)


@command.command("of", short_help="Show which engines can run a model.")
@name_argument
@click.option("-t", "--model-type", metavar="TYPE", default="LLM", show_default=True, help="LLM, embedding, rerank, …")
@click.option("-en", "--model-engine", metavar="ENGINE", help="Only this engine.")
@click.option("-f", "--model-format", metavar="FORMAT", help="Only this format.")
@click.option("-s", "--model-size-in-billions", "--size-in-billions", "size", metavar="SIZE", help="Only this size.")
@click.option("-q", "--quantization", metavar="NAME", help="Only this quantisation.")
@json_option
@with_client
def of(
    client: Client, /, name: str | None, model_name: str | None, model_type: str, as_json: bool, **filters: str | None
) -> int:
    """Show which engines can run a model here, and in which formats, sizes and quantisations."""
    chosen = required_name(name, model_name)
    engines = client.engines.query(chosen, model_type, reasons=not as_json)
    if as_json:
        print_json(engines)
        return 0
    rows = [row for row in rows_of(engines) if fits(row, filters)]
    if rows:
        print_table(TITLES, rows)
    for engine, reason in engines.items():
        if isinstance(reason, str):
            note(f"{engine}: {reason}")
    if not rows:
        note(f"No engine can run {chosen} that way.")
    return 0 if rows else 1


def rows_of(engines: dict[str, Any]) -> Iterator[list[str]]:
    """One table row per format, size and quantisation; for an engine that cannot run the model, a row with the reason."""
    for engine, forms in engines.items():
        for form in forms if isinstance(forms, list) else ():
            size = form.get("model_size_in_billions")
            for quantization in form.get("quantizations") or [form.get("quantization")]:
                yield [
                    engine,
                    str(form.get("model_name") or "-"),
                    str(form.get("model_format") or "-"),
                    str(size).replace("_", ".") if size is not None else "-",
                    str(quantization or "-"),
                ]


def fits(row: list[str], filters: dict[str, str | None]) -> bool:
    """Whether a row passes the filters; letter case, dots and dashes are ignored."""
    order = ("model_engine", None, "model_format", "size", "quantization")
    return all(
        not key or not (wish := filters.get(key)) or plain(wish) == plain(cell)
        for key, cell in zip(order, row, strict=True)
    )


def plain(text: str) -> str:
    """A name in lower case, with `_` for dots and dashes, and without a final `b`."""
    return text.lower().replace("-", "_").replace(".", "_").removesuffix("b")
