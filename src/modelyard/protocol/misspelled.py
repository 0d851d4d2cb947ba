"""Finds fields of a request that are misspelled names of known fields. Pure.

Unknown fields pass to the engine, because engines and other servers have fields of their own. A misspelled field would have
no effect, and nobody would notice."""

from __future__ import annotations

from collections.abc import Iterable

from modelyard.core.errors import InvalidParameter

SHORTEST = 7
"""Characters of the shortest known field that is compared: `models` is a field of OpenRouter, and not a misspelled `model`."""
LONG = 10
"""Length in characters from which a name may differ from a known field by two letters instead of one."""


def check_spelling(names: Iterable[str], *known: Iterable[str], place: str = "") -> None:
    """Raise `InvalidParameter` for a name that is not in `known`, but is probably a misspelling of one. Earlier groups win.

    `place` is the field that contains these names, with a dot at its end.
    """
    groups = [list(group) for group in known]
    every = {each for group in groups for each in group}
    for name in names:
        if name not in every and (near := meant(name, (each for group in groups for each in group))):
            raise InvalidParameter(f"{place}{name}", f"there is no such field. Did you mean '{near}'?")


def meant(name: str, known: Iterable[str]) -> str | None:
    """The known field of which a name is most likely a misspelling; None if it resembles none closely enough."""
    limits = ((each, 2 if len(each) >= LONG else 1) for each in known if len(each) >= SHORTEST)
    near = [(distance(name, each), each) for each, limit in limits if differs_by(name, each, limit)]
    return min(near, key=lambda pair: pair[0], default=(0, None))[1]


def differs_by(name: str, other: str, limit: int) -> bool:
    """Whether the distance between two names is at most `limit`."""
    return abs(len(name) - len(other)) <= limit and distance(name, other) <= limit


def distance(name: str, other: str) -> int:
    """Number of missing, surplus, different and swapped letters between two names (the Damerau-Levenshtein distance)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(name, 1):
        further, before, row = before, row, [i]
        for j, of_other in enumerate(other, 1):
            cost = letter != of_other
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + cost)
            if i > 1 and j > 1 and letter == other[j - 2] and name[i - 2] == of_other:
                best = min(best, further[j - 2] + 1)
            row.append(best)
    return row[-1]
