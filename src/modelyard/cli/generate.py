"""`modelyard generate`: let a language model continue a text."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.connection import the_model, with_client
from modelyard.cli.conversation import Printer
from modelyard.cli.output import clean

if TYPE_CHECKING:
    from modelyard.client import Client


@click.command(short_help="Let a language model continue a text.")
@click.argument("uid", required=False)
@click.option("-p", "--prompt", metavar="TEXT", help="The text to continue; else all of stdin.")
@click.option("--max-tokens", type=click.IntRange(1), default=256, show_default=True, help="Longest continuation.")
@click.option("--temperature", type=click.FloatRange(0), help="0 for always the likeliest word; more for variety.")
@click.option("--stop", multiple=True, metavar="TEXT", help="Stop before this text.")
@with_client
def command(
    client: Client,
    uid: str | None,
    prompt: str | None,
    max_tokens: int,
    temperature: float | None,
    stop: tuple[str, ...],
) -> None:
    """Continue a text as it stands, without any chat template; UID can be left out when only one language model runs."""
    if prompt is None and sys.stdin.isatty():
        raise click.UsageError("Which text? Give it with -p, or in a pipe.")
    text = clean(sys.stdin.read() if prompt is None else prompt)
    config: dict[str, Any] = {"max_tokens": max_tokens}
    if temperature is not None:
        config["temperature"] = temperature
    if stop:
        config["stop"] = list(stop)
    model = client.get_model(the_model(client, uid, "generate", "generate")["id"])
    printer = Printer()
    try:
        with model.generate(text, config, stream=True) as stream:
            for chunk in stream:
                for choice in chunk.get("choices") or ():
                    printer.text(choice.get("text") or "")
    finally:
        printer.end()
