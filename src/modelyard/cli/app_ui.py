"""`modelyard app-ui`: says which command replaces ms-swift's web page."""

from __future__ import annotations

import click

from modelyard.cli.output import note


@click.command(short_help="Not available yet: a web page for chats.", context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="")
def command(words: tuple[str, ...]) -> int:
    """Not available yet."""
    note("There is no web page yet; `modelyard infer` with the same flags chats at the terminal.")
    return 1
