"""Files of questions: what is read from JSON lines and CSV, the limit of each part, and what is written."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import InvalidParameter
from modelyard.knowledge.evaluations import exchange
from modelyard.knowledge.evaluations.exchange import NewQuestion, QuestionFormat, read_questions, written

Row = tuple[str, list[dict[str, Any]]]
JSONL, CSV = QuestionFormat.JSONL, QuestionFormat.CSV
ANSWERS: list[list[dict[str, Any]]] = [
    [],
    [{"document": "a.txt"}],
    [{"document": "a.txt", "page": 3, "text": 'two,\nlines "so"', "grade": 2}, {"chunk_id": 7}],
]


def refused(text: Any, relevant: Any) -> tuple[str | None, str]:
    with pytest.raises(InvalidParameter) as error:
        NewQuestion.checked(text, relevant)
    return error.value.param, error.value.message


@pytest.mark.parametrize("text", [None, 7, [], "", " \t\n"])
def test_a_question_is_a_text(text: Any) -> None:
    assert refused(text, [])[0] == "question"


@pytest.mark.parametrize(
    ("param", "most", "question"),
    [
        ("question", 10_000, lambda size: ("q" * size, [])),
        ("relevant", 100, lambda size: ("q", ["d"] * size)),
        ("relevant", 1000, lambda size: ("q", [{"document": "d" * size}])),
        ("relevant", 20_000, lambda size: ("q", [{"text": "t" * size}])),
    ],
    ids=["question", "answers", "document", "text"],
)
def test_each_part_has_its_limit(param: str, most: int, question: Any) -> None:
    assert NewQuestion.checked(*question(most))
    wrong, message = refused(*question(most + 1))
    assert wrong == param and f"at most {most} " in message


@pytest.mark.parametrize("bad", ["\0", "\ud800", "\udfff"])
@pytest.mark.parametrize("name", ["question", "document", "text"])
def test_characters_that_no_database_can_store_are_refused(bad: str, name: str) -> None:
    question = f"a{bad}b" if name == "question" else "q"
    relevant = [] if name == "question" else [{name: f"a{bad}b"}]
    param, message = refused(question, relevant)
    assert param == ("question" if name == "question" else "relevant") and "no database can store" in message


@pytest.mark.parametrize("good", ["\x01", "\ud7ff", "\ue000", "\U0001f600"])
def test_all_other_characters_are_kept(good: str) -> None:
    assert NewQuestion.checked(f"a{good}b", [{"document": good, "text": f"a{good}"}]).text == f"a{good}b"


def test_a_question_is_stripped_and_its_answers_become_objects() -> None:
    found = NewQuestion.checked("  which?\n", ["a.txt", 3, {"text": "x", "grade": 0}])
    assert found == NewQuestion("which?", [{"document": "a.txt"}, {"chunk_id": 3}, {"text": "x", "grade": 0}])
    assert refused("q", [{"page": 1}])[0] == "relevant", "what answers it is checked"


def questions(text: str, format: QuestionFormat) -> list[tuple[str, Any]]:
    found = read_questions(text, format)
    assert found.wrong == {}
    return [(each.text, each.relevant) for each in found.questions]


@pytest.mark.parametrize("format", [JSONL, CSV])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_what_is_written_is_read_again(format: QuestionFormat, mark: str) -> None:
    rows: list[Row] = [(f"Frage, {number}: 谁 “?”", answers) for number, answers in enumerate(ANSWERS)]
    assert questions(mark + written(rows, format), format) == rows


@hypothesis.settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.text('ab ,"\n\u2028é', min_size=1).map(str.strip).filter(bool), st.integers(1, 9)),
        unique_by=lambda each: each[0],
    )
)
def test_every_text_survives_both_formats(given: list[tuple[str, int]]) -> None:
    rows: list[Row] = [(text, [{"document": text, "page": page}]) for text, page in given]
    for format in QuestionFormat:
        assert questions(written(rows, format), format) == rows


def test_the_form_of_each_file() -> None:
    rows: list[Row] = [("a é", [{"chunk_id": 1}, {"document": "d", "page": 2}]), ("b", [])]
    assert written(rows, CSV) == ("question,document,page,text,chunk_id,grade\r\na é,,,,1,\r\na é,d,2,,,\r\nb,,,,,\r\n")
    assert written(rows, JSONL) == (
        '{"question": "a é", "relevant": [{"chunk_id": 1}, {"document": "d", "page": 2}]}\n'
        '{"question": "b", "relevant": []}\n'
    )
    assert written([], JSONL) == "" and written([], CSV) == "question,document,page,text,chunk_id,grade\r\n"


def test_rows_of_one_question_are_one_question_at_the_place_of_the_first() -> None:
    text = "question,document,other\n x ,a,1\ny, ,\nx,b,2\n,c,\n"
    found = read_questions(text, CSV)
    assert [(each.text, each.relevant) for each in found.questions] == [
        ("x", [{"document": "a"}, {"document": "b"}]),
        ("y", []),
    ]
    assert list(found.wrong) == [4] and "missing or empty" in found.wrong[4]


@pytest.mark.parametrize("key", ["page", "chunk_id", "grade"])
def test_numbers_of_a_table_are_whole_numbers(key: str) -> None:
    for value, number in (("0012", 12), ("9" * 18, None), ("9" * 19, None), ("1.0", None), ("-1", None), ("²", None)):
        found = read_questions(f"question,document,{key}\nx,d,{value}\n", CSV)
        if number is None and not (value == "9" * 18 and key != "grade"):
            assert key in found.wrong[1]
        else:
            assert found.questions[0].relevant == [{"document": "d", key: int(value)}]


def test_wrong_lines_are_numbered_and_the_others_are_read() -> None:
    lines = ['{"question": "a", "relevant": []}', "  ", "no json", "[]", "7", '{"question": "b"}', "[" * 100_000]
    found = read_questions("\n".join([*lines, '{"question": "c", "relevant": ["d"]}']), JSONL)
    assert [each.text for each in found.questions] == ["a", "c"]
    assert list(found.wrong) == [3, 4, 5, 6, 7]
    assert found.wrong[3] == found.wrong[7] == "It is no JSON."
    assert all("must be a JSON object" in found.wrong[number] for number in (4, 5)) and "relevant" in found.wrong[6]


def test_reading_stops_after_a_hundred_wrong_lines() -> None:
    good = '{"question": "a", "relevant": []}'
    found = read_questions("\n".join(["x"] * 99 + [good]), JSONL)
    assert (len(found.wrong), len(found.questions)) == (99, 1)
    found = read_questions("\n".join(["x"] * 100 + [good, "x"]), JSONL)
    assert (len(found.wrong), len(found.questions)) == (100, 0)


@pytest.mark.parametrize(
    ("format", "head", "line", "what"), [(JSONL, "", "\n", "lines"), (CSV, "question\n", "x\n", "rows")]
)
def test_a_file_has_at_most_ten_thousand_lines(format: QuestionFormat, head: str, line: str, what: str) -> None:
    # a text of n line ends has n + 1 lines, the last of which is empty
    most = exchange.MOST_LINES - (format is JSONL)
    read_questions(head + line * most, format)
    with pytest.raises(InvalidParameter, match=f"more than 10000 {what}"):
        read_questions(head + line * (most + 1), format)


@pytest.fixture
def fields_as_at_start() -> Iterator[None]:
    """The limit of Python's csv, which the loader of tables raises in the process that reads documents."""
    before = csv.field_size_limit(131_072)
    yield
    csv.field_size_limit(before)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "its first row must name the columns: question, document, page, text, chunk_id, grade"),
        ("document,page\na,1\n", "its first row must name the columns"),
        ("x" * 200_000, "it cannot be read as CSV"),
        ("question\n" + "x" * 200_000, "it cannot be read as CSV"),
    ],
    ids=["empty", "columns", "header", "field"],
)
def test_what_is_no_table_of_questions_is_refused(text: str, words: str, fields_as_at_start: None) -> None:
    with pytest.raises(InvalidParameter) as error:
        read_questions(text, CSV)
    assert error.value.param == "text" and words in error.value.message


def test_json_may_be_an_object_of_documents_and_grades() -> None:
    line = json.dumps({"question": "q", "relevant": {"a.txt": 2}})
    assert questions(line, JSONL) == [("q", [{"document": "a.txt", "grade": 2}])]
