"""Finds engines that have an option which another engine lacks. Such an option in a launch selects the engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from modelyard.control.unsupported_keys import without_harmless
from modelyard.core.errors import BadRequest, UnknownOption
from modelyard.core.types import Launch
from modelyard.engines import ENGINES
from modelyard.engines.base import Engine


def having(option: str) -> list[str]:
    """The engines with weights that have an option of this name."""
    engines = [ENGINES.get(name) for name in ENGINES]
    return [
        engine.name
        for engine in engines
        if not engine.profile.weightless and option in engine.Options.__struct_encode_fields__
    ]


@contextmanager
def naming_others() -> Iterator[None]:
    """Add the engines that have the option to an `UnknownOption` raised in this block."""
    try:
        yield
    except UnknownOption as error:
        option = str(error.param)
        raise UnknownOption(error.engine, option, error.known, error.nearest, having(option)) from None


def lacking(engine: Engine, launch: Launch) -> str | None:
    """An option of a launch that this engine lacks and another one has; None if there is none."""
    try:
        engine.check(replace(launch, options=without_harmless(launch.options, engine)))
    except UnknownOption as error:
        return error.param if error.param and having(error.param) else None
    except BadRequest:
        return None  # a wrong value, which `Engine.check` will refuse
    return None
