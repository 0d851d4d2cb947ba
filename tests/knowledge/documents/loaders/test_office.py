"""Word, Excel and PowerPoint files as their libraries write them, and as an attacker would."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime, time

import pytest
from docx.document import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn
from openpyxl.workbook import Workbook

from modelyard.core.errors import DocumentUnreadable
from modelyard.knowledge.documents.loaders import LoadLimits, load
from modelyard.knowledge.documents.loaders.number_formats import display_text
from modelyard.knowledge.documents.loaders.numbering import chinese, counted, roman
from modelyard.knowledge.documents.loaders.sheet_cells import letters
from modelyard.knowledge.types import Block, BlockKind
from tests.knowledge.documents.loaders import samples


def shape(data: bytes, name: str) -> list[tuple[str, str]]:
    """Kind and text of each block."""
    blocks = load(data, name).blocks
    return [
        (f"h{block.level}" if block.kind is BlockKind.HEADING else block.kind.value, block.text) for block in blocks
    ]


def test_word_in_the_order_of_the_document() -> None:
    def write(document: Document) -> None:
        document.core_properties.title, document.core_properties.author = "员工手册", "Ann"
        document.add_heading("总则", 0)
        document.add_heading("请假", 2)
        document.add_paragraph("第一行\n第二行\t制表")
        document.add_paragraph("one", "List Bullet")
        document.add_paragraph("two", "List Bullet")
        document.add_paragraph("first", "List Number")
        table = document.add_table(3, 3)
        for at, text in enumerate("abcdefghi"):
            table.cell(at // 3, at % 3).text = text
        table.cell(0, 0).merge(table.cell(0, 1)).text = "wide"
        table.cell(1, 2).merge(table.cell(2, 2)).text = "tall|x"
        document.add_paragraph("after")
        document.sections[0].header.paragraphs[0].text = "in the header"

    data = samples.word(write)
    assert load(data, "a.docx").metadata["title"] == "员工手册"
    assert load(data, "a.docx").metadata["author"] == "Ann"
    assert shape(data, "a.docx") == [
        ("h1", "总则"),
        ("h2", "请假"),
        ("text", "第一行\n第二行\t制表"),
        ("text", "- one\n- two\n1. first"),
        ("table", "| wide | wide | c |\n| --- | --- | --- |\n| d | e | tall\\|x |\n| g | h | tall\\|x |"),
        ("text", "after"),
        ("text", "in the header"),
    ]


def test_word_computes_the_numbers_that_it_shows() -> None:
    def write(document: Document) -> None:
        levels = "".join(
            f'<w:lvl w:ilvl="{at}"><w:start w:val="1"/><w:numFmt w:val="{style}"/><w:lvlText w:val="{text}"/></w:lvl>'
            for at, (style, text) in enumerate(
                [("chineseCounting", "第%1条"), ("lowerLetter", "(%2)"), ("decimal", "%1.%3")]
            )
        )
        numbering = document.part.numbering_part.element
        numbering.insert(0, parse_xml(f'<w:abstractNum {nsdecls("w")} w:abstractNumId="90">{levels}</w:abstractNum>'))
        numbering.append(parse_xml(f'<w:num {nsdecls("w")} w:numId="90"><w:abstractNumId w:val="90"/></w:num>'))
        for level, text in ((0, "总则"), (1, "范围"), (1, "目的"), (0, "附则"), (1, "解释"), (2, "x")):
            properties = document.add_paragraph(text)._p.get_or_add_pPr()
            properties.append(
                parse_xml(f'<w:numPr {nsdecls("w")}><w:ilvl w:val="{level}"/><w:numId w:val="90"/></w:numPr>')
            )

    ((_, text),) = shape(samples.word(write), "a.docx")
    assert text == "第一条 总则\n  (a) 范围\n  (b) 目的\n第二条 附则\n  (a) 解释\n    二.1 x"


def test_numbers_in_words() -> None:
    numbers = (1, 10, 12, 20, 101, 110, 1002)
    assert [chinese(number) for number in numbers] == ["一", "十", "十二", "二十", "一百零一", "一百一十", "一千零二"]
    assert [counted(4, "lowerRoman"), roman(1994), counted(28, "upperLetter"), counted(3, "decimalZero")] == [
        "iv",
        "MCMXCIV",
        "BB",
        "03",
    ]


def test_word_boxes_controls_and_changes() -> None:
    def write(document: Document) -> None:
        body = document.element.body
        space = (
            nsdecls("w", "wp", "a")
            + ' xmlns:wps="urn:wps" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
        )
        box = "<w:txbxContent><w:p><w:r><w:t>in a box</w:t></w:r></w:p></w:txbxContent>"
        parts = (
            f"<w:sdt {space}><w:sdtContent><w:p><w:r><w:t>controlled</w:t></w:r></w:p></w:sdtContent></w:sdt>",
            f"<w:p {space}><w:r><w:t>kept </w:t></w:r><w:del><w:r><w:delText>deleted</w:delText></w:r></w:del>"
            "<w:ins><w:r><w:t>inserted</w:t></w:r></w:ins></w:p>",
            f"<w:p {space}><w:r><w:t>beside</w:t><mc:AlternateContent><mc:Choice><wps:txbx>{box}</wps:txbx></mc:Choice>"
            f"<mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:r></w:p>",
            f"<w:tbl {space}><w:tr><w:tc><w:p><w:r><w:t>framed</w:t></w:r></w:p></w:tc></w:tr></w:tbl>",
            f'<w:p {space}><w:pPr><w:outlineLvl w:val="2"/></w:pPr><w:r><w:t>outlined</w:t></w:r></w:p>',
        )
        for at, part in enumerate(parts):
            body.insert(at, parse_xml(part))

    assert shape(samples.word(write), "a.docx") == [
        *(("text", text) for text in ("controlled", "kept inserted", "beside", "in a box", "framed")),
        ("h3", "outlined"),
    ]


def test_a_workbook_as_it_is_shown() -> None:
    def write(book: Workbook) -> None:
        sheet = book.worksheets[0]
        sheet.title = "价目"
        sheet["A1"] = "2024 年价目表"
        sheet.merge_cells("A1:D1")
        sheet.append([])
        sheet.append(["品类", "名称", "价格", "日期"])
        sheet.append(["水果", "苹果", 1234.5, date(2024, 3, 5)])
        sheet.append([None, "梨|x", 0.25, datetime(2024, 3, 5, 8, 30)])
        sheet["C4"].number_format, sheet["C5"].number_format = '"¥"#,##0.00', "0.0%"
        sheet.merge_cells("A4:A5")
        book.create_sheet("empty")
        second = book.create_sheet("Second")
        second["C7"], second["E7"], second["C9"] = "only", "header", True
        hidden = book.create_sheet("hidden")
        hidden["A1"], hidden.sheet_state = "secret", "hidden"

    loaded = load(samples.workbook(write), "a.xlsx")
    table = (
        "| 品类 | 名称 | 价格 | 日期 |\n| --- | --- | --- | --- |\n"
        "| 水果 | 苹果 | ¥1,234.50 | 2024-03-05 |\n| 水果 | 梨\\|x | 25.0% | 2024-03-05 08:30:00 |"
    )
    assert loaded.notes == ["The sheet 'hidden' is hidden, and was read."]
    assert loaded.blocks == [
        Block("价目", BlockKind.HEADING, 1, 1),
        Block("2024 年价目表", BlockKind.TEXT, 0, 1),
        Block(table, BlockKind.TABLE, 0, 1),
        Block("Second", BlockKind.HEADING, 1, 3),
        Block("| only | header |\n| --- | --- |\n| TRUE |  |", BlockKind.TABLE, 0, 3),
        Block("hidden", BlockKind.HEADING, 1, 4),
        Block("| secret |\n| --- |", BlockKind.TABLE, 0, 4),
    ]


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (3, "General", "3"),
        (3.0, "General", "3"),
        (0.1 + 0.2, "General", "0.3"),
        (1234567, "#,##0", "1,234,567"),
        (-1234.567, "#,##0.00;[Red]-#,##0.00", "-1,234.57"),
        (7, "00000", "00007"),
        (0.5, "0%", "50%"),
        (12, '0" 件"', "12件"),
        (5, "[$¥-804]#,##0", "¥5"),
        (1e20, "0.00E+00", "1e+20"),
        (time(8, 30), "h:mm", "08:30:00"),
        ("text ", "@", "text"),
        (None, "0", ""),
    ],
)
def test_a_value_is_shown(value: object, code: str, text: str) -> None:
    assert display_text(value, code) == text


def test_slides() -> None:
    assert load(samples.slides(), "a.pptx").blocks == [
        Block("季度汇报", BlockKind.HEADING, 1, 1),
        Block("收入增长\n  华东区 20%", BlockKind.TEXT, 0, 1),
        Block("先讲结论", BlockKind.TEXT, 0, 1),
        Block("Figures", BlockKind.HEADING, 1, 2),
        Block("| Region | Sales |\n| --- | --- |\n| East | 120 |", BlockKind.TABLE, 0, 2),
    ]


FILES = samples.each()
OFFICE = {"a.docx": "word/document.xml", "a.xlsx": "xl/worksheets/sheet1.xml", "a.pptx": "ppt/slides/slide1.xml"}


@pytest.mark.parametrize("name", OFFICE)
def test_zip_bombs_are_refused_before_they_are_unpacked(name: str) -> None:
    zeros = b"\0" * (100 << 20)
    with pytest.raises(DocumentUnreadable, match="bomb"):
        load(samples.repacked(FILES[name], {"media/image.bin": zeros}), name)
    with pytest.raises(DocumentUnreadable, match="bomb"):
        load(FILES[name], name, limits=LoadLimits(max_decompressed_bytes=1000))
    with pytest.raises(DocumentUnreadable, match="files"):
        load(FILES[name], name, limits=LoadLimits(max_members=3))
    with pytest.raises(DocumentUnreadable, match="larger"):
        load(FILES[name], name, limits=LoadLimits(max_bytes=1000))


@pytest.mark.parametrize("name", OFFICE)
def test_a_directory_that_lies_about_sizes_gains_nothing(name: str) -> None:
    data = samples.repacked(FILES[name], {OFFICE[name]: b"<x>" + b" " * (90 << 20) + b"</x>"})
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = archive.getinfo(OFFICE[name]).file_size
    lying = data.replace(size.to_bytes(4, "little"), (500).to_bytes(4, "little"))
    assert lying != data
    with pytest.raises(DocumentUnreadable, match="damaged"):
        load(lying, name)


ENTITIES = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize("name", OFFICE)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entity_bombs_are_refused(name: str, encoding: str) -> None:
    with zipfile.ZipFile(io.BytesIO(FILES[name])) as archive:
        text = archive.read(OFFICE[name]).decode()
    body = text.partition("?>")[2] or text
    bomb = f'<?xml version="1.0" encoding="{encoding}"?><!-- {"x" * 200_000} -->{ENTITIES}{body}'
    with pytest.raises(DocumentUnreadable, match="document type"):
        load(samples.repacked(FILES[name], {OFFICE[name]: bomb.encode(encoding)}), name)
    gbk = bomb.replace(f'"{encoding}"', '"gbk"').encode("gbk")
    with pytest.raises(DocumentUnreadable, match="damaged"):
        load(samples.repacked(FILES[name], {OFFICE[name]: gbk}), name)


def sheet_of(rows: str, after: str = "") -> bytes:
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    xml = f"<worksheet {space}><dimension ref='A1:XFD1048576'/><sheetData>{rows}</sheetData>{after}</worksheet>"
    return samples.repacked(FILES["a.xlsx"], {OFFICE["a.xlsx"]: xml.encode()})


def test_few_cells_far_apart_cost_little() -> None:
    cell = '<row r="{0}"><c r="{1}{0}" t="inlineStr"><is><t>far</t></is></c></row>'
    data = sheet_of(
        cell.format(1, "A") + cell.format(1048576, "XFD"), '<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>'
    )
    assert load(data, "a.xlsx").blocks[1].text.count("far") < 20_000
    column = "".join(cell.format(number, "XFD") for number in range(1, 3000))
    assert load(sheet_of(column), "a.xlsx").blocks[1].text.count("far") == 2999
    diagonal = "".join(cell.format(number, letters(number)) for number in range(1, 2400))
    assert load(sheet_of(diagonal), "a.xlsx").blocks[1].text.endswith("\nCNG2399: far")
    assert "far" in load(sheet_of(cell.format(99999999999, "A")), "a.xlsx").text


def test_one_long_text_in_many_cells_is_refused() -> None:
    rows = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, 1000))
    strings = (
        f'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>{"x" * 100_000}</t></si></sst>'
    )
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    with zipfile.ZipFile(io.BytesIO(FILES["a.xlsx"])) as archive:
        types = archive.read("[Content_Types].xml").decode()
    types = types.replace("</Types>", f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/></Types>')
    changed = {"xl/sharedStrings.xml": strings.encode(), "[Content_Types].xml": types.encode()}
    with pytest.raises(DocumentUnreadable, match="longer"):
        load(samples.repacked(sheet_of(rows), changed), "a.xlsx")


def test_pages_have_a_limit() -> None:
    with pytest.raises(DocumentUnreadable, match="2 slides"):
        load(FILES["a.pptx"], "a.pptx", limits=LoadLimits(max_pages=1))


def test_old_and_encrypted_office_files() -> None:
    ole = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600)
    with pytest.raises(DocumentUnreadable, match="old binary Office format; save it as xlsx"):
        load(ole, "a.xls")
    with pytest.raises(DocumentUnreadable, match="encrypted"):
        load(ole + "EncryptedPackage".encode("utf-16-le"), "a.docx")


def test_qn_is_the_namespace_we_think() -> None:
    from modelyard.knowledge.documents.loaders.numbering import W

    assert qn("w:p") == f"{W}p"
