"""The retrieval set: that it is whole and consistent, and that each kind of question is what its name says."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

SET = Path(__file__).resolve().parents[3] / "benchmarks" / "knowledge_set"
LEAST = {
    "paraphrase": 25,
    "short_zh": 25,
    "identifier": 25,
    "number": 25,
    "table": 25,
    "keyword": 25,
    "negative": 25,
    "cross_language": 10,
}
FUNCTION_WORDS = frozenset(
    re.findall(r"\w+", "a and are at can for from in is it of on or over the their they to when with without")
)
"""What an English paraphrase may share with the passage that it asks for."""

HAN = re.compile(r"[\u4e00-\u9fff]+")
IDENTIFIER = re.compile(r"[A-Za-z0-9_]*(?:[0-9_]|[a-z][A-Z])[A-Za-z0-9_]*(?:-[A-Za-z0-9]+)*|[A-Z]+(?:-[0-9A-Z]+)+")


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SET / name).read_text(encoding="utf-8").splitlines()]


PASSAGES = lines("passages.jsonl")
QUESTIONS = lines("questions.jsonl")
TEXT = {each["id"]: each["text"] for each in PASSAGES}


def asking(kind: str, language: str | None = None) -> list[dict[str, Any]]:
    return [each for each in QUESTIONS if each["kind"] == kind and language in (None, each["language"])]


def bigrams(text: str) -> set[str]:
    return {run[at : at + 2] for run in HAN.findall(text) for at in range(len(run) - 1)}


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower()))


def test_there_are_enough_of_each() -> None:
    languages = Counter(each["language"] for each in PASSAGES)
    assert len(PASSAGES) >= 320 and len(QUESTIONS) >= 220
    assert set(languages) == {"zh", "en"} and min(languages.values()) >= 0.4 * len(PASSAGES)
    kinds = Counter(each["kind"] for each in QUESTIONS)
    assert set(kinds) == set(LEAST)
    assert {kind: count for kind, count in kinds.items() if count < LEAST[kind]} == {}


def test_ids_count_up_and_fields_are_the_same_everywhere() -> None:
    assert [each["id"] for each in PASSAGES] == [f"p{number:03}" for number in range(1, len(PASSAGES) + 1)]
    assert [each["id"] for each in QUESTIONS] == [f"q{number:03}" for number in range(1, len(QUESTIONS) + 1)]
    assert {tuple(each) for each in PASSAGES} == {("id", "document", "language", "text")}
    assert {tuple(each) for each in QUESTIONS} == {("id", "kind", "language", "text", "relevant")}


def test_no_text_comes_twice() -> None:
    assert len(set(TEXT.values())) == len(PASSAGES)
    assert len({each["text"] for each in QUESTIONS}) == len(QUESTIONS)
    assert not set(TEXT.values()) & {each["text"] for each in QUESTIONS}


def test_passages_are_of_a_chunks_length() -> None:
    for each in PASSAGES:
        table = "| --- |" in each["text"]
        if each["language"] == "en":
            assert 40 <= len(each["text"].split()) <= 120, each["id"]
        else:
            assert 60 <= len(each["text"]) <= (240 if table else 200), each["id"]


def test_documents_are_of_one_language() -> None:
    languages = Counter(document for document, _ in {(each["document"], each["language"]) for each in PASSAGES})
    assert set(languages.values()) == {1}


def test_relevant_passages_exist_and_only_negatives_have_none() -> None:
    for each in QUESTIONS:
        assert each["relevant"].keys() <= TEXT.keys(), each["id"]
        assert set(each["relevant"].values()) <= {1, 2}, each["id"]
        assert (each["kind"] == "negative") == (not each["relevant"]), each["id"]


def test_only_cross_language_questions_cross_languages() -> None:
    language = {each["id"]: each["language"] for each in PASSAGES}
    for each in QUESTIONS:
        crossed = any(language[id] != each["language"] for id in each["relevant"])
        assert crossed == (each["kind"] == "cross_language"), each["id"]


@pytest.mark.parametrize("question", asking("identifier"), ids=lambda each: str(each["id"]))
def test_identifiers_stand_whole_in_their_passages(question: dict[str, Any]) -> None:
    named = IDENTIFIER.findall(question["text"])
    assert named
    for id in question["relevant"]:
        for name in named:
            assert re.search(rf"(?<![A-Za-z0-9_-]){re.escape(name)}(?![A-Za-z0-9_-])", TEXT[id]), (name, id)


def test_english_paraphrases_share_no_content_word() -> None:
    for each in asking("paraphrase", "en"):
        for id in each["relevant"]:
            assert words(each["text"]) & words(TEXT[id]) <= FUNCTION_WORDS, each["id"]


def test_chinese_paraphrases_share_no_two_characters() -> None:
    for each in asking("paraphrase", "zh"):
        for id in each["relevant"]:
            assert not bigrams(each["text"]) & bigrams(TEXT[id]), each["id"]


def test_short_questions_are_short_and_stand_in_their_passages() -> None:
    for each in asking("short_zh"):
        assert len(each["text"]) <= 4
        assert all(each["text"] in TEXT[id] for id in each["relevant"]), each["id"]


def test_tables_answer_the_questions_about_tables() -> None:
    for each in asking("table"):
        assert all("| --- |" in TEXT[id] for id in each["relevant"]), each["id"]


def test_cross_language_questions_have_a_clue() -> None:
    for each in asking("cross_language"):
        clues = HAN.findall(each["text"])
        assert clues and all(clue in TEXT[id] for clue in clues for id in each["relevant"]), each["id"]
