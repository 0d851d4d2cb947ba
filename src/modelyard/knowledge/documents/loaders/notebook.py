"""Jupyter notebooks: Markdown cells as Markdown, code as code, and textual outputs; other outputs are noted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from modelyard.knowledge.documents.loaders import html, markdown
from modelyard.knowledge.documents.loaders.base import DAMAGE, Source, parsing
from modelyard.knowledge.types import Block, BlockKind, LoadedDocument

COLOURS = re.compile(r"\x1b\[[\d;]*[A-Za-z]")
LONGEST_OUTPUT = 4000
"""Maximum characters of an output that are kept; longer ones are mostly training logs."""
WIDGET = "application/vnd.jupyter.widget-view+json"


def load(source: Source) -> LoadedDocument:
    """Read the cells in order. A damaged cell is skipped with a note."""
    text, encoding = source.text()
    blocks: list[Block] = []
    with parsing(source, "notebook"):
        notebook = json.loads(text)
        sheets = notebook.get("worksheets") or [{}]
        cells = (
            notebook["cells"] if "cells" in notebook else [cell for sheet in sheets for cell in sheet.get("cells", ())]
        )
        metadata = notebook.get("metadata") or {}
        language = (metadata.get("kernelspec") or {}).get("language") or (metadata.get("language_info") or {}).get(
            "name"
        )
    for number, cell in enumerate(cells, 1):
        try:
            blocks += _cell(cell, source)
        except DAMAGE:
            source.note(f"Cell {number} is damaged and was not read.")
    title = metadata.get("title") or next((block.text for block in blocks if block.kind is BlockKind.HEADING), "")
    return LoadedDocument(
        blocks, {"title": str(title), "programming_language": str(language or ""), "encoding": encoding}
    )


def _cell(cell: Mapping[str, Any], source: Source) -> Iterator[Block]:
    text = _joined(cell.get("source", cell.get("input", "")))
    kind = cell.get("cell_type")
    for name in cell.get("attachments") or ():
        source.note(f"The picture '{name}' in a cell was not read.")
    if kind == "markdown":
        yield from markdown.parse(text, source)
    elif kind == "heading":
        yield Block(" ".join(text.split()), BlockKind.HEADING, int(cell.get("level", 1)))
    elif kind == "code":
        yield Block(text, BlockKind.CODE)
        for output in cell.get("outputs") or ():
            yield from _output(output, source)
    else:
        yield Block(text)


def _output(output: Mapping[str, Any], source: Source) -> Iterator[Block]:
    if output.get("output_type") in {"error", "pyerr"}:
        yield from _output_text(f"{output.get('ename', '')}: {output.get('evalue', '')}", source)
        return
    data = output.get("data") or {}
    if not data and output.get("output_type") != "stream":
        data = {f"image/{key}": value for key, value in output.items() if key in {"png", "jpeg", "svg"}}
    for kind in data:
        if kind.startswith("image/") or kind == WIDGET or kind == "application/javascript":
            what = "picture" if kind.startswith("image/") else "widget" if kind == WIDGET else "script"
            source.note(f"A {what} in an output was not read.")
    if data.get("text/markdown"):
        yield from _output_text(_joined(data["text/markdown"]), source)
    elif data.get("text/html") and not _says_something(_joined(data.get("text/plain", ""))):
        yield from html.parse(source, _joined(data["text/html"])).blocks
    elif text := data.get("text/plain") or data.get("text/latex") or output.get("text"):
        yield from _output_text(_joined(text), source)
    elif (value := data.get("application/json")) is not None:
        yield from _output_text(json.dumps(value, ensure_ascii=False), source)


def _says_something(text: str) -> bool:
    """Whether an output is more than an object's default representation, such as `<pandas.io.formats.style.Styler at 0x7f>`."""
    bare = text.strip()
    return bool(bare) and not re.fullmatch(r"<[^<>\n]{1,200}>", bare)


def _output_text(text: str, source: Source) -> Iterator[Block]:
    bare = COLOURS.sub("", text).strip("\n")
    if len(bare) > LONGEST_OUTPUT:
        source.note(f"An output was read up to {LONGEST_OUTPUT:,} characters.")
        bare = f"{bare[:LONGEST_OUTPUT]}\n…"
    if bare:
        yield Block(bare, BlockKind.CODE)


def _joined(lines: Any) -> str:
    return lines if isinstance(lines, str) else "".join(map(str, lines))
