"""`modelyard run`: a chat with a model that is launched first if it does not run, like Ollama's `run`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.chat import converse
from modelyard.cli.connection import with_client
from modelyard.cli.launch import request, wait
from modelyard.cli.name_completion import families
from modelyard.cli.output import note
from modelyard.core.errors import ModelNotFound

if TYPE_CHECKING:
    from modelyard.client import Client

LAUNCH = ("model_engine", "model_size_in_billions", "model_format", "quantization", "context_length")
"""Options that are those of a launch."""


@click.command(short_help="Launch a model unless it runs, and chat with it.")
@click.argument("name", shell_complete=families)
@click.argument("text", nargs=-1)
@click.option("-en", "--model-engine", "--engine", metavar="ENGINE", help="Else the best that fits.")
@click.option("-s", "--size-in-billions", "model_size_in_billions", metavar="SIZE", help="Which size of a family.")
@click.option("-f", "--model-format", metavar="FORMAT", help="Which format of a family, such as ggufv2.")
@click.option("-q", "--quantization", metavar="NAME", help="Which quantisation of a format.")
@click.option(
    "--context-length", type=click.IntRange(1), metavar="TOKENS", help="Tokens of context to reserve memory for."
)
@click.option("--system", metavar="TEXT", help="The system message.")
@click.option("--think/--no-think", "think", default=None, help="Switch thinking, for models that support it.")
@with_client
def command(
    client: Client, /, name: str, text: Sequence[str], system: str | None, think: bool | None, **given: Any
) -> int:
    """Launch the model NAME of the catalog, or at a path, unless it runs, and chat with it; with a TEXT, answer only that.

    The model runs on afterwards; `modelyard stop NAME` ends it. `modelyard launch` has more options.
    """
    uid, code = ready(client, name, given)
    if code:
        return code
    converse(client, uid, " ".join(text) or None, system, {}, think)
    return 0


def ready(client: Client, name: str, given: dict[str, Any]) -> tuple[str, int]:
    """The uid of a model that runs, launched if necessary, and the exit code of its launch."""
    try:
        return client.models.describe(name)["id"], 0
    except ModelNotFound:
        options = {key: given[key] for key in LAUNCH}
        body = request([name], {"model_name": None, "model_path": None, "n_gpu": "auto", "replica": 1, **options})
        uid = client.models.launch(**{**body, "wait_ready": False})
    code = wait(client, uid)
    if code == 0:
        note(f"{uid} runs on after this chat; `modelyard stop {uid}` ends it.", dim=True)
    return uid, code
