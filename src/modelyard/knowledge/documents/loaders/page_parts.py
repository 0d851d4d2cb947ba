"""Converts page elements that are not text (pictures, forms, frames) to text, or removes them with a note."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from modelyard.knowledge.documents.loaders.base import Source

EMPTY = frozenset(
    {"script", "style", "head", "link", "meta", "base", "param", "source", "track", "annotation", "annotation-xml"}
)
"""Elements without text for people."""
UNKNOWN_INPUTS = frozenset({"hidden", "password", "color", "file", "range"})
PAGE_ENOUGH = 200
"""Characters of a page from which its content for browsers without scripts is ignored."""
DEEPEST_FRAME = 3
Parse = Callable[[str, int], Any]
"""Parses a page inside a page at the given nesting depth; None if it has no elements."""


def simplify(root: Any, source: Source, parse: Parse, depth: int = 0) -> None:
    """Change a tree in place so that it contains only what is displayed, as the text of plain elements."""
    from lxml import etree

    todo: list[tuple[Any, Callable[[Any, Source], None]]] = []
    without_scripts: list[Any] = []
    walk = etree.iterwalk(root, events=("start",))
    for _, element in walk:
        if element is root or not isinstance(element.tag, str):
            continue
        if element.tag == "noscript":
            without_scripts.append(element)
            walk.skip_subtree()
        elif element.tag == "iframe":
            todo.append((element, lambda each, source: _frame(each, source, parse, depth)))
            walk.skip_subtree()
        elif action := _removal(element) or ACTIONS.get(element.tag):
            todo.append((element, action))
            if element.tag not in OPEN:
                walk.skip_subtree()
    for element, action in todo:
        action(element, source)
    _settle_scriptless(root, source, without_scripts)


def _removal(element: Any) -> Callable[[Any, Source], None] | None:
    """The removal of an element that is not displayed, or None."""
    if element.tag in EMPTY:
        return _drop
    if element.get("hidden") is not None and element.get("hidden") != "until-found":
        return lambda each, source: _drop_with_note(each, source, "A hidden part of the page was not read.")
    return None


def _drop(element: Any, source: Source | None = None) -> None:
    element.drop_tree()


def _drop_with_note(element: Any, source: Source, note: str) -> None:
    if _has_text(element):
        source.note(note)
    _drop(element)


def _has_text(element: Any) -> bool:
    return any(part.strip() for part in element.itertext())


def _become(element: Any, text: str, tag: str = "span") -> None:
    """Replace an element by one with plain text."""
    tail = element.tail
    element.clear()
    element.tag, element.text, element.tail = tag, f" {text} " if text.strip() and tag == "span" else text, tail


def _picture(element: Any, source: Source) -> None:
    if (element.get("src") or "").startswith("data:"):
        source.note("An embedded picture was not read.")
    _become(element, element.get("alt") or "")


def _input(element: Any, source: Source) -> None:
    kind = (element.get("type") or "text").strip().lower()
    if kind in UNKNOWN_INPUTS:
        _become(element, "")
    elif kind in {"checkbox", "radio"}:
        _become(element, "[x]" if element.get("checked") is not None else "[ ]")
    else:
        _become(element, element.get("value") or element.get("placeholder") or element.get("alt") or "")


def _textarea(element: Any, source: Source) -> None:
    _become(element, element.text_content() or element.get("placeholder") or "", "div")


def _button(element: Any, source: Source) -> None:
    element.text, element.tail = f" {element.text or ''}", f" {element.tail or ''}"


def _explained(element: Any, source: Source) -> None:
    """An abbreviation, followed by its meaning."""
    _behind(element, element.get("title") or "")


def _link(element: Any, source: Source) -> None:
    """A `mailto:` link, followed by the address, which the text seldom contains."""
    kind, _, address = (element.get("href") or "").partition(":")
    _behind(element, unquote(address.partition("?")[0]) if kind.strip().lower() in {"mailto", "tel"} else "")


def _behind(element: Any, more: str) -> None:
    if more.strip() and more.strip() not in element.text_content():
        element.tail = f" ({' '.join(more.split())}){element.tail or ''}"


def _choices(element: Any, source: Source) -> None:
    labels = (
        option.get("label") or option.text_content() or option.get("value") or "" for option in element.iter("option")
    )
    _become(element, ", ".join(" ".join(label.split()) for label in labels if label.strip()))


def _drawing(element: Any, source: Source) -> None:
    """The text of an SVG. libxml2 ignores namespaces in HTML, so tags have their literal names."""
    words = (each.text_content() for each in element.iter("title", "desc", "text", "foreignobject"))
    _become(element, " ".join(" ".join(each.split()) for each in words))


def _frame(element: Any, source: Source, parse: Parse, depth: int) -> None:
    page, address = element.get("srcdoc"), element.get("src") or ""
    inside = parse(page, depth + 1) if page and page.strip() and depth < DEEPEST_FRAME else None
    if page and inside is None:
        source.note("A page inside the page was not read.")
    elif address and not address.startswith(("about:", "javascript:")):
        source.note(f"The frame '{address[:200]}' was not read.")
    _become(element, "", "div")
    if inside is not None:
        element.append(inside)
        inside.tag = "div"


def _embedded(element: Any, source: Source) -> None:
    """Media and plug-ins; their content is for browsers that do not support them."""
    address = (
        element.get("data") or element.get("src") or next((each.get("src") for each in element.iter("source")), None)
    )
    if address:
        name = "data" if address.startswith("data:") else address[:200]
        source.note(f"The embedded {element.tag} '{name}' was not read.")
    element.tag = "div"


def _template(element: Any, source: Source) -> None:
    if element.get("shadowrootmode") or element.get("shadowroot"):
        element.tag = "div"
    else:
        _drop_with_note(element, source, "A template of the page was not read.")


def _formula(element: Any, source: Source) -> None:
    for note in list(element.iter("annotation", "annotation-xml")):
        _drop(note)
    text = " ".join(element.text_content().split())
    _become(element, text or element.get("alttext") or "")


def _settle_scriptless(root: Any, source: Source, elements: list[Any]) -> None:
    """Read the content for browsers without scripts, if the page has hardly any other text."""
    inside = sum(len(each.text_content()) for each in elements)
    little = len(root.text_content()) - inside < PAGE_ENOUGH
    for element in elements:
        if little:
            element.tag = "div"
        else:
            _drop_with_note(element, source, "The content for browsers without scripts was not read.")


ACTIONS: dict[str, Callable[[Any, Source], None]] = {
    "nav": lambda each, source: _drop_with_note(each, source, "The navigation was not read."),
    "img": _picture,
    "area": _picture,
    "input": _input,
    "textarea": _textarea,
    "button": _button,
    "abbr": _explained,
    "acronym": _explained,
    "a": _link,
    "select": _choices,
    "datalist": _choices,
    "svg": _drawing,
    "math": _formula,
    "frame": lambda each, source: _frame(each, source, lambda page, depth: None, 0),
    "object": _embedded,
    "embed": _embedded,
    "video": _embedded,
    "audio": _embedded,
    "template": _template,
}
OPEN = frozenset({"object", "video", "audio", "template", "button", "abbr", "acronym", "a"})
"""Elements whose content is processed too, because they may contain other elements of interest."""
