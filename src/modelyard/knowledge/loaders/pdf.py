"""PDF: the text of each page in paragraphs, large lines as headings, what repeats on every page dropped."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from modelyard.knowledge.loaders import ocr
from modelyard.knowledge.loaders.base import Source, parsing
from modelyard.knowledge.loaders.lines import Line, Paragraph, paragraphs
from modelyard.knowledge.loaders.office import tidy
from modelyard.knowledge.types import Block, Kind, Loaded

PASSWORD = 4
"""PDFium's error for a password that is missing or wrong."""
LARGE = 1.15
"""Heights of letters, for one of the body, that make a heading."""
LONGEST_HEADING = 120
DEEPEST_HEADING = 3
EDGE = 2
"""Lines at the top and the bottom of a page that may be its header and footer."""
REPEATED = 0.6
"""Share of the pages on which a line stands that is a header or footer."""
FEWEST_PAGES = 4
NUMBER = re.compile(r"\d+|\b[ivxlc]+\b")
PAGE_NUMBER = re.compile(r"(?:第\s*)?[-–—\s]*#[-–—\s]*(?:/\s*#|页|頁|of #)?", re.IGNORECASE)
HYPHENS = frozenset({0x02, 0xFFFE})
"""What PDFium gives for a hyphen at the end of a line, in place of the line's end."""
ENDS = HYPHENS | {10, 13}
LEADERS = re.compile(r"\s?(?:[.·…]\s?){5,}")
"""The dots of a table of contents."""
DPI = 200


def load(source: Source) -> Loaded:
    """The document. Pages without text are read from their picture with `ocr`, else named in the metadata."""
    import pypdfium2

    with parsing(source, "PDF", pypdfium2.PdfiumError):
        try:
            document = pypdfium2.PdfDocument(source.data)
        except pypdfium2.PdfiumError as error:
            if error.err_code == PASSWORD:
                raise source.unreadable("it is encrypted; save it without a password.") from error
            raise
        try:
            return _document(source, document)
        finally:
            document.close()


def _document(source: Source, document: Any) -> Loaded:
    source.allow_pages(len(document))
    pages: list[list[Line]] = []
    characters = 0
    for number in range(len(document)):
        pages.append(_lines(document, number))
        characters += sum(len(line.text) for line in pages[-1])
        source.allow(characters)
    empty = [number for number, lines in enumerate(pages) if not lines]
    if empty and (source.ocr or len(empty) == len(pages)):
        _recognise(source, document, pages, empty)
        empty = [number for number in empty if not pages[number]]
    blocks = _blocks([paragraphs(lines) for lines in without_repeated(pages)])
    said = document.get_metadata_dict(skip_empty=True)
    missing = ", ".join(str(number + 1) for number in empty)
    metadata = {"title": said.get("Title", ""), "author": said.get("Author", ""), "pages_without_text": missing}
    return Loaded(blocks, {**metadata, "pages": str(len(pages))})


def _recognise(source: Source, document: Any, pages: list[list[Line]], empty: Sequence[int]) -> None:
    """Fill empty pages with what OCR reads in them."""
    if not source.ocr or not ocr.installed():
        if len(empty) == len(pages):
            raise source.unreadable(f"it has no text: it seems to be scanned. {ocr.HOW}")
        return
    for number in empty:
        page = document[number]
        scale = min(DPI / 72, ocr.LONGEST_SIDE / max(*page.get_size(), 1))
        bitmap = page.render(scale=scale, rev_byteorder=False)
        pages[number] = ocr.lines(bitmap.to_pil().convert("RGB"))
        bitmap.close()
        page.close()


def _lines(document: Any, number: int) -> list[Line]:
    """The lines of a page, from the top; none for a page that cannot be read."""
    import pypdfium2

    try:
        page = document[number]
    except pypdfium2.PdfiumError:
        return []
    try:
        height = page.get_height()
        text = page.get_textpage()
        try:
            return list(_measured(text, height))
        finally:
            text.close()
    finally:
        page.close()


def _measured(text_page: Any, height: float) -> Iterator[Line]:
    """Lines with their places. PDFium ends a line with a character of its own, which has a place in the numbering."""
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
            yield _line(raw, handle, f"{text}-" if code in HYPHENS else text, first, last, height)
        characters.clear()
        start = at + 1


def _line(raw: Any, handle: Any, text: str, first: int, last: int, height: float) -> Line:
    box = raw.FS_RECTF()
    raw.FPDFText_GetLooseCharBox(handle, first, box)
    left, top, bottom = box.left, box.top, box.bottom
    raw.FPDFText_GetLooseCharBox(handle, last, box)
    words = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return Line(
        LEADERS.sub(" … ", " ".join(tidy(words).split())).strip(),
        min(left, box.left),
        height - max(top, box.top),
        max(box.right, left),
        height - min(bottom, box.bottom),
    )


def without_repeated(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """The pages without headers, footers and page numbers: first and last lines that most pages share but for numbers."""
    if len(pages) < FEWEST_PAGES:
        return [list(lines) for lines in pages]
    edges = [{*_edge(lines)} for lines in pages]
    shared: Counter[str] = Counter(pattern for edge in edges for pattern in {_pattern(line.text) for line in edge})
    written = sum(bool(lines) for lines in pages)
    often = max(3, REPEATED * written)
    repeated = {
        pattern for pattern, count in shared.items() if count >= (3 if PAGE_NUMBER.fullmatch(pattern) else often)
    }
    return [
        [line for line in lines if line not in edge or _pattern(line.text) not in repeated]
        for lines, edge in zip(pages, edges, strict=True)
    ]


def _edge(lines: Sequence[Line]) -> list[Line]:
    """By their place, not their order: a footer often is written first."""
    ordered = sorted(lines, key=lambda line: line.top)
    return ordered if len(ordered) <= 2 * EDGE else [*ordered[:EDGE], *ordered[-EDGE:]]


def _pattern(text: str) -> str:
    return NUMBER.sub("#", " ".join(text.split()))


def _blocks(pages: Sequence[Sequence[Paragraph]]) -> list[Block]:
    """Paragraphs with the number of their page; those in larger letters than most text are headings."""
    weights: Counter[float] = Counter()
    for page in pages:
        for paragraph in page:
            weights[round(paragraph.height, 1)] += len(paragraph.text)
    body = weights.most_common(1)[0][0] if weights else 0.0
    large = sorted({round(each.height) for page in pages for each in page if _is_heading(each, body)}, reverse=True)
    levels = {height: min(at, DEEPEST_HEADING) for at, height in enumerate(large, 1)}
    return [
        Block(each.text, Kind.HEADING, levels[round(each.height)], number)
        if _is_heading(each, body)
        else Block(each.text, Kind.TEXT, 0, number)
        for number, page in enumerate(pages, 1)
        for each in page
    ]


def _is_heading(paragraph: Paragraph, body: float) -> bool:
    short = len(paragraph.text) <= LONGEST_HEADING and paragraph.lines <= 3
    return short and paragraph.height > LARGE * body and " … " not in paragraph.text
