"""What a Word document can hold beside paragraphs: it is read, or a note says that it was not."""

from __future__ import annotations

import io
from collections.abc import Mapping

import pytest

from modelyard.knowledge.documents.loaders import load
from tests.knowledge.documents.loaders import made, parts
from tests.knowledge.documents.loaders.parts import para, run, xml

NOTES = '<w:footnote w:type="separator">{0}</w:footnote><w:footnote w:id="2">{1}</w:footnote>'
FIELD = '<w:r><w:fldChar w:fldCharType="{}"/></w:r>'
BEGIN, SEPARATE, END = (FIELD.format(kind) for kind in ("begin", "separate", "end"))
BOX = '<w:r><w:fldChar w:fldCharType="begin"><w:ffData>{}</w:ffData></w:fldChar></w:r>'
INSTRUCTION = "<w:r><w:instrText>{}</w:instrText></w:r>"
INLINE = "<w:p><w:r><w:drawing><wp:inline>{}<a:graphic>{}</a:graphic></wp:inline></w:drawing></w:r></w:p>"
PICTURE = '<pic:pic><pic:blipFill><a:blip r:embed="x"/></pic:blipFill></pic:pic>'
BOXED = "<w:p><w:r><w:t>{0}</w:t><w:pict><v:textbox><w:txbxContent>{1}</w:txbxContent></v:textbox></w:pict></w:r></w:p>"
MATH = "<w:p>" + run("so ") + "<m:oMath>{}</m:oMath></w:p>"
M_RUN = "<m:r><m:t>{}</m:t></m:r>"


def e(name: str, text: str) -> str:
    return f"<m:{name}><m:r><m:t>{text}</m:t></m:r></m:{name}>"


def row(*cells: str, properties: str = "") -> str:
    return f"<w:tr>{properties}{''.join(f'<w:tc>{cell}</w:tc>' for cell in cells)}</w:tr>"


INNER_TABLE = f"<w:tbl>{row(para('in'), para('ner'))}</w:tbl>"
BODIES: Mapping[str, tuple[str, str]] = {
    "a complex field": (
        f"<w:p>{run('on ')}{BEGIN}{INSTRUCTION.format('DATE')}{SEPARATE}{run('5 May')}{END}</w:p>",
        "on 5 May",
    ),
    "a field of a link": (
        f"<w:p>{BEGIN}{INSTRUCTION.format('HYPERLINK &quot;https://a.example/x&quot;')}{SEPARATE}{run('here')}{END}</w:p>",
        "here (https://a.example/x)",
    ),
    "a simple field": (f'<w:p><w:fldSimple w:instr="PAGE">{run("12")}</w:fldSimple></w:p>', "12"),
    "old check boxes": (
        f"<w:p>{BOX.format('<w:checkBox><w:default/><w:checked/></w:checkBox>')}{END}{run(' yes ')}"
        f"{BOX.format('<w:checkBox/>')}{END}{run(' no')}</w:p>",
        "☒ yes ☐ no",
    ),
    "an old drop-down": (
        "<w:p>"
        + run("Colour: ")
        + BOX.format('<w:ddList><w:result w:val="1"/><w:listEntry w:val="red"/><w:listEntry w:val="blue"/></w:ddList>')
        + f"{END}</w:p>",
        "Colour: blue",
    ),
    "new controls": (
        f"<w:p><w:sdt><w:sdtPr><w14:checkbox/></w:sdtPr><w:sdtContent>{run('☒')}</w:sdtContent></w:sdt>{run(' agreed ')}"
        f"<w:sdt><w:sdtPr><w:dropDownList/></w:sdtPr><w:sdtContent>{run('Berlin')}</w:sdtContent></w:sdt></w:p>",
        "☒ agreed Berlin",
    ),
    "symbols": (
        '<w:p><w:r><w:sym w:font="Wingdings" w:char="F0FE"/><w:t> done </w:t><w:sym w:font="Symbol" w:char="F061"/></w:r></w:p>',
        "☑ done α",
    ),
    "tracked changes": (
        f"<w:p>{run('kept ')}<w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:ins>{run('new')}</w:ins>"
        f"<w:moveFrom>{run('from')}</w:moveFrom><w:moveTo>{run(' to')}</w:moveTo></w:p>",
        "kept new to",
    ),
    "deleted rows and cells": (
        f"<w:tbl>{row(para('a'), para('b'))}{row(para('no'), para('no'), properties='<w:trPr><w:del/></w:trPr>')}"
        f"<w:ins>{row(para('c'), para('d'))}</w:ins></w:tbl>",
        "| a | b |\n| --- | --- |\n| c | d |",
    ),
    "a table in a cell": (
        f"<w:tbl>{row(para('a'), INNER_TABLE + para(''))}</w:tbl>",
        "| a | \\| in \\| ner \\|<br>\\| --- \\| --- \\| |\n| --- | --- |",
    ),
    "rows of a control in a control": (
        f"<w:tbl>{row(para('a'), para('b'))}<w:sdt><w:sdtContent><w:sdt><w:sdtContent>{row(para('c'), para('d'))}"
        "</w:sdtContent></w:sdt></w:sdtContent></w:sdt></w:tbl>",
        "| a | b |\n| --- | --- |\n| c | d |",
    ),
    "a box in a box": (BOXED.format("out", BOXED.format("box", para("inner"))), "out\n\nbox\n\ninner"),
    "a section of columns": (
        f'{para("left")}<w:p><w:pPr><w:sectPr><w:cols w:num="2"/></w:sectPr></w:pPr>{run("right")}</w:p>{para("next")}',
        "left\n\nright\n\nnext",
    ),
    "a fraction": (MATH.format(f"<m:f>{e('num', 'a+b')}{e('den', '2')}</m:f>"), "so (a+b)/2"),
    "powers": (
        MATH.format(
            f"<m:sSup>{e('e', 'x')}{e('sup', '2')}</m:sSup>{M_RUN.format('+')}<m:sSub>{e('e', 'y')}{e('sub', 'i')}</m:sSub>"
        ),
        "so x^2+y_i",
    ),
    "a sum": (
        MATH.format(
            f'<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr>{e("sub", "i=1")}{e("sup", "n")}{e("e", "i")}</m:nary>'
        ),
        "so ∑_(i=1)^n i",
    ),
    "a root and brackets": (
        MATH.format(
            f"<m:rad><m:deg/>{e('e', 'x')}</m:rad>"
            f"<m:d><m:dPr><m:begChr m:val='['/><m:endChr m:val=']'/></m:dPr>{e('e', 'a')}{e('e', 'b')}</m:d>"
        ),
        "so √(x)[a|b]",
    ),
    "a matrix": (
        MATH.format(f"<m:m><m:mr>{e('e', '1')}{e('e', '2')}</m:mr><m:mr>{e('e', '3')}{e('e', '4')}</m:mr></m:m>"),
        "so [1, 2; 3, 4]",
    ),
    "an alternative text": (INLINE.format('<wp:docPr descr="A map of  Rome"/>', PICTURE), "Picture: A map of Rome"),
    "an old picture": (
        '<w:p><w:r><w:pict><v:shape alt="Logo"><v:imagedata/></v:shape></w:pict></w:r></w:p>',
        "Picture: Logo",
    ),
    "word art": (
        '<w:p><w:r><w:pict><v:shape><v:textpath string="DRAFT"/></v:shape></w:pict></w:r></w:p>',
        "Picture: DRAFT",
    ),
}


@pytest.mark.parametrize("feature", BODIES)
def test_in_the_body(feature: str) -> None:
    body, text = BODIES[feature]
    loaded = load(parts.word(body), "a.docx")
    assert (loaded.text, loaded.notes) == (text, [])


def w(tag: str, inner: str) -> str:
    return xml(f"w:{tag}", inner)


INNER = made.word(lambda document: document.add_paragraph("from another file"))
OTHER: Mapping[str, tuple[str, dict[str, str | bytes], dict[str, tuple[str, str]], str, list[str]]] = {
    "notes": (
        para("text"),
        {
            "word/f.xml": w("footnotes", NOTES.format(para("no"), para("the footnote"))),
            "word/e.xml": w("endnotes", f"<w:endnote>{para('the endnote')}</w:endnote>"),
        },
        {"a": ("footnotes", "word/f.xml"), "b": ("endnotes", "word/e.xml")},
        "text\n\nthe footnote\n\nthe endnote",
        [],
    ),
    "comments": (
        para("text"),
        {"word/c.xml": w("comments", f'<w:comment w:author="Ann">{para("why?")}{para("so")}</w:comment>')},
        {"a": ("comments", "word/c.xml")},
        "text\n\nComment by Ann: why?\nso",
        [],
    ),
    "headers and footers, each once and without numbers of pages": (
        para("text"),
        {
            "word/h1.xml": w("hdr", para("Version 3.2")),
            "word/h2.xml": w("hdr", para("Version 3.2")),
            "word/f.xml": w(
                "ftr", para("Page 3 of 12") + para("- xiv -") + para("第3页共12页") + para("1" * 50 + " Fifth Avenue")
            ),
        },
        {"a": ("header", "word/h1.xml"), "b": ("header", "word/h2.xml"), "c": ("footer", "word/f.xml")},
        "text\n\nVersion 3.2\n\n" + "1" * 50 + " Fifth Avenue",
        [],
    ),
    "links": (
        f'<w:p><w:hyperlink r:id="l">{run("our page")}</w:hyperlink>{run(" or ")}<w:hyperlink r:id="m">{run("a@b.example")}'
        "</w:hyperlink></w:p>",
        {},
        {"l": ("hyperlink", "https://a.example/p?q=1"), "m": ("hyperlink", "mailto:a@b.example")},
        "our page (https://a.example/p?q=1) or a@b.example",
        [],
    ),
    "a chart": (
        INLINE.format("", '<c:chart r:id="c"/>'),
        {"word/c.xml": parts.chart()},
        {"c": ("chart", "word/c.xml")},
        parts.CHART,
        [],
    ),
    "a diagram": (
        INLINE.format("", '<dgm:relIds r:dm="d"/>'),
        {"word/d.xml": parts.diagram()},
        {"d": ("diagramData", "word/d.xml")},
        "Plan\nDo",
        [],
    ),
    "an inserted page": (
        para("a") + '<w:altChunk r:id="h"/>',
        {"word/h.html": "<!DOCTYPE html><p>from <b>HTML</b></p>"},
        {"h": ("aFChunk", "word/h.html")},
        "a\n\nfrom HTML",
        [],
    ),
    "an inserted document": (
        para("a") + '<w:altChunk r:id="h"/>',
        {"word/h.docx": INNER},
        {"h": ("aFChunk", "word/h.docx")},
        "a\n\nfrom another file",
        [],
    ),
    "an inserted file of no format": (
        para("a") + '<w:altChunk r:id="h"/>',
        {"word/h.docx": b"\0\1\2"},
        {"h": ("aFChunk", "word/h.docx")},
        "a",
        ["The inserted document 'h.docx' was not read: it is not a whole docx file: it is damaged, or something else."],
    ),
    "an embedded file": (
        para("a") + '<w:p><w:r><w:object><o:OLEObject ProgID="Excel.Sheet.12" r:id="o"/></w:object></w:r></w:p>',
        {"word/embeddings/budget.xlsx": b"x"},
        {"o": ("package", "word/embeddings/budget.xlsx")},
        "a",
        ["The embedded file 'budget.xlsx' (Excel.Sheet.12) was not read."],
    ),
    "pictures without text": (
        para("a") + INLINE.format("<wp:docPr/>", PICTURE) * 2,
        {},
        {},
        "a",
        ["2 pictures have no alternative text, and what is on them was not read."],
    ),
    "hidden text": (
        f"<w:p>{run('shown ')}<w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r></w:p>",
        {},
        {},
        "shown hidden",
        ["It has hidden text, which was read."],
    ),
    "a missing part": (
        para("a"),
        {},
        {"f": ("footnotes", "word/gone.xml")},
        "a",
        ["The part 'word/gone.xml' of the file is missing or damaged, and was not read."],
    ),
    "an unknown symbol": (
        para("a") + '<w:p><w:r><w:sym w:font="Webdings" w:char="F021"/></w:r></w:p>',
        {},
        {},
        "a",
        ["A symbol of the font 'Webdings' has no text."],
    ),
}


@pytest.mark.parametrize("feature", OTHER)
def test_in_other_parts(feature: str) -> None:
    body, files, relations, text, notes = OTHER[feature]
    loaded = load(parts.word(body, files, relations), "a.docx")
    assert (loaded.text, loaded.notes) == (text, notes)


def test_documents_inside_one_another_have_an_end() -> None:
    data = made.word(lambda document: document.add_paragraph("deepest"))
    for level in range(6):
        data = parts.word(
            para(f"level {level}") + '<w:altChunk r:id="h"/>', {"h.docx": data}, {"h": ("aFChunk", "h.docx")}
        )
    loaded = load(data, "a.docx")
    assert loaded.text == "level 5\n\nlevel 4\n\nlevel 3\n\nlevel 2"
    (note,) = loaded.notes
    assert note.endswith("The inserted document 'h.docx' was not read: it stands in 3 files inside one another.")


def strict(data: bytes) -> bytes:
    """The file in the strict variant of its format."""
    import re
    import zipfile

    found = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            pattern = rb"http://schemas\.openxmlformats\.org/(\w+)/2006/(relationships|main|math|\w+(?:Drawing|/main))"
            found[name] = re.sub(pattern, rb"http://purl.oclc.org/ooxml/\1/\2", archive.read(name))
    return made.repacked(data, found)


@pytest.mark.parametrize("name", ["a.docx", "a.xlsx", "a.pptx"])
def test_the_strict_variant(name: str) -> None:
    data = made.each()[name]
    assert strict(data) != data
    assert load(strict(data), name).blocks == load(data, name).blocks


@pytest.mark.parametrize("name", ["a.docm", "a.dotx"])
def test_macros_and_templates(name: str) -> None:
    with __import__("zipfile").ZipFile(io.BytesIO(INNER)) as archive:
        types = archive.read("[Content_Types].xml")
    kind = b"application/vnd.ms-word.document.macroEnabled.main+xml"
    plain = b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    data = made.repacked(INNER, {"[Content_Types].xml": types.replace(plain, kind)})
    assert load(data, name).text == "from another file"
