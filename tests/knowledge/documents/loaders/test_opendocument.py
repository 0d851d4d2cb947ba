"""OpenDocument text, sheets and slides, made from raw XML as LibreOffice writes it."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Mapping

import pytest

from modelyard.core.errors import DocumentUnreadable
from modelyard.knowledge.documents.loaders import LoadLimits, load
from modelyard.knowledge.types import Block, BlockKind

URN = "urn:oasis:names:tc:opendocument:xmlns"
SPACES = {
    **{
        name: f"{URN}:{name}:1.0"
        for name in ("office", "text", "table", "style", "meta", "form", "presentation", "chart")
    },
    "draw": f"{URN}:drawing:1.0",
    "svg": f"{URN}:svg-compatible:1.0",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xlink": "http://www.w3.org/1999/xlink",
    "math": "http://www.w3.org/1998/Math/MathML",
}
KINDS = {"text": "odt", "spreadsheet": "ods", "presentation": "odp"}


def root(tag: str, inner: str) -> str:
    spaces = "".join(f' xmlns:{prefix}="{address}"' for prefix, address in SPACES.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{tag}{spaces}>{inner}</{tag.split()[0]}>'


def made(kind: str, body: str, styles: str = "", files: Mapping[str, str] | None = None) -> bytes:
    """A document of a kind: what is in its body, its automatic styles, and more files."""
    content = (
        f"<office:automatic-styles>{styles}</office:automatic-styles><office:body><office:{kind}>"
        f"{body}</office:{kind}></office:body>"
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", f"application/vnd.oasis.opendocument.{kind}", zipfile.ZIP_STORED)
        archive.writestr("content.xml", root("office:document-content", content))
        for name, text in (files or {}).items():
            archive.writestr(name, text)
    return out.getvalue()


def p(text: str) -> str:
    return f"<text:p>{text}</text:p>"


def cell(inner: str, attributes: str = "") -> str:
    return f"<table:table-cell {attributes}>{inner}</table:table-cell>"


def row(*cells: str, attributes: str = "") -> str:
    return f"<table:table-row {attributes}>{''.join(cells)}</table:table-row>"


NUMBERS = (
    '<text:list-style style:name="L"><text:list-level-style-number text:level="1" style:num-suffix="." style:num-format="1"/>'
    '<text:list-level-style-number text:level="2" style:num-suffix=")" style:num-format="a"/></text:list-style>'
)
FRAME = "<draw:frame>{}</draw:frame>"
IMAGE = '<draw:image xlink:href="Pictures/1.png"/>'
MATH = root("math:math", "<math:mi>E</math:mi><math:annotation>E = m c^2</math:annotation>")
CHART = root(
    "office:document-content",
    f"<office:body><office:chart><chart:chart><chart:title>{p('Harvest')}</chart:title><table:table>"
    f"{row(cell(p('')), cell(p('Tons')))}{row(cell(p('East')), cell(p('3')))}</table:table>"
    f"</chart:chart></office:chart></office:body>",
)
OBJECT = '<draw:object xlink:href="./Object 1"/>'
TEXTS: Mapping[str, tuple[str, str, dict[str, str], str, list[str]]] = {
    "spaces and breaks": (p("a<text:s text:c='2'/>b\n   c<text:tab/>d<text:line-break/>e"), "", {}, "a  b c\td\ne", []),
    "a section in a table of contents": (
        f"<text:table-of-content><text:index-body>{p('Contents')}</text:index-body></text:table-of-content><text:section>{p('in')}"
        "</text:section>",
        "",
        {},
        "Contents\n\nin",
        [],
    ),
    "numbered lists": (
        f'<text:list text:style-name="L"><text:list-item>{p("one")}<text:list><text:list-item>'
        f"{p('x')}</text:list-item><text:list-item>"
        f"{p('y')}</text:list-item></text:list></text:list-item><text:list-item>{p('two')}</text:list-item></text:list>"
        f"{p('between')}<text:list text:style-name='L' text:continue-numbering='true'><text:list-item>"
        f"{p('three')}</text:list-item></text:list>",
        NUMBERS,
        {},
        "1. one\n  a) x\n  b) y\n2. two\n\nbetween\n\n3. three",
        [],
    ),
    "bullets": (
        f"<text:list><text:list-item>{p('a')}{p('more')}</text:list-item></text:list>",
        "",
        {},
        "- a\n  more",
        [],
    ),
    "tracked changes": (
        f"<text:tracked-changes><text:changed-region><text:deletion>{p('gone')}</text:deletion></text:changed-region></text:tracked-changes>"
        + p("kept <text:change-start/>new<text:change-end/>"),
        "",
        {},
        "kept new",
        [],
    ),
    "notes and comments": (
        p(
            "word<text:note><text:note-citation>1</text:note-citation>"
            "<text:note-body>" + p("the note") + "</text:note-body></text:note> on"
            "<office:annotation><dc:creator>Ann</dc:creator><dc:date>2024-01-01</dc:date>"
            + p("why?")
            + "</office:annotation>"
        ),
        "",
        {},
        "word on\n\nthe note\n\nComment by Ann: why?",
        [],
    ),
    "links and readings": (
        p(
            '<text:a xlink:href="https://a.example/">here</text:a> <text:ruby><text:ruby-base>'
            "東京</text:ruby-base><text:ruby-text>とうきょう"
            "</text:ruby-text></text:ruby>"
        ),
        "",
        {},
        "here (https://a.example/) 東京",
        [],
    ),
    "hidden text": (
        p('a <text:span text:style-name="H">b</text:span> <text:hidden-text text:string-value="c"/>'),
        '<style:style style:name="H"><style:text-properties text:display="none"/></style:style>',
        {},
        "a b c",
        ["It has hidden text, which was read."],
    ),
    "a table with merged cells": (
        "<table:table>"
        + row(cell(p("wide"), 'table:number-columns-spanned="2"'), "<table:covered-table-cell/>", cell(p("c")))
        + row(cell(p("tall"), 'table:number-rows-spanned="2"'), cell(p("x")), cell(p("y")))
        + row("<table:covered-table-cell/>", cell(p("v")), cell(p("w")))
        + "</table:table>",
        "",
        {},
        "| wide | wide | c |\n| --- | --- | --- |\n| tall | x | y |\n| tall | v | w |",
        [],
    ),
    "a text box in a paragraph": (
        p("a" + FRAME.format(f"<draw:text-box>{p('boxed')}</draw:text-box>")),
        "",
        {},
        "a\n\nboxed",
        [],
    ),
    "pictures": (
        p("a" + FRAME.format(IMAGE + "<svg:desc>A map</svg:desc>") + FRAME.format(IMAGE)),
        "",
        {},
        "a\n\nPicture: A map",
        ["1 picture has no alternative text, and what is on it was not read."],
    ),
    "an equation": (p("so " + FRAME.format(OBJECT + IMAGE)), "", {"Object 1/content.xml": MATH}, "so\n\nE = m c^2", []),
    "a chart": (
        p(FRAME.format(OBJECT + IMAGE)),
        "",
        {"Object 1/content.xml": CHART},
        "Chart\n\nHarvest\n\n|  | Tons |\n| --- | --- |\n| East | 3 |",
        [],
    ),
    "an embedded file": (
        p("a" + FRAME.format('<draw:object-ole xlink:href="./Ole 1"/>' + IMAGE)),
        "",
        {},
        "a",
        ["The embedded file 'Ole 1' was not read."],
    ),
    "a form": (
        "<office:forms><form:form><form:text form:name='Who' form:current-value='Bob'/><form:checkbox form:label='yes' "
        "form:current-state='checked'/><form:listbox form:name='City'><form:option form:label='Rome' "
        "form:current-selected='true'/>"
        "<form:option form:label='Oslo'/></form:listbox></form:form></office:forms>" + p("x"),
        "",
        {},
        "Who: Bob\n\n☒ yes\n\nCity: Rome\n\nx",
        [],
    ),
    "headers and footers": (
        p("x"),
        "",
        {
            "styles.xml": root(
                "office:document-styles",
                "<office:master-styles><style:master-page>"
                "<style:header>" + p("Version 3") + "</style:header>"
                "<style:footer>" + p("<text:page-number>1</text:page-number>") + "</style:footer>"
                "</style:master-page></office:master-styles>",
            )
        },
        "x\n\nVersion 3",
        [],
    ),
    "a damaged part": (
        p("x"),
        "",
        {"styles.xml": "<oops"},
        "x",
        ["The part 'styles.xml' of the file is damaged, and was not read."],
    ),
}


@pytest.mark.parametrize("feature", TEXTS)
def test_a_text(feature: str) -> None:
    body, styles, files, text, notes = TEXTS[feature]
    loaded = load(made("text", body, styles, files), "a.odt")
    assert (loaded.text, loaded.notes) == (text, notes)


def test_headings_and_properties() -> None:
    meta = root(
        "office:document-meta",
        "<office:meta><dc:title>Plan</dc:title><meta:initial-creator>Ann</meta:initial-creator></office:meta>",
    )
    data = made("text", f"<text:h text:outline-level='2'>Head</text:h>{p('x')}", files={"meta.xml": meta})
    loaded = load(data, "a.odt")
    assert loaded.blocks == [Block("Head", BlockKind.HEADING, 2), Block("x")]
    assert loaded.metadata == {"title": "Plan", "author": "Ann"}


HEAD = row(cell(p("Name")), cell(p("Sum")))
COLUMNS, ROWS = "table:number-columns-repeated", "table:number-rows-repeated"
HIDE = '<style:style style:name="ta"><style:table-properties table:display="false"/></style:style>'
SHEETS: Mapping[str, tuple[str, str, list[str]]] = {
    "hidden sheets": (
        f"<table:table table:name='A'>{HEAD}</table:table><table:table table:name='B' table:style-name='ta'>{HEAD}</table:table>",
        "A\n\n| Name | Sum |\n| --- | --- |\n\nB\n\n| Name | Sum |\n| --- | --- |",
        ["The sheet 'B' is hidden, and was read."],
    ),
    "values as they are shown, and formulas without any": (
        "<table:table table:name='A'>"
        + HEAD
        + row(
            cell(p("50%"), 'office:value-type="percentage" office:value="0.5"'),
            cell("", 'office:value-type="date" office:date-value="2024-03-05"'),
        )
        + row(cell(p("x")), cell("", 'table:formula="of:=SUM([.A1:.A2])"'))
        + "</table:table>",
        "A\n\n| Name | Sum |\n| --- | --- |\n| 50% | 2024-03-05 |\n| x | =SUM([.A1:.A2]) |",
        ["1 formula of the sheet 'A' had no stored value and were read as formulas."],
    ),
    "repeated cells, and a million empty rows": (
        "<table:table table:name='A'><table:table-header-rows>"
        + HEAD
        + "</table:table-header-rows>"
        + row(cell(p("x"), f"{COLUMNS}='2'"), cell("", f"{COLUMNS}='16382'"), attributes=f"{ROWS}='2'")
        + row(cell("", f"{COLUMNS}='16384'"), attributes=f"{ROWS}='1048570'")
        + "</table:table>",
        "A\n\n| Name | Sum |\n| --- | --- |\n| x | x |\n| x | x |",
        [],
    ),
    "hidden rows and columns": (
        '<table:table table:name="A"><table:table-column/><table:table-column '
        'table:visibility="collapse"/>' + HEAD + "</table:table>",
        "A\n\n| Name | Sum |\n| --- | --- |",
        ["Hidden rows or columns of the sheet 'A' were read."],
    ),
    "comments and shapes": (
        "<table:table table:name='A'><table:shapes><draw:custom-shape>"
        + p("in a shape")
        + "</draw:custom-shape></table:shapes>"
        + row(
            cell(f"<office:annotation><dc:creator>Ann</dc:creator>{p('check')}</office:annotation>{p('Name')}"),
            cell(p("Sum")),
        )
        + "</table:table>",
        "A\n\n| Name | Sum |\n| --- | --- |\n\nin a shape\n\nComment by Ann: check",
        [],
    ),
}


@pytest.mark.parametrize("feature", SHEETS)
def test_a_spreadsheet(feature: str) -> None:
    body, text, notes = SHEETS[feature]
    loaded = load(made("spreadsheet", body, HIDE), "a.ods")
    assert (loaded.text, loaded.notes) == (text, notes)


def test_slides() -> None:
    title = f'<draw:frame presentation:class="title"><draw:text-box>{p("Title")}</draw:text-box></draw:frame>'
    notes = "<presentation:notes><draw:page-thumbnail/>"
    notes += "<draw:frame><draw:text-box>" + p("say it") + "</draw:text-box></draw:frame></presentation:notes>"
    hide = '<style:style style:name="h"><style:drawing-page-properties presentation:visibility="hidden"/></style:style>'
    group = f"<draw:g><draw:rect>{p('in a group')}</draw:rect></draw:g>"
    body = (
        f"<draw:page>{title}{group}{notes}</draw:page><draw:page draw:style-name='h'><draw:ellipse>"
        f"{p('second')}</draw:ellipse></draw:page>"
    )
    loaded = load(made("presentation", body, hide), "a.odp")
    assert loaded.blocks == [
        Block("Title", BlockKind.HEADING, 1, 1),
        Block("in a group", page=1),
        Block("say it", page=1),
        Block("second", page=2),
    ]
    assert loaded.notes == ["Hidden slides were read: 2."]


def test_flat_files_and_other_names() -> None:
    flat = root(
        'office:document office:mimetype="application/vnd.oasis.opendocument.text"',
        f"<office:body><office:text>{p('flat')}</office:text></office:body>",
    )
    assert load(flat.encode(), "a.fodt").text == load(flat.encode(), "a.xml").text == "flat"
    assert load(made("text", p("x")), "a.docx").text == "x"
    assert load(made("spreadsheet", f"<table:table table:name='A'>{HEAD}</table:table>"), "a").text.startswith("A")


def test_what_is_refused() -> None:
    locked = {"META-INF/manifest.xml": '<manifest xmlns="urn:m"><encryption-data/></manifest>'}
    with pytest.raises(DocumentUnreadable, match="encrypted"):
        load(made("text", p("x"), files=locked), "a.odt")
    wide = row(cell(p("x"), 'table:number-columns-repeated="16384"'), attributes='table:number-rows-repeated="1048576"')
    with pytest.raises(DocumentUnreadable, match=r"longer|cells"):
        load(
            made("spreadsheet", f"<table:table>{wide}</table:table>"),
            "a.ods",
            limits=LoadLimits(max_characters=1_000_000),
        )
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]><office:document-content xmlns:office="urn:x"/>'
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", bomb)
    with pytest.raises(DocumentUnreadable, match="entities"):
        load(out.getvalue(), "a.odt")


def test_broken_files_are_read_or_refused() -> None:
    draw = random.Random(5)
    every = [("text", body, styles, files) for body, styles, files, _, _ in TEXTS.values()]
    every += [("spreadsheet", body, HIDE, {}) for body, _, _ in SHEETS.values()]
    for kind, body, styles, files in every:
        for _ in range(6):
            at = draw.randrange(len(body))
            broken = draw.choice(
                [
                    body[:at],
                    body[:at] + "<x/>" + body[at:],
                    body.replace("text:", "table:"),
                    body.replace("table:", "draw:"),
                ]
            )
            data = made(kind, broken, styles, files)
            for changed in (data, data[: draw.randrange(len(data))]):
                try:
                    load(changed, f"a.{KINDS[kind]}").text.encode()
                except DocumentUnreadable as error:
                    assert error.problem
