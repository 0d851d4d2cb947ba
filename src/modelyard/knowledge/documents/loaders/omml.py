"""Converts Office equations (OMML) to one line of text: `x^2`, `(a+b)/(c)`, `√(x)`, `∑_(i=1)^n i`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
DEEPEST = 60
"""Maximum nesting of elements; deeper ones are read as plain text."""
DELETED = frozenset(
    f"{{http://schemas.openxmlformats.org/wordprocessingml/2006/main}}{name}" for name in ("del", "moveFrom")
)


def linear(element: Any, depth: int = 0) -> str:
    """The text of an equation or a part of it."""
    if not isinstance(element.tag, str) or element.tag in DELETED:
        return ""
    if element.tag == f"{M}t":
        return element.text or ""
    if depth > DEEPEST:
        return "".join(element.itertext(f"{M}t"))
    if element.tag.startswith(M) and element.tag.endswith("Pr"):
        return ""
    make = MADE.get(element.tag.removeprefix(M))
    return make(element, depth + 1) if make is not None else _children(element, depth + 1)


def _children(element: Any, depth: int) -> str:
    return "".join(linear(child, depth) for child in element)


def _part(element: Any, name: str, depth: int) -> str:
    child = element.find(f"{M}{name}")
    return "" if child is None else linear(child, depth)


def _grouped(text: str) -> str:
    """The text in brackets, if it is more than one word or number."""
    return text if len(text) < 2 or text.isalnum() else f"({text})"


def _property(element: Any, name: str, usual: str) -> str:
    """A value in the element's properties; `usual` if it is absent."""
    for child in element:
        if isinstance(child.tag, str) and child.tag.endswith("Pr"):
            found = child.find(f"{M}{name}")
            if found is not None:
                return str(found.get(f"{M}val", ""))
    return usual


def _fraction(element: Any, depth: int) -> str:
    return f"{_grouped(_part(element, 'num', depth))}/{_grouped(_part(element, 'den', depth))}"


def _scripts(element: Any, depth: int) -> str:
    below, above = _part(element, "sub", depth), _part(element, "sup", depth)
    base = _part(element, "e", depth)
    return base + (f"_{_grouped(below)}" if below else "") + (f"^{_grouped(above)}" if above else "")


def _root(element: Any, depth: int) -> str:
    degree = _part(element, "deg", depth)
    sign = {"": "√", "2": "√", "3": "∛", "4": "∜"}.get(degree, f"root_{_grouped(degree)}")
    return f"{sign}({_part(element, 'e', depth)})"


def _large(element: Any, depth: int) -> str:
    sign = _property(element, "chr", "∫")
    below, above = _part(element, "sub", depth), _part(element, "sup", depth)
    limits = (f"_{_grouped(below)}" if below else "") + (f"^{_grouped(above)}" if above else "")
    return f"{sign}{limits} {_part(element, 'e', depth)}"


def _delimited(element: Any, depth: int) -> str:
    parts = [linear(child, depth) for child in element.iterchildren(f"{M}e")]
    between = _property(element, "sepChr", "|")
    return f"{_property(element, 'begChr', '(')}{between.join(parts)}{_property(element, 'endChr', ')')}"


def _limit(element: Any, depth: int) -> str:
    sign = "_" if element.tag.endswith("Low") else "^"
    return f"{_part(element, 'e', depth)}{sign}{_grouped(_part(element, 'lim', depth))} "


def _matrix(element: Any, depth: int) -> str:
    rows = (
        ", ".join(linear(cell, depth) for cell in row.iterchildren(f"{M}e")) for row in element.iterchildren(f"{M}mr")
    )
    return f"[{'; '.join(rows)}]"


def _lines(element: Any, depth: int) -> str:
    return "; ".join(linear(child, depth) for child in element.iterchildren(f"{M}e"))


def _function(element: Any, depth: int) -> str:
    return f"{_part(element, 'fName', depth).strip()} {_part(element, 'e', depth)}"


def _accent(element: Any, depth: int) -> str:
    return _part(element, "e", depth) + _property(element, "chr", "\u0302")


MADE: dict[str, Callable[[Any, int], str]] = {
    "f": _fraction,
    "sSup": _scripts,
    "sSub": _scripts,
    "sSubSup": _scripts,
    "sPre": _scripts,
    "rad": _root,
    "nary": _large,
    "d": _delimited,
    "limLow": _limit,
    "limUpp": _limit,
    "m": _matrix,
    "eqArr": _lines,
    "func": _function,
    "acc": _accent,
}
