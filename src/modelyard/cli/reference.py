"""Generates `docs/reference/cli.md` from the commands: `python -m modelyard.cli.reference [FILE | --check]`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from modelyard.cli.main import COMMANDS, cli

FILE = Path("docs/reference/cli.md")
WIDTH = 100
HEAD = """\
# The command line

<!-- Written by `python -m modelyard.cli.reference`; a test checks that it is current. -->

Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted by Ctrl-C.
`NO_COLOR` turns colours off. `MODELYARD_LANGUAGE` is the language of help and messages, `en` or `zh`; without it, they are
Chinese where `LC_ALL`, `LC_MESSAGES` or `LANG` begins with `zh`. This page, the manual page and output with `--json` are English.
"""


def render() -> str:
    """The reference as Markdown."""
    settings = {**cli.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    top = click.Context(cli, info_name="modelyard", **settings)
    parts = [HEAD, _section(cli, top, 2)]
    for name in COMMANDS:
        command = cli.get_command(top, name)
        if command is not None:
            context = click.Context(command, top, name, terminal_width=WIDTH, max_content_width=WIDTH)
            parts.append(_section(command, context, 3))
            parts += _subcommands(command, context)
    return "\n".join(parts)


def _subcommands(group: click.Command, context: click.Context) -> list[str]:
    if not isinstance(group, click.Group):
        return []
    return [
        _section(command, click.Context(command, context, name, terminal_width=WIDTH, max_content_width=WIDTH), 4)
        for name, command in group.commands.items()
    ]


def _section(command: click.Command, context: click.Context, level: int) -> str:
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    return f"{'#' * level} `{context.command_path}`\n\n```text\n{text}\n```\n"


def main(arguments: Sequence[str]) -> int:
    """Write the file, or with `--check` say whether it is current."""
    if "--check" in arguments:
        return 0 if FILE.exists() and FILE.read_text(encoding="utf-8") == render() else 1
    target = Path(arguments[0]) if arguments else FILE
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
