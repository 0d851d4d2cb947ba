"""Boxes of passages on pages, compared with where the same words leave ink when they are drawn alone."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from modelyard.knowledge.documents.loaders import load, pdf_pages
from modelyard.knowledge.documents.loaders.page_messages import BoxesRequest, PageBoxes, PageImageRequest
from modelyard.knowledge.documents.loaders.pdf_boxes import aligned, folded
from modelyard.knowledge.documents.passages import ChunkSpan, passages
from modelyard.knowledge.documents.splitter import Chunking, split
from tests.knowledge.documents.loaders import samples
from tests.knowledge.documents.loaders.samples import Text, paragraph

SCALE = 4.0
Page = Sequence[Text]


def boxes(folder: Path, data: bytes, start: int, end: int) -> list[PageBoxes]:
    """Where a span of the document's text stands, found as the server finds it for a chunk."""
    loaded = load(data, "a.pdf")
    spans = [
        ChunkSpan(each.start or 0, each.end or 0, each.page, each.page_breaks, len(each.text))
        for each in split(loaded, Chunking(size=60, overlap=0))
    ]
    starts = {page: place for span in reversed(spans) for place, page in reversed(span.pages())}
    page = max((page for page, place in starts.items() if place <= start), key=lambda each: starts[each])
    breaks = [[place - start, number] for number, place in sorted(starts.items()) if start < place < end]
    chunk = ChunkSpan(start, end, page, breaks, end - start)
    file = folder / "a.pdf"
    file.write_bytes(data)
    parts = [part for part, certain in passages(chunk, spans, loaded.text) if certain]
    return pdf_pages.boxes(BoxesRequest(str(file), "a.pdf", parts)).boxes


def ink(folder: Path, data: bytes, page: int) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of everything that is drawn on a page, in points."""
    file = folder / "ink.pdf"
    file.write_bytes(data)
    reply = pdf_pages.image(PageImageRequest(str(file), "ink.pdf", page, None, SCALE))
    picture = Image.open(io.BytesIO(reply.data)).convert("L").point(lambda value: 255 if value < 128 else 0)
    found = picture.getbbox()
    assert found is not None
    left, top, right, bottom = (each / SCALE for each in found)
    return left, top, right, bottom


def square(text: Text) -> tuple[float, float, float, float]:
    """The same of Chinese text, which this machine has no font for: each character is a square."""
    top = 842 - text.y - 0.8 * text.size
    return text.x, top, text.x + len(text.text) * text.size, top + text.size


def check(folder: Path, pages: Sequence[Page], words: Sequence[tuple[int, Text]], page: str = "") -> list[PageBoxes]:
    """Each of the words, which follow one another in the text, has a rectangle that is little larger than its ink."""
    data = samples.pdf(pages, page=page)
    letters, places = folded(load(data, "a.pdf").text)
    passage = folded("".join(text.text for _, text in words))[0]
    at = letters.index(passage)
    found = boxes(folder, data, places[at], places[at + len(passage) - 1] + 1)
    assert all(each.exact for each in found)
    left: dict[int, list[tuple[float, float, float, float]]] = {each.page: [] for each in found}
    for number, word in words:
        alone = samples.pdf([[word] if at == number else [] for at in range(1, len(pages) + 1)], page=page)
        west, north, east, south = ink(folder, alone, number) if word.text.isascii() else square(word)
        [on] = [each for each in found if each.page == number]
        around = [
            each
            for each in on.rectangles
            if each.left - 1 <= west
            and east <= each.left + each.width + 1
            and each.top - 1 <= north
            and south <= each.top + each.height + 1
        ]
        assert len(around) == 1, (word, (west, north, east, south), on.rectangles)
        left[number].append((west, north, east, south))
    for on in found:
        for each in on.rectangles:  # no rectangle is around anything else
            inside = [
                ink for ink in left[on.page] if each.left - 1 <= ink[0] and ink[2] <= each.left + each.width + 1
                and each.top - 1 <= ink[1] and ink[3] <= each.top + each.height + 1
            ]  # fmt: skip
            assert inside, each
            assert each.width <= max(i[2] for i in inside) - min(i[0] for i in inside) + 14
            assert each.height <= max(i[3] for i in inside) - min(i[1] for i in inside) + 14
    return found


LEFT = paragraph(
    700, "left column, its first line is hyphen-", "ated and goes on to the second line", "and to a third."
)
RIGHT = paragraph(700, "the right column has other words,", "two lines of them.", x=320)


def test_a_column_beside_another(tmp_path: Path) -> None:
    [found] = check(tmp_path, [[*LEFT, *RIGHT]], [(1, LEFT[1]), (1, LEFT[2])])
    assert (found.page, found.width, found.height, len(found.rectangles)) == (1, 595, 842, 2)
    check(tmp_path, [[*LEFT, *RIGHT]], [(1, each) for each in RIGHT])
    check(tmp_path, [[*LEFT, *RIGHT]], [(1, LEFT[0]), (1, LEFT[1])])  # across the hyphen


def test_words_within_a_line(tmp_path: Path) -> None:
    words = [
        Text(72 + 70 * at, 700, word) for at, word in enumerate(["annual", "leave", "is thirty", "days", "a year"])
    ]
    check(tmp_path, [[*words, *paragraph(680, "annual leave is something else in this line.")]], [(1, words[2])])


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_rotated_page(tmp_path: Path, turn: int) -> None:
    [found] = check(tmp_path, [[*LEFT, *RIGHT]], [(1, each) for each in LEFT], page=f"/Rotate {turn}")
    assert (found.width, found.height) == ((842, 595) if turn != 180 else (595, 842))


def test_a_cropped_page(tmp_path: Path) -> None:
    [found] = check(tmp_path, [[*LEFT, *RIGHT]], [(1, RIGHT[0])], page="/CropBox [50 100 560 800]")
    assert (found.width, found.height) == (510, 700)


def test_chinese(tmp_path: Path) -> None:
    lines = paragraph(
        700, "本公司员工请假须提前三个工作日在系统内提交申请，并由直接", "上级审批。三天以上的假期须由部门负责人批准。"
    )
    more = paragraph(640, "第二段说明病假须附医院证明。")
    check(tmp_path, [[*lines, *more]], [(1, each) for each in lines])
    check(tmp_path, [[*lines, *more]], [(1, more[0])])


def test_pages_with_headers_and_repeated_lines(tmp_path: Path) -> None:
    pages = [
        [
            Text(72, 800, "Handbook of the house"),
            *paragraph(700, f"This page is {'mnopq'[number - 1]} of many."),
            *paragraph(640, "The same words are said.", f"That was in {'abcdef'[number]}."),
            *paragraph(600, f"A line with {'vwxyz'[number - 1]}."),
            *paragraph(560, f"The last line is {'ghijkl'[number]} here."),
            Text(290, 30, str(number)),
        ]
        for number in range(1, 6)
    ]
    found = check(tmp_path, pages, [(3, pages[2][4]), (3, pages[2][5]), (4, pages[3][1]), (4, pages[3][2])])
    assert [(each.page, len(each.rectangles)) for each in found] == [(3, 2), (4, 2)]


def test_cells_of_a_row_have_rectangles_of_their_own(tmp_path: Path) -> None:
    cells = [Text(72, 700, "Paris"), Text(250, 700, "2,100"), Text(430, 700, "1.5 %")]
    [found] = check(tmp_path, [[*cells, *paragraph(680, "Below the table.")]], [(1, each) for each in cells])
    assert len(found.rectangles) == 3


def test_text_that_is_not_there_is_the_whole_page(tmp_path: Path) -> None:
    file = tmp_path / "a.pdf"
    file.write_bytes(samples.pdf([LEFT]))
    part, _ = passages(ChunkSpan(0, 30, 1, [], 30), [], "something else that nobody wrote")[0]
    [found] = pdf_pages.boxes(BoxesRequest(str(file), "a.pdf", [part])).boxes
    assert not found.exact and (found.rectangles[0].width, found.rectangles[0].height) == (595, 842)


def test_lines_that_the_loader_left_out_match_nowhere() -> None:
    text = "1intro" + "thefirstpage" + "another12" + "end"
    assert aligned(["header", "1", "1intro", "thefirstpage", "another12", "end", "1"], text) == [
        -1,
        -1,
        0,
        6,
        18,
        27,
        -1,
    ]
    assert aligned(["aaa"] * 300, "aaa" * 300) == [3 * at for at in range(300)]
    assert aligned(["lost", "found again here"], "something found again here") == [-1, 10]


def test_a_chunk_whose_breaks_an_edit_has_lost_is_looked_for_behind(tmp_path: Path) -> None:
    pages = [paragraph(700, f"Only page {word} has the word {word}.") for word in ("aardvark", "badger", "civet")]
    data = samples.pdf(pages)
    text = load(data, "a.pdf").text
    start, end = text.index("the word aardvark"), text.index("badger.") + 6
    edited = ChunkSpan(start, end, 1, [], 10, edited=True)
    behind = ChunkSpan(text.index("Only page civet"), len(text), 3, [], 20)
    parts = passages(edited, [edited, behind], text)
    assert [(part.page, certain) for part, certain in parts] == [(1, True), (2, False), (3, False)]
    file = tmp_path / "a.pdf"
    file.write_bytes(data)
    found = pdf_pages.boxes(BoxesRequest(str(file), "a.pdf", [part for part, _ in parts])).boxes
    assert [each.page for each in found if each.exact] == [1, 2]
