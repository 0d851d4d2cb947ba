"""Jupyter notebooks: Markdown cells as Markdown, code as code, outputs that are text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from modelyard.knowledge.loaders import markdown
from modelyard.knowledge.loaders.base import Source, parsing
from modelyard.knowledge.types import Block, Kind, Loaded

COLOURS = re.compile(r"\x1b\[[\d;]*[A-Za-z]")
LONGEST_OUTPUT = 4000
"""Characters of an output that are kept: logs of a training run are no knowledge."""


def load(source: Source) -> Loaded:
    """Its cells in order."""
    text, encoding = source.text()
    with parsing(source, "notebook"):
        notebook = json.loads(text)
        cells = notebook["cells"] if "cells" in notebook else notebook["worksheets"][0]["cells"]
        blocks = [block for cell in cells for block in _cell(cell)]
        language = notebook.get("metadata", {}).get("kernelspec", {}).get("language", "")
    title = next((block.text for block in blocks if block.kind is Kind.HEADING), "")
    return Loaded(blocks, {"title": title, "programming_language": language, "encoding": encoding})


def _cell(cell: Mapping[str, Any]) -> Iterator[Block]:
    text = _joined(cell.get("source", cell.get("input", "")))
    kind = cell.get("cell_type")
    if kind == "markdown":
        yield from markdown.parse(text)
    elif kind == "code":
        yield Block(text, Kind.CODE)
        for output in cell.get("outputs", ()):
            if said := COLOURS.sub("", _said(output)).strip("\n"):
                more = "\n…" if len(said) > LONGEST_OUTPUT else ""
                yield Block(said[:LONGEST_OUTPUT] + more, Kind.CODE)
    else:
        yield Block(text)


def _said(output: Mapping[str, Any]) -> str:
    if output.get("output_type") == "error":
        return f"{output.get('ename', '')}: {output.get('evalue', '')}"
    data = output.get("data", {})
    return _joined(data.get("text/markdown") or data.get("text/plain") or output.get("text", ""))


def _joined(lines: Any) -> str:
    return lines if isinstance(lines, str) else "".join(map(str, lines))
