"""`modelyard chat`: a chat with a model at the terminal, from a pipe, or with a single question."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.connection import find_model, with_client
from modelyard.cli.conversation import ChatSession
from modelyard.core.wording import clean

if TYPE_CHECKING:
    from modelyard.client import Client


@click.command(short_help="Chat with a model.")
@click.argument("uid", required=False)
@click.option("-u", "--model-uid", metavar="UID", help="The same as UID.")
@click.option("-p", "--prompt", metavar="TEXT", help="Ask only this, print the answer and exit.")
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
    model_uid: str | None,
    prompt: str | None,
    system: str | None,
    max_tokens: int | None,
    temperature: float | None,
    stream: bool,
    think: bool | None,
) -> None:
    """Chat with a model; UID can be omitted if only one is running.

    At a terminal, Ctrl-C stops an answer and Ctrl-D exits; /help lists the commands. In a pipe, every line is a question.
    """
    given = {"max_tokens": max_tokens, "temperature": temperature}
    config: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    model = client.models.get(find_model(client, model_uid or uid, "chat", "chat")["id"])
    if not hasattr(model, "chat"):
        raise click.ClickException(f"'{model.uid}' only continues text; use `modelyard generate {model.uid}`.")
    conversation = ChatSession(model, clean(system) if system else None, config, think, stream)
    if prompt is not None:
        conversation.ask(clean(prompt))
    elif sys.stdin.isatty() and sys.stdout.isatty():
        from modelyard.cli.repl import run

        run(conversation)
    else:
        for line in sys.stdin:
            if question := clean(line).strip():
                conversation.ask(question)
