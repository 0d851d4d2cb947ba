"""Reads the parts of a PDF other than page text: form fields, comments, attachments, bookmarks and XFA forms."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from modelyard.knowledge.documents.loaders.base import Source
from modelyard.knowledge.documents.loaders.package import parse_xml
from modelyard.knowledge.types import Block, BlockKind

MOST_ANNOTATIONS = 20_000
"""Maximum number of annotations that are read per page."""
MOST_BOOKMARKS = 5_000
LONGEST = 1 << 20
"""Maximum bytes of one value."""
PASSWORD_FIELD = 1 << 13
"""Flag of a password field, whose value is not displayed."""
XFA_BYTES = 64 << 20
MOST_OBJECTS = 20_000
"""Maximum number of objects per page among which pictures are searched."""
LARGE, WHOLE = 0.2, 0.85
"""Part of the page from which a picture is large, and from which it is a scan or a background."""


def fields_and_comments(source: Source, document: Any, number: int) -> Iterator[Block]:
    """The values of the form fields of a page, and its comments."""
    import pypdfium2
    from pypdfium2 import raw

    try:
        page = document[number]
    except pypdfium2.PdfiumError:
        source.note(f"Page {number + 1} is damaged, and was not read.")
        return
    form = document.formenv
    seen: set[str] = set()
    for at in range(min(raw.FPDFPage_GetAnnotCount(page.raw), MOST_ANNOTATIONS)):
        annotation = raw.FPDFPage_GetAnnot(page.raw, at)
        if not annotation:
            continue
        kind = raw.FPDFAnnot_GetSubtype(annotation)
        if kind == raw.FPDF_ANNOT_WIDGET:
            text = _field(form, annotation) if form is not None else ""
        else:
            text = _comment(source, annotation, kind)
        raw.FPDFPage_CloseAnnot(annotation)
        if text and text not in seen:
            seen.add(text)
            yield Block(text, BlockKind.TEXT, 0, number + 1)
    page.close()


def has_large_picture(document: Any, number: int) -> bool:
    """Whether a page has a picture that may contain more than its text."""
    import pypdfium2
    from pypdfium2 import raw

    try:
        page = document[number]
    except pypdfium2.PdfiumError:
        return False
    area = page.get_width() * page.get_height()
    bounds = [ctypes.c_float() for _ in range(4)]
    found = False
    for at in range(min(raw.FPDFPage_CountObjects(page.raw), MOST_OBJECTS)):
        each = raw.FPDFPage_GetObject(page.raw, at)
        if raw.FPDFPageObj_GetType(each) == raw.FPDF_PAGEOBJ_IMAGE and raw.FPDFPageObj_GetBounds(each, *bounds):
            left, bottom, right, top = (each.value for each in bounds)
            found = found or LARGE * area < (right - left) * (top - bottom) < WHOLE * area
    page.close()
    return found


def _string(read: Callable[..., int], *arguments: Any) -> str:
    """Call a PDFium function that writes UTF-16 to a buffer, whose size a first call returns."""
    size = read(*arguments, None, 0)
    if not 2 < size <= LONGEST:
        return ""
    buffer = ctypes.create_string_buffer(size)
    read(*arguments, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), size)
    return " ".join(buffer.raw[: size - 2].decode("utf-16-le", "replace").split("\0"))


def _field(form: Any, annotation: Any) -> str:
    """`name: value` of a non-empty field; check boxes and radio buttons with their state."""
    from pypdfium2 import raw

    kind = raw.FPDFAnnot_GetFormFieldType(form, annotation)
    name = _string(raw.FPDFAnnot_GetFormFieldAlternateName, form, annotation)
    name = " ".join((name or _string(raw.FPDFAnnot_GetFormFieldName, form, annotation)).split())
    if kind == raw.FPDF_FORMFIELD_CHECKBOX:
        return f"{'☒' if raw.FPDFAnnot_IsChecked(form, annotation) else '☐'} {name}"
    if kind == raw.FPDF_FORMFIELD_RADIOBUTTON:
        value = _string(raw.FPDFAnnot_GetFormFieldExportValue, form, annotation)
        return f"{name}: {value}" if value and raw.FPDFAnnot_IsChecked(form, annotation) else ""
    if kind not in {raw.FPDF_FORMFIELD_TEXTFIELD, raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX}:
        return ""
    if kind == raw.FPDF_FORMFIELD_TEXTFIELD and raw.FPDFAnnot_GetFormFieldFlags(form, annotation) & PASSWORD_FIELD:
        return ""
    value = _string(raw.FPDFAnnot_GetFormFieldValue, form, annotation).replace("\r", "\n").strip()
    return f"{name}: {value}" if name and value else value


def _comment(source: Source, annotation: Any, kind: int) -> str:
    from pypdfium2 import raw

    if kind == raw.FPDF_ANNOT_FILEATTACHMENT:
        source.note("A file that is attached to a page was not read.")
    if kind in {raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP}:
        return ""
    text = _string(raw.FPDFAnnot_GetStringValue, annotation, b"Contents").replace("\r", "\n").strip()
    author = _string(raw.FPDFAnnot_GetStringValue, annotation, b"T").strip()
    return (f"Comment by {author}: {text}" if author else f"Comment: {text}") if text else ""


def note_attachments(source: Source, document: Any) -> None:
    """Note the files attached to the document, which are not read."""
    from pypdfium2 import raw

    for at in range(min(raw.FPDFDoc_GetAttachmentCount(document.raw), 1000)):
        attachment = raw.FPDFDoc_GetAttachment(document.raw, at)
        name = _string(raw.FPDFAttachment_GetName, attachment) if attachment else ""
        source.note(f"The attachment '{name}' was not read.")


def bookmarks(document: Any, blocks: Sequence[Block]) -> Iterator[Block]:
    """The titles of bookmarks that do not occur on the pages."""
    words = " ".join(" ".join(block.text.split()) for block in blocks)
    missing = []
    for at, mark in enumerate(document.get_toc()):
        title = " ".join((mark.get_title() or "").split())
        if title and title not in words:
            missing.append(title)
        if at >= MOST_BOOKMARKS:
            break
    if missing:
        yield Block("\n".join(["Bookmarks:", *dict.fromkeys(missing)]))


def xfa(source: Source, document: Any) -> Iterator[Block]:
    """The labels and values of an XFA form, whose pages are empty in readers other than Adobe's."""
    from lxml import etree
    from pypdfium2 import raw

    if document.get_formtype() not in {raw.FORMTYPE_XFA_FULL, raw.FORMTYPE_XFA_FOREGROUND}:
        return
    source.note("It is an XFA form: its labels and values were read, its layout was not.")
    for at in range(min(raw.FPDF_GetXFAPacketCount(document.raw), 100)):
        name, content = _packet(document, at)
        if name not in {"template", "datasets"}:
            continue
        try:
            root = parse_xml(content)
        except (etree.LxmlError, ValueError):
            source.note(f"The part '{name}' of the XFA form is damaged, and was not read.")
            continue
        lines = _labels(root) if name == "template" else _values(root)
        yield Block("\n".join(dict.fromkeys(lines)))


def _packet(document: Any, at: int) -> tuple[str, bytes]:
    from pypdfium2 import raw

    name = ctypes.create_string_buffer(100)
    raw.FPDF_GetXFAPacketName(document.raw, at, name, 100)
    size = ctypes.c_ulong(0)
    raw.FPDF_GetXFAPacketContent(document.raw, at, None, 0, size)
    buffer = ctypes.create_string_buffer(min(size.value, XFA_BYTES) or 1)
    raw.FPDF_GetXFAPacketContent(document.raw, at, buffer, len(buffer), size)
    return name.value.decode("latin-1"), buffer.raw[: size.value]


def _labels(root: Any) -> Iterator[str]:
    for holder in root.iter("{*}caption", "{*}draw"):
        for each in holder.iter("{*}text", "{*}exData"):
            if text := " ".join(" ".join(each.itertext()).split()):
                yield text


def _values(root: Any) -> Iterator[str]:
    for each in root.iter(tag="*"):
        text = " ".join((each.text or "").split())
        if text and not any(isinstance(child.tag, str) for child in each):
            yield f"{each.tag.rpartition('}')[2]}: {text}"
