"""Suggests a known name for a misspelled one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from itertools import islice

LONGEST_COMPARED = 200
MOST_COMPARED = 1000
"""Limit of both a name's characters and the known names that are compared: it takes milliseconds, on the event loop."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that most likely was meant: one that contains this name, is contained in it, or is spelled similarly."""
    name = name[:LONGEST_COMPARED]
    names = list(islice(known, MOST_COMPARED))
    folded = name.lower()
    inside = [each for each in names if folded in each.lower() or (each.lower() in folded and len(each) > 2)]
    alike = difflib.get_close_matches(name, names, n=1)
    return next(iter([*alike, *inside]), None)
