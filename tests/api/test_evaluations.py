"""Evaluation sets on a real server: their questions, files, runs and the comparison of runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

import pytest

from modelyard.client import Client
from modelyard.core.errors import Conflict, EvaluationNotFound, InvalidParameter
from tests.api.knowing import Base, embedding
from tests.live import Live, live

LEAVE, PAY = "Employees have twenty days of annual leave.", "Salaries are paid on the last day of a month."
QUESTIONS: list[dict[str, Any]] = [
    {"question": "annual leave", "relevant": [{"document": "leave.txt"}]},
    {"question": "salaries", "relevant": [{"document": "pay.txt", "text": "LAST  day"}]},
    {"question": "employees", "relevant": [{"document": "absent.txt"}]},
    {"question": "the weather on Mars", "relevant": []},
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("evaluations") / "home") as running:
        base = Base.made(running, "hr", embedding_model=embedding(running, "letters"))
        base.add({"leave.txt": LEAVE.encode(), "pay.txt": PAY.encode()})
        Base.made(running, "other")
        yield running


@pytest.fixture
def client(server: Live) -> Iterator[Client]:
    with Client(server.url) as made:
        yield made


def finished(client: Client, job: str) -> str:
    with client.jobs.follow(job) as events:
        for _ in events:
            pass
    assert client.jobs.get(job)["state"] == "done", client.jobs.get(job)
    return job


def test_questions_are_added_changed_and_deleted(client: Client) -> None:
    made = client.evaluations.create("hr", " first  set ", QUESTIONS[:1])
    assert (made["name"], made["questions"]) == ("first set", 1)
    assert [each["id"] for each in client.evaluations.list("hr")] == [made["id"]]
    assert client.evaluations.list("other") == []
    with pytest.raises(Conflict, match="already"):
        client.evaluations.create("hr", "first set")
    with pytest.raises(EvaluationNotFound):
        client.evaluations.get("other", made["id"])
    [second] = client.evaluations.add_questions("hr", made["id"], QUESTIONS[1:2])
    page = client.evaluations.questions("hr", made["id"], limit=1)
    assert page["has_more"] and client.evaluations.questions("hr", made["id"], after=page["next"])["data"] == [second]
    changed = client.evaluations.change_question("hr", made["id"], second["id"], "pay?", [{"chunk_id": 7, "grade": 2}])
    assert (changed["question"], changed["relevant"][0]["chunk_id"]) == ("pay?", 7)
    with pytest.raises(InvalidParameter, match="name a 'document'"):
        client.evaluations.add_questions("hr", made["id"], [{"question": "x", "relevant": [{"page": 1}]}])
    gone = client.evaluations.delete_questions("hr", made["id"], [second["id"], 10_000])
    assert (gone["deleted"], gone["missing"]) == ([str(second["id"])], ["10000"])
    assert client.evaluations.rename("hr", made["id"], "renamed")["name"] == "renamed"
    client.evaluations.delete("hr", made["id"])
    assert client.evaluations.list("hr") == []


def test_files_of_both_formats(client: Client) -> None:
    made = client.evaluations.create("hr", "files", QUESTIONS)["id"]
    lines = client.evaluations.export("hr", made)
    assert [json.loads(line) for line in lines.splitlines()] == QUESTIONS
    table = client.evaluations.export("hr", made, "csv")
    assert table.splitlines()[0] == "question,document,page,text,chunk_id,grade"
    again = client.evaluations.create("hr", "again")["id"]
    assert client.evaluations.import_questions("hr", again, table, "csv")["added"] == len(QUESTIONS)
    assert client.evaluations.export("hr", again) == lines
    wrong = client.evaluations.import_questions("hr", again, lines + '{"question": "x"}\nnot json\n')
    assert wrong["added"] == 0 and wrong["wrong"].keys() == {"5", "6"}
    assert client.evaluations.get("hr", again)["questions"] == len(QUESTIONS)
    with pytest.raises(InvalidParameter, match="first row"):
        client.evaluations.import_questions("hr", again, "a,b\n1,2\n", "csv")
    joined = "question,document\nannual leave,leave.txt\nannual leave,pay.txt\nnothing,\n"
    assert client.evaluations.import_questions("hr", again, joined, "csv")["added"] == 2
    for each in (made, again):
        client.evaluations.delete("hr", each)


@pytest.mark.parametrize(
    ("text", "format", "part"),
    [
        ("{\n" * 20_000, "jsonl", "It is no JSON"),
        ('{"question": "x", "relevant": [{"document": "%s"}]}' % ("d" * 1001), "jsonl", "at most 1000"),
        ("question,page\nx," + "9" * 5000, "csv", "page"),
        ("question\n" + "x" * 200_000, "csv", "cannot be read as CSV"),
        ("x" * 200_000, "csv", "cannot be read as CSV"),
        ("\n" * 20_000, "jsonl", "more than 10000 lines"),
    ],
    ids=["wrong lines", "long name", "long number", "long field", "long header", "many lines"],
)
def test_files_that_are_no_questions(client: Client, text: str, format: Literal["jsonl", "csv"], part: str) -> None:
    """Each is refused with a sentence, at once, and nothing of it is kept."""
    made = client.evaluations.create("hr", "refused")["id"]
    try:
        result = client.evaluations.import_questions("hr", made, text, format)
        message = "; ".join(result["wrong"].values())
        assert len(result["wrong"]) <= 100
    except InvalidParameter as error:
        message = str(error)
    assert part in message
    assert client.evaluations.get("hr", made)["questions"] == 0
    client.evaluations.delete("hr", made)


def test_a_line_separator_of_unicode_ends_no_line(client: Client) -> None:
    questions = [{"question": "one\u2028two", "relevant": [{"document": "leave.txt"}]}]
    made = client.evaluations.create("hr", "separators", questions)["id"]
    again = client.evaluations.create("hr", "separators again")["id"]
    lines = client.evaluations.export("hr", made)
    assert client.evaluations.import_questions("hr", again, lines)["added"] == 1
    for each in (made, again):
        client.evaluations.delete("hr", each)


def test_characters_that_cannot_be_stored_are_refused(client: Client) -> None:
    made = client.evaluations.create("hr", "characters")["id"]
    wrong = [
        r'{"question": "a\u0000b", "relevant": []}',
        r'{"question": "a\ud800", "relevant": []}',
        r'{"question": "a", "relevant": [{"text": "b\u0000"}]}',
    ]
    done = client.evaluations.import_questions("hr", made, "\n".join(wrong))
    assert (done["added"], len(done["wrong"])) == (0, 3)
    pair = r'{"question": "\ud83d\ude00", "relevant": []}'
    assert client.evaluations.import_questions("hr", made, pair)["added"] == 1
    assert [each["question"] for each in client.evaluations.questions("hr", made)["data"]] == ["\U0001f600"]
    client.evaluations.delete("hr", made)


def test_runs_are_kept_and_compared(client: Client, server: Live) -> None:
    made = client.evaluations.create("hr", "runs", QUESTIONS)["id"]
    first = finished(client, client.evaluations.run("hr", made))
    assert client.jobs.get(first)["progress"]["done"] == len(QUESTIONS)
    [run] = client.evaluations.runs("hr", made)
    assert run["id"] == first and [each["mode"] for each in run["settings"]] == ["lexical", "vector", "hybrid"]
    lexical = run["settings"][0]
    assert lexical["measures"]["hit_1"] == lexical["measures"]["mrr"] == pytest.approx(2 / 3, abs=1e-5)
    assert lexical["failed"] == 0 and lexical["milliseconds"] > 0
    detail = client.evaluations.get_run("hr", made, first)
    assert [each["outcomes"][0]["rank"] for each in detail["results"]] == [1, 1, None, None]
    assert [each["answerable"] for each in detail["results"]] == [True, True, True, False]
    assert detail["results"][3]["outcomes"][0]["measures"]["mrr"] is None
    second = finished(client, client.evaluations.run("hr", made, [{"mode": "lexical", "min_score": 1.0}]))
    differences = client.evaluations.get_run("hr", made, second, against=first)["differences"]
    assert differences is not None and differences["mrr"]["mean"] == pytest.approx(-2 / 3, abs=1e-5)
    assert (differences["mrr"]["worse"], differences["mrr"]["equal"]) == (2, 1)
    with pytest.raises(InvalidParameter, match="no such setting"):
        client.evaluations.get_run("hr", made, second, against=first, setting=5)
    with pytest.raises(InvalidParameter, match="rerank model"):
        client.evaluations.run("hr", made, [{"rerank": True}])
    empty = client.evaluations.create("hr", "empty")["id"]
    with pytest.raises(InvalidParameter, match="no questions"):
        client.evaluations.run("hr", empty)
    client.evaluations.delete_run("hr", made, second)
    with pytest.raises(EvaluationNotFound):
        client.evaluations.get_run("hr", made, second)


def test_a_base_takes_its_sets_along(client: Client) -> None:
    client.knowledge.create("short")
    made = client.evaluations.create("short", "set", QUESTIONS)["id"]
    client.knowledge.delete("short")
    client.knowledge.create("short")
    assert client.evaluations.list("short") == []
    with pytest.raises(EvaluationNotFound):
        client.evaluations.get("short", made)


def test_documents_leave_the_index_and_come_back(client: Client, server: Live) -> None:
    base = Base.made(server, "index")
    base.add({"a.txt": b"one topic " * 60, "b.txt": b"another"})
    gone = client.documents.unindex("index", ["a.txt", "absent.txt"])
    assert (gone["unindexed"], gone["missing"]) == (["a.txt"], ["absent.txt"])
    assert base.document("a.txt")["state"] == "stored" and base.texts("topic") == []
    changed = client.documents.configure_many("index", ["a.txt"], chunking={"size": 200, "overlap": 0})
    assert changed["changed"] == 1
    base.wait(client.documents.index("index", ["a.txt"]))
    assert len(base.chunks("a.txt")) > 1 and base.texts("topic")
    assert base.document("a.txt")["chunking"]["size"] == 200
