"""Reads pictures, charts and diagrams of an Office document, and notes those without text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from modelyard.knowledge.documents.loaders import charts
from modelyard.knowledge.documents.loaders.charts import A
from modelyard.knowledge.documents.loaders.package import RELATION, DocumentPackage
from modelyard.knowledge.documents.loaders.pictures import note_pictures
from modelyard.knowledge.types import Block, BlockKind

DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
CHART_REFERENCES = (f"{charts.C}chart", f"{charts.CX}chart")
IMAGES = (f"{A}blip", "{urn:schemas-microsoft-com:vml}imagedata")
OBJECTS = ("{urn:schemas-microsoft-com:office:office}OLEObject",)
MEANINGLESS = frozenset({"", "image", "picture", "graphic", "grafik", "bild", "图片", "圖片"})
FILE_NAME = re.compile(r"[\w.-]{1,200}\.(?:png|jpe?g|gif|bmp|emf|wmf|svg|tiff?|webp)", re.IGNORECASE)
"""Alternative texts that are only file names."""


class Drawings:
    """Reads the drawings of one document, and counts the pictures without a description."""

    def __init__(self, package: DocumentPackage) -> None:
        self._package = package
        self._silent = 0

    def blocks(self, part: str, drawing: Any, page: int | None = None) -> Iterator[Block]:
        """The texts of a drawing in a part: alternative text, charts and diagrams; without its text boxes."""
        descriptions = alternative(drawing)
        yield from (Block(f"Picture: {text}", BlockKind.TEXT, 0, page) for text in descriptions)
        charted = list(self._charts(part, drawing, page))
        yield from charted
        if not descriptions and not charted and any(True for _ in drawing.iter(*IMAGES)):
            self._silent += 1
        for each in drawing.iter(*OBJECTS):
            self.embedded(part, each.get(f"{RELATION}id"), each.get("ProgID") or "")

    def _charts(self, part: str, drawing: Any, page: int | None) -> Iterator[Block]:
        for each in drawing.iter(*CHART_REFERENCES):
            target = self._package.target(part, each.get(f"{RELATION}id"))
            root = self._package.xml(target) if target else None
            if root is not None:
                yield from charts.blocks(root, page)
        for each in drawing.iter(f"{DIAGRAM}relIds"):
            target = self._package.target(part, each.get(f"{RELATION}dm"))
            root = self._package.xml(target) if target else None
            if root is not None and (text := diagram(root)):
                yield Block(text, BlockKind.TEXT, 0, page)

    def embedded(self, part: str, identifier: str | None, program: str) -> None:
        """Note an embedded file, which is not read."""
        target = self._package.target(part, identifier)
        name = target.rpartition("/")[2] if target else ""
        what = f"The embedded file '{name}'" if name else "A linked file"
        self._package.source.note(f"{what}{f' ({program})' if program else ''} was not read.")

    def close(self) -> None:
        """Note the pictures without text, after everything has been read."""
        note_pictures(self._package.source, self._silent)


def alternative(drawing: Any) -> list[str]:
    """The alternative texts and titles in a drawing, each once, without mere file names."""
    found = []
    for each in drawing.iter():
        if isinstance(each.tag, str) and each.tag.rpartition("}")[2] in {"docPr", "cNvPr"}:
            found += [each.get("title") or "", each.get("descr") or ""]
        elif isinstance(each.tag, str) and each.tag.startswith("{urn:schemas-microsoft-com:vml}"):
            found += [each.get("alt") or "", each.get("string") or ""]
    texts = (" ".join(text.split()) for text in found)
    return list(
        dict.fromkeys(text for text in texts if text.lower() not in MEANINGLESS and not FILE_NAME.fullmatch(text))
    )


def diagram(root: Any) -> str:
    """The texts of a SmartArt graphic, one per line, in the order of its model."""
    lines = []
    for point in root.iter(f"{DIAGRAM}pt"):
        if point.get("type", "node") in {"node", "asst"}:
            for paragraph in point.iter(f"{A}p"):
                lines.append("".join(each.text or "" for each in paragraph.iter(f"{A}t")).strip())
    return "\n".join(line for line in lines if line)
