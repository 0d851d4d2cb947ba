"""What a model reads of the sources: how many fit, and the text around the best of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.db.session import Database
from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeDocument
from modelyard.knowledge.answering.context import (
    CHARACTERS,
    Neighbour,
    Passage,
    Room,
    fitting,
    passages,
    room,
    shortened,
)
from modelyard.protocol.hits import Hit
from tests.knowledge.answering.hits import hit

TEXT = "The first part. The second part. The third part.\n\nThe fourth part."
SPANS = [(0, 15), (10, 32), (33, 48), (50, 66)]
"""The second overlaps the first; a blank is between the second and the third, and a paragraph before the fourth."""


def chunk(number: int, text: str, start: int | None, end: int | None, **more: object) -> KnowledgeChunk:
    """A chunk of document 1, whose position is its id."""
    fields = {"heading": "", "generation": 1, "enabled": True, "edited": False, "extra": {}, "page_breaks": [], **more}
    position = number
    return KnowledgeChunk(
        id=number, base_id=1, document_id=1, position=position, text=text, hash="h", start=start, end=end, **fields
    )


def read(folder: Path, chunks: Sequence[KnowledgeChunk], hits: Sequence[Hit], space: Room) -> list[Passage]:
    """The passages of hits in a database that has these chunks."""

    async def go() -> list[Passage]:
        database = Database(f"sqlite+aiosqlite:///{folder}/db")
        await database.open()
        try:
            async with database.writing() as session:
                session.add(KnowledgeBase(id=1, name="b", created_at=0.0, used_at=0.0))
                await session.flush()
                session.add(
                    KnowledgeDocument(id=1, base_id=1, name="d", hash="h", size=1, created_at=0.0, updated_at=0.0)
                )
                await session.flush()
                session.add_all(chunks)
            return await passages(database, hits, space)
        finally:
            await database.close()

    return asyncio.run(go())


def whole_text() -> list[KnowledgeChunk]:
    return [chunk(number, TEXT[start:end], start, end) for number, (start, end) in enumerate(SPANS, 1)]


def of(number: int, score: float = 1.0) -> Hit:
    """A hit of a chunk of `whole_text`."""
    start, end = SPANS[number - 1]
    return hit(TEXT[start:end], score, number=number, start=start)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_passage_is_what_stands_in_the_document(tmp_path: Path, number: int) -> None:
    [found] = read(tmp_path, whole_text(), [of(number)], Room())
    assert "".join(found.whole.text.split()) in "".join(TEXT.split())
    assert found.hit == of(number)
    first, last = max(1, number - 1), min(4, number + 1)
    assert len("".join(found.whole.text.split())) == len(
        "".join(TEXT[SPANS[first - 1][0] : SPANS[last - 1][1]].split())
    )


def test_no_chunk_is_read_twice(tmp_path: Path) -> None:
    first, third = read(tmp_path, whole_text(), [of(3), of(1)], Room())
    assert (first.before.strip(), first.after.strip()) == ("The first part. The second part."[10:], "The fourth part.")
    assert (third.before, third.after) == ("", "")


@pytest.mark.parametrize(
    ("changes", "score", "space", "grows"),
    [
        ({}, 1.0, Room(), True),
        ({"heading": "Another section"}, 1.0, Room(), False),
        ({"enabled": False}, 1.0, Room(), False),
        ({"generation": 2}, 1.0, Room(), False),
        ({}, 0.4, Room(), False),
        ({}, 1.0, Room(characters=5), False),
        ({}, 1.0, Room(tokens=2), False),
    ],
)
def test_what_is_added_to_a_hit(
    tmp_path: Path, changes: dict[str, object], score: float, space: Room, grows: bool
) -> None:
    chunks = [chunk(1, "One.", 0, 4), chunk(2, "Two.", 5, 9, **changes)]
    [found] = read(tmp_path, chunks, [hit("One.", score)], space)
    assert found.whole.text == ("One.\nTwo." if grows else "One.")


@pytest.mark.parametrize(
    ("beside", "behind", "expected"),
    [
        (chunk(2, "| h |\n|---|\n| 3 |", 14, 19), True, "\n\n| 3 |"),
        (chunk(2, "rewritten", 14, 19, edited=True), True, "\n\nrewritten"),
        (chunk(2, "by hand", None, None), False, "by hand\n\n"),
        (chunk(2, "inside", 1, 7), True, ""),
    ],
)
def test_tables_and_edited_chunks_are_joined(beside: KnowledgeChunk, behind: bool, expected: str) -> None:
    assert Neighbour(beside, behind).beyond(hit("| 1 |\n| 2 |\n")) == expected


@given(
    st.lists(st.text("ab好 ", min_size=1, max_size=30), min_size=1, max_size=8), st.integers(0, 80), st.integers(0, 80)
)
def test_the_sources_that_fit_are_the_first(texts: list[str], characters: int, tokens: int) -> None:
    hits = [hit(text, number=number) for number, text in enumerate(texts)]
    chosen = fitting(hits, Room(characters, tokens))
    assert chosen == hits[: len(chosen)] and chosen
    left = Room(characters, tokens)
    for each in chosen:
        left = left.without(each.text)
    assert len(chosen) == 1 or (left.characters >= 0 and left.tokens >= 0)
    assert len(chosen) == len(hits) or not left.has(hits[len(chosen)].text)


@pytest.mark.parametrize(
    ("context", "options", "expected"),
    [
        (None, {}, Room(CHARACTERS)),
        (8000, {}, Room(CHARACTERS, 8000 - 1024 - 150 - 4)),
        (8000, {"max_tokens": 100}, Room(CHARACTERS, 8000 - 100 - 150 - 4)),
        (1000, {"max_completion_tokens": 900}, Room(CHARACTERS, 1000 - 250 - 150 - 4)),
    ],
)
def test_the_room_is_what_the_talk_and_the_answer_leave(
    context: int | None, options: dict[str, int], expected: Room
) -> None:
    found = room(context, "abc", [{"role": "user", "content": "defgh"}], options)
    assert found.characters == expected.characters and found.tokens == pytest.approx(expected.tokens, abs=2)


@given(
    st.lists(st.tuples(*[st.text("ab好 ", max_size=20)] * 3).filter(lambda each: each[1]), min_size=1, max_size=6),
    st.integers(1, 150),
)
def test_shortened_passages_keep_the_best_hits(texts: list[tuple[str, str, str]], characters: int) -> None:
    found = [Passage(hit(text, number=number), before, after) for number, (before, text, after) in enumerate(texts)]
    chosen = shortened(found, characters)
    assert 0 < sum(len(each.whole.text) for each in chosen) <= characters
    assert all(each in (whole, Passage(whole.hit)) for each, whole in zip(chosen[1:], found[1:], strict=False))
    assert found[0].hit.text.startswith(chosen[0].hit.text)
    if sum(len(each.whole.text) for each in found) <= characters:
        assert chosen == found
