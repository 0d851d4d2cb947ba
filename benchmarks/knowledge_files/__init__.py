"""The second retrieval set: 30 files of real formats in English and Chinese, made from `documents.txt`.

A document begins with `=== NAME`. `#` and `##` are headings, `|` the rows of a table, `---` the next page or slide; in a workbook
`##` is the next sheet. Text, CSV, Markdown and mail are written as they stand.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from email.message import EmailMessage
from html import escape
from pathlib import Path

import pptx
from docx.document import Document
from openpyxl.workbook import Workbook
from pptx.util import Inches
from tests.knowledge.documents.loaders.samples import Text, pdf, word, workbook

SET = Path(__file__).parent
LINE = 90
"""Characters of a line of a PDF."""


def texts() -> dict[str, str]:
    """What each file says, by its name."""
    parts = (SET / "documents.txt").read_text(encoding="utf-8").split("=== ")[1:]
    return {name: body.strip() for name, _, body in (part.partition("\n") for part in parts)}


def documents() -> dict[str, bytes]:
    """Each file by its name."""
    return {name: WRITERS[name.rpartition(".")[2]](text.splitlines()) for name, text in texts().items()}


def _plain(lines: Sequence[str]) -> bytes:
    return "\n".join(lines).encode()


def _gb18030(lines: Sequence[str]) -> bytes:
    """A text in the encoding that Windows writes in China, if it is Chinese."""
    text = "\n".join(lines)
    return text.encode() if text.isascii() else text.encode("gb18030")


def _markdown(lines: Sequence[str]) -> bytes:
    """Paragraphs with blank lines between them, tables with a rule below their header."""
    out: list[str] = []
    for before, line in zip(["", *lines], lines, strict=False):
        row, follows = line.startswith("|"), before.startswith("|")
        out += [line] if row and follows else ["", line]
        if row and not follows:
            out.append("|" + " --- |" * (line.count("|") - 1))
    return "\n".join(out).encode()


def _html(lines: Sequence[str]) -> bytes:
    parts = []
    for line in lines:
        level = len(line) - len(line.lstrip("#"))
        tag = f"h{level}" if level else "p"
        parts.append(f"<{tag}>{escape(line.lstrip('# '))}</{tag}>")
    title = escape(lines[0].lstrip("# "))
    page = (
        f"<!doctype html><html><head><title>{title}</title></head><body><nav>Home</nav>{''.join(parts)}</body></html>"
    )
    return page.encode()


def _mail(lines: Sequence[str]) -> bytes:
    mail = EmailMessage()
    headers = [line for line in lines[:3] if line.partition(": ")[0] in ("Subject", "From", "To")]
    for line in headers:
        name, _, value = line.partition(": ")
        mail[name] = value
    mail.set_content("\n\n".join(lines[len(headers) :]))
    return mail.as_bytes()


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _blocks(lines: Sequence[str]) -> Iterator[str | list[list[str]]]:
    """Lines, and tables as their rows."""
    rows: list[list[str]] = []
    for line in [*lines, ""]:
        if line.startswith("|"):
            rows.append(_cells(line))
            continue
        if rows:
            yield rows
            rows = []
        if line:
            yield line


def _word(lines: Sequence[str]) -> bytes:
    def write(document: Document) -> None:
        for block in _blocks(lines):
            if isinstance(block, str):
                level = len(block) - len(block.lstrip("#"))
                if level:
                    document.add_heading(block.lstrip("# "), level)
                else:
                    document.add_paragraph(block)
                continue
            table = document.add_table(rows=len(block), cols=len(block[0]))
            for row, cells in zip(table.rows, block, strict=True):
                for cell, text in zip(row.cells, cells, strict=True):
                    cell.text = text

    return word(write)


def _pages(lines: Sequence[str]) -> list[list[str]]:
    pages: list[list[str]] = [[]]
    for line in lines:
        if line == "---":
            pages.append([])
        else:
            pages[-1].append(line)
    return pages


def _slides(lines: Sequence[str]) -> bytes:
    deck = pptx.Presentation()
    for page in _pages(lines):
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        assert slide.shapes.title is not None
        slide.shapes.title.text = page[0].lstrip("# ")
        box = slide.shapes.add_textbox(Inches(1), Inches(2), Inches(8), Inches(4))
        box.text_frame.text = "\n".join(page[1:])
    file = io.BytesIO()
    deck.save(file)
    return file.getvalue()


def _workbook(lines: Sequence[str]) -> bytes:
    def write(book: Workbook) -> None:
        sheet = book.active
        for at, line in enumerate(lines):
            if line.startswith("## "):
                sheet = book.create_sheet(line[3:])
                if not at:
                    del book["Sheet"]
            else:
                assert sheet is not None
                sheet.append(_cells(line))

    return workbook(write)


def _pdf(lines: Sequence[str]) -> bytes:
    pages = []
    for page in _pages(lines):
        drawn, y = [], 780.0
        for line in page:
            size = 18 if line.startswith("#") else 11
            for row in _wrapped(line.lstrip("# ")):
                drawn.append(Text(60, y, row, size))
                y -= size * 1.4
            y -= 10
        pages.append(drawn)
    return pdf(pages)


def _wrapped(text: str) -> Iterator[str]:
    row = ""
    for part in text.split():
        if len(row) + len(part) > LINE:
            yield row
            row = ""
        row = f"{row} {part}".strip()
    yield row


WRITERS: dict[str, Callable[[Sequence[str]], bytes]] = {
    "docx": _word,
    "pptx": _slides,
    "xlsx": _workbook,
    "pdf": _pdf,
    "html": _html,
    "eml": _mail,
    "md": _markdown,
    "txt": _gb18030,
    "csv": _plain,
}
