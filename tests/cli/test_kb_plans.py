"""Plans that `kb import-chatchat` and `kb evaluate` make before they start: names, models, settings, questions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from modelyard.cli.kb_evaluate import changed_setting, check_setting, read_questions
from modelyard.cli.kb_evaluation import QuestionResult, SearchSetting, summary
from modelyard.cli.kb_folder import Hashes
from modelyard.cli.kb_import_plan import BaseImport, EmbeddingModels, allowed_name, plan_imports
from modelyard.client import Client
from modelyard.compat.chatchat.stored_data import ChatchatBase
from modelyard.core.errors import BadRequest
from modelyard.knowledge.search.judgments import JudgedQuestion
from tests.cli.conftest import Printed
from tests.client.stub import Stub, error_answer, json_answer, model

Call = Callable[..., Printed]


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("人事", "人事"),
        ("a/b\tc", "a_b_c"),
        (" x ", "x"),
        ("search", "search_"),
        ("answer", "answer_"),
        ("formats", "formats_"),
        ("Search", "Search"),
        (".", "._"),
        ("..", ".._"),
        ("...", "..."),
        ("", "_"),
        ("  ", "_"),
        ("x" * 201, "x" * 200),
    ],
)
def test_names_of_bases_are_made_valid(name: str, allowed: str) -> None:
    assert allowed_name(name) == allowed


def models_of(stub: Stub, fallback: str | None = None) -> EmbeddingModels:
    """The models of a server with two for embeddings."""
    running = [
        model("bge", model_type="embedding", model_name="BAAI/bge-large-zh-v1.5"),
        model("Org/M3E-base", model_type="Embedding", model_name="m3e"),
        model("chat"),
    ]
    stub.routes["GET /v1/models"] = json_answer({"data": running})
    with Client(stub.url) as client:
        return EmbeddingModels.on_server(client, fallback)


@pytest.mark.parametrize(
    ("name", "fallback", "uid", "remark"),
    [
        ("bge", None, "bge", ""),
        ("bge-large-zh-v1.5", None, "bge", ""),
        ("D:\\models\\BGE-Large-zh-v1.5\\", None, "bge", ""),
        ("/models/m3e-base/", None, "Org/M3E-base", ""),
        ("m3e", None, "Org/M3E-base", ""),
        ("chat", None, None, "its embedding model chat is not running, so search uses words only"),
        ("", None, None, "its embedding model is unknown, so search uses words only"),
        ("other", "bge", "bge", "its embedding model other is not running; it gets bge."),
        ("", "bge", "bge", "its embedding model is unknown; it gets bge."),
        ("m3e", "bge", "Org/M3E-base", ""),
    ],
)
def test_a_base_gets_its_model_or_the_one_that_is_named(
    stub: Stub, name: str, fallback: str | None, uid: str | None, remark: str
) -> None:
    found, text = models_of(stub, fallback).of(ChatchatBase("b", model=name))
    assert found == uid and text.startswith(remark) and bool(text) is bool(remark)


def test_a_model_that_does_not_run_is_refused(stub: Stub) -> None:
    with pytest.raises(BadRequest, match=r"No embedding model 'chat' is running; those that run: bge, Org/M3E-base"):
        models_of(stub, "chat")
    stub.routes["GET /v1/models"] = json_answer({"data": []})
    with Client(stub.url) as client, pytest.raises(BadRequest, match="is running; none runs"):
        EmbeddingModels.on_server(client, "bge")


def planned(
    stub: Stub, tmp_path: Path, *sources: ChatchatBase, here: dict[str, str | None] | None = None
) -> list[BaseImport]:
    """The plan for a server with the bases of `here`."""
    bases = [{"name": name, "embedding_model": uid} for name, uid in (here or {}).items()]
    stub.routes |= {
        "GET /v1/knowledge_bases": json_answer({"data": bases}),
        "GET /v1/knowledge_bases/formats": json_answer({"txt": "Text"}),
    }
    models = models_of(stub)
    with Client(stub.url) as client:
        return plan_imports(client, sources, models, Hashes(tmp_path / "cache"))


def test_files_of_a_base_are_planned_and_what_cannot_be_read_is_named(stub: Stub, tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("a.TXT", "b.txt", "c.exe")}
    for path in files.values():
        path.write_text("text")
    [found] = planned(stub, tmp_path, ChatchatBase("a/b", model="bge", files=files, links=["gone.txt"]))
    assert (found.name, found.exists, found.model, found.failed) == ("a_b", False, "bge", "")
    assert found.remarks == ["it is called 'a_b' here."]
    assert (found.plan.new, found.unread) == (["a.TXT", "b.txt"], ["c.exe"])
    assert found.refused() == {"gone.txt": "it cannot be read."}
    found.plan.refused["b.txt"] = "too large"
    assert found.refused() == {"gone.txt": "it cannot be read.", "b.txt": "too large"}


def test_two_bases_of_one_name_cannot_both_come(stub: Stub, tmp_path: Path) -> None:
    first, second = planned(stub, tmp_path, ChatchatBase("a/b", model="bge"), ChatchatBase("a_b", model="bge"))
    assert (first.failed, second.failed) == (
        "",
        "another base is called 'a_b' here, too; rename its folder.",
    )
    assert first.remarks and not second.remarks


@pytest.mark.parametrize(
    ("own", "here", "uid", "remark"),
    [("bge", "m3e", "m3e", ""), ("bge", None, None, "--embedding-model bge` changes that"), ("other", None, None, "")],
)
def test_a_base_that_is_here_keeps_its_model(
    stub: Stub, tmp_path: Path, own: str, here: str | None, uid: str | None, remark: str
) -> None:
    stub.routes["GET /v1/knowledge_bases/b/documents"] = json_answer({"data": [], "total": 0})
    [found] = planned(stub, tmp_path, ChatchatBase("b", model=own), here={"b": here})
    assert (found.exists, found.model, found.failed) == (True, uid, "")
    assert len(found.remarks) == bool(remark) and remark in "".join(found.remarks)


def test_a_base_that_cannot_be_read_is_a_failure_of_its_own(stub: Stub, tmp_path: Path) -> None:
    stub.routes["GET /v1/knowledge_bases/b/documents"] = error_answer("permission_denied", "Not yours.", 403)
    first, second = planned(stub, tmp_path, ChatchatBase("b"), ChatchatBase("c"), here={"b": None})
    assert (first.failed, second.failed) == ("Not yours.", "")


FIRST = SearchSetting("b", rerank_model="r", min_score=0.5)


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("base=c", {"base": "c"}),
        ("mode=lexical,top_k=10", {"mode": "lexical", "top_k": 10}),
        ("top_k=1", {"top_k": 1}),
        ("top_k=200", {"top_k": 200}),
        ("min_score=0", {"min_score": 0.0}),
        ("min_score=1", {"min_score": 1.0}),
        ("rerank=on", {"rerank": True, "rerank_model": None}),
        ("rerank=YES", {"rerank": True, "rerank_model": None}),
        ("rerank=true", {"rerank": True, "rerank_model": None}),
        ("rerank=No", {"rerank": False, "rerank_model": None}),
        ("rerank=off", {"rerank": False, "rerank_model": None}),
        ("rerank=false", {"rerank": False, "rerank_model": None}),
        ("rerank=bge", {"rerank": True, "rerank_model": "bge"}),
        ("base=a,b=c,mode=vector", {"base": "a,b=c", "mode": "vector"}),
    ],
)
def test_a_setting_to_compare_changes_what_it_names(text: str, changes: dict[str, Any]) -> None:
    found = changed_setting(FIRST, text, answers=False)
    assert found.view() == {**FIRST.view(), **changes}


@pytest.mark.parametrize(
    ("text", "answers", "error"),
    [
        ("", False, "is no KEY=VALUE"),
        ("color=red", False, "keys are base, mode, top_k, rerank, min_score, model"),
        ("xmode=lexical", False, "is no KEY=VALUE"),
        ("top_k=0", False, "--compare top_k=0"),
        ("top_k=201", False, "--compare top_k=201"),
        ("min_score=1.1", False, "--compare min_score=1.1"),
        ("min_score=nan", False, "A score is a number"),
        ("mode=both", False, "--compare mode=both"),
        ("base=", False, "names nothing"),
        ("model=m", False, "only with --answers"),
        ("rerank=bge", True, "the base's own rerank model"),
    ],
)
def test_a_wrong_setting_is_named(text: str, answers: bool, error: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        changed_setting(FIRST, text, answers)
    assert error in caught.value.message


def test_a_chat_model_and_answers_go_together() -> None:
    check_setting(SearchSetting("b", model="m"), answers=True)
    check_setting(SearchSetting("b", rerank_model="r"), answers=False)
    assert changed_setting(SearchSetting("b"), "model=m", answers=True).model == "m"


@pytest.mark.parametrize(
    ("setting", "label"),
    [
        (SearchSetting("b"), "b, hybrid, top 5"),
        (SearchSetting("b", "vector", 9, True), "b, vector, top 9, ranked by its model"),
        (SearchSetting("b", rerank=True, rerank_model="r"), "b, hybrid, top 5, ranked by r"),
        (SearchSetting("b", rerank=False), "b, hybrid, top 5, not ranked by a model"),
        (SearchSetting("b", rerank_model="r"), "b, hybrid, top 5, ranked by r"),
        (SearchSetting("b", min_score=0.25, model="m"), "b, hybrid, top 5, scores from 0.25, answered by m"),
    ],
)
def test_a_setting_has_a_label(setting: SearchSetting, label: str) -> None:
    assert setting.label() == label


def test_questions_are_read_or_their_lines_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "q.jsonl"
    file.write_text("\ufeff" + json.dumps({"question": "q", "relevant": ["a"]}) + "\n\n", "utf-8")
    assert [each.text for each in read_questions(str(file))] == ["q"]
    file.write_text("{\n" * 25)
    with pytest.raises(BadRequest, match="has 25 wrong lines, so nothing was asked"):
        read_questions(str(file))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 20 and lines[0].startswith("line 1: ") and "Parameter" not in lines[0]
    file.write_text("")
    with pytest.raises(BadRequest, match="There is no question"):
        read_questions(str(file))
    file.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(BadRequest, match="is no UTF-8 text"):
        read_questions(str(file))
    with pytest.raises(BadRequest, match="cannot be read"):
        read_questions(str(tmp_path / "none"))


def result(error: str = "", seconds: float = 0.0, **measures: float) -> QuestionResult:
    return QuestionResult(measures=measures, seconds=seconds, error=error)


def test_questions_that_failed_with_any_setting_are_left_out_of_all() -> None:
    questions: Any = [JudgedQuestion("1", "a", ()), JudgedQuestion("2", "b", ()), JudgedQuestion("3", "c", ())]
    done = [
        [result(seconds=1.0, mrr=1.0), result(seconds=3.0, mrr=0.5)],
        [result(seconds=9.0, mrr=0.0), result("no", seconds=9.0)],
    ]
    found = summary(questions, [SearchSetting("b"), SearchSetting("b", "lexical")], done, complete=False)
    assert found["questions"] == {"asked": 1, "answerable": 0, "negative": 1, "failed": 1, "of": 3}
    assert [(each["name"], each["search_seconds"], each["measures"]) for each in found["settings"]] == [
        ("A", 1.0, {"mrr": 1.0}),
        ("B", 3.0, {"mrr": 0.5}),
    ]
    assert (found["complete"], found["settings"][1]["mode"]) == (False, "lexical")
    [compared] = found["comparisons"]
    assert (compared["setting"], compared["against"], compared["measures"]["mrr"]["mean"]) == ("B", "A", -0.5)
    nothing = summary(questions, [SearchSetting("b")], [], complete=True)
    assert nothing["settings"][0]["search_seconds"] == 0.0 and nothing["comparisons"] == []


HIT = {"chunk_id": 1, "document": "a", "page": None, "text": "fifteen", "score": 0.5, "highlights": [], "heading": ""}
ANSWER = {"answer": "15", "evidence": True, "citations": [HIT], "notes": []}


@pytest.fixture
def base(stub: Stub) -> Stub:
    """A base with the document `a`, and searches that find it."""
    listed = {"data": [{"name": "a"}], "total": 1}
    stub.routes |= {
        "GET /v1/knowledge_bases/b/documents": json_answer(listed),
        "POST /v1/knowledge_bases/b/search": json_answer({"data": [HIT], "notes": ["one\x07 note"]}),
        "POST /v1/knowledge_bases/b/answer": json_answer(ANSWER),
    }
    return stub


def questions(tmp_path: Path, *relevant: str) -> str:
    file = tmp_path / "q.jsonl"
    rows = [{"question": f"what of {name}", "relevant": [name]} for name in relevant]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(file)


def test_each_question_is_asked_with_each_setting(base: Stub, call: Call, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    done = call(
        "kb",
        "evaluate",
        "b",
        questions(tmp_path, "a", "z"),
        "-k",
        "3",
        "--compare",
        "mode=lexical",
        "--json",
        "--output",
        str(output),
    )
    assert done.code == 0
    assert done.err == "'b' has no document 'z'; it cannot be found.\none note\n"
    found = json.loads(done.out)
    assert found["questions"]["asked"] == 2 and [each["measures"]["mrr"] for each in found["settings"]] == [0.5, 0.5]
    bodies = [each.body for each in base.requests if each.path.endswith("search")]
    assert [(each["query"], each["mode"], each["top_k"]) for each in bodies] == [
        (f"what of {name}", mode, 3) for name in ("a", "z") for mode in ("hybrid", "lexical")
    ]
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [(row["id"], row["setting"]["mode"], row["hits"][0]["grade"]) for row in rows] == [
        ("1", "hybrid", 1), ("1", "lexical", 1), ("2", "hybrid", 0), ("2", "lexical", 0),
    ]  # fmt: skip
    assert set(rows[0]["hits"][0]) == {"chunk_id", "document", "page", "score", "grade"}
    assert "answer" not in rows[0] and "error" not in rows[0]


def test_answers_are_measured_if_asked_for(base: Stub, call: Call, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    options = ("--answers", "-m", "chat", "--min-score", "0.25", "--no-rerank", "--output", str(output), "--json")
    done = call("kb", "evaluate", "b", questions(tmp_path, "a"), *options)
    assert done.code == 0
    body = base.last().body
    assert (body["model"], body["min_score"], body["rerank"], body["top_k"]) == ("chat", 0.25, False, 5)
    [row] = map(json.loads, output.read_text().splitlines())
    assert (row["answer"], row["evidence"], row["citations"][0]["grade"]) == ("15", True, 1)
    assert json.loads(done.out)["settings"][0]["measures"] == row["measures"] and len(row["measures"]) > 4


def test_a_question_that_fails_is_counted_and_a_base_that_is_not_there_ends_it(
    base: Stub, call: Call, tmp_path: Path
) -> None:
    answers = iter([error_answer("bad", "Too long.", 400), json_answer({"data": [], "notes": []})])
    base.routes["POST /v1/knowledge_bases/b/search"] = lambda request, write: next(answers)(request, write)
    done = call("kb", "evaluate", "b", questions(tmp_path, "a", "a"))
    assert done.code == 1 and "1 question failed and is left out: Too long." in done.err
    assert done.out.startswith("1 questions, 0 of them")
    base.routes["POST /v1/knowledge_bases/b/search"] = error_answer("bad", "Too long.", 400)
    assert "2 questions failed and are left out" in call("kb", "evaluate", "b", questions(tmp_path, "a", "a")).err
    base.routes["POST /v1/knowledge_bases/b/search"] = error_answer("model_not_found", "Gone.", 404)
    assert call("kb", "evaluate", "b", questions(tmp_path, "a")) == Printed(1, "", "Error: Gone.\n")


def test_at_most_ten_settings_are_compared_and_missing_documents_are_counted(
    base: Stub, call: Call, tmp_path: Path
) -> None:
    compared = [word for number in range(1, 10) for word in ("--compare", f"top_k={number}")]
    many = questions(tmp_path, *(f"missing {number:02}" for number in range(23)))
    done = call("kb", "evaluate", "b", many, *compared, "--json")
    assert done.code == 0 and [each["name"] for each in json.loads(done.out)["settings"]] == list("ABCDEFGHIJ")
    lines = done.err.splitlines()
    assert len(lines) == 22 and "'missing 19'" in lines[19] and lines[20] == "and 3 more documents"
    done = call("kb", "evaluate", "b", many, *compared, "--compare", "top_k=11")
    assert done.code == 2 and "At most 10 settings" in done.err
    assert call("kb", "evaluate", "b", many, "--output", str(tmp_path)).code == 1
