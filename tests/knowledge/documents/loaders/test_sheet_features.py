"""What an Excel workbook can hold beside cells: it is read, or a note says that it was not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from modelyard.knowledge.documents.loaders import load
from tests.knowledge.documents.loaders import parts
from tests.knowledge.documents.loaders.parts import xml

SPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
NAME = 'name="S"'


def data(*rows: str, before: str = "", after: str = "") -> str:
    """The inside of a sheet."""
    return f"{before}<sheetData>{''.join(rows)}</sheetData>{after}"


def line(number: int, *cells: str, attributes: str = "") -> str:
    return f'<row r="{number}" {attributes}>{"".join(cells)}</row>'


def text(place: str, words: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{words}</t></is></c>'


def value(place: str, number: str, attributes: str = "", formula: str = "") -> str:
    return f'<c r="{place}" {attributes}>{formula}<v>{number}</v></c>'


HEAD = line(1, text("A1", "Name"), text("B1", "Sum"))
STYLES = xml(
    "styleSheet",
    '<numFmts><numFmt numFmtId="170" formatCode="#,##0.00\\ [$€-407]"/><numFmt numFmtId="171" formatCode="[h]:mm"/></numFmts>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="10"/><xf numFmtId="170"/><xf numFmtId="171"/></cellXfs>',
    SPACE,
)
STYLED = {"xl/workbook.xml": {"st": ("styles", "xl/styles.xml")}}
Relations = Mapping[str, parts.Relations]
CASES: Mapping[str, tuple[Sequence[tuple[str, str]], dict[str, str | bytes], Relations, str, list[str]]] = {
    "several sheets, hidden ones too": (
        [
            ('name="A"', data(HEAD)),
            ('name="B" state="hidden"', data(HEAD)),
            ('name="C" state="veryHidden"', data(HEAD)),
        ],
        {},
        {},
        "\n\n".join(f"{name}\n\n| Name | Sum |\n| --- | --- |" for name in "ABC"),
        ["The sheet 'B' is hidden, and was read.", "The sheet 'C' is hidden, and was read."],
    ),
    "hidden rows": (
        [(NAME, data(HEAD, line(2, text("A2", "x"), attributes='hidden="1"')))],
        {},
        {},
        "S\n\n| Name | Sum |\n| --- | --- |\n| x |  |",
        ["Hidden rows or columns of the sheet 'S' were read."],
    ),
    "hidden columns": (
        [(NAME, data(HEAD, before='<cols><col min="2" max="3" hidden="1"/></cols>'))],
        {},
        {},
        "S\n\n| Name | Sum |\n| --- | --- |",
        ["Hidden rows or columns of the sheet 'S' were read."],
    ),
    "formulas with and without values": (
        [
            (
                NAME,
                data(
                    HEAD,
                    line(2, value("A2", "7", formula="<f>3+4</f>"), '<c r="B2"><f>SUM(A1:A2)</f></c>'),
                    line(3, text("A3", "y"), value("B3", "", 't="str"', '<f>IF(1,"")</f>')),
                    line(4, text("A4", "z"), '<c r="B4"><f>NOW()</f><v></v></c>'),
                ),
            )
        ],
        {},
        {},
        "S\n\n| Name | Sum |\n| --- | --- |\n| 7 | =SUM(A1:A2) |\n| y |  |\n| z | =NOW() |",
        [
            "2 formulas of the sheet 'S' had no stored value and were read as formulas; "
            "save the file in Excel to store the values."
        ],
    ),
    "values as they are shown": (
        [
            (
                NAME,
                data(
                    line(
                        1,
                        value("A1", "45356", 's="1"'),
                        value("B1", "0.125", 's="2"'),
                        value("C1", "1234.5", 's="3"'),
                        value("D1", "1.5", 's="4"'),
                        value("E1", "#DIV/0!", 't="e"'),
                        value("F1", "1", 't="b"'),
                        value("G1", "2024-03-05", 't="d"'),
                    )
                ),
            )
        ],
        {"xl/styles.xml": STYLES},
        STYLED,
        "S\n\n| 2024-03-05 | 12.50% | 1,234.50€ | 1 day, 12:00:00 | #DIV/0! | TRUE | 2024-03-05 |\n|" + " --- |" * 7,
        [],
    ),
    "dates that are none": (
        [(NAME, data(line(1, value("A1", "99999999999", 's="1"'), value("B1", "no number", 's="1"'))))],
        {"xl/styles.xml": STYLES},
        STYLED,
        "S\n\n| 99999999999 | no number |\n| --- | --- |",
        [],
    ),
    "a broken cell in a row": (
        [(NAME, data(HEAD, line(2, value("A2", "99", 't="s"'), text("B2", "kept")), line(3, text("A3", "after"))))],
        {},
        {},
        "S\n\n| Name | Sum |\n| --- | --- |\n|  | kept |\n| after |  |",
        ["Damaged cells of the sheet 'S' were not read: A2."],
    ),
    "a sheet that is cut off": (
        [(NAME, data(HEAD, line(2, text("A2", "x")), "<row r='3'><oops"))],
        {},
        {},
        "S\n\n| Name | Sum |\n| --- | --- |\n| x |  |",
        ["The sheet 'S' is damaged after row 2; what follows was not read."],
    ),
    "a link that a formula makes": (
        [(NAME, data(line(1, value("A1", "here", 't="str"', '<f>HYPERLINK("https://a.example/","here")</f>'))))],
        {},
        {},
        "S\n\n| here (https://a.example/) |\n| --- |",
        [],
    ),
    "links": (
        [(NAME, data(HEAD, after='<hyperlinks><hyperlink ref="A1" r:id="l"/></hyperlinks>'))],
        {},
        {"xl/sheet1.xml": {"l": ("hyperlink", "https://a.example/")}},
        "S\n\n| Name (https://a.example/) | Sum |\n| --- | --- |",
        [],
    ),
    "choices, headers and footers": (
        [
            (
                NAME,
                data(
                    HEAD,
                    after='<dataValidations><dataValidation type="list" sqref="B2:B9"><formula1>"yes,no"</formula1>'
                    "</dataValidation></dataValidations><headerFooter>"
                    '<oddHeader>&amp;L&amp;"Arial,Bold"&amp;12Draft 7&amp;RPage &amp;P'
                    "</oddHeader></headerFooter>",
                ),
            )
        ],
        {},
        {},
        "S\n\n| Name | Sum |\n| --- | --- |\n\nChoices in B2:B9: yes, no\n\nDraft 7 Page",
        [],
    ),
    "comments, old and in threads": (
        [(NAME, data(HEAD))],
        {
            "xl/c.xml": xml(
                "comments",
                '<commentList><comment ref="A1"><text><r><t>old</t></r></text></comment><comment ref="B1">'
                "<text><t>[Threaded comment] see there</t></text></comment></commentList>",
                SPACE,
            ),
            "xl/t.xml": '<ThreadedComments xmlns="urn:t"><threadedComment ref="B1" personId="p">'
            "<text>check this</text></threadedComment>"
            '<threadedComment ref="B1" personId="q"><text>done</text></threadedComment></ThreadedComments>',
            "xl/p.xml": '<personList xmlns="urn:t"><person id="p" displayName="Ann"/></personList>',
        },
        {
            "xl/sheet1.xml": {"c": ("comments", "xl/c.xml"), "t": ("threadedComment", "xl/t.xml")},
            "xl/workbook.xml": {"p": ("person", "xl/p.xml")},
        },
        "S\n\n| Name | Sum |\n| --- | --- |\n\nComment by Ann on B1: check this\n\nComment on B1: done\n\nComment on A1: old",
        [],
    ),
    "text boxes, charts and pictures": (
        [(NAME, data(HEAD))],
        {
            "xl/d.xml": xml(
                "xdr:wsDr",
                "<xdr:sp><xdr:txBody><a:p><a:r><a:t>in a box</a:t></a:r></a:p></xdr:txBody></xdr:sp>"
                '<xdr:graphicFrame><c:chart r:id="c"/></xdr:graphicFrame>'
                '<xdr:pic><xdr:nvPicPr><xdr:cNvPr id="1" name="x" descr="The plan"/></xdr:nvPicPr><a:blip/></xdr:pic>'
                "<xdr:pic><a:blip/></xdr:pic>",
            ),
            "xl/c.xml": parts.chart(),
        },
        {"xl/sheet1.xml": {"d": ("drawing", "xl/d.xml")}, "xl/d.xml": {"c": ("chart", "xl/c.xml")}},
        f"S\n\n| Name | Sum |\n| --- | --- |\n\nin a box\n\n{parts.CHART}\n\nPicture: The plan",
        ["1 picture has no alternative text, and what is on it was not read."],
    ),
    "controls": (
        [(NAME, data(HEAD))],
        {
            "xl/v.vml": xml(
                "xml",
                '<v:shape><v:textbox><div>I agree</div></v:textbox><x:ClientData ObjectType="Checkbox">'
                "<x:Checked>1</x:Checked></x:ClientData></v:shape><v:shape><v:textbox><div>a<br>b</div></v:textbox>"
                '<x:ClientData ObjectType="Note"/></v:shape>',
            )
        },
        {"xl/sheet1.xml": {"v": ("vmlDrawing", "xl/v.vml")}},
        "S\n\n| Name | Sum |\n| --- | --- |\n\n☒ I agree",
        [],
    ),
    "an embedded file": (
        [(NAME, data(HEAD))],
        {"xl/e.docx": "x"},
        {"xl/sheet1.xml": {"e": ("package", "xl/e.docx")}},
        "S\n\n| Name | Sum |\n| --- | --- |",
        ["The embedded file 'e.docx' was not read."],
    ),
    "tables one below another": (
        [
            (
                NAME,
                data(
                    line(3, text("B3", "Fruit"), text("C3", "Tons")),
                    line(4, text("B4", "Apple"), value("C4", "3")),
                    line(7, text("B7", "Costs")),
                    line(8, text("B8", "What"), text("C8", "When")),
                    line(9, text("B9", "Rent"), value("C9", "2")),
                ),
            )
        ],
        {},
        {},
        "S\n\n| Fruit | Tons |\n| --- | --- |\n| Apple | 3 |\n\nCosts\n\n| What | When |\n| --- | --- |\n| Rent | 2 |",
        [],
    ),
    "a table with a gap": (
        [(NAME, data(HEAD, line(2, text("A2", "a"), value("B2", "1")), line(4, text("A4", "b"), value("B4", "2"))))],
        {},
        {},
        "S\n\n| Name | Sum |\n| --- | --- |\n| a | 1 |\n| b | 2 |",
        [],
    ),
    "a named table": (
        [(NAME, data(line(1, text("A1", "x"), text("B1", "y")), line(2, text("A2", "Key"), text("B2", "Word"))))],
        {"xl/t.xml": xml('table displayName="Prices" ref="A2:B2"', "", SPACE)},
        {"xl/sheet1.xml": {"t": ("table", "xl/t.xml")}},
        "S\n\n| x | y |\n| --- | --- |\n\nTable Prices\n\n| Key | Word |\n| --- | --- |",
        [],
    ),
    "readings of East Asian words": (
        [
            (
                NAME,
                data(
                    line(
                        1,
                        '<c r="A1" t="inlineStr"><is><r><t>東</t></r><r><t>京</t></r><rPh><t>トウキョウ</t></rPh></is></c>',
                    )
                ),
            )
        ],
        {},
        {},
        "S\n\n| 東京 |\n| --- |",
        [],
    ),
    "cells without places": (
        [(NAME, "<sheetData><row><c><v>1</v></c><c><v>2</v></c></row><row><c><v>3</v></c></row></sheetData>")],
        {},
        {},
        "S\n\n| 1 | 2 |\n| --- | --- |\n| 3 |  |",
        [],
    ),
}


@pytest.mark.parametrize("feature", CASES)
def test_a_workbook(feature: str) -> None:
    sheets, files, relations, words, notes = CASES[feature]
    loaded = load(parts.sheets(sheets, files, relations), "a.xlsx")
    assert (loaded.text, loaded.notes) == (words, notes)


def test_a_sheet_of_a_chart() -> None:
    files = {
        "xl/workbook.xml": xml("workbook", '<sheets><sheet name="Fig" r:id="a"/></sheets>', SPACE),
        "xl/f.xml": xml("chartsheet", "", SPACE),
        "xl/d.xml": xml("xdr:wsDr", '<xdr:graphicFrame><c:chart r:id="c"/></xdr:graphicFrame>'),
        "xl/c.xml": parts.chart(),
    }
    relations = {
        "xl/workbook.xml": {"a": ("chartsheet", "xl/f.xml")},
        "xl/f.xml": {"d": ("drawing", "xl/d.xml")},
        "xl/d.xml": {"c": ("chart", "xl/c.xml")},
    }
    loaded = load(parts.package("xl/workbook.xml", files, relations), "a.xlsx")
    assert (loaded.text, loaded.notes) == (f"Fig\n\n{parts.CHART}", [])
