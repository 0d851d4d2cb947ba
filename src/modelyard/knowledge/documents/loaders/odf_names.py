"""The namespaces of OpenDocument, and the parsing of its XML."""

from __future__ import annotations

from typing import Any

from modelyard.knowledge.documents.loaders.package import parser

ODF = "urn:oasis:names:tc:opendocument:xmlns"
OFFICE, TEXT, TABLE, DRAW, STYLE, META, FORM, PRESENTATION = (
    f"{{{ODF}:{name}:1.0}}" for name in ("office", "text", "table", "drawing", "style", "meta", "form", "presentation")
)
CHART, SVG = f"{{{ODF}:chart:1.0}}", f"{{{ODF}:svg-compatible:1.0}}"
DC, XLINK = "{http://purl.org/dc/elements/1.1/}", "{http://www.w3.org/1999/xlink}"
MATH = "{http://www.w3.org/1998/Math/MathML}"


def document_part(data: bytes) -> Any:
    """The root element of a part. Raises `LxmlError`, and `ValueError` for declared entities, which entity bombs need."""
    from lxml import etree

    root = etree.fromstring(data, parser())
    declared = root.getroottree().docinfo.internalDTD
    if declared is not None and any(True for _ in declared.iterentities()):
        raise ValueError("it declares entities")
    return root
