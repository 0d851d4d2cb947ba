"""PDFs whose text stands where we put it: paragraphs, columns, headings, headers and footers."""

from __future__ import annotations

import pytest

from modelyard.core.errors import DocumentUnreadable
from modelyard.knowledge.documents.loaders import LoadLimits, load, ocr
from modelyard.knowledge.types import Block, BlockKind
from tests.knowledge.documents.loaders import samples
from tests.knowledge.documents.loaders.samples import Text, paragraph


def texts(*lines: Text) -> list[str]:
    return [block.text for block in load(samples.pdf([lines]), "a.pdf").blocks]


def test_lines_become_paragraphs() -> None:
    assert texts(
        *paragraph(
            780,
            "The first paragraph has some lines that are long, hyphen-",
            "ated once, and a third line that is long as well",
            "and ends here.",
        ),
        *paragraph(720, "The second one stands further below, and goes on for", "two lines."),
        *paragraph(688, "A third begins where the second ended with a short line", "of its own."),
        *paragraph(640, "1. an item of a list that goes on to the next line of it and", "on"),
        *paragraph(608, "2. another"),
    ) == [
        "The first paragraph has some lines that are long, hyphenated once, and a third line that is long as well and ends here.",
        "The second one stands further below, and goes on for two lines.",
        "A third begins where the second ended with a short line of its own.",
        "1. an item of a list that goes on to the next line of it and on",
        "2. another",
    ]


def test_chinese_lines_are_joined_without_spaces() -> None:
    assert texts(
        *paragraph(
            780,
            "本公司员工请假须提前三个工作日在系统内提交申请，并由直接上",
            "级审批。三天以上的假期须由部门负责人批准。",
            x=72,
        ),
        *paragraph(748, "第二段首行缩进两个字符，说明病假须附医院证明，且证明须加盖", "公章方为有效凭证。", indent=24),
    ) == [
        "本公司员工请假须提前三个工作日在系统内提交申请，并由直接上级审批。三天以上的假期须由部门负责人批准。",
        "第二段首行缩进两个字符，说明病假须附医院证明，且证明须加盖公章方为有效凭证。",
    ]


def test_columns_are_read_one_after_the_other() -> None:
    assert texts(
        *paragraph(780, "left column, first line", "and its second line here"),
        *paragraph(780, "right column starts here", "and it ends there also", x=320),
    ) == ["left column, first line and its second line here", "right column starts here and it ends there also"]


def test_headings_pages_headers_and_footers() -> None:
    pages = []
    for number in range(1, 7):
        pages.append(
            [
                Text(72, 810, f"ACME Handbook - chapter {number}", 9),
                Text(72, 760, f"Title {'ABCDEF'[number - 1]}", 20),
                *paragraph(
                    720,
                    f"Body of the page {'abcdef'[number - 1]} with enough words to be the body,",
                    f"and more of {'abcdef'[number - 1]}.",
                ),
                Text(290, 30, f"- {number} -", 9),
            ]
        )
    blocks = load(samples.pdf(pages), "a.pdf").blocks
    assert blocks[:4] == [
        Block("ACME Handbook - chapter 1", BlockKind.TEXT, 0, 1),
        Block("Title A", BlockKind.HEADING, 1, 1),
        Block("Body of the page a with enough words to be the body, and more of a.", BlockKind.TEXT, 0, 1),
        Block("Title B", BlockKind.HEADING, 1, 2),
    ]
    assert len(blocks) == 13 and blocks[-1].page == 6
    with pytest.raises(DocumentUnreadable, match="6 pages"):
        load(samples.pdf(pages), "a.pdf", limits=LoadLimits(max_pages=5))


def test_a_table_of_contents_has_no_dots() -> None:
    lines = [Text(72, 780 - 16 * at, f"{at}. Chapter {'. ' * 30}{at}") for at in range(1, 4)]
    assert texts(*lines) == ["1. Chapter … 1", "2. Chapter … 2", "3. Chapter … 3"]


def test_metadata_and_pages_without_text() -> None:
    data = samples.pdf([[], paragraph(700, "text")], info="/Title (The title) /Author (Ann)")
    metadata = load(data, "a.pdf").metadata
    assert metadata == {"title": "The title", "author": "Ann", "pages": "2", "pages_without_text": "1"}


def test_encrypted() -> None:
    locked = f"<< /Filter /Standard /V 1 /R 2 /P -4 /O <{'41' * 32}> /U <{'42' * 32}> >>"
    data = samples.pdf([paragraph(700, "secret")], f"/Encrypt {locked} /ID [<{'43' * 16}> <{'43' * 16}>]")
    with pytest.raises(DocumentUnreadable, match="encrypted"):
        load(data, "a.pdf")


def test_scanned_without_ocr_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    data = samples.scanned(["Hello world"])
    monkeypatch.setattr(ocr, "installed", lambda: True)
    with pytest.raises(DocumentUnreadable, match=r"scanned. MODELYARD_OCR=1 reads"):
        load(data, "a.pdf")
    monkeypatch.setattr(ocr, "installed", lambda: False)
    with pytest.raises(DocumentUnreadable, match=r"scanned.*pip install rapidocr"):
        load(data, "a.pdf", ocr=True)
    with pytest.raises(DocumentUnreadable, match=r"picture.*pip install rapidocr"):
        load(samples.picture(["x"]), "a.png")


@pytest.mark.skipif(not ocr.installed(), reason="the extra ocr is not installed")
def test_ocr_reads_pictures_and_scanned_pages() -> None:
    lines = ["The quick brown fox jumps", "over the lazy dog near 42 hills"]
    assert load(samples.scanned(lines), "a.pdf", ocr=True).blocks == [Block(" ".join(lines), BlockKind.TEXT, 0, 1)]
    assert [block.text for block in load(samples.picture(lines, kind="WEBP"), "a.webp").blocks] == [" ".join(lines)]
    with pytest.raises(DocumentUnreadable, match="no text"):
        load(samples.picture([]), "a.png")
    assert load(samples.picture(lines, kind="JPEG"), "a.txt").text.startswith("The quick")
