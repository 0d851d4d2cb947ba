"""Options and functions that all commands with a server share: `--endpoint`, `--api-key`, and the default model."""

from __future__ import annotations

import functools
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

from modelyard.cli import tokens
from modelyard.core.errors import BadRequest, ModelNotFound, NotFound

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.types import ModelDict

DEFAULT_URL = "http://127.0.0.1:9997"

P = ParamSpec("P")
R = TypeVar("R")


def connect(endpoint: str | None, api_key: str | None, timeout: float | None = None) -> Client:
    """A client for the server and key in the options, the environment, or the login of `modelyard login`."""
    # httpx imports the library of its own command line, 40 ms of rich and pygments, unless that import fails.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    from modelyard.client import Client
    from modelyard.client.target import ServerTarget

    if not api_key and not os.environ.get("MODELYARD_API_KEY"):
        api_key = tokens.current(ServerTarget.find(endpoint, None, None).url)
    return Client(endpoint, api_key) if timeout is None else Client(endpoint, api_key, timeout)


def server_options(function: Callable[P, R]) -> Callable[P, R]:
    """Add the options `--endpoint` and `--api-key`."""
    key = click.option("-ak", "--api-key", metavar="KEY", help="The server's API key; else $MODELYARD_API_KEY.")
    url = click.option(
        "-e", "--endpoint", metavar="URL", help="The server; else $MODELYARD_ENDPOINT, else this machine."
    )
    return url(key(function))


def with_client(function: Callable[Concatenate[Client, P], R]) -> Callable[..., R]:
    """Add `--endpoint` and `--api-key` to a command, and pass a client for them as its first argument."""

    @functools.wraps(function)
    def connected(*args: Any, endpoint: str | None, api_key: str | None, **kwargs: Any) -> R:
        with connect(endpoint, api_key) as client:
            return function(client, *args, **kwargs)

    return server_options(connected)


@contextmanager
def only_word(word: str | None) -> Iterator[None]:
    """Say that the only word of a command is a uid, if no model has it. None stands for a command with a text."""
    try:
        yield
    except ModelNotFound as error:
        if word is None or f"'{word}'" not in error.message:
            raise
        advice = f"The first word is a model's uid; `-p {shlex.quote(word)}` is a text."
        raise ModelNotFound.from_wire(f"{error.message} {advice}", error.param, None) from None


def find_model(client: Client, uid: str | None, command: str, ability: str) -> ModelDict:
    """The model of a uid; without one, the only running language model with the ability."""
    if uid:
        info = client.models.describe(uid)
    else:
        models = [each for each in client.models.list().values() if not each.get("alias_of")]
        running = [each for each in models if each["model_type"] == "LLM"]
        able = [each for each in running if ability in each["model_ability"]] or running
        if not able:
            raise NotFound(f"No {ability} model is running; start one with `modelyard launch demo`.")
        if len(able) > 1:
            names = [each["id"] for each in able]
            raise BadRequest(
                f"{len(names)} {ability} models run: {', '.join(names)}. Name one: `modelyard {command} {names[0]}`."
            )
        info = able[0]
    if info["model_type"] != "LLM":
        raise BadRequest(
            f"'{info['id']}' is a model of type {info['model_type']}; `modelyard {command}` is for language models."
        )
    return info
