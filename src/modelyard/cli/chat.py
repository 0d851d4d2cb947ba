"""`modelyard chat`: a chat with a model at the terminal, from a pipe, or with a single question."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.connection import find_model, only_word, with_client
from modelyard.cli.conversation import ChatSession
from modelyard.cli.name_completion import launched_models
from modelyard.core.wording import clean

if TYPE_CHECKING:
    from modelyard.client import Client


@click.command(short_help="Chat with a model.")
@click.argument("uid", required=False, shell_complete=launched_models)
@click.argument("text", nargs=-1)
@click.option("-u", "--model-uid", metavar="UID", help="The same as UID.")
@click.option("-p", "--prompt", metavar="TEXT", help="The same as TEXT.")
@click.option("--system", metavar="TEXT", help="The system message.")
@click.option("--max-tokens", "--max_tokens", type=click.IntRange(1), help="Maximum tokens of an answer.")
@click.option(
    "--temperature", type=click.FloatRange(0), help="0 always picks the likeliest token; higher values vary more."
)
@click.option("--stream", type=bool, metavar="BOOL", default=True, help="False prints each answer when it is complete.")
@click.option("--think/--no-think", "think", default=None, help="Switch thinking, for models that support it.")
@with_client
def command(
    client: Client,
    uid: str | None,
    text: tuple[str, ...],
    model_uid: str | None,
    prompt: str | None,
    system: str | None,
    max_tokens: int | None,
    temperature: float | None,
    stream: bool,
    think: bool | None,
) -> None:
    """Chat with a model; UID can be omitted if only one is running. With a TEXT, print the answer to it and exit.

    At a terminal, Ctrl-C stops an answer and Ctrl-D exits; /help lists the commands. In a pipe, every line is a question.
    """
    given = {"max_tokens": max_tokens, "temperature": temperature}
    config: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    question = " ".join(text) or None if prompt is None else prompt
    with only_word(uid if question is None else None):
        converse(client, model_uid or uid, question, system, config, think, stream)


def converse(
    client: Client,
    uid: str | None,
    question: str | None,
    system: str | None,
    config: dict[str, Any],
    think: bool | None,
    stream: bool = True,
) -> None:
    """Ask a question, or without one chat at the terminal, or ask every line of a pipe."""
    model = client.models.get(find_model(client, uid, "chat", "chat")["id"])
    if not hasattr(model, "chat"):
        raise click.ClickException(f"'{model.uid}' only continues text; use `modelyard generate {model.uid}`.")
    conversation = ChatSession(model, clean(system) if system else None, config, think, stream)
    if question is not None:
        conversation.ask(clean(question))
    elif sys.stdin.isatty() and sys.stdout.isatty():
        from modelyard.cli.repl import run

        run(conversation)
    else:
        for line in sys.stdin:
            if text := clean(line).strip():
                conversation.ask(text)
