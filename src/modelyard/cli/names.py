"""The name of a family on the command line: as an argument, or with `-n` as in Xinference."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import click

from modelyard.cli.name_completion import families
from modelyard.core.wording import clean

P = ParamSpec("P")
R = TypeVar("R")


def name_argument(function: Callable[P, R]) -> Callable[P, R]:
    """Add the argument `name` and the option `model_name` to a command."""
    option = click.option("-n", "--model-name", "--model_name", metavar="NAME", help="The same as NAME.")
    return click.argument("name", required=False, shell_complete=families)(option(function))


def required_name(name: str | None, model_name: str | None) -> str:
    """The name from the argument or the option. Raises `click.UsageError` if there is none."""
    chosen = model_name or name
    if not chosen:
        raise click.UsageError("No model; `modelyard registrations` lists the families.")
    return clean(chosen)
