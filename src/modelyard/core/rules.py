"""The meaning of a request's parameters to an engine, as data: it travels with a command to the gateway, which applies it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Honour:
    """The engine does what the parameter asks."""


@dataclass(frozen=True, slots=True)
class Ignore:
    """The parameter asks nothing of a model here; it passes and changes nothing."""


@dataclass(frozen=True, slots=True)
class Rename:
    """The engine knows the parameter by another name."""

    to: str


@dataclass(frozen=True, slots=True)
class Replace:
    """The engine knows what the parameter asks as a value of another one."""

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class Inside:
    """The engine reads the parameter inside an object."""

    name: str


@dataclass(frozen=True, slots=True)
class Wrap:
    """The engine takes integers from 0 up to, and without, `below`; others are brought into this range."""

    below: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """The engine cannot do it: a 400 that names the parameter and says why."""

    why: str
    beside: str = ""
    """Only where this parameter asks for something too."""


Rule: TypeAlias = Honour | Ignore | Rename | Replace | Inside | Wrap | Refuse


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """The rules of an engine. Two are equal only if they are the same object, so that what is made of them can be kept."""

    by_task: Mapping[str, Mapping[str, Rule]] = field(default_factory=dict)
    """Task → parameter → rule; a dot leads into an object.

    A parameter without a rule passes, and so does every parameter of a task without a table.
    `engines.rules.table` makes tables that have a rule for each known parameter.
    """


NO_RULES = Rules()
