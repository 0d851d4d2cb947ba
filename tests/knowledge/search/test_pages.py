"""Pages of chunks that span several."""

from __future__ import annotations

import pytest

from modelyard.knowledge.documents.splitter import Chunking, split
from modelyard.knowledge.search.pages import matched_page
from modelyard.knowledge.types import Block, BlockKind, LoadedDocument

TEXT = "The otter eats fish.\n\nThe beaver fells trees.\n\n水獭吃鱼。"
BREAKS = [(TEXT.index("The beaver"), 5), (TEXT.index("水"), 6)]


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("What does the otter eat?", 4),
        ("trees", 5),
        ("Do beavers like fish or trees?", 5),
        ("水獭", 6),
        ("nothing of this", 4),
        ("", 4),
    ],
)
def test_the_page_is_that_of_the_matched_words(query: str, page: int) -> None:
    assert matched_page(query, TEXT, 4, BREAKS) == page


def test_a_chunk_on_one_page_is_on_it() -> None:
    assert matched_page("trees", TEXT, 4, []) == 4


def slides(count: int) -> LoadedDocument:
    """Slides, each with a title and a short text."""
    blocks = []
    for number in range(1, count + 1):
        blocks += [
            Block(f"Slide {number}", BlockKind.HEADING, level=3, page=number),
            Block(f"Text of slide number {number}.", page=number),
        ]
    return LoadedDocument(blocks)


@pytest.mark.parametrize("chunking", [Chunking(), Chunking(size=200, overlap=60), Chunking(size=60, overlap=0)])
def test_every_character_of_a_chunk_has_the_page_of_its_block(chunking: Chunking) -> None:
    loaded = slides(12)
    chunks = split(loaded, chunking)
    for chunk in chunks:
        starts = [0, *(offset for offset, _ in chunk.page_breaks), len(chunk.text)]
        pages = [chunk.page, *(page for _, page in chunk.page_breaks)]
        for start, end, page in zip(starts, starts[1:], pages, strict=False):
            part = chunk.text[start:end]
            assert part.strip() and all(number == str(page) for number in part.split() if number.isdigit()), (
                page,
                part,
            )
    assert {page for chunk in chunks for page in [chunk.page, *(page for _, page in chunk.page_breaks)]} == set(
        range(1, 13)
    )


def test_the_repeated_header_of_a_table_moves_no_break() -> None:
    rows = "\n".join(f"| item {number} | {number} |" for number in range(30))
    table = Block(f"| name | price |\n| --- | --- |\n{rows}", BlockKind.TABLE, page=1)
    chunks = split(LoadedDocument([table, Block("The end of the list.", page=2)]), Chunking(size=400, overlap=0))
    last = chunks[-1]
    assert last.text.startswith("| name") and last.page == 1
    assert [(last.text[offset:], page) for offset, page in last.page_breaks] == [("The end of the list.", 2)]
