"""Whole characters, stop strings across tokens, thoughts apart from answers; whatever the pieces, the sum is the same."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import pytest

from modelyard.core.stops import Stops
from modelyard.serving.text import Characters, Thoughts

TEXT = "Grüße, 西湖 🚣\u200d♀️ and a \ufffd that was meant."


def from_bytes(tokens: Sequence[int]) -> str:
    """A tokenizer whose tokens are bytes."""
    return bytes(tokens).decode("utf-8", "replace")


def test_a_character_is_told_when_its_last_byte_is_there() -> None:
    characters = Characters(from_bytes)
    assert [characters.add(token) for token in "西a".encode()] == ["", "", "西", "a"]


def test_pieces_add_up_to_the_text() -> None:
    characters = Characters(from_bytes)
    pieces = [characters.add(token) for token in TEXT.encode()]
    assert "".join(pieces) + characters.end() == TEXT
    assert not any(piece.endswith("\ufffd") for piece in pieces)


def test_bytes_that_are_no_character_come_out_at_the_end() -> None:
    characters = Characters(from_bytes)
    assert [characters.add(token) for token in b"a\xe8\xa5"] == ["a", "", ""]
    assert characters.end() == "\ufffd"


def test_tokens_that_read_differently_at_the_beginning() -> None:
    """As SentencePiece has it: the first word loses the blank that the token holds."""
    words = [" one", " two", " three"]
    characters = Characters(lambda tokens: "".join(words[token] for token in tokens).removeprefix(" "))
    assert [characters.add(token) for token in range(3)] == ["one", " two", " three"]


def stopped(stops: list[str], pieces: list[str]) -> tuple[str, bool]:
    found, text = Stops(stops), ""
    for piece in pieces:
        text += found.add(piece)
        if found.met:
            return text, True
    return text + found.end(), False


@pytest.mark.parametrize(
    ("stops", "text", "kept", "met"),
    [
        (["END"], "one END two", "one ", True),
        (["END"], "one EN two E", "one EN two E", False),
        (["aab"], "aaab", "a", True),
        (["\n\n", "three"], "one\ntwo three\n\n", "one\ntwo ", True),
        (["西湖"], "去西湖", "去", True),
        ([], "anything", "anything", False),
    ],
)
def test_a_stop_is_found_however_the_text_is_cut(stops: list[str], text: str, kept: str, met: bool) -> None:
    chance = random.Random(7)
    for _ in range(50):
        cuts = sorted(chance.sample(range(len(text) + 1), k=chance.randint(0, 4)))
        edges = [0, *cuts, len(text)]
        pieces = [text[start:end] for start, end in itertools.pairwise(edges)]
        assert stopped(stops, pieces) == (kept, met)


@pytest.mark.parametrize(
    ("stops", "pieces", "kept"),
    [(["END"], ["one E", "ND two"], "one END"), (["wo", "tw"], ["a two"], "a tw"), (["no"], ["yes n"], "yes ")],
)
def test_a_stop_may_be_the_end_of_the_text(stops: list[str], pieces: list[str], kept: str) -> None:
    found = Stops(stops, include_stop=True)
    assert "".join(map(found.add, pieces)) == kept


def test_what_cannot_become_a_stop_is_told_at_once() -> None:
    stops = Stops(["stop"])
    assert stops.add("a s") == "a "
    assert stops.add("he") == "she"


@pytest.mark.parametrize(
    ("open", "text", "thought", "answer"),
    [
        (False, "<think>\nhm, <b>\n</think>\n\nYes.", "hm, <b>", "Yes."),
        (True, "hm\n</think>\n\nYes.", "hm", "Yes."),
        (True, "never done ", "never done", ""),
        (False, "Just <think> so.", "", "Just <think> so."),
        (False, "<think>\n\n</think>\n\nYes.\n", "", "Yes.\n"),
        (False, "<thin", "", "<thin"),
        (False, "  two blanks", "", "  two blanks"),
    ],
)
def test_thoughts_are_divided_however_the_text_is_cut(open: bool, text: str, thought: str, answer: str) -> None:
    for size in (1, 2, 3, 5, 100):
        divided = Thoughts(open)
        said = [divided.add(text[start : start + size]) for start in range(0, len(text), size)]
        said.append(divided.end())
        assert ("".join(each.thought for each in said), "".join(each.text for each in said)) == (thought, answer)
