"""What an engine does with each request parameter, as data: a launch plan carries it to the gateway, which applies it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Honour:
    """The engine supports the parameter."""


@dataclass(frozen=True, slots=True)
class Ignore:
    """The parameter has no effect on this model; it is passed on unchanged."""


@dataclass(frozen=True, slots=True)
class Rename:
    """The engine has the parameter under another name."""

    to: str


@dataclass(frozen=True, slots=True)
class Replace:
    """The engine expresses the parameter as a value of another one."""

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class Inside:
    """The engine reads the parameter inside an object."""

    name: str


@dataclass(frozen=True, slots=True)
class Wrap:
    """The engine accepts integers from 0 to `below` - 1; others are reduced modulo `below`."""

    below: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """The engine does not support it: the answer is a 400 that names the parameter and the reason."""

    why: str
    beside: str = ""
    """Refuse only if the request has a value for this parameter too."""


Rule: TypeAlias = Honour | Ignore | Rename | Replace | Inside | Wrap | Refuse


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """The rules of an engine. Compared by identity, so that values derived from them can be cached."""

    by_task: Mapping[str, Mapping[str, Rule]] = field(default_factory=dict)
    """Task → parameter → rule; a dot in the parameter means a field of an object.

    Parameters without a rule are passed on, and so are all parameters of a task without a table.
    `engines.rules.table` makes tables that have a rule for each known parameter.
    """


NO_RULES = Rules()
