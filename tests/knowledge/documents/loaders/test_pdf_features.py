"""What a PDF can hold beside the text of upright pages: it is read, or a note says that it was not."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from modelyard.core.errors import DocumentUnreadable
from modelyard.knowledge.documents.loaders import load, ocr
from modelyard.knowledge.types import Block
from tests.knowledge.documents.loaders import made
from tests.knowledge.documents.loaders.samples import Text, paragraph, pdf_of


def pdf(text: str, extra: Sequence[str] = (), page: str = "", catalog: str = "") -> bytes:
    """One page of a line of text; `extra` are objects from number 6 on."""
    drawn = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET" if text else ""
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {catalog} >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> {page} >>",
        f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        *extra,
    ]
    return pdf_of(objects, version="1.7")


def widget(kind: str, name: str, more: str) -> str:
    return f"<< /Type /Annot /Subtype /Widget /FT /{kind} /T ({name}) /Rect [0 0 9 9] /P 3 0 R {more} >>"


WIDGETS = [
    widget("Tx", "name", "/TU (Your name) /V (Ann Lee)"),
    widget("Tx", "empty", ""),
    widget("Tx", "pin", "/V (1234) /Ff 8192"),
    widget("Btn", "agree", "/V /Yes /AS /Yes /AP << /N << /Yes 5 0 R /Off 5 0 R >> >>"),
    widget("Btn", "news", "/V /Off /AS /Off /AP << /N << /Yes 5 0 R /Off 5 0 R >> >>"),
    widget("Ch", "city", "/V (Rome) /Opt [(Oslo) (Rome)] /Ff 131072"),
]
FIELDS = " ".join(f"{number} 0 R" for number in range(6, 6 + len(WIDGETS)))
FORM = ["Your name: Ann Lee", "☒ agree", "☐ news", "city: Rome"]


@pytest.mark.parametrize("text", ["Form", ""])
def test_form_fields(text: str) -> None:
    data = pdf(text, WIDGETS, f"/Annots [{FIELDS}]", f"/AcroForm << /Fields [{FIELDS}] >>")
    loaded = load(data, "a.pdf")
    assert loaded.blocks == [Block(words, page=1) for words in ([text] if text else []) + FORM]
    assert len(loaded.notes) == (0 if text else 1)


def test_comments() -> None:
    notes = [
        "<< /Type /Annot /Subtype /Text /Rect [0 0 9 9] /T (Ann) /Contents (is this right?) >>",
        "<< /Type /Annot /Subtype /FreeText /Rect [0 0 9 9] /Contents <FEFF4E2D6587> >>",
        "<< /Type /Annot /Subtype /Link /Rect [0 0 9 9] /Contents (not this) >>",
    ]
    assert load(pdf("text", notes, "/Annots [6 0 R 7 0 R 8 0 R]"), "a.pdf").text == (
        "text\n\nComment by Ann: is this right?\n\nComment: 中文"
    )


def test_attachments_and_bookmarks() -> None:
    extra = [
        "<< /Names [(data.xml) 7 0 R] >>",
        "<< /Type /Filespec /F (data.xml) /UF (data.xml) /EF << /F 8 0 R >> >>",
        "<< /Type /EmbeddedFile /Length 1 >>\nstream\nx\nendstream",
        "<< /Type /Outlines /First 10 0 R /Last 11 0 R /Count 2 >>",
        "<< /Title (text) /Parent 9 0 R /Next 11 0 R /Dest [3 0 R /Fit] >>",
        "<< /Title (Appendix) /Parent 9 0 R /Prev 10 0 R /Dest [3 0 R /Fit] >>",
    ]
    loaded = load(pdf("text", extra, catalog="/Names << /EmbeddedFiles 6 0 R >> /Outlines 9 0 R"), "a.pdf")
    assert loaded.text == "text\n\nBookmarks:\nAppendix"
    assert loaded.notes == ["The attachment 'data.xml' was not read."]


def test_an_xfa_form() -> None:
    caption = "<t:caption><t:value><t:text>Family name</t:text></t:value></t:caption>"
    template = f"<t:template xmlns:t='urn:t'><t:field>{caption}</t:field></t:template>"
    datasets = "<x:datasets xmlns:x='urn:x'><x:data><form><name>Lee</name><empty/></form></x:data></x:datasets>"
    streams = [f"<< /Length {len(each)} >>\nstream\n{each}\nendstream" for each in (template, datasets)]
    form = "/AcroForm << /Fields [] /XFA [(template) 6 0 R (datasets) 7 0 R] >> /NeedsRendering true"
    loaded = load(pdf("Please wait...", streams, catalog=form), "a.pdf")
    assert loaded.text == "Please wait...\n\nFamily name\n\nname: Lee"
    assert loaded.notes == ["It is an XFA form: its labels and values were read, its layout was not."]


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("matrix", ["1 0 0 1", "0 1 -1 0", "-1 0 0 -1", "0 -1 1 0"])
def test_turned_pages_and_turned_text(turn: int, matrix: str) -> None:
    a, b, c, d = map(int, matrix.split())
    lines = ["the first line of the page here", "and its second line below that", "the end of the page"]
    places = [(300 - 16 * at * c, 400 - 16 * at * d) for at in (0, 1, 4)]
    drawn = ") Tj ET BT /F1 12 Tf ".join(
        f"{a} {b} {c} {d} {x} {y} Tm ({line}" for line, (x, y) in zip(lines, places, strict=True)
    )
    data = pdf("x", page=f"/Rotate {turn}").replace(b"72 700 Td (x", drawn.encode())
    loaded = load(data.replace(b"/Length 36", b"/Length 400"), "a.pdf")
    assert [block.text for block in loaded.blocks] == [f"{lines[0]} {lines[1]}", lines[2]]


def test_headers_are_kept_once_and_page_numbers_never() -> None:
    pages = [
        [Text(72, 810, "ACME - Version 3.2", 9), *paragraph(760, f"Body {word} of the page."), Text(290, 30, f"{n}", 9)]
        for n, word in enumerate(("one", "two", "three", "four"), 1)
    ]
    assert load(made.pdf(pages), "a.pdf").text == (
        "ACME - Version 3.2\n\nBody one of the page.\n\nBody two of the page.\n\nBody three of "
        "the page.\n\nBody four of the page."
    )


def test_hyphens_and_ligatures() -> None:
    assert (
        load(made.pdf([[Text(72, 700, "a short hyphen-"), Text(72, 684, "ated word")]]), "a.pdf").text
        == "a short hyphenated word"
    )
    unicode = "/ToUnicode 6 0 R"
    table = "1 beginbfchar\n<61> <FB01>\nendbfchar"
    spaces = "1 begincodespacerange <00> <FF> endcodespacerange"
    cmap = f"/CIDInit /ProcSet findresource begin begincmap\n{spaces}\n{table}\nendcmap end"
    data = pdf("anish", [f"<< /Length {len(cmap)} >>\nstream\n{cmap}\nendstream"])
    data = data.replace(b"/BaseFont /Helvetica /", f"/BaseFont /Helvetica {unicode} /".encode())
    assert load(data, "a.pdf").text == "finish"


def test_pages_without_text_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    data = made.pdf([[], paragraph(700, "text"), []])
    monkeypatch.setattr(ocr, "installed", lambda: False)
    assert load(data, "a.pdf").notes == [f"Pages 1, 3 have no readable text. {ocr.HOW}"]
    monkeypatch.setattr(ocr, "installed", lambda: True)
    assert load(made.pdf([[], paragraph(700, "text")]), "a.pdf").notes == [
        "Page 1 has no readable text. MODELYARD_OCR=1 reads pictures of text."
    ]


def test_large_pictures_are_noted() -> None:
    image = "<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /Length 1 >>\nstream\nx\nendstream"
    for size, notes in ((400, ["Page 1 has pictures that were not read."]), (100, [])):
        data = pdf("text", [image]).replace(b"/Font <<", b"/XObject << /I 6 0 R >> /Font <<")
        data = data.replace(b"Tj ET", f"Tj ET q {size} 0 0 {size} 9 9 cm /I Do Q".encode()).replace(
            b"/Length 39", b"/Length 72"
        )
        assert load(data, "a.pdf").notes == notes


def test_a_damaged_table_of_objects_is_made_anew() -> None:
    data = pdf("still here")
    at = data.rindex(b"startxref")
    assert load(data[:at] + b"startxref\n999999\n%%EOF\n", "a.pdf").text == "still here"
    loaded = load(data[: data.rindex(b"xref\n0")], "a.pdf")
    assert (loaded.text, loaded.notes) == ("still here", ["The file is damaged at its end; pages may be missing."])


def test_an_empty_password_opens_and_any_other_is_refused() -> None:
    from tests.knowledge.documents.loaders.locked import locked

    assert load(locked("secret words", b""), "a.pdf").text == "secret words"
    with pytest.raises(DocumentUnreadable, match=r"encrypted; save it without a password"):
        load(locked("secret words", b"x"), "a.pdf")


def test_broken_forms_are_read_or_refused() -> None:
    draw = random.Random(6)
    whole = pdf("Form", WIDGETS, f"/Annots [{FIELDS}]", f"/AcroForm << /Fields [{FIELDS}] >>")
    for _ in range(80):
        changed = bytearray(whole)
        for _ in range(draw.randrange(1, 20)):
            changed[draw.randrange(9, len(whole))] = draw.choice(b"<>/()[] 0R\n\xff")
        try:
            load(bytes(changed), "a.pdf").text.encode()
        except DocumentUnreadable as error:
            assert error.problem
