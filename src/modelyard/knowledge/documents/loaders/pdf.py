"""PDF: the text of each page in paragraphs, large lines as headings, repeated headers and footers once."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from modelyard.knowledge.documents.loaders import ocr, pdf_extras
from modelyard.knowledge.documents.loaders.base import Source, parsing
from modelyard.knowledge.documents.loaders.lines import Line, Paragraph, paragraphs
from modelyard.knowledge.documents.loaders.office import tidy
from modelyard.knowledge.types import Block, BlockKind, LoadedDocument

PASSWORD = 4
"""PDFium's error code for a missing or wrong password."""
CATALOG = re.compile(rb"(\d{1,9}) (\d{1,5}) obj\s*<<[^<>]{0,500}?/Type\s*/Catalog\b")
LARGE = 1.15
"""Letter height, relative to the body text, from which a line is a heading."""
LONGEST_HEADING = 120
DEEPEST_HEADING = 3
EDGE = 2
"""Number of lines at the top and bottom of a page that may be its header and footer."""
REPEATED = 0.6
"""Part of the pages on which a line must occur to count as header or footer."""
FEWEST_PAGES = 4
NUMBER = re.compile(r"\d+|\b[ivxlc]+\b")
PAGE_NUMBER = re.compile(r"(?:第\s*)?[-–—\s]*#[-–—\s]*(?:/\s*#|页|頁|of #)?", re.IGNORECASE)
HYPHENS = frozenset({0x02, 0xFFFE})
"""PDFium's characters for a hyphen at the end of a line, in place of the line end."""
ENDS = HYPHENS | {10, 13}
LEADERS = re.compile(r"\s?(?:[.·…]\s?){5,}")
"""Leader dots of a table of contents."""
DPI = 200
LIGATURES = {0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st"}
UNREADABLE = re.compile("[\ufffd\ue000-\uf8ff\x01-\x08\x0e-\x1f]")
"""Characters of fonts without a mapping to Unicode."""
GARBLED = 0.3
"""Part of such characters above which a page is read by OCR, or noted."""
SAMPLES = 200
"""Number of a page's characters whose direction is examined."""
MOST_LISTED = 20
"""Maximum number of pages that a note lists."""


def load(source: Source) -> LoadedDocument:
    """Read the document. Pages without text are read by OCR with `ocr`, else listed in the metadata and a note."""
    import pypdfium2

    with parsing(source, "PDF", pypdfium2.PdfiumError):
        document = opened(source)
        try:
            return _document(source, document)
        finally:
            document.close()


def opened(source: Source) -> Any:
    """Open the document; one whose end is missing gets a trailer, without which PDFium finds no pages."""
    import pypdfium2

    try:
        return pypdfium2.PdfDocument(source.data)
    except pypdfium2.PdfiumError as error:
        if error.err_code == PASSWORD:
            raise source.unreadable("it is encrypted; save it without a password.") from error
        root = CATALOG.search(source.data)
        if root is None or b"/Encrypt" in source.data:
            raise
        whole = source.data + b"\ntrailer\n<< /Root %s %s R >>\n%%%%EOF\n" % (root[1], root[2])
        document = pypdfium2.PdfDocument(whole)
        source.note("The file is damaged at its end; pages may be missing.")
        return document


def _document(source: Source, document: Any) -> LoadedDocument:
    source.allow_pages(len(document))
    pages: list[list[Line]] = []
    characters = 0
    for number in range(len(document)):
        pages.append(_lines(document, number))
        characters += sum(len(line.text) for line in pages[-1])
        source.allow(characters)
    forms = list(pdf_extras.xfa(source, document))
    document.init_forms()
    beside = [[*pdf_extras.fields_and_comments(source, document, number)] for number in range(len(document))]
    pdf_extras.note_attachments(source, document)
    empty = [number for number, lines in enumerate(pages) if not lines or _garbled(lines)]
    silent = len(empty) == len(pages) and not any(beside) and not forms
    if empty and (source.ocr or silent):
        _recognise(source, document, pages, empty, silent)
        empty = [number for number in empty if not pages[number] or _garbled(pages[number])]
    _note_pages(source, document, empty)
    read = _blocks([paragraphs(lines) for lines in without_repeated(pages)])
    blocks = [*_with(read, beside), *forms]
    properties = document.get_metadata_dict(skip_empty=True)
    missing = ", ".join(str(number + 1) for number in empty)
    metadata = {
        "title": properties.get("Title", ""),
        "author": properties.get("Author", ""),
        "pages_without_text": missing,
    }
    return LoadedDocument([*blocks, *pdf_extras.bookmarks(document, blocks)], {**metadata, "pages": str(len(pages))})


def _with(blocks: Sequence[Block], beside: Sequence[Sequence[Block]]) -> Iterator[Block]:
    """The blocks of each page, each followed by its fields and comments."""
    at = 0
    for number, more in enumerate(beside, 1):
        while at < len(blocks) and blocks[at].page == number:
            yield blocks[at]
            at += 1
        yield from more


def _garbled(lines: Sequence[Line]) -> bool:
    text = "".join(line.text for line in lines)
    return len(UNREADABLE.findall(text)) > GARBLED * len(text)


def _note_pages(source: Source, document: Any, empty: Sequence[int]) -> None:
    """Note pages without text, and large pictures on other pages."""
    if empty:
        verb = "has" if len(empty) == 1 else "have"
        how = "" if source.ocr and ocr.installed() else f" {ocr.how()}"
        source.note(f"{_numbered(empty)} {verb} no readable text.{how}")
    others = sorted({*range(len(document))} - {*empty})
    if pictured := [number for number in others if pdf_extras.has_large_picture(document, number)]:
        source.note(f"{_numbered(pictured)} {'has' if len(pictured) == 1 else 'have'} pictures that were not read.")


def _numbered(pages: Sequence[int]) -> str:
    which = ", ".join(str(number + 1) for number in pages[:MOST_LISTED]) + (" …" if len(pages) > MOST_LISTED else "")
    return f"Page {which}" if len(pages) == 1 else f"Pages {which}"


def _recognise(source: Source, document: Any, pages: list[list[Line]], empty: Sequence[int], silent: bool) -> None:
    """Fill empty pages by OCR. Raises if OCR is not available and there is nothing else to read (`silent`)."""
    if not source.ocr or not ocr.installed():
        if silent:
            raise source.unreadable(f"it has no text: it seems to be scanned. {ocr.how()}")
        return
    for number in empty:
        page = document[number]
        scale = min(DPI / 72, ocr.LONGEST_SIDE / max(*page.get_size(), 1))
        bitmap = page.render(scale=scale, rev_byteorder=False)
        pages[number] = ocr.lines(bitmap.to_pil().convert("RGB"))
        bitmap.close()
        page.close()


def _lines(document: Any, number: int) -> list[Line]:
    """The lines of a page, from the top; empty for a page that cannot be read."""
    import pypdfium2

    try:
        page = document[number]
    except pypdfium2.PdfiumError:
        return []
    try:
        text = upright(page)
        try:
            return list(_measured(text))
        finally:
            text.close()
    finally:
        page.close()


def upright(page: Any) -> Any:
    """The text page of a page, which is rotated until most of its text is upright: PDFium orders lines as displayed."""
    text = page.get_textpage()
    if (rotation := _rotation(text)) is not None and rotation != page.get_rotation():
        text.close()
        page.set_rotation(rotation)
        text = page.get_textpage()
    return text


def _rotation(text_page: Any) -> int | None:
    """Degrees by which a page must be rotated for most of its text to be upright; None if it has no text."""
    from pypdfium2 import raw

    count = text_page.count_chars()
    turns: Counter[int] = Counter()
    for at in range(0, count, max(1, count // SAMPLES)):
        angle = raw.FPDFText_GetCharAngle(text_page.raw, at)
        if angle >= 0:
            turns[round(angle / (math.pi / 2)) % 4] += 1
    return (4 - turns.most_common(1)[0][0]) % 4 * 90 if turns else None


def _measured(text_page: Any) -> Iterator[Line]:
    """Lines with their positions. PDFium ends a line with an extra character, which counts in its numbering."""
    from pypdfium2 import raw

    handle = text_page.raw
    unicode = raw.FPDFText_GetUnicode
    start, count = 0, text_page.count_chars()
    characters: list[str] = []
    for at in range(count + 1):
        code = unicode(handle, at) if at < count else 10
        if code not in ENDS:
            characters.append(chr(code) if 0 < code < 0x110000 else " ")
            continue
        text = "".join(characters)
        if text.strip():
            first = start + len(text) - len(text.lstrip())
            last = start + len(text.rstrip()) - 1
            yield _line(raw, handle, f"{text}-" if code in HYPHENS else text, first, last)
        characters.clear()
        start = at + 1


def _line(raw: Any, handle: Any, text: str, first: int, last: int) -> Line:
    """A line with its box, in a coordinate system in which it runs from left to right, whatever the page's rotation."""
    angle = raw.FPDFText_GetCharAngle(handle, first)
    turn = round(angle / (math.pi / 2)) % 4 if angle >= 0 else 0
    corners = []
    box = raw.FS_RECTF()
    for at in (first, last):
        raw.FPDFText_GetLooseCharBox(handle, at, box)
        corners += [_turned(box.left, box.bottom, turn), _turned(box.right, box.top, turn)]
    words = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").translate(LIGATURES)
    across, down = [x for x, _ in corners], [-y for _, y in corners]
    return Line(
        LEADERS.sub(" … ", " ".join(tidy(words).split())).strip(), min(across), min(down), max(across), max(down)
    )


def _turned(x: float, y: float, quarters: int) -> tuple[float, float]:
    """A point in a coordinate system rotated by quarter turns."""
    return ((x, y), (-y, x), (-x, -y), (y, -x))[quarters]


def without_repeated(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """The pages without page numbers, and with headers and footers on the first page that has them only.

    These are first and last lines that most pages share, except for numbers.
    """
    if len(pages) < FEWEST_PAGES:
        return [list(lines) for lines in pages]
    edges = [{*_edge(lines)} for lines in pages]
    shared: Counter[str] = Counter(pattern for edge in edges for pattern in {_pattern(line.text) for line in edge})
    written = sum(bool(lines) for lines in pages)
    often = max(3, REPEATED * written)
    repeated = {
        pattern for pattern, count in shared.items() if count >= (3 if PAGE_NUMBER.fullmatch(pattern) else often)
    }
    kept: list[list[Line]] = []
    seen = {pattern for pattern in repeated if PAGE_NUMBER.fullmatch(pattern)}
    for lines, edge in zip(pages, edges, strict=True):
        kept.append([])
        for line in lines:
            pattern = _pattern(line.text)
            if line not in edge or pattern not in repeated or pattern not in seen:
                kept[-1].append(line)
                seen |= {pattern} & repeated
    return kept


def _edge(lines: Sequence[Line]) -> list[Line]:
    """The first and last lines by position, not by order, because footers are often written first."""
    ordered = sorted(lines, key=lambda line: line.top)
    return ordered if len(ordered) <= 2 * EDGE else [*ordered[:EDGE], *ordered[-EDGE:]]


def _pattern(text: str) -> str:
    return NUMBER.sub("#", " ".join(text.split()))


def _blocks(pages: Sequence[Sequence[Paragraph]]) -> list[Block]:
    """Paragraphs with their page numbers; those in larger letters than most of the text are headings."""
    weights: Counter[float] = Counter()
    for page in pages:
        for paragraph in page:
            weights[round(paragraph.height, 1)] += len(paragraph.text)
    body = weights.most_common(1)[0][0] if weights else 0.0
    large = sorted({round(each.height) for page in pages for each in page if _is_heading(each, body)}, reverse=True)
    levels = {height: min(at, DEEPEST_HEADING) for at, height in enumerate(large, 1)}
    return [
        Block(each.text, BlockKind.HEADING, levels[round(each.height)], number)
        if _is_heading(each, body)
        else Block(each.text, BlockKind.TEXT, 0, number)
        for number, page in enumerate(pages, 1)
        for each in page
    ]


def _is_heading(paragraph: Paragraph, body: float) -> bool:
    short = len(paragraph.text) <= LONGEST_HEADING and paragraph.lines <= 3
    return short and paragraph.height > LARGE * body and " … " not in paragraph.text
