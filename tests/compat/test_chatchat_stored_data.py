"""What is read of a Langchain-Chatchat installation: its folders, its database in every state, its conversations."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.compat.chatchat.stored_conversations import (
    LONGEST_ID,
    LONGEST_KIND,
    LONGEST_TITLE,
    MESSAGES_AT_ONCE,
    conversations,
    identity,
    portions,
    unix_time,
)
from modelyard.compat.chatchat.stored_data import ChatchatBase, bases_folder, read_data, select_bases, tables
from modelyard.core.errors import BadRequest
from tests.compat.chatchat_data import GROWN, TALK, state, v02, v03


def test_a_table_that_is_damaged_in_part_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    there = v02(tmp_path)
    with there.opened() as database:
        for number in range(2000):
            there.say(database, f"{number:032}", TALK, f"question {number}", "answer " * 50, "2024-03-01 00:00:00")
    data = bytearray(there.database.read_bytes())
    data[len(data) // 2 :] = b"\xee" * (len(data) - len(data) // 2)
    there.database.write_bytes(data)
    found = read_data(there.root)
    assert any("table message is damaged" in each for each in found.problems)
    assert 100 < sum(len(talk["messages"]) for talk in found.conversations) < 2000


def test_a_database_in_use_with_its_log_is_not_touched(tmp_path: Path) -> None:
    there = v03(tmp_path)
    writer = there.opened()
    try:
        writer.execute("PRAGMA journal_mode=WAL")
        there.say(writer, "9" * 32, GROWN, "in the log", "yes", "2024-02-02 08:00:00")
        writer.commit()
        before = state(there.root)
        found = read_data(there.root)
        assert "in the log" in [each["question"] for talk in found.conversations for each in talk["messages"]]
        assert state(there.root) == before
    finally:
        writer.close()


def test_a_journal_left_by_a_crash_is_rolled_back_in_a_copy(tmp_path: Path) -> None:
    there, crashed = v02(tmp_path / "there"), v02(tmp_path / "crashed")
    with there.opened() as writer:
        writer.execute("PRAGMA cache_size=1")
        for number in range(500):
            there.say(writer, f"{number:032}", TALK, "never committed", "x" * 500, "2024-03-01 00:00:00")
        for each in there.bases.glob("info.db*"):
            shutil.copyfile(each, crashed.bases / each.name)
        writer.rollback()
    assert (crashed.bases / "info.db-journal").exists()
    before = state(crashed.root)
    found = read_data(crashed.root)
    assert found.problems == [] and sum(len(talk["messages"]) for talk in found.conversations) == 6
    assert state(crashed.root) == before


def test_the_data_is_found_wherever_chatchat_keeps_it(tmp_path: Path) -> None:
    there = v03(tmp_path / "chatchat")
    for each in (there.root, there.root / "data", there.bases, there.database):
        assert bases_folder(each) == there.bases
    with pytest.raises(BadRequest, match="is a single base"):
        bases_folder(there.bases / "人事")
    with pytest.raises(BadRequest, match="no Langchain-Chatchat data"):
        bases_folder(tmp_path)
    other = there.bases / "other.db"
    other.touch()
    for path in (tmp_path / "nothing", other):
        with pytest.raises(BadRequest, match="There is no folder"):
            bases_folder(path)


def test_a_database_of_0_2_4_has_fewer_columns(tmp_path: Path) -> None:
    there = v02(tmp_path)
    with there.opened() as database:
        database.execute("ALTER TABLE knowledge_base DROP COLUMN kb_info")
        database.execute("ALTER TABLE knowledge_file DROP COLUMN custom_docs")
        database.executescript("DROP TABLE message; DROP TABLE conversation; DROP TABLE summary_chunk;")
    found = read_data(there.root)
    assert (found.problems, found.conversations) == ([], [])
    assert [(base.name, base.info, base.model, base.missing) for base in found.bases] == [
        ("samples", "", "", []),
        ("人事", "", "bge-large-zh-v1.5", ["已删除.docx"]),
    ]


def test_bases_are_those_of_the_database_and_those_of_the_disk(tmp_path: Path) -> None:
    there = v03(tmp_path)
    for hidden in (".git", "~$lock"):
        (there.bases / hidden / "content").mkdir(parents=True)
    (there.bases / "no content").mkdir()
    content = there.bases / "samples" / "content"
    (content / ".hidden").mkdir()
    (content / ".hidden" / "in.txt").write_text("no")
    (content / "~$report.docx").write_text("no")
    (content / "B.txt").write_text("first in order")
    (content / "decomposed e\u0301.txt").write_text("one name, however the disk spells it")
    (content / "broken.txt").symlink_to(tmp_path / "nowhere")
    os.mkfifo(content / "pipe.txt")
    (content / "round").symlink_to(content)
    found = read_data(there.root)
    assert (found.folder, found.database, found.problems) == (there.bases, there.database, [])
    samples, staff = found.bases
    assert (samples.name, samples.info, samples.model) == ("samples", "", "")
    assert list(samples.files) == ["B.txt", "decomposed \u00e9.txt", "test.txt"]
    assert (samples.missing, samples.edited, samples.links) == ([], [], ["broken.txt", "pipe.txt"])
    assert samples.files["test.txt"] == content / "test.txt"
    assert (staff.name, staff.info, staff.model) == ("人事", "关于人事的知识库", "bge-large-zh-v1.5")
    assert (staff.missing, staff.edited, staff.links) == (["已删除.docx"], ['a "b" 50%.txt'], [])
    assert list(staff.files) == ['a "b" 50%.txt', "old.enex", "不在库里.txt", "制度/年假 2024.md"]


def test_rows_without_a_name_or_of_unknown_bases_are_left_out(tmp_path: Path) -> None:
    there = v02(tmp_path)
    with there.opened() as database:
        database.execute("INSERT INTO knowledge_base (kb_name) VALUES (NULL), (''), (X'41'), ('only a row')")
        database.execute(
            "INSERT INTO knowledge_file (file_name, kb_name, custom_docs) VALUES ('x', 'nobody', 1), ('', '人事', 1), "
            "('制度\\年假 2024.md', '人事', 0), ('gone.txt', '人事', 0), ('gone.txt', '人事', 0)"
        )
    found = read_data(there.root)
    assert [base.name for base in found.bases] == ["only a row", "samples", "人事"]
    assert found.bases[2].missing == ["已删除.docx", "gone.txt"]


def test_without_a_database_there_are_only_files(tmp_path: Path) -> None:
    there = v03(tmp_path / "there")
    elsewhere = there.database.rename(tmp_path / "elsewhere.db")
    found = read_data(there.root)
    assert (found.database, found.conversations, found.problems) == (None, [], [])
    assert [(base.name, base.missing) for base in found.bases] == [("samples", []), ("人事", [])]
    found = read_data(there.root, elsewhere)
    assert found.database == elsewhere and len(found.conversations) == 4
    with pytest.raises(BadRequest, match=r"There is no file '.*none\.db'"):
        read_data(there.root, tmp_path / "none.db")


def test_what_cannot_be_read_of_a_database_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "not.db").write_text("no database at all, but longer than a head of twenty bytes")
    rows, problems = tables(tmp_path / "not.db")
    assert rows == {} and len(problems) == 1 and "cannot be read (" in problems[0]
    there = v02(tmp_path / "there")
    with there.opened() as database:
        database.execute("DROP TABLE knowledge_base")
    rows, problems = tables(there.database)
    assert set(rows) == {"knowledge_file", "conversation", "message"}
    assert len(problems) == 1 and "has no table knowledge_base" in problems[0]


@pytest.mark.parametrize(
    ("names", "found"),
    [((), ["\u00e9", "b"]), (("b", "b"), ["b"]), (("b", "e\u0301"), ["b", "\u00e9"]), (("none",), None)],
)
def test_bases_are_selected_by_name(names: tuple[str, ...], found: list[str] | None) -> None:
    bases = [ChatchatBase("\u00e9"), ChatchatBase("b")]
    if found is None:
        with pytest.raises(BadRequest, match="no base 'none' in that data; it has: \u00e9, b"):
            select_bases(bases, names)
    else:
        assert [base.name for base in select_bases(bases, names)] == found


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1970-01-01 00:00:10", 10.0),
        ("1970-01-01 00:00:10.5", 10.5),
        ("1970-01-01T01:00:00+01:00", 0.0),
        ("", 7.0),
        (None, 7.0),
        ("yesterday", 7.0),
    ],
)
def test_times_without_a_zone_are_utc(value: object, seconds: float) -> None:
    assert unix_time(value, 7.0) == seconds


@pytest.mark.parametrize(
    ("name", "kept"), [("a", True), ("a" * 32, True), ("a" * 33, False), ("", False), ("a\0b", False)]
)
def test_ids_that_fit_are_kept(name: str, kept: bool) -> None:
    assert (identity(name) == name) is kept
    assert 0 < len(identity(name)) <= LONGEST_ID and "\0" not in identity(name)
    assert identity(name) == identity(name) != identity(name + "x")


def row(**fields: Any) -> dict[str, Any]:
    """A row of `message`."""
    return {"id": "m", "conversation_id": "c", "query": "q", "create_time": "1970-01-01 00:00:05", **fields}


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, {"question": "q", "answer": "", "score": None, "reason": "", "metadata": {}, "created_at": 5.0}),
        ({"response": "a\0b", "feedback_reason": "r" * 4001}, {"answer": "ab", "reason": "r" * 4000}),
        ({"feedback_score": 0}, {"score": 0}),
        ({"feedback_score": 100}, {"score": 100}),
        ({"feedback_score": 101}, {"score": 100}),
        ({"feedback_score": -1}, {"score": None}),
        ({"feedback_score": "90"}, {"score": None}),
        ({"query": 5}, {"question": "5"}),
        ({"meta_data": '{"a": 1}', "chat_type": "k"}, {"metadata": {"a": 1, "chat_type": "k"}}),
        ({"meta_data": b'{"a": 1}'}, {"metadata": {"a": 1}}),
        ({"meta_data": "[1]"}, {"metadata": {}}),
        ({"meta_data": "{"}, {"metadata": {}}),
        ({"meta_data": b"\xff"}, {"metadata": {}}),
        ({"id": "m" * 33}, {"id": identity("m" * 33)}),
    ],
)
def test_a_row_is_a_message(fields: dict[str, Any], found: dict[str, Any]) -> None:
    [talk] = conversations({"message": [row(**fields)]}, 0.0)
    [message] = talk["messages"]
    assert found.items() <= message.items()
    assert set(message) == {"id", "question", "answer", "score", "reason", "metadata", "created_at"}


@pytest.mark.parametrize(
    ("named", "messages", "found"),
    [
        ({"name": " a \n b ", "chat_type": "k"}, [row()], {"title": "a b", "kind": "k", "created_at": 5.0}),
        ({"create_time": "1970-01-01 00:00:02"}, [row()], {"title": "q", "kind": "", "created_at": 2.0}),
        ({}, [row(query="w" * 99, chat_type="z" * 99)], {"title": "w" * LONGEST_TITLE, "kind": "z" * LONGEST_KIND}),
        ({}, [row(), row(id="n", chat_type="second")], {"kind": "second"}),
        ({"name": "empty"}, [], {"title": "empty", "kind": "", "created_at": 9.0, "messages": []}),
    ],
)
def test_a_conversation_has_the_words_of_its_row_or_of_its_messages(
    named: dict[str, Any], messages: list[dict[str, Any]], found: dict[str, Any]
) -> None:
    [talk] = conversations({"conversation": [{"id": "c", **named}], "message": messages}, 9.0)
    assert found.items() <= talk.items()
    assert set(talk) == {"id", "title", "kind", "created_at", "messages"} and talk["id"] == "c"


def test_messages_without_a_conversation_are_one_for_each_day() -> None:
    alone = [
        row(id="3", conversation_id=None, create_time="1970-01-02 00:00:00"),
        row(id="2", conversation_id="", create_time="1970-01-01 23:59:59"),
        row(id="1", conversation_id=None, chat_type="k" * 99),
    ]
    first, second = conversations({"chat_history": alone[:2], "message": [*alone[2:], row(id=""), row(id=None)]}, 0.0)
    assert (first["title"], second["title"]) == ("Langchain-Chatchat, 1970-01-01", "Langchain-Chatchat, 1970-01-02")
    assert [each["id"] for each in first["messages"]] == ["1", "2"] and [each["id"] for each in second["messages"]] == [
        "3"
    ]
    assert (first["created_at"], first["kind"], second["kind"]) == (5.0, "k" * LONGEST_KIND, "")
    assert len(first["id"]) == LONGEST_ID and first["id"] != second["id"]
    [again] = conversations({"message": alone[1:]}, 0.0)
    assert again == first


@settings(max_examples=30)
@given(
    st.lists(st.sampled_from([0, 1, 2, MESSAGES_AT_ONCE - 2, MESSAGES_AT_ONCE - 1, MESSAGES_AT_ONCE, 1201]), max_size=6)
)
def test_portions_have_every_message_once_and_stay_small(sizes: list[int]) -> None:
    talks: list[dict[str, Any]] = [
        {"id": str(place), "messages": [{"id": f"{place}/{number}"} for number in range(size)]}
        for place, size in enumerate(sizes)
    ]
    found = list(portions(talks))
    sent: dict[str, list[Any]] = {talk["id"]: [] for talk in talks}
    for portion in found:
        assert portion and sum(len(piece["messages"]) for piece in portion) <= MESSAGES_AT_ONCE
        for piece in portion:
            sent[piece["id"]] += piece["messages"]
    assert sent == {talk["id"]: talk["messages"] for talk in talks}
    assert list(sent) == list(dict.fromkeys(piece["id"] for portion in found for piece in portion))


def test_small_conversations_share_a_portion() -> None:
    """Each counts for one message more, so that empty ones do not make a portion endless."""
    empty = [{"id": str(number), "messages": []} for number in range(MESSAGES_AT_ONCE + 1)]
    assert [len(portion) for portion in portions(empty)] == [MESSAGES_AT_ONCE, 1]
    halves = [{"id": str(number), "messages": [{}] * (MESSAGES_AT_ONCE // 2)} for number in range(3)]
    assert [len(portion) for portion in portions(halves)] == [1, 1, 1]
    thirds = [{"id": str(number), "messages": [{}] * (MESSAGES_AT_ONCE // 4)} for number in range(4)]
    assert [len(portion) for portion in portions(thirds)] == [3, 1]
