"""Collects the text of Rich Text as blocks: paragraphs, headings and tables."""

from __future__ import annotations

from modelyard.knowledge.documents.loaders import tables
from modelyard.knowledge.documents.loaders.base import Source
from modelyard.knowledge.types import Block, BlockKind


class RtfSink:
    """The destination of text: the body of a document, or a footnote, comment or header."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.parts: list[str] = []
        self._lines: list[str] = []
        self._cells: list[str] = []
        self._rows: list[list[str]] = []
        self._blocks: list[Block] = []
        self._characters = 0

    def write(self, text: str) -> None:
        """Add text to the open paragraph."""
        self.parts.append(text)
        self._characters += len(text)
        self._source.allow(self._characters)

    def _take(self) -> str:
        text = "".join(self.parts).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        self.parts.clear()
        return text

    def paragraph(self, level: int, in_table: bool) -> None:
        """End a paragraph: a heading if `level` is above 0, else text."""
        text = self._take()
        if in_table:
            self._lines.append(text.strip())
            return
        self._end_table()
        if level and text.strip():
            self._blocks.append(Block(" ".join(text.split()), BlockKind.HEADING, level))
        elif text.strip():
            self._blocks.append(Block(text.strip(" \n")))

    def cell(self) -> None:
        """End a cell."""
        lines = [*self._lines, self._take().strip()]
        self._lines.clear()
        self._cells.append("\n".join(line for line in lines if line))

    def row(self) -> None:
        """End a row."""
        if self._lines or "".join(self.parts).strip():
            self.cell()
        if any(self._cells):
            self._rows.append(self._cells)
        self._cells = []

    def _end_table(self) -> None:
        if self._cells or self._lines:
            self.row()
        if self._rows:
            self._blocks.append(Block(tables.markdown(self._rows), BlockKind.TABLE))
        self._rows = []

    def blocks(self) -> list[Block]:
        """All blocks, when the destination ends."""
        self.paragraph(0, False)
        return self._blocks

    def text(self) -> str:
        """All blocks as one text."""
        return "\n".join(block.text for block in self.blocks())
