"""Tables and small rules that loaders go by: character sets, signs, number formats, titles, repeated lines."""

from __future__ import annotations

import datetime
import io
import json
from typing import Any

import docx
import pytest

from modelyard.knowledge.documents.loaders import load
from modelyard.knowledge.documents.loaders.formats import formats
from modelyard.knowledge.documents.loaders.lines import Line, _pitch
from modelyard.knowledge.documents.loaders.number_formats import display_text, number
from modelyard.knowledge.documents.loaders.pdf import without_repeated
from modelyard.knowledge.documents.loaders.rtf_words import code_page
from modelyard.knowledge.documents.loaders.tables import escaped, line, markdown

CHARSETS = [
    (77, "mac_roman", "é†"), (128, "cp932", "日本"), (129, "cp949", "한국"), (130, "johab", "한국"), (134, "gb18030", "中文"),
    (136, "cp950", "中文"), (161, "cp1253", "αβ"), (162, "cp1254", "ğı"), (163, "cp1258", "ơư"), (177, "cp1255", "אב"),
    (178, "cp1256", "اب"), (186, "cp1257", "ąė"), (204, "cp1251", "жя"), (222, "cp874", "กข"), (238, "cp1250", "łż"),
    (254, "cp437", "é√"), (255, "cp850", "éð"), (0, "cp1252", "é€"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "name", "text"), CHARSETS)
def test_a_font_of_rich_text_has_its_character_set(number: int, name: str, text: str) -> None:
    data = "".join(f"\\'{byte:02x}" for byte in text.encode(name))
    body = f"{{\\rtf1\\ansi\\ansicpg1252{{\\fonttbl{{\\f0\\fcharset{number} Font;}}}}\\f0 a{data}z}}"
    assert load(body.encode("ascii"), "a.rtf").text == f"a{text}z"


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (936, "gb18030"),
        (10000, "mac_roman"),
        (65001, "utf-8"),
        (1361, "johab"),
        (1251, "cp1251"),
        (437, "cp437"),
        (9, "cp1252"),
    ],
)
def test_a_code_page_has_pythons_name(number: int, name: str) -> None:
    assert code_page(number) == name


SIGNS = {
    "tab": "\t", "line": "\n", "lbr": "\n", "emdash": "—", "endash": "–", "lquote": "‘", "rquote": "’", "ldblquote": "“",
    "rdblquote": "”", "bullet": "•", "emspace": " ", "enspace": " ", "qmspace": " ", "~": "\u00a0", "_": "\u2011",
    "{": "{", "}": "}", "\\": "\\",
}  # fmt: skip


@pytest.mark.parametrize("word", SIGNS)
def test_signs_of_rich_text_are_characters(word: str) -> None:
    body = f"{{\\rtf1\\ansi a\\{word}{' ' if word.isalpha() else ''}b}}"
    assert load(body.encode(), "a.rtf").text == f"a{SIGNS[word]}b"


LEFT_OUT = [
    "colortbl", "themedata", "colorschememapping", "datastore", "generator", "listtable", "listoverridetable", "revtbl",
    "rsidtbl", "xmlnstbl", "latentstyles", "pgdsctbl", "filetbl", "nonshppict", "xe", "tc", "tcn", "rxe", "txe", "private",
    "comment", "operator", "category", "company", "manager", "keywords", "doccomm", "hlinkbase", "creatim", "revtim",
    "printim", "buptim", "mmathPr", "template", "bkmkstart", "bkmkend", "pntxta", "pntxtb", "ftnsep", "ftnsepc", "ftncn",
    "aftnsep", "aftnsepc", "aftncn", "wgrffmtfilter", "background", "falt", "panose",
]  # fmt: skip


@pytest.mark.parametrize("word", LEFT_OUT)
def test_groups_of_rich_text_without_text_are_left_out(word: str) -> None:
    assert load(f"{{\\rtf1\\ansi before {{\\{word} dropped}}after}}".encode(), "a.rtf").text == "before after"


@pytest.mark.parametrize("word", ["shptxt", "moMath", "mmath", "ud", "do", "dptxbxtext", "objclass"])
def test_groups_that_old_readers_may_ignore_are_read(word: str) -> None:
    text = load(f"{{\\rtf1\\ansi before {{\\*\\{word} kept}} after}}".encode(), "a.rtf").text
    assert ("kept" in text) is (word != "objclass")
    assert "kept" not in load(b"{\\rtf1\\ansi before {\\*\\unknown kept} after}", "a.rtf").text


EXTENSIONS = {
    "text": "txt text log",
    "subtitles": "srt vtt ass ssa",
    "rst": "rst",
    "markdown": "md markdown mdown mkd",
    "html": "html htm xhtml",
    "delimited": "csv tsv tab",
    "records": "json jsonl ndjson",
    "word": "docx docm dotx",
    "sheets": "xlsx xlsm xltx",
    "slides": "pptx pptm ppsx potx",
    "odf": "odt ods odp odg ott ots otp fodt fods fodp",
    "epub": "epub",
    "rtf": "rtf",
    "pdf": "pdf",
    "mail": "eml mht mhtml mbox",
    "notebook": "ipynb",
    "ocr": "png jpg jpeg bmp webp tiff tif gif",
}


def test_each_extension_has_its_loader() -> None:
    found = {extension: target.rpartition(".")[2] for extension, target, _ in formats()}
    for module, extensions in EXTENSIONS.items():
        for extension in extensions.split():
            assert found[extension].partition(":")[0] == module, extension
    assert {found[extension] for extension in ("py", "toml", "yaml", "sql", "makefile")} == {"code:load"}


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (1234.5, "General", "1234.5"),
        (1234.5, "", "1234.5"),
        (1234.5, "#,##0.00", "1,234.50"),
        (1234.5, "0", "1234"),
        (1234567, "#,##0", "1,234,567"),
        (0.256, "0%", "26%"),
        (0.256, "0.0%", "25.6%"),
        (7, "000", "007"),
        (-7, "000", "-007"),
        (-1.5, "0.00", "-1.50"),
        (5, '"No. "0', "No.5"),
        (5, '0" kg"', "5kg"),
        (5, "[$€-407] 0.00", "€5.00"),
        (5, "0.00 [$€]", "5.00€"),
        (1e20, "General", "1e+20"),
        (100000.0, "General", "100000"),
        (0.1 + 0.2, "General", "0.3"),
        (1.5, "0.##", "1.5"),
        (12, "0.00E+00", "12"),
        (0.5, "# ?/?", "0.5"),
        (5, "@", "5"),
        (3, "0;(0)", "3"),
        (3, "[Red]0.0", "3.0"),
        (3, "0\\m", "3m"),
    ],
)
def test_a_number_is_shown_in_its_format(value: float, code: str, text: str) -> None:
    assert number(value, code) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "TRUE"),
        (False, "FALSE"),
        (5, "5"),
        (" a ", "a"),
        (datetime.datetime(2024, 1, 2), "2024-01-02"),
        (datetime.datetime(2024, 1, 2, 3, 4, 5, 499_000), "2024-01-02 03:04:05"),
        (datetime.datetime(2024, 1, 2, 3, 4, 5, 500_000), "2024-01-02 03:04:06"),
        (datetime.time(3, 4, 5, 900_000), "03:04:05"),
    ],
)
def test_a_value_is_shown_as_text(value: Any, text: str) -> None:
    assert display_text(value, "General") == text


def notebook(metadata: dict[str, Any], *cells: Any) -> bytes:
    return json.dumps({"cells": list(cells), "metadata": metadata}).encode()


HEADING = {"cell_type": "markdown", "source": "# One"}


@pytest.mark.parametrize(
    ("metadata", "cells", "title", "language"),
    [
        ({"title": "T"}, [HEADING], "T", ""),
        ({}, [HEADING], "One", ""),
        ({"title": ""}, [{"cell_type": "code", "source": "x"}, HEADING], "One", ""),
        ({"title": "T"}, [], "T", ""),
        ({}, [{"cell_type": "raw", "source": "x"}], "", ""),
        ({"kernelspec": {"language": "julia"}, "language_info": {"name": "x"}}, [], "", "julia"),
        ({"language_info": {"name": "R"}}, [], "", "R"),
    ],
)
def test_a_notebook_has_a_title_and_a_language(
    metadata: dict[str, Any], cells: list[Any], title: str, language: str
) -> None:
    found = load(notebook(metadata, *cells, {"cell_type": "raw", "source": "text"}), "a.ipynb").metadata
    assert (found.get("title", ""), found.get("programming_language", "")) == (title, language)


def test_a_long_output_of_a_notebook_is_cut() -> None:
    def output(text: str) -> str:
        cell = {"cell_type": "code", "source": "x", "outputs": [{"output_type": "stream", "text": text}]}
        return load(notebook({}, cell), "a.ipynb").blocks[1].text

    assert output("y" * 4000) == "y" * 4000 and output("y" * 4001) == "y" * 4000 + "\n…"
    assert output("\x1b[31mred\x1b[0m\n") == "red"


def test_a_cell_as_large_as_its_file_is_read() -> None:
    long = "x" * 140_000
    assert long in load(long.encode(), "a.csv").text


@pytest.mark.parametrize(
    ("cells", "row"),
    [
        (["a", "b"], "| a | b |"),
        (["a|b"], "| a\\|b |"),
        (["a\n\n b "], "| a<br>b |"),
        ([""], "|  |"),
        ([], "|  |"),
    ],
)
def test_a_row_has_its_separators_escaped(cells: list[str], row: str) -> None:
    assert line(cells) == row and escaped("\n") == ""


@pytest.mark.parametrize(("width", "padded"), [(3, True), (64, True), (65, False)])
def test_short_rows_are_padded_in_tables_that_are_not_too_wide(width: int, padded: bool) -> None:
    rows = markdown([["h"], ["x"] * width, ["y"]]).split("\n")
    assert rows[0].count("|") == width + 1 and rows[1] == "|" + " --- |" * width
    assert rows[3].count("|") == (width + 1 if padded else 2)
    assert markdown([]) == ""


def at(top: float, text: str, height: float = 10.0) -> Line:
    return Line(text, 0.0, top, 100.0, top + height)


@pytest.mark.parametrize(
    ("tops", "pitch"),
    [
        ([0], 1.2),
        ([0, 100], 1.2),
        ([0, 12, 24, 36], 1.2),
        ([0, 15, 30, 60], 1.5),
        ([0, 20, 32, 44], 1.2),
        ([0, 5], 1.2),
        ([0, 30], 1.2),
    ],
)
def test_the_usual_distance_between_lines(tops: list[float], pitch: float) -> None:
    assert _pitch([at(top, "x") for top in tops]) == pytest.approx(pitch)


def kept(*pages: list[str]) -> list[list[str]]:
    lines = [[at(20.0 * number, text) for number, text in enumerate(page)] for page in pages]
    return [[each.text for each in page] for page in without_repeated(lines)]


def test_headers_stay_on_their_first_page_and_page_numbers_nowhere() -> None:
    pages = [["Manual", f"text {word}", f"more {word}", f"{number}"] for number, word in enumerate("abcdef", 1)]
    assert kept(*pages) == [["Manual", "text a", "more a"], *[[f"text {word}", f"more {word}"] for word in "bcdef"]]


def test_lines_that_few_pages_share_stay() -> None:
    pages = [[f"alone {word}", f"text {word}", f"body {word}", f"end {word}"] for word in "abcdef"]
    pages[0][0] = pages[1][0] = "Chapter"
    assert kept(*pages) == pages
    assert kept(["Manual", "1"], ["Manual", "2"]) == [["Manual", "1"], ["Manual", "2"]], "too few pages to tell"


def test_a_second_header_stays_on_its_first_page_too() -> None:
    """Each header is remembered by itself: the first one says nothing about the second."""
    pages = [[f"text {word}", f"more {word}"] for word in "abcdefghij"]
    for place, page in enumerate(pages):
        page[:0] = ["Left"] * (place < 7) + ["Right"] * (place > 2)
    found = kept(*pages)
    assert [page[0] for page in found] == ["Left", "text b", "text c", "Right", *[f"text {word}" for word in "efghij"]]


@pytest.mark.parametrize(
    ("style", "text"),
    [("List Bullet", "- one\n\n- two"), ("List Number", "1. one\n\n1. two"), ("Normal", "one\n\ntwo")],
)
def test_a_style_of_word_makes_an_item_without_a_list(style: str, text: str) -> None:
    document = docx.Document()
    for each in ("one", "two"):
        document.add_paragraph(each, style)
    for numbering in document.styles.element.xpath("//w:numPr"):
        numbering.getparent().remove(numbering)
    out = io.BytesIO()
    document.save(out)
    assert load(out.getvalue(), "a.docx").text.replace("\n\n", "\n") == text.replace("\n\n", "\n")
