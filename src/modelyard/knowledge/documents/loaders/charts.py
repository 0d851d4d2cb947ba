"""Converts charts to tables: the title, then a row for each category and a column for each series."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelyard.knowledge.documents.loaders import tables
from modelyard.knowledge.types import Block, BlockKind

C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
CX = "{http://schemas.microsoft.com/office/drawing/2014/chartex}"
MOST_PLACES = 1_000_000
"""Maximum cells of a chart's table; the points of a larger one are listed one by one."""
Points = dict[int, str]
"""Position in a series → text."""


def blocks(root: Any, page: int | None = None) -> Iterator[Block]:
    """Read a chart part, in the old format (`c:`) or the new one (`cx:`)."""
    if root.tag.startswith(CX):
        yield from _extended(root, page)
        return
    titles = [_words(title) for title in root.iter(f"{C}title")]
    axes = [_words(title) for axis in root.iter(*AXES) for title in axis.iterchildren(f"{C}title")]
    own = [title for title in titles if title and title not in axes]
    head = [f"Chart: {', '.join(own)}" if own else "Chart", *(f"Axis: {axis}" for axis in axes if axis)]
    yield Block("\n".join(head), BlockKind.TEXT, 0, page)
    series = list(root.iter(f"{C}ser"))
    if series:
        yield Block(_table(series), BlockKind.TABLE, 0, page)


AXES = tuple(f"{C}{name}" for name in ("catAx", "valAx", "dateAx", "serAx"))


def _table(series: list[Any]) -> str:
    """Series with different categories have their own category columns."""
    columns: list[tuple[str, Points]] = []
    before: Points = {}
    for each in series:
        categories = _points(each, "cat", "xVal")
        if categories and categories != before:
            columns.append(("", categories))
            before = categories
        columns.append((_name(each), _points(each, "val", "yVal")))
        if sizes := _points(each, "bubbleSize"):
            columns.append(("", sizes))
    rows = sorted({at for _, points in columns for at in points})
    if len(rows) * len(columns) > MOST_PLACES:
        return "\n".join(f"{name} {text}".strip() for name, points in columns for text in points.values())
    return tables.markdown(
        [[name for name, _ in columns], *([points.get(at, "") for _, points in columns] for at in rows)]
    )


def _name(series: Any) -> str:
    name = series.find(f"{C}tx")
    return "" if name is None else " ".join(text for each in name.iter(f"{C}v") if (text := (each.text or "").strip()))


def _points(series: Any, *names: str) -> Points:
    """The texts or numbers of a series; those of several levels are joined, the widest first."""
    found = next((child for name in names if (child := series.find(f"{C}{name}")) is not None), None)
    if found is None:
        return {}
    levels = list(found.iter(f"{C}lvl")) or [found]
    points: Points = {}
    for level in levels:
        for point in level.iter(f"{C}pt"):
            at, text = point.get("idx", ""), (point.findtext(f"{C}v") or "").strip()
            if at.isascii() and at.isdigit() and len(at) < 10:
                points[int(at)] = f"{text} {points[int(at)]}" if int(at) in points else text
    return points


def _words(element: Any) -> str:
    """The text of a title, typed or taken from a cell."""
    typed = "".join(each.text or "" for each in element.iter(f"{A}t"))
    return " ".join((typed or " ".join(each.text or "" for each in element.iter(f"{C}v"))).split())


def _extended(root: Any, page: int | None) -> Iterator[Block]:
    titles = [" ".join("".join(title.itertext()).split()) for title in root.iter(f"{CX}title")]
    yield Block("\n".join(["Chart", *filter(None, titles)]), BlockKind.TEXT, 0, page)
    names = [" ".join((each.text or "").split()) for each in root.iter(f"{CX}v")]
    for data in root.iter(f"{CX}data"):
        columns: list[Points] = []
        for level in data.iter(f"{CX}lvl"):
            columns.append({at: (each.text or "").strip() for at, each in enumerate(level.iterchildren(f"{CX}pt"))})
        rows = sorted({at for points in columns for at in points})
        header = [*[""] * (len(columns) - 1), " ".join(filter(None, names))]
        yield Block(
            tables.markdown([header, *([points.get(at, "") for points in columns] for at in rows)]),
            BlockKind.TABLE,
            0,
            page,
        )
