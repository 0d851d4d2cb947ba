"""Cutting documents: what holds for every document, and where single texts, tables and code are cut."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import InvalidParameter
from modelyard.knowledge.documents.cuts import _inside
from modelyard.knowledge.documents.splitter import VERSION, Chunking, key, split
from modelyard.knowledge.types import Block, BlockKind, Chunk, LoadedDocument

FAMILY = "👨‍👩‍👧‍👦"
CLUSTERS = [FAMILY, "👍🏽", "🇩🇪", "e\u0301", "ก\u0e33", "क्ष", "❤\ufe0f", "\r\n", "\u1112\u1161\u11ab", "好", "a", "1️⃣"]
WORDS = ["模型", "检索增强生成", "the", "retrieval", "3.14", "v1.2", "e.g.", "Dr. Who", *CLUSTERS, "x" * 30, "长" * 25]
ENDS = ["。", "！", "？”", "；", "……", ". ", "! ", "?\n", "，", ", ", " ", "", "\n", "\n- ", "   ", "\u3000"]
FRAGMENTS = st.tuples(st.sampled_from(WORDS), st.sampled_from(ENDS)).map("".join)
PROSE = st.lists(FRAGMENTS, min_size=1, max_size=60).map("".join).map(str.strip).filter(bool)
PAGES = st.sampled_from([None, 1, 2])
TEXTS = st.builds(Block, PROSE, page=PAGES)
HEADINGS = st.builds(
    Block,
    st.sampled_from(["1.2 范围", "Introduction", "概述", "A rather long heading of a chapter", "标题" * 30]),
    st.just(BlockKind.HEADING),
    st.integers(1, 4),
    PAGES,
)
ROWS = st.lists(st.sampled_from(["| 1 | 二 |", "| " + "long cell " * 9 + "|", "| " + "巨" * 150 + " |"]), max_size=12)
TABLES = st.builds(
    lambda head, rows, page: Block("\n".join([head, "| --- | --- |", *rows]), BlockKind.TABLE, page=page),
    st.sampled_from(["| a | b |", "| 名称 | " + "列" * 40 + " |"]),
    ROWS,
    PAGES,
)
LINES = st.sampled_from(
    ["def f():", "    return 1", "", "}", "        deep = call(3, 4)", "y = " + "z" * 70, "# 注释 😀"]
)
CODES = st.builds(
    Block,
    st.lists(LINES, min_size=1, max_size=25).map("\n".join).filter(str.strip),
    st.just(BlockKind.CODE),
    page=PAGES,
)
WITHOUT_TABLES = st.lists(st.one_of(TEXTS, HEADINGS, CODES), max_size=12)
BLOCKS = st.lists(st.one_of(TEXTS, HEADINGS, TABLES, CODES), max_size=12)
CHUNKINGS = st.builds(
    Chunking, size=st.integers(20, 200), overlap=st.sampled_from([0, 10, 40, 100]), title_enhance=st.booleans()
)


def spans(blocks: Sequence[Block]) -> list[tuple[int, int, Block]]:
    found, offset = [], 0
    for block in blocks:
        found.append((offset, offset + len(block.text), block))
        offset += len(block.text) + 2
    return found


def header(block: Block) -> str:
    return "\n".join(block.text.split("\n")[:2])


def span(piece: Chunk) -> tuple[int, int]:
    assert piece.start is not None and piece.end is not None
    return piece.start, piece.end


def texts(pieces: Sequence[Chunk]) -> list[str]:
    return [piece.text for piece in pieces]


@given(blocks=BLOCKS, chunking=CHUNKINGS)
def test_every_character_is_in_a_chunk_and_chunks_advance(blocks: list[Block], chunking: Chunking) -> None:
    loaded = LoadedDocument(blocks)
    pieces = split(loaded, chunking)
    missing = set(range(len(loaded.text)))
    for piece in pieces:
        missing -= set(range(span(piece)[0], span(piece)[1]))
    assert all(loaded.text[at].isspace() for at in missing)
    assert all(span(a)[0] < span(b)[0] and span(a)[1] < span(b)[1] for a, b in pairwise(pieces))
    assert all(0 <= span(piece)[0] < span(piece)[1] <= len(loaded.text) for piece in pieces)


@given(blocks=BLOCKS, chunking=CHUNKINGS)
def test_a_chunk_says_its_span(blocks: list[Block], chunking: Chunking) -> None:
    loaded = LoadedDocument(blocks)
    headers = {header(block) for block in blocks if block.kind is BlockKind.TABLE}
    for piece in split(loaded, chunking):
        words = loaded.text[slice(*span(piece))]
        assert words and words == words.strip()
        added = piece.text.removesuffix(words)
        assert added + words == piece.text
        if chunking.title_enhance:
            added = re.sub(r"\A下文与\([^)]{1,20}\)有关。", "", added)
        assert added == "" or added.removesuffix("\n") in headers


@given(blocks=WITHOUT_TABLES, size=st.integers(20, 200), overlap=st.integers(0, 100))
def test_no_chunk_is_longer_than_its_size(blocks: list[Block], size: int, overlap: int) -> None:
    pieces = split(LoadedDocument(blocks), Chunking(size=size, overlap=overlap))
    assert all(len(piece.text) <= size for piece in pieces)
    most = min(overlap, size // 2)
    assert all(span(a)[1] - span(b)[0] <= most for a, b in pairwise(pieces))


@given(blocks=BLOCKS, size=st.integers(20, 200))
def test_tables_take_twice_their_size_and_headers_at_most(blocks: list[Block], size: int) -> None:
    assert all(len(piece.text) <= 3.5 * size + 4 for piece in split(LoadedDocument(blocks), Chunking(size=size)))


@given(blocks=BLOCKS, size=st.integers(100, 300))
def test_headings_go_with_what_follows_and_are_never_repeated(blocks: list[Block], size: int) -> None:
    loaded = LoadedDocument(blocks)
    pieces = split(loaded, Chunking(size=size))
    places = spans(blocks)
    short = {
        end: start
        for (start, end, block), (_, _, after) in pairwise(places)
        if block.kind is BlockKind.HEADING and len(block.text) <= size // 2 and after.kind is not BlockKind.HEADING
    }
    assert not [piece for piece in pieces if piece.end in short]
    for a, b in pairwise(pieces):
        repeated = [
            place for place in places if place[2].kind is BlockKind.HEADING and span(b)[0] < place[1] <= span(a)[1]
        ]
        assert len(repeated) <= 1 and all(len(block.text) > size // 2 for _, _, block in repeated)


@given(clusters=st.lists(st.sampled_from(CLUSTERS[:10]), min_size=1, max_size=200), size=st.integers(30, 60))
def test_no_character_as_people_see_it_is_parted(clusters: list[str], size: int) -> None:
    loaded = LoadedDocument([Block("".join(clusters))])
    edges, at = {0}, 0
    for cluster in clusters:
        at += len(cluster)
        edges.add(at)
    assert all(piece.start in edges and piece.end in edges for piece in split(loaded, Chunking(size=size)))


def test_surrogates_stay_together() -> None:
    pieces = split(LoadedDocument([Block("\ud83d\ude00" * 50)]), Chunking(size=21, overlap=0))
    assert all(len(piece.text) % 2 == 0 for piece in pieces)


def test_chinese_is_cut_at_sentences_and_repeats_whole_ones() -> None:
    text = "".join(f"第{number}句讲的是同一个模型。" for number in "一二三四五六七八九")
    pieces = split(LoadedDocument([Block(text)]), Chunking(size=40, overlap=15))
    assert all(piece.text.startswith("第") and piece.text.endswith("。") for piece in pieces)
    assert all(span(a)[1] - span(b)[0] == 12 for a, b in pairwise(pieces))


@pytest.mark.parametrize(
    "size, first, rest",
    [
        (40, "Pi is about 3.14 or so.", " See Dr. Smith on it, who said 3.1 once."),
        (40, "We like all fruit of the tree.", " Take e.g. pears, or plums, or others."),
        (40, "It runs on every machine.", " See Fig. 3 for v1.2 of J. Doe and more."),
        (40, "all is in small letters here.", " it is cut there too, as it should be."),
        (20, "他问我：“你好吗？”", "然后就走开了没有再回头看一眼，走了。"),
        (30, "- **您的程序照常运行，一字不改。**", " 为别人写的一切都能继续用，换一个地址即可。"),
        (20, "他走到了很远很远的地方，", "然后没有再回头看一眼就那样离开了。"),
        (20, "one two three four", " five six seven eight"),
        (20, "x" * 20, "x" * 10),
    ],
)
def test_a_text_is_cut_at_the_best_place_near_its_limit(size: int, first: str, rest: str) -> None:
    assert texts(split(LoadedDocument([Block(first + rest)]), Chunking(size=size, overlap=0)))[0] == first


def test_items_of_a_list_are_cut_between() -> None:
    text = "\n".join(f"- item {number} without an end, of course" for number in range(10))
    pieces = split(LoadedDocument([Block(text)]), Chunking(size=80, overlap=0))
    assert all(piece.text.startswith("- ") for piece in pieces)


def test_headings_make_paths_and_chunks() -> None:
    blocks = [
        Block("Guide", BlockKind.HEADING, 1),
        Block("Install", BlockKind.HEADING, 2),
        Block("Run it.", page=1),
        Block("Details", BlockKind.HEADING, 3),
        Block("More of it.", page=2),
        Block("Use", BlockKind.HEADING, 2),
        Block("Ask it.", page=3),
    ]
    first, second = split(LoadedDocument(blocks))
    assert first.text == "Guide\n\nInstall\n\nRun it.\n\nDetails\n\nMore of it."
    assert (first.heading, first.page) == ("Guide > Install", None)
    assert (second.text, second.heading) == ("Use\n\nAsk it.", "Guide > Use")


def test_a_page_ends_a_chunk_only_when_it_is_half_full() -> None:
    blocks = [Block("一" * 30, page=1), Block("二" * 30, page=2), Block("三" * 30, page=3)]
    pieces = split(LoadedDocument(blocks), Chunking(size=100, overlap=0))
    assert [(piece.page, len(piece.text)) for piece in pieces] == [(1, 62), (3, 30)]


def test_paragraphs_repeat_sentences_within_a_section_only() -> None:
    blocks = [
        Block("甲" * 50 + "。乙乙乙。"),
        Block("丙" * 50 + "。丁丁丁。"),
        Block("节", BlockKind.HEADING, 2),
        Block("戊" * 50),
    ]
    pieces = split(LoadedDocument(blocks), Chunking(size=80, overlap=20))
    assert texts(pieces) == [blocks[0].text, "乙乙乙。\n\n" + blocks[1].text, "节\n\n" + "戊" * 50]


def test_a_table_repeats_its_header() -> None:
    rows = [f"| {number} | 值{number} |" for number in range(40)]
    table = Block("\n".join(["| id | 名 |", "| --- | --- |", *rows]), BlockKind.TABLE)
    pieces = split(LoadedDocument([Block("表", BlockKind.HEADING, 1), table]), Chunking(size=120))
    assert pieces[0].text.startswith("表\n\n| id | 名 |\n| --- | --- |\n| 0 ")
    assert all(piece.text.startswith(header(table) + "\n| ") for piece in pieces[1:])
    assert all(len(piece.text) <= 120 for piece in pieces)
    assert [row for piece in pieces for row in piece.text.split("\n") if "值" in row] == rows


def test_a_long_row_stands_alone_and_a_longer_one_is_cut() -> None:
    long, longer = "| " + "长" * 60 + " |", "| " + "更" * 200 + " |"
    table = Block(f"| a |\n| --- |\n| 1 |\n{long}\n| 2 |\n{longer}", BlockKind.TABLE)
    pieces = texts(split(LoadedDocument([table]), Chunking(size=50)))
    assert pieces[1] == f"{header(table)}\n{long}"
    assert pieces[2] == f"{header(table)}\n| 2 |"
    assert len(pieces) > 5 and all(piece.startswith(header(table)) for piece in pieces)


def test_code_is_cut_at_blank_lines_then_at_the_least_indentation() -> None:
    functions = [f"def f{number}():\n    a = 1\n    return a" for number in range(8)]
    pieces = texts(split(LoadedDocument([Block("\n\n".join(functions), BlockKind.CODE)]), Chunking(size=80)))
    assert all(piece.startswith("def ") for piece in pieces)
    block = "\n".join(f"if a{number}:\n    b()\n    c()\n    d()" for number in range(8))
    assert all(
        piece.startswith("if ")
        for piece in texts(split(LoadedDocument([Block(block, BlockKind.CODE)]), Chunking(size=90)))
    )


def test_titles_are_said_before_what_follows() -> None:
    blocks = [Block("1.2 适用范围"), *[Block(letter * 60 + "。") for letter in "甲乙"], Block("2。")]
    pieces = texts(split(LoadedDocument(blocks), Chunking(size=80, overlap=0, title_enhance=True)))
    assert pieces == [
        "1.2 适用范围\n\n" + blocks[1].text,
        "下文与(1.2 适用范围)有关。" + blocks[2].text + "\n\n2。",
    ]
    assert not any("下文" in text for text in texts(split(LoadedDocument(blocks), Chunking(size=80))))


def test_blank_documents_have_no_chunks() -> None:
    assert split(LoadedDocument([])) == []
    assert split(LoadedDocument([Block(" \n\u3000"), Block("\t")])) == []


def test_blanks_between_do_not_matter() -> None:
    blocks = [
        Block("H", BlockKind.HEADING, 1),
        Block(" " * 3000),
        Block("  a b" + " " * 3000 + "c"),
        Block(" " * 3000),
        Block("d"),
    ]
    assert texts(split(LoadedDocument(blocks), Chunking(size=40))) == ["H", "a b", "c", "d"]


@pytest.mark.parametrize("size", [0, 19, 20_001])
def test_sizes_out_of_range_are_refused_by_name(size: int) -> None:
    with pytest.raises(InvalidParameter) as caught:
        msgspec.json.decode(b'{"size": %d}' % size, type=Chunking)
    assert caught.value.param == "chunking.size"


def test_overlaps_are_refused_below_nothing_and_at_most_half() -> None:
    with pytest.raises(InvalidParameter) as caught:
        Chunking(overlap=-1)
    assert caught.value.param == "chunking.overlap"
    assert Chunking(size=50, overlap=50) == Chunking(size=50, overlap=25)


def test_keys_differ_if_chunks_may() -> None:
    assert key(Chunking()) == key(Chunking(size=800)) != key(Chunking(size=801))
    assert msgspec.json.decode(key(Chunking())) == {
        "version": VERSION,
        "size": 800,
        "overlap": 100,
        "title_enhance": False,
    }


FLAG = "\U0001f1e9\U0001f1ea"


@pytest.mark.parametrize(
    ("text", "cuts"),
    [
        ("abc", [1, 2]),
        ("a\r\nb", [1, 3]),
        ("e\u0301x", [2]),
        ("a" + FLAG + FLAG + "b", [1, 3, 5]),
        (FLAG * 3, [2, 4]),
        ("x" + "\U0001f469\u200d\U0001f52c" + "y", [1, 4]),
        ("\U0001f44b\U0001f3fdz", [2]),
        ("\u1112\u1161\u11ab한", [3]),
        ("\u0915\u094d\u0937x", [3]),
        ("中文", [1]),
    ],
)
def test_nothing_that_people_see_as_one_sign_is_cut(text: str, cuts: list[int]) -> None:
    assert [at for at in range(len(text) + 1) if not _inside(text, at)] == [0, *cuts, len(text)]
