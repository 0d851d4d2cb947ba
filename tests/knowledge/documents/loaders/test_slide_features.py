"""What a presentation can hold beside text on slides: it is read, or a note says that it was not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from modelyard.knowledge.documents.loaders import load
from modelyard.knowledge.types import BlockKind
from tests.knowledge.documents.loaders import parts
from tests.knowledge.documents.loaders.parts import shape, xml

SLIDE = "ppt/slides/slide1.xml"
FRAME = "<p:graphicFrame><a:graphic><a:graphicData>{}</a:graphicData></a:graphic></p:graphicFrame>"
PICTURE = '<p:pic><p:nvPicPr><p:cNvPr id="4" name="Picture 3" {}/><p:nvPr/></p:nvPicPr><p:blipFill><a:blip/></p:blipFill></p:pic>'


def cell(text: str, attributes: str = "") -> str:
    return f"<a:tc {attributes}><a:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:txBody></a:tc>"


def other(shapes: str, tag: str = "p:notes") -> str:
    return xml(tag, f"<p:cSld><p:spTree>{shapes}</p:spTree></p:cSld>")


Files = dict[str, str | bytes]
CASES: Mapping[str, tuple[str, Files, Mapping[str, parts.Relations], str, Sequence[str]]] = {
    "groups": (
        f"<p:grpSp><p:grpSp>{shape('deep')}</p:grpSp>{shape('inner')}</p:grpSp>{shape('out')}",
        {},
        {},
        "deep\n\ninner\n\nout",
        [],
    ),
    "alternatives": (
        f"<mc:AlternateContent><mc:Choice Requires='a14'>{shape('chosen')}</mc:Choice><mc:Fallback>{shape('not')}</mc:Fallback>"
        "</mc:AlternateContent>",
        {},
        {},
        "chosen",
        [],
    ),
    "an equation": (
        "<mc:AlternateContent><mc:Choice Requires='a14'><p:sp><p:txBody><a:p><a:r><a:t>E = </a:t></a:r><a14:m>"
        "<m:oMath><m:sSup><m:e><m:r>"
        "<m:t>c</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup></m:oMath></a14:m></a:p></p:txBody></p:sp></mc:Choice>"
        "</mc:AlternateContent>",
        {},
        {},
        "E = c^2",
        [],
    ),
    "fields, breaks and links": (
        "<p:sp><p:txBody><a:p><a:fld><a:t>5 May</a:t></a:fld><a:br/><a:r><a:rPr><a:hlinkClick r:id='l'/>"
        "</a:rPr><a:t>more</a:t></a:r></a:p>"
        "</p:txBody></p:sp>",
        {},
        {SLIDE: {"l": ("hyperlink", "https://a.example/")}},
        "5 May\nmore (https://a.example/)",
        [],
    ),
    "a merged table": (
        FRAME.format(
            "<a:tbl><a:tr>"
            + cell("both", 'gridSpan="2"')
            + cell("", 'hMerge="1"')
            + "</a:tr><a:tr>"
            + cell("l")
            + cell("r")
            + "</a:tr></a:tbl>"
        ),
        {},
        {},
        "| both | both |\n| --- | --- |\n| l | r |",
        [],
    ),
    "a chart": (
        FRAME.format('<c:chart r:id="c"/>'),
        {"ppt/c.xml": parts.chart()},
        {SLIDE: {"c": ("chart", "ppt/c.xml")}},
        parts.CHART,
        [],
    ),
    "a diagram": (
        FRAME.format('<dgm:relIds r:dm="d"/>'),
        {"ppt/d.xml": parts.diagram()},
        {SLIDE: {"d": ("diagramData", "ppt/d.xml")}},
        "Plan\nDo",
        [],
    ),
    "pictures": (
        PICTURE.format('descr="A bridge"') + PICTURE.format("") + PICTURE.format('descr="IMG_1.JPG"'),
        {},
        {},
        "Picture: A bridge",
        ["2 pictures have no alternative text, and what is on them was not read."],
    ),
    "an embedded file and a video": (
        shape("x")
        + FRAME.format('<p:oleObj progId="Excel.Sheet.12" r:id="e"/>')
        + "<p:pic><p:nvPicPr><p:cNvPr descr='Film'/><p:nvPr>"
        "<a:videoFile r:link='v'/></p:nvPr></p:nvPicPr></p:pic>",
        {"ppt/e.xlsx": "x"},
        {SLIDE: {"e": ("package", "ppt/e.xlsx")}},
        "x\n\nPicture: Film",
        ["The embedded file 'e.xlsx' (Excel.Sheet.12) was not read.", "A video on slide 1 was not read."],
    ),
    "notes": (
        shape("x"),
        {
            "ppt/n.xml": other(
                shape("say this", place='<p:ph type="body"/>')
                + shape("7", place='<p:ph type="sldNum"/>')
                + FRAME.format(f"<a:tbl><a:tr>{cell('in')}{cell('notes')}</a:tr></a:tbl>")
            )
        },
        {SLIDE: {"n": ("notesSlide", "ppt/n.xml")}},
        "x\n\nsay this\n\n| in | notes |\n| --- | --- |",
        [],
    ),
    "comments, old and new": (
        shape("x"),
        {
            "ppt/c1.xml": xml("p:cmLst", "<p:cm><p:text>old one</p:text></p:cm>"),
            "ppt/c2.xml": xml(
                "p188:cmLst",
                "<p188:cm><p188:replyLst><p188:reply><p188:txBody><a:p><a:r><a:t>reply</a:t></a:r></a:p></p188:txBody>"
                "</p188:reply></p188:replyLst><p188:txBody><a:p><a:r><a:t>new</a:t></a:r></a:p></p188:txBody></p188:cm>",
            ),
        },
        {SLIDE: {"c": ("comments", "ppt/c1.xml"), "d": ("comments", "ppt/c2.xml")}},
        "x\n\nComment: old one\n\nComment: new\n\nComment: reply",
        [],
    ),
    "layout, master and footer, each text once": (
        shape("x") + shape("Confidential", place='<p:ph type="ftr"/>') + shape("9", place='<p:ph type="sldNum"/>'),
        {
            "ppt/l.xml": other(shape("ACME Ltd") + shape("Click to edit", place='<p:ph type="title"/>'), "p:sldLayout"),
            "ppt/m.xml": other(shape("ACME Ltd") + shape("since 1912"), "p:sldMaster"),
        },
        {SLIDE: {"l": ("slideLayout", "ppt/l.xml")}, "ppt/l.xml": {"m": ("slideMaster", "ppt/m.xml")}},
        "x\n\nConfidential\n\nACME Ltd\n\nsince 1912",
        [],
    ),
}


@pytest.mark.parametrize("feature", CASES)
def test_a_slide(feature: str) -> None:
    shapes, files, relations, text, notes = CASES[feature]
    loaded = load(parts.deck([shapes], files, relations), "a.pptx")
    assert (loaded.text, loaded.notes) == (text, notes)


def test_hidden_and_missing_slides() -> None:
    title = shape("Title", place='<p:ph type="ctrTitle"/>')
    loaded = load(parts.deck([title, shape("b"), shape("c")], attributes=["", 'show="0"', 'show="0"']), "a.pptx")
    assert [(block.text, block.kind, block.page) for block in loaded.blocks] == [
        ("Title", BlockKind.HEADING, 1),
        ("b", BlockKind.TEXT, 2),
        ("c", BlockKind.TEXT, 3),
    ]
    assert loaded.notes == ["Slides 2, 3 are hidden, and were read."]


def test_a_chart_of_the_new_kind() -> None:
    level = "<cx:strDim type='cat'><cx:lvl><cx:pt idx='0'>Start</cx:pt><cx:pt idx='1'>End</cx:pt></cx:lvl></cx:strDim>"
    level += "<cx:numDim type='val'><cx:lvl><cx:pt idx='0'>3</cx:pt><cx:pt idx='1'>8</cx:pt></cx:lvl></cx:numDim>"
    title = "<cx:title><cx:tx><cx:rich><a:p><a:r><a:t>Steps</a:t></a:r></a:p></cx:rich></cx:tx></cx:title>"
    series = "<cx:series><cx:tx><cx:txData><cx:v>Euro</cx:v></cx:txData></cx:tx></cx:series>"
    part = xml(
        "cx:chartSpace", f"<cx:chartData><cx:data>{level}</cx:data></cx:chartData><cx:chart>{title}{series}</cx:chart>"
    )
    shapes = FRAME.format('<cx:chart r:id="c"/>')
    loaded = load(parts.deck([shapes], {"ppt/c.xml": part}, {SLIDE: {"c": ("chartEx", "ppt/c.xml")}}), "a.pptx")
    assert loaded.text == "Chart\nSteps\n\n|  | Euro |\n| --- | --- |\n| Start | 3 |\n| End | 8 |"
