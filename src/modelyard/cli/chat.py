"""`modelyard chat`: talk to a model at the terminal, in a pipe, or with one question."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.connection import find_model, with_client
from modelyard.cli.conversation import ChatSession
from modelyard.core.wording import clean

if TYPE_CHECKING:
    from modelyard.client import Client


@click.command(short_help="Talk to a chat model.")
@click.argument("uid", required=False)
@click.option("-u", "--model-uid", metavar="UID", help="The same as UID.")
@click.option("-p", "--prompt", metavar="TEXT", help="Ask only this, print the answer and leave.")
@click.option("--system", metavar="TEXT", help="What the model is told first.")
@click.option("--max-tokens", "--max_tokens", type=click.IntRange(1), help="Longest answer, in tokens.")
@click.option("--temperature", type=click.FloatRange(0), help="0 for always the likeliest word; more for variety.")
@click.option("--stream", type=bool, metavar="BOOL", default=True, help="False prints each answer when it is whole.")
@click.option("--think/--no-think", "think", default=None, help="For models that can think first.")
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
    """Talk to a chat model; UID can be left out when only one runs.

    At a terminal, Ctrl-C stops an answer and Ctrl-D leaves; /help tells the rest. In a pipe, every line is a question.
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
