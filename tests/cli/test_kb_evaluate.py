"""`modelyard kb evaluate` against a real server with real bases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from modelyard.client import Client
from tests.cli.served import Served
from tests.cli.terminal import Terminal

DOCUMENTS = {
    "leave.md": "# 年假\n\n员工每年有十五天年假。\n\n# Sick leave\n\nSick leave needs a note from the third day on.",
    "pump.txt": "The MX-2140 pump delivers 12 litres per minute.",
    "museum.txt": "The museum of the sea floor is closed on Mondays.",
}
QUESTIONS: list[dict[str, Any]] = [
    {"id": "pump", "question": "MX-2140 litres", "relevant": ["pump.txt"]},
    {"id": "年假", "question": "员工有几天年假？", "relevant": [{"document": "leave.md", "text": "十五天年假"}]},
    {"id": "museum", "question": "When is the museum closed?", "relevant": {"museum.txt": 2}},
    {"id": "lost", "question": "zebra", "relevant": ["pump.txt"]},
    {"id": "nothing", "question": "xylophone", "relevant": []},
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("evaluate") / "home")
    try:
        with Client(served.url) as client:
            for name, documents in (("house", DOCUMENTS), ("poor", {"pump.txt": DOCUMENTS["pump.txt"]})):
                client.knowledge.create(name)
                files = [(title, text.encode()) for title, text in documents.items()]
                job = client.documents.upload(name, files)["job"]
                assert job is not None
                *_, _ = client.knowledge.follow_job(name, job)
        yield served
    finally:
        served.stop()


def write_questions(place: Path, questions: list[dict[str, Any]]) -> str:
    file = place / "questions.jsonl"
    lines = [json.dumps(each, ensure_ascii=False) for each in questions]
    file.write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    return str(file)


@pytest.fixture
def questions(tmp_path: Path) -> str:
    return write_questions(tmp_path, QUESTIONS)


def evaluate(server: Served, *arguments: str) -> CompletedProcess[str]:
    return server.run("kb", "evaluate", *arguments)


def test_one_setting_is_measured(server: Served, questions: str) -> None:
    done = evaluate(server, "house", questions)
    assert done.returncode == 0, done.stderr
    assert "5 questions, 1 of them without an answer in the documents" in done.stdout
    rows = {line.rsplit(maxsplit=1)[0]: line.rsplit(maxsplit=1)[1] for line in done.stdout.splitlines()[4:]}
    assert {name: rows[name] for name in ("recall@5", "hit rate@5", "mrr@5", "ndcg@5")} == {
        "recall@5": "0.750",
        "hit rate@5": "0.750",
        "mrr@5": "0.750",
        "ndcg@5": "0.750",
    }
    assert rows["nothing found"] == "1.000"
    assert "searched by words alone" in done.stderr


def test_settings_are_compared_side_by_side(server: Served, questions: str, tmp_path: Path) -> None:
    output = tmp_path / "rows.jsonl"
    compare = ("--compare", "base=poor,top_k=3", "--compare", "min_score=1")
    done = evaluate(server, "house", questions, *compare, "--mode", "lexical", "--json", "--output", str(output))
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    house, poor, strict = made["settings"]
    assert (house["base"], house["mode"], house["top_k"]) == ("house", "lexical", 5)
    assert (poor["base"], poor["mode"], poor["top_k"]) == ("poor", "lexical", 3)
    assert (strict["base"], strict["min_score"]) == ("house", 1)
    assert (house["measures"]["recall"], poor["measures"]["recall"]) == (0.75, 0.25)
    assert made["questions"] == {"asked": 5, "answerable": 4, "negative": 1, "failed": 0, "of": 5}
    first = made["comparisons"][0]
    assert (first["setting"], first["against"]) == ("B", "A")
    recall = first["measures"]["recall"]
    assert (recall["mean"], recall["p"]) == (-0.5, 0.5)  # two questions that differ: both signs are alike in 2 of 4
    assert (recall["better"], recall["worse"], recall["equal"]) == (0, 2, 2)
    assert "'poor' has no document 'museum.txt'" in done.stderr
    rows = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 15 and [row["id"] for row in rows[:4]] == ["pump", "pump", "pump", "年假"]
    assert rows[0]["hits"][0]["document"] == "pump.txt" and rows[0]["hits"][0]["grade"] == 1
    table = evaluate(server, "house", questions, "--compare", "base=poor,top_k=3").stdout
    assert "A: house, hybrid, top 5\nB: poor, hybrid, top 3\n" in table
    assert "recall@k" in table and "-0.500" in table


def test_answers_are_measured_by_what_they_cite(server: Served, questions: str, tmp_path: Path) -> None:
    output = tmp_path / "rows.jsonl"
    done = evaluate(server, "house", questions, "--answers", "--json", "--output", str(output))
    assert done.returncode == 0, done.stderr
    measures = json.loads(done.stdout)["settings"][0]["measures"]
    assert measures["answered"] == measures["citation_recall"] == 0.75
    assert measures["no_evidence"] == measures["nothing_cited"] == 1
    assert 0 < measures["citation_precision"] <= 1
    row = json.loads(output.read_text(encoding="utf-8").splitlines()[0])
    assert "12 litres" in row["answer"] and row["citations"][0]["grade"] == 1


def test_a_question_that_fails_is_left_out_of_all_settings(server: Served, tmp_path: Path) -> None:
    questions = write_questions(tmp_path, [*QUESTIONS, {"question": "long " * 3000, "relevant": ["pump.txt"]}])
    done = evaluate(server, "house", questions, "--json", "--compare", "mode=lexical")
    assert done.returncode == 1
    made = json.loads(done.stdout)
    assert (made["questions"]["failed"], made["questions"]["asked"]) == (1, 5)
    assert made["comparisons"][0]["measures"]["recall"]["equal"] == 4
    assert "1 question failed and is left out: Parameter 'query'" in done.stderr


def test_a_missing_model_ends_the_evaluation_at_once(server: Served, questions: str) -> None:
    done = evaluate(server, "house", questions, "--answers", "--model", "gone")
    assert (done.returncode, done.stdout) == (1, "") and "gone" in done.stderr


def test_wrong_lines_are_named(server: Served, tmp_path: Path) -> None:
    file = tmp_path / "wrong.jsonl"
    file.write_text('{"question": "?", "relevant": []}\nnonsense\n\n{"question": "?"}\n', encoding="utf-8")
    done = evaluate(server, "house", str(file))
    assert (done.returncode, done.stdout) == (1, "")
    assert "line 2: " in done.stderr and "line 4: Parameter 'relevant'" in done.stderr
    assert "2 wrong lines" in done.stderr
    file.write_bytes(b"\xff\xfe{")
    assert "no UTF-8" in evaluate(server, "house", str(file)).stderr
    file.write_text("\n")
    assert "no question" in evaluate(server, "house", str(file)).stderr
    assert "cannot be read" in evaluate(server, "house", str(tmp_path / "none")).stderr


def test_options_that_exclude_each_other_are_refused(server: Served, questions: str) -> None:
    for each in ("mode", "mode=fast", "top_k=0", "min_score=2", "colour=red", "rerank=", "x,mode=lexical"):
        done = evaluate(server, "house", questions, "--compare", each)
        assert done.returncode == 2 and "--compare" in done.stderr, each
    assert evaluate(server, "house", questions, "--model", "x").returncode == 2
    assert evaluate(server, "house", questions, "--compare", "rerank=some", "--answers").returncode == 2
    assert evaluate(server, "house", questions, "--min-score", "nan").returncode == 2
    assert "no knowledge base" in evaluate(server, "nowhere", questions).stderr.lower()


def test_ctrl_c_prints_the_results_so_far(server: Served, tmp_path: Path) -> None:
    many = [{"id": str(n), "question": "MX-2140", "relevant": ["pump.txt"]} for n in range(20_000)]
    output = tmp_path / "rows.jsonl"
    arguments = (
        "kb",
        "evaluate",
        "house",
        write_questions(tmp_path, many),
        "--output",
        str(output),
        "--endpoint",
        server.url,
    )
    with Terminal(*arguments) as terminal:
        terminal.expect("/20000")
        while not output.read_text(encoding="utf-8"):
            terminal.process.poll()
        terminal.type("\x03")
        terminal.expect("Interrupted after")
        terminal.expect("recall@5")
        assert terminal.wait() == 130
    assert output.read_text(encoding="utf-8").endswith("\n")


def test_questions_of_an_evaluation_set(server: Served, questions: str) -> None:
    with Client(server.url) as client:
        made = client.evaluations.create("house", "my set")["id"]
        assert client.evaluations.import_questions("house", made, Path(questions).read_text(encoding="utf-8"))["added"]
    stored, file = evaluate(server, "house", "set:my set", "--json"), evaluate(server, "house", questions, "--json")
    first, second = (json.loads(each.stdout)["settings"][0]["measures"] for each in (stored, file))
    assert stored.returncode == 0 and first == second
    lost = evaluate(server, "house", "set:other")
    assert lost.returncode == 1 and "has no evaluation set 'other'; it has 'my set'" in lost.stderr
