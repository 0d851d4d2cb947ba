"""The name of a family on the command line: as an argument, or by `-n`, as Xinference's has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import click

from modelyard.core.wording import clean

P = ParamSpec("P")
R = TypeVar("R")


def name_argument(function: Callable[P, R]) -> Callable[P, R]:
    """Give a command the argument `name` and the option `model_name`."""
    option = click.option("-n", "--model-name", "--model_name", metavar="NAME", help="The same as NAME.")
    return click.argument("name", required=False)(option(function))


def required_name(name: str | None, model_name: str | None) -> str:
    """The name, wherever it was given. Raises `click.UsageError` if it was not."""
    chosen = model_name or name
    if not chosen:
        raise click.UsageError("Which model? `modelyard registrations` lists the families.")
    return clean(chosen)
