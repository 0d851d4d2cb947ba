"""Suggests known names for a misspelled one. Imports the standard library only, because each command line loads it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from itertools import islice

LONGEST_COMPARED = 200
MOST_COMPARED = 1000
"""Limits of a name's characters and of the known names that are compared: it takes milliseconds, on the event loop."""
SHORTEST_PART = 3
"""Characters that a name must have to be suggested because it is a part of the other one."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that most likely was meant: one that is spelled similarly, else one that contains the name or is part of it.

    Upper and lower case are equal.
    """
    names = list(islice(known, MOST_COMPARED))
    return next(iter([*similar(name, names, most=1), *_containing(name[:LONGEST_COMPARED].lower(), names)]), None)


def similar(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Known names that are spelled similarly, the most similar first. Upper and lower case are equal."""
    names: dict[str, str] = {}
    for each in islice(known, MOST_COMPARED):
        names.setdefault(each.lower(), each)
    return [names[each] for each in difflib.get_close_matches(name[:LONGEST_COMPARED].lower(), names, n=most)]


def _containing(name: str, known: list[str]) -> list[str]:
    """Known names that contain a name in lower case, or are part of it."""
    return [
        each
        for each in known
        if (len(name) >= SHORTEST_PART and name in each.lower())
        or (len(each) >= SHORTEST_PART and each.lower() in name)
    ]
