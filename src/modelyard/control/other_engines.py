"""Options that an engine does not have and another one has: a launch with such an option means the other engine."""

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
    """The engines with weights that have an option of that name."""
    engines = [ENGINES.get(name) for name in ENGINES]
    return [
        engine.name
        for engine in engines
        if not engine.profile.weightless and option in engine.Options.__struct_encode_fields__
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
        engine.check(replace(launch, options=without_harmless(launch.options, engine)))
    except UnknownOption as error:
        return error.param if error.param and having(error.param) else None
    except BadRequest:
        return None  # a wrong value: the launch itself is refused for it
    return None
