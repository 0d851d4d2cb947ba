"""Options that an engine does not have and another one has: who asks for one wants that engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from modelyard.control.xinference_keys import without_harmless
from modelyard.core.errors import BadRequest, UnknownOption
from modelyard.core.types import Launch
from modelyard.engines import ENGINES
from modelyard.engines.base import Engine

PRETENDERS = ("fake", "external")
"""Engines without weights: nobody wants to hear of these, unless they ask for one."""


def having(option: str) -> list[str]:
    """The engines that have an option of that name."""
    return [
        name
        for name in ENGINES
        if name not in PRETENDERS and option in ENGINES.get(name).Options.__struct_encode_fields__
    ]


@contextmanager
def naming_others() -> Iterator[None]:
    """An `UnknownOption` that is raised in this block names the engines that have the option."""
    try:
        yield
    except UnknownOption as error:
        option = str(error.param)
        raise UnknownOption(error.engine, option, error.known, error.nearest, having(option)) from None


def lacking(engine: Engine, launch: Launch) -> str | None:
    """An option of a launch that this engine does not have and another one has; None when there is none."""
    try:
        engine.footprint(replace(launch, options=without_harmless(launch.options, engine)))
    except UnknownOption as error:
        return error.param if error.param and having(error.param) else None
    except BadRequest:
        return None  # a wrong value, of which the launch hears when its command is made
    return None
