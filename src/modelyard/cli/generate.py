"""`modelyard generate`: lets a language model continue a text."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.connection import find_model, only_word, with_client
from modelyard.cli.conversation import Printer
from modelyard.cli.name_completion import launched_models
from modelyard.cli.output import json_option, note, print_json
from modelyard.core.wording import clean

if TYPE_CHECKING:
    from modelyard.client import Client, GenerateModel


@click.command(short_help="Let a language model continue a text.")
@click.argument("uid", required=False, shell_complete=launched_models)
@click.argument("text", nargs=-1)
@click.option("-u", "--model-uid", metavar="UID", help="The same as UID.")
@click.option("-p", "--prompt", metavar="TEXT", help="The same as TEXT.")
@click.option(
    "--max-tokens", "--max_tokens", type=click.IntRange(1), default=256, show_default=True, help="Longest continuation."
)
@click.option(
    "--temperature", type=click.FloatRange(0), help="0 always picks the likeliest token; higher values vary more."
)
@click.option(
    "--stream", type=bool, metavar="BOOL", default=True, help="False prints the continuation when it is complete."
)
@click.option("--stop", multiple=True, metavar="TEXT", help="Stop before this text.")
@json_option
@with_client
def command(
    client: Client,
    uid: str | None,
    text: tuple[str, ...],
    model_uid: str | None,
    prompt: str | None,
    max_tokens: int,
    temperature: float | None,
    stream: bool,
    stop: tuple[str, ...],
    as_json: bool,
) -> None:
    """Continue a TEXT, or all of stdin, without a chat template; UID can be omitted if only one language model is running.

    At a terminal, without a text, every line is a text to continue; Ctrl-D exits. With --json the whole answer of
    the API is printed.
    """
    prompt = " ".join(text) or None if prompt is None else prompt
    config: dict[str, Any] = {"max_tokens": max_tokens}
    if temperature is not None:
        config["temperature"] = temperature
    if stop:
        config["stop"] = list(stop)
    with only_word(uid if prompt is None else None):
        model = client.models.get(find_model(client, model_uid or uid, "generate", "generate")["id"])
    if as_json:
        prompt = sys.stdin.read() if prompt is None else prompt
        print_json(model.generate(clean(prompt), config, stream=False))
    elif prompt is not None:
        print_continuation(model, clean(prompt), config, stream)
    elif sys.stdin.isatty():
        note(f"Continuing with {model.uid}; Ctrl-D leaves.", dim=True)
        while line := _next_line():
            print_continuation(model, line, config, stream)
    else:
        print_continuation(model, clean(sys.stdin.read()), config, stream)


def print_continuation(model: GenerateModel, text: str, config: dict[str, Any], stream: bool) -> None:
    """Print the model's continuation of a text."""
    printer = Printer()
    try:
        if not stream:
            printer.text(model.generate(text, config, stream=False)["choices"][0]["text"] or "")
            return
        with model.generate(text, config, stream=True) as chunks:
            for chunk in chunks:
                for choice in chunk.get("choices") or ():
                    printer.text(choice.get("text") or "")
    finally:
        printer.end()


def _next_line() -> str:
    """The next line that is not blank; empty at the end of the input."""
    while True:
        try:
            if line := clean(input("> ")).strip():
                return line
        except EOFError:
            return ""
