"""Fields of a request that are known fields with a letter or two wrong. Pure.

Unknown fields pass to the engine, because engines and servers elsewhere have fields of their own; a misspelled one would
have no effect, and nobody would notice.
"""

from __future__ import annotations

from collections.abc import Iterable

from modelyard.core.errors import InvalidParameter

SHORTEST = 7
"""Characters of the shortest known field that is compared: `models` is a field of OpenRouter, and no misspelled `model`."""
LONG = 10
"""Characters from which a known field may have two letters wrong."""


def check_spelling(names: Iterable[str], *known: Iterable[str], place: str = "") -> None:
    """Raise `InvalidParameter` for a name that is none of `known` and almost one of them; earlier groups come first.

    `place` is the field in which the names stand, with a dot behind it.
    """
    groups = [list(group) for group in known]
    every = {each for group in groups for each in group}
    for name in names:
        if name not in every and (near := meant(name, (each for group in groups for each in group))):
            raise InvalidParameter(f"{place}{name}", f"there is no such field. Did you mean '{near}'?")


def meant(name: str, known: Iterable[str]) -> str | None:
    """The known field that a name almost is; None for names of other fields."""
    limits = ((each, 2 if len(each) >= LONG else 1) for each in known if len(each) >= SHORTEST)
    near = [(distance(name, each), each) for each, limit in limits if differs_by(name, each, limit)]
    return min(near, key=lambda pair: pair[0], default=(0, None))[1]


def differs_by(name: str, other: str, limit: int) -> bool:
    """Whether the distance of two names is at most a limit."""
    return abs(len(name) - len(other)) <= limit and distance(name, other) <= limit


def distance(name: str, other: str) -> int:
    """Letters that are missing, too many, different or swapped with the next one (the distance of Damerau and Levenshtein)."""
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
