"""`modelyard man`: the manual page, made from the commands themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from modelyard import __version__
from modelyard.cli.language import speaking

ENVIRONMENT = (
    ("MODELYARD_ENDPOINT", "The server that commands use, instead of http://127.0.0.1:9997."),
    ("MODELYARD_API_KEY", "The key that they send."),
    ("MODELYARD_LANGUAGE", "The language of help and messages, en or zh; else that of LC_ALL, LC_MESSAGES or LANG."),
    ("MODELYARD_CONFIG", "The file of the server's settings, instead of modelyard.toml in its home folder."),
    ("MODELYARD_<NAME>", "A setting of the server; `modelyard config show` lists them."),
    ("SSL_CERT_FILE", "Certificates of authorities that are trusted."),
    ("NO_COLOR", "Turns colours off."),
)
FILES = (
    ("~/.modelyard", "The server's home folder, unless MODELYARD_HOME names another."),
    ("~/.modelyard/modelyard.toml", "Settings of the server."),
)
CODES = (("0", "Done."), ("1", "Failed."), ("2", "Wrong usage."), ("130", "Interrupted by Ctrl-C."))
WIDTH = 2000  # of help texts, so that they are not wrapped


@click.command(short_help="Print the manual page.")
def command() -> None:
    """Print the manual page, for `modelyard man | man -l -`, or `modelyard man > ~/.local/share/man/man1/modelyard.1`."""
    from modelyard.cli.main import cli

    with speaking({}):
        click.echo(page(cli), nl=False)


def page(top: click.Group) -> str:
    """The manual page of a program, in the format of man(7)."""
    context = click.Context(top, info_name="modelyard", **{**top.context_settings, "max_content_width": WIDTH})
    lines = [
        f'.TH MODELYARD 1 "" "Modelyard {__version__}" "User Commands"',
        ".SH NAME",
        f"modelyard \\- {_escaped((top.help or '').splitlines()[0].rstrip('.'))}",
        ".SH SYNOPSIS",
        ".B modelyard",
        ".I COMMAND",
        r"[\fIOPTIONS\fR] [\fIARGUMENTS\fR]",
        ".SH DESCRIPTION",
        *_paragraphs(top.help or ""),
        *_paragraphs(top.epilog or ""),
        ".SH COMMANDS",
    ]
    for name in top.list_commands(context):
        if (found := top.get_command(context, name)) is not None:
            lines += _command(found, click.Context(found, context, name))
    for title, table in (("ENVIRONMENT", ENVIRONMENT), ("FILES", FILES), ("EXIT STATUS", CODES)):
        lines.append(f".SH {title}")
        for subject, text in table:
            lines += [".TP", f".B {_escaped(subject)}", _escaped(text)]
    return "\n".join(lines) + "\n"


def _command(found: click.Command, context: click.Context) -> Iterator[str]:
    """A section of a command, and of the commands below it."""
    usage = " ".join(found.collect_usage_pieces(context))
    yield f".SS {_escaped(context.command_path)} {_escaped(usage)}"
    yield from _paragraphs(found.help or "")
    for parameter in found.get_params(context):
        if record := parameter.get_help_record(context):
            yield from (".TP", f".B {_escaped(record[0])}", _escaped(record[1]) or r"\&")
    if isinstance(found, click.Group):
        for name in found.list_commands(context):
            below = found.get_command(context, name)
            if below is not None:
                yield from _command(below, click.Context(below, context, name))


def _paragraphs(text: str) -> Iterator[str]:
    """Paragraphs of a help text; those behind `\\b` keep their lines."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        lines = [line.strip() for line in paragraph.splitlines()]
        if lines[:1] == ["\b"]:
            yield from (".PP", ".nf", *map(_escaped, lines[1:]), ".fi")
        else:
            yield from (".PP", _escaped(" ".join(lines)))


def _escaped(text: str) -> str:
    """Text that roff prints as it is."""
    text = " ".join(text.replace("\\", r"\e").replace("-", r"\-").split())
    return rf"\&{text}" if text.startswith((".", "'")) else text
