"""Suggests a known name for one that is misspelled."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from itertools import islice

LONGEST_COMPARED = 200
MOST_COMPARED = 1000
"""Characters of a name, and known names, that are compared: it takes milliseconds each, in the server's event loop."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was most likely meant: one that holds this one, or is held by it, or is spelled alike."""
    name = name[:LONGEST_COMPARED]
    names = list(islice(known, MOST_COMPARED))
    folded = name.lower()
    inside = [each for each in names if folded in each.lower() or (each.lower() in folded and len(each) > 2)]
    alike = difflib.get_close_matches(name, names, n=1)
    return next(iter([*alike, *inside]), None)
