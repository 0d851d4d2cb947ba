"""Files of each format, made by the libraries that make them elsewhere; PDF by hand, for its text must stand where we say."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from datetime import date
from email.message import EmailMessage
from typing import NamedTuple

import docx
import openpyxl
import pptx
from docx.document import Document
from openpyxl.workbook import Workbook
from PIL import Image, ImageDraw, ImageFont
from pptx.util import Inches


def word(write: Callable[[Document], object]) -> bytes:
    """A docx that `write` fills."""
    document = docx.Document()
    write(document)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def workbook(write: Callable[[Workbook], object]) -> bytes:
    """An xlsx that `write` fills."""
    book = openpyxl.Workbook()
    write(book)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


class Text(NamedTuple):
    """A line of a PDF: points from the left and from the bottom, the size of its letters."""

    x: float
    y: float
    text: str
    size: float = 12


def pdf(pages: Sequence[Sequence[Text]], trailer: str = "", info: str = "", page: str = "") -> bytes:
    """A PDF of A4 pages; Chinese lines in a font that every reader has. `info` is the last object, `page` is in each page's."""
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{' '.join(f'{6 + 2 * n} 0 R' for n in range(len(pages)))}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        "<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H /DescendantFonts [5 0 R] >>",
        "<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /DW 1000 "
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 2 >> >>",
    ]
    for number, lines in enumerate(pages):
        drawn = "\n".join(map(_drawn, lines))
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] {page} /Contents {7 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream")
    objects.append(f"<< {info} >>")
    return pdf_of(objects, f"{trailer} /Info {len(objects)} 0 R")


def pdf_of(objects: Sequence[str], trailer: str = "", version: str = "1.4") -> bytes:
    """A PDF of these objects, numbered from 1; the first is the catalog."""
    out = bytearray(f"%PDF-{version}\n".encode())
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += "".join(f"{place:010d} 00000 n \n" for place in places).encode()
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)


def _drawn(line: Text) -> str:
    if line.text.isascii():
        escaped = line.text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
        font, drawn = "F1", f"({escaped})"
    else:
        font, drawn = "F2", f"<{line.text.encode('utf-16-be').hex()}>"
    return f"BT /{font} {line.size} Tf {line.x} {line.y} Td {drawn} Tj ET"


def paragraph(top: float, *lines: str, x: float = 72, indent: float = 0) -> list[Text]:
    """Lines of 12 points, 16 points from one to the next."""
    return [Text(x + (indent if at == 0 else 0), top - 16 * at, line) for at, line in enumerate(lines)]


def picture(lines: Sequence[str], size: int = 40, kind: str = "PNG") -> bytes:
    """Black text on white."""
    font = ImageFont.load_default(size)
    image = Image.new("RGB", (1000, 40 + len(lines) * size * 2), "white")
    for at, line in enumerate(lines):
        ImageDraw.Draw(image).text((40, 20 + at * size * 2), line, fill="black", font=font)
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def scanned(lines: Sequence[str]) -> bytes:
    """A PDF whose only page is a picture."""
    image = Image.open(io.BytesIO(picture(lines)))
    file = io.BytesIO()
    image.save(file, "PDF", resolution=100)
    return file.getvalue()


def repacked(data: bytes, changed: dict[str, bytes]) -> bytes:
    """A zip with some of its files replaced, or added."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in changed:
                new.writestr(name, old.read(name))
        for name, content in changed.items():
            new.writestr(name, content)
    return file.getvalue()


def slides() -> bytes:
    """Two slides: a title, text in levels, a table and notes."""
    presentation = pptx.Presentation()
    first = presentation.slides.add_slide(presentation.slide_layouts[1])
    assert first.shapes.title is not None
    first.shapes.title.text = "季度汇报"
    body = first.placeholders[1].text_frame
    body.text = "收入增长"
    body.add_paragraph().text = "华东区 20%"
    body.paragraphs[1].level = 1
    frame = first.notes_slide.notes_text_frame
    assert frame is not None
    frame.text = "先讲结论"
    second = presentation.slides.add_slide(presentation.slide_layouts[5])
    assert second.shapes.title is not None
    second.shapes.title.text = "Figures"
    table = second.shapes.add_table(2, 2, Inches(1), Inches(2), Inches(4), Inches(1)).table
    for row, texts in enumerate((("Region", "Sales"), ("East", "120"))):
        for column, text in enumerate(texts):
            table.cell(row, column).text = text
    file = io.BytesIO()
    presentation.save(file)
    return file.getvalue()


def _fill_word(document: Document) -> None:
    document.add_heading("Handbook", 1)
    document.add_paragraph("A paragraph of some words, 一段中文。")
    table = document.add_table(2, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "Key", "Value"


def _fill_book(book: Workbook) -> None:
    sheet = book.worksheets[0]
    sheet.append(["Name", "When"])
    sheet.append(["张三", date(2024, 3, 5)])


def mail() -> bytes:
    """An e-mail with text, HTML and an attachment."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Ann <ann@example.com>", "bob@example.com", "出差安排"
    message["Date"] = "Tue, 05 Mar 2024 10:00:00 +0800"
    message.set_content("你好，\n\n周三出发。\n")
    message.add_alternative("<p>not this</p>", subtype="html")
    message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="行程.pdf")
    return message.as_bytes()


NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "source": ["# Study\n", "\n", "Words."]},
        {
            "cell_type": "code",
            "source": "print(1)",
            "outputs": [
                {"output_type": "stream", "text": ["1\n"]},
                {"output_type": "error", "ename": "E", "evalue": "x"},
            ],
        },
    ],
    "metadata": {"kernelspec": {"language": "python"}},
    "nbformat": 4,
}


def each() -> dict[str, bytes]:
    """A small whole file of each format, by its name."""
    table = "name,age,city\n张三,30,上海\n李四,41,北京\n"
    page = "<html lang=zh><head><title>页</title></head><body><h1>题</h1><p>正文 &amp; 更多</p><ul><li>a<li>b</ul></body></html>"
    return {
        "a.txt": "第一段。\n\n第二段。\n".encode(),
        "a.md": b"---\ntitle: T\n---\n# H\n\ntext\n\n```py\nx = 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
        "a.rst": b"Title\n=====\n\nText::\n\n   code\n\nMore.\n",
        "a.html": page.encode(),
        "a.csv": table.encode(),
        "a.tsv": table.replace(",", "\t").encode("gb18030"),
        "a.json": json.dumps({"title": "T", "items": [{"a": 1, "b": [1, 2]}, {"a": 2}]}).encode(),
        "a.jsonl": b'{"q": "who", "a": "me"}\n{"q": "when"}\n',
        "a.ipynb": json.dumps(NOTEBOOK).encode(),
        "a.srt": "1\n00:00:01,000 --> 00:00:02,000\n<i>大家好</i>\n\n2\n00:00:03,000 --> 00:00:04,000\n今天讲检索\n".encode(),
        "a.py": b'"""Doc."""\n\nimport os\n\n\ndef one() -> int:\n    return 1\n',
        "a.xml": '<?xml version="1.0" encoding="GBK"?>\n<r><a>中文</a></r>'.encode("gbk"),
        "a.eml": mail(),
        "a.docx": word(_fill_word),
        "a.xlsx": workbook(_fill_book),
        "a.pptx": slides(),
        "a.pdf": pdf([paragraph(760, "A first line of a page that is long enough,", "and a second.")]),
        "a.png": picture(["Hello world"]),
    }
