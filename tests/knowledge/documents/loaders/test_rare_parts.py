"""Parts that few files have: each is read, or a note says that it was not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from modelyard.core.errors import DocumentUnreadable
from modelyard.knowledge.documents.loaders import load
from tests.knowledge.documents.loaders import parts, test_opendocument
from tests.knowledge.documents.loaders.parts import para, run
from tests.knowledge.documents.loaders.test_opendocument import MATH, made, p, root, row

SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
MANY = 'table:number-columns-repeated="9000000"'
VALIDATION = (
    '<dataValidations><dataValidation type="list" sqref="B2:B9"><formula1>"red,blue"</formula1></dataValidation>'
    "</dataValidations>"
)


def cells(*texts: str) -> str:
    return f"<w:tr>{''.join(f'<w:tc>{para(text)}</w:tc>' for text in texts)}</w:tr>"


def nested(before: str, after: str, inner: str, count: int) -> str:
    return before * count + inner + after * count


def sheet(inner: str, name: str = 'name="S"') -> bytes:
    return parts.sheets([(name, inner)])


def cell(place: str, inner: str, attributes: str = "") -> str:
    return f'<row r="1"><c r="{place}" {attributes}>{inner}</c></row>'


def odf_cell(text: str) -> str:
    return test_opendocument.cell(p(text))


CASES: Mapping[str, tuple[str, bytes, str, list[str]]] = {
    "inserted paragraphs": ("a.docx", parts.word(f"<w:ins>{para('new')}</w:ins>{para('old')}"), "new\n\nold", []),
    "a linked document": (
        "a.docx",
        parts.word(f'{para("x")}<w:subDoc r:id="z"/>'),
        "x",
        ["A linked part of the document (subdocument) was not read."],
    ),
    "tables inside one another": (
        "a.docx",
        parts.word(para("top") + nested("<w:tbl><w:tr><w:tc>", "</w:tc></w:tr></w:tbl>", para("deep"), 40)),
        "top",
        ["Tables and controls stand too deep inside one another; the deepest were not read."],
    ),
    "cells in controls, and deleted ones": (
        "a.docx",
        parts.word(
            f"<w:tbl>{cells('a', 'b')}<w:tr><w:sdt><w:sdtContent><w:tc>{para('c')}</w:tc></w:sdtContent></w:sdt>"
            f"<w:tc><w:tcPr><w:cellDel/></w:tcPr>{para('gone')}</w:tc><w:tc>{para('d')}</w:tc></w:tr></w:tbl>"
        ),
        "| a | b |\n| --- | --- |\n| c | d |",
        [],
    ),
    "symbols of other fonts": (
        "a.docx",
        parts.word(
            '<w:p><w:r><w:sym w:font="Symbol" w:char="F061"/><w:sym w:font="Arial" w:char="0041"/>'
            '<w:sym w:font="Arial" w:char="none"/><w:sym w:font="Webdings" w:char="F0FF"/></w:r></w:p>'
        ),
        "αA",
        ["A symbol of the font 'Webdings' has no text."],
    ),
    "text that is not hidden after all": (
        "a.docx",
        parts.word(f'<w:p><w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t>seen</w:t></w:r>{run("!")}</w:p>'),
        "seen!",
        [],
    ),
    "instructions outside of fields": (
        "a.docx",
        parts.word(f"<w:p><w:r><w:instrText>PAGE</w:instrText></w:r>{run('x')}</w:p>"),
        "x",
        [],
    ),
    "a list of which a table is an item": (
        "a.odt",
        made(
            "text",
            f"<text:list><text:list-item>{p('one')}<table:table>{row(odf_cell('a'), odf_cell('b'))}</table:table>{p('two')}"
            f"</text:list-item></text:list>",
        ),
        "- one\n\n| a | b |\n| --- | --- |\n\n  two",
        [],
    ),
    "a table of one cell is a frame": (
        "a.odt",
        made("text", f"<table:table>{row(odf_cell('in'))}</table:table>"),
        "in",
        [],
    ),
    "sections inside one another": (
        "a.odt",
        made("text", p("top") + nested("<text:section>", "</text:section>", p("deep"), 150)),
        "top",
        ["Parts stand too deep inside one another; the deepest were not read."],
    ),
    "embedded documents": (
        "a.odt",
        made(
            "text",
            p("x")
            + '<draw:frame><draw:object xlink:href="./1"/></draw:frame><draw:frame><draw:object xlink:href="./2"/>'
            f"</draw:frame><draw:frame><draw:object>{MATH.partition('?>')[2]}</draw:object></draw:frame>",
            files={"2/content.xml": root("office:document-content", "<office:body><office:text/></office:body>")},
        ),
        "x\n\nE = m c^2",
        ["The embedded file '1' was not read.", "The embedded document '2' was not read."],
    ),
    "numbers of pages on slides": (
        "a.odp",
        made(
            "presentation",
            f"<draw:page><draw:frame presentation:class='page-number'><draw:text-box>{p('7')}</draw:text-box></draw:frame>"
            f"<draw:frame><draw:text-box>{p('said')}</draw:text-box></draw:frame></draw:page>",
        ),
        "said",
        [],
    ),
    "choices and lists of forms": (
        "a.ods",
        made(
            "spreadsheet",
            '<table:content-validations><table:content-validation table:condition="of:cell-content-is-in-list('
            '&quot;red&quot;;&quot;blue&quot;)"/><table:content-validation table:condition="of:is-true()"/>'
            f'</table:content-validations><table:table table:name="S">{row(odf_cell("a"))}<office:forms><form:form>'
            '<form:listbox form:label="Colour"><form:option form:label="red"/><form:option form:label="blue" '
            'form:current-selected="true"/></form:listbox><form:text form:name="city" form:current-value="Hangzhou"/>'
            '<form:checkbox form:label="sure" form:current-state="checked"/></form:form></office:forms></table:table>',
        ),
        "S\n\n| a |\n| --- |\n\nColour: blue\n\ncity: Hangzhou\n\n☒ sure\n\nChoices: red, blue",
        [],
    ),
    "choices of cells": (
        "a.xlsx",
        sheet(f"<sheetData>{cell('A1', '<v>1</v>')}</sheetData>{VALIDATION}"),
        "S\n\n| 1 |\n| --- |\n\nChoices in B2:B9: red, blue",
        [],
    ),
    "dates and numbers that are none": (
        "a.xlsx",
        sheet(
            '<sheetData><row r="1"><c r="A1" t="d"><v>2024-05-01</v></c><c r="B1" t="d"><v>soon</v></c><c r="C1"><v>1x</v></c>'
            "</row></sheetData>"
        ),
        "S\n\n| 2024-05-01 | soon | 1x |\n| --- | --- | --- |",
        [],
    ),
    "damaged texts of a workbook": (
        "a.xlsx",
        parts.sheets(
            [('name="S"', f"<sheetData>{cell('A1', '<v>0</v>', 't=' + chr(34) + 's' + chr(34))}</sheetData>")],
            {"xl/shared.xml": f'<sst xmlns="{SHEET}"><si><t>kept</t></si><si><t>cut'},
            {"xl/workbook.xml": {"t": ("sharedStrings", "xl/shared.xml")}},
        ),
        "S\n\n| kept |\n| --- |",
        ["The texts of the workbook are damaged, and some were not read."],
    ),
    "notes and styles of subtitles": (
        "a.vtt",
        b"WEBVTT\n\nNOTE by Ann\nmore\n\nSTYLE\n::cue {}\n\n00:01.000 --> 00:02.000\n<v Ann>Hi\n",
        "Ann: Hi",
        ["The notes between its cues were not read."],
    ),
    "front matter that is no TOML": ("a.md", b"+++\ntitle = \n+++\n\nText\n", "title =\n\nText", []),
    "records that are broken": (
        "a.jsonl",
        b'{"name": "a"}\n{"name": \n{"name": "b"}\n',
        'name: a\n\n{"name":\n\nname: b',
        ["Line 2 is not valid JSON; it was read as text."],
    ),
}


@pytest.mark.parametrize("part", CASES)
def test_a_part(part: str) -> None:
    name, data, text, notes = CASES[part]
    loaded = load(data, name)
    assert (loaded.text, loaded.notes) == (text, notes)


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        (
            "a.ods",
            made("spreadsheet", f"<table:table>{row(test_opendocument.cell(p('x'), MANY))}</table:table>"),
            "the limit",
        ),
        ("a.fodt", root("office:document", "<office:body/>").encode(), "damaged"),
        ("a.fodt", root("office:document", "").encode(), "damaged"),
    ],
)
def test_what_is_too_much_or_too_little_is_refused(name: str, data: bytes, problem: str) -> None:
    with pytest.raises(DocumentUnreadable, match=problem):
        load(data, name)
