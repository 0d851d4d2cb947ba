"""`modelyard connect`: prints or writes the configuration with which another program uses the server."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import click

from modelyard.cli.connection import connect, server_options
from modelyard.cli.integrations.programs import PROGRAMS
from modelyard.cli.integrations.settings_files import Merged, write
from modelyard.cli.integrations.setup import KEY_VARIABLE, KeySource, Program, Setup, Target
from modelyard.cli.integrations.targets import Choice, find_target
from modelyard.cli.name_completion import launched_models
from modelyard.cli.output import json_option, note, print_json, print_table
from modelyard.core.nearest import nearest
from modelyard.core.wording import clean

TITLES = ("NAME", "PROGRAM", "WRITES", "NEEDS")


def _begun(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The programs whose names begin with the text, for completion in shells."""
    return [name for name in PROGRAMS if name.startswith(incomplete)]


@click.command(short_help="Configure another program, such as Codex, for the server.")
@click.argument("name", required=False, metavar="[PROGRAM]", shell_complete=_begun)
@click.option(
    "-m",
    "--model",
    metavar="UID",
    shell_complete=launched_models,
    help="A model, alias or kb:NAME; else the first running model that fits.",
)
@click.option("--address", metavar="URL", help="The server's address for the program, if it is not that of --endpoint.")
@click.option(
    "--context-length",
    type=click.IntRange(1),
    metavar="TOKENS",
    help="The model's context, if the server does not know it.",
)
@click.option("--write", "writes", is_flag=True, help="Write to the program's settings file; the former one is kept.")
@click.option("--with-key", is_flag=True, help="Write the key itself instead of the variable that holds it.")
@json_option
@server_options
def command(name: str | None, endpoint: str | None, api_key: str | None, as_json: bool, **options: Any) -> None:
    """Print the configuration with which a program uses this server; without PROGRAM, list the programs.

    The configuration goes to stdout, remarks to stderr. Settings that are in the program's file stay, and so do comments in
    TOML and YAML. The key is not printed: programs read it from $MODELYARD_API_KEY, unless --with-key is given.
    """
    if name is None:
        _list(as_json)
        return
    program = _program(name)
    with connect(endpoint, api_key) as client:
        key = _key(api_key, client.cluster.auth_required(), options["with_key"])
        choice = Choice(options["model"], options["context_length"], _address(options["address"]))
        target = find_target(client, program, choice, key)
    setup = program.setup(target)
    merged = _write(program, setup) if options["writes"] else None
    if as_json:
        print_json(_as_json(program, target, setup, merged))
    else:
        _show(program, target, setup, merged)


def _list(as_json: bool) -> None:
    if as_json:
        print_json(
            [
                {"name": each.name, "title": each.title, "least_context": each.least_context}
                for each in PROGRAMS.values()
            ]
        )
        return
    example = Target("http://127.0.0.1:9997", "MODEL")
    rows = []
    for program in PROGRAMS.values():
        file = program.setup(example).file
        needs = f"{program.least_context:,} tokens of context" if program.least_context else "-"
        rows.append([program.name, program.title, str(file.path) if file else "-", needs])
    print_table(TITLES, rows)


def _program(name: str) -> Program:
    if name in PROGRAMS:
        return PROGRAMS[name]
    hint = f" Did you mean '{near}'?" if (near := nearest(name, PROGRAMS)) else ""
    raise click.UsageError(f"There is no program '{clean(name)}'.{hint} Known: {', '.join(PROGRAMS)}.")


def _key(api_key: str | None, required: bool, with_key: bool) -> KeySource:
    text = api_key or os.environ.get(KEY_VARIABLE) or None
    if with_key and required and text is None:
        raise click.UsageError(f"--with-key needs the key: give --api-key, or set {KEY_VARIABLE}.")
    return KeySource(required, text if with_key and required else None)


def _address(address: str | None) -> str | None:
    from modelyard.client.target import ServerTarget

    return ServerTarget.find(address, None, None).url if address else None


def _write(program: Program, setup: Setup) -> Merged:
    if setup.file is None:
        raise click.UsageError(f"{program.title} has no settings file that could be written; copy the lines instead.")
    head = {} if setup.file.path.exists() else setup.head
    return write(setup.file, {**head, **setup.settings})


def _show(program: Program, target: Target, setup: Setup, merged: Merged | None) -> None:
    if merged is None:
        click.echo("\n\n".join(block.text for block in setup.lines()))
        if setup.file is not None:
            note(
                f"These lines belong into {setup.file.path}; `modelyard connect {program.name} --write` writes them there."
            )
    elif setup.file is not None:
        _show_changes(str(setup.file.path), merged)
    for remark in _remarks(program, target, setup):
        note(remark)


def _show_changes(path: str, merged: Merged) -> None:
    for change in merged.changes:
        click.echo(change)
    kept = f"; the former file is {merged.backup}" if merged.backup else ""
    note(f"Written to {path}{kept}." if merged.changes else f"{path} is as it should be; nothing was changed.")


def _remarks(program: Program, target: Target, setup: Setup) -> Sequence[str]:
    remarks = list(setup.notes)
    if program.least_context and target.context is None:
        remarks.append(
            f"The context of '{target.model}' is not known: {program.title} needs at least {program.least_context:,} tokens; "
            "give it with --context-length, and the program knows when to compact."
        )
    if setup.key_place:
        remarks.append(
            f"The server requires a key: put the line {KEY_VARIABLE}=KEY into {setup.key_place}, where {program.title} reads it."
        )
    elif target.key.in_variable and not os.environ.get(KEY_VARIABLE):
        remarks.append(f"The server requires a key; set {KEY_VARIABLE} before you start {program.title}.")
    if setup.packages:
        remarks.append(f"It needs {setup.packages}, from PyPI.")
    if setup.start:
        remarks.append(f"Then: {setup.start}")
    return remarks


def _as_json(program: Program, target: Target, setup: Setup, merged: Merged | None) -> dict[str, Any]:
    return {
        "program": program.name,
        "title": program.title,
        "model": target.model,
        "endpoint": target.url,
        "context_length": target.context,
        "file": str(setup.file.path) if setup.file else None,
        "blocks": [{"language": block.language, "text": block.text} for block in setup.lines()],
        "start": setup.start or None,
        "packages": setup.packages.split(),
        "notes": list(_remarks(program, target, setup)),
        "written": merged is not None,
        "changes": list(merged.changes) if merged else [],
        "backup": str(merged.backup) if merged and merged.backup else None,
    }
