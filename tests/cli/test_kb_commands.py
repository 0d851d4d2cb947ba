"""`modelyard kb …` against a scripted server: what is sent, what is printed where, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelyard.cli.main import run
from tests.client.stub import Stub, error_answer, json_answer, sse_answer

KB = "/v1/knowledge_bases"
BASE = {
    "name": "b", "description": "", "language": None, "documents": 3, "states": {"ready": 2, "failed": 1}, "chunks": 9,
    "bytes": 2048, "mode": "lexical", "embedding_model": None, "rerank_model": None, "chat_model": "demo", "jobs": [],
    "chunking": {"size": 500, "overlap": 50}, "warnings": ["No model embeds."],
}  # fmt: skip
HIT = {
    "knowledge_base": "b", "document": "a.md", "page": 4, "heading": "Leave", "score": 0.5, "highlights": [],
    "text": "fifteen days", "number": 1,
}  # fmt: skip
JOB = {
    "id": "j1", "kind": "ingest", "state": "done", "created_at": 0, "total": 2, "done": 2, "failed": 0, "cancelled": 0,
    "unchanged": 1, "chunks": 7, "embedded": 5, "problems": [], "remarks": [], "error": "", "waiting": "", "working": {},
}  # fmt: skip
DOCUMENT = {
    "id": 5, "name": "a.md", "state": "failed", "size": 10, "chunks": 0, "created_at": 0, "error": "it is empty.",
    "notes": ["Two pictures were not read."],
}  # fmt: skip

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def kb(stub: Stub, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run `modelyard kb …` in this process against the stub; its exit code, stdout and stderr."""

    def call(*arguments: str, **routes: Any) -> tuple[int, str, str]:
        """`routes` are those of the base `b`: `GET_jobs=…` is `GET …/b/jobs`."""
        for name, answer in routes.items():
            method, _, rest = name.partition("_")
            path = "/".join(["", "b", *rest.split("_")]) if rest else ""
            stub.routes[f"{method} {KB}{path}"] = answer if callable(answer) else json_answer(answer)
        code = run(["kb", *arguments, "-e", stub.url])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


def views(*changes: dict[str, Any]) -> Any:
    """A stream of the states of a job."""
    return sse_answer(*(b"data: " + json.dumps(JOB | each).encode() + b"\n\n" for each in changes), b"data: [DONE]\n\n")


def test_a_base_is_made_with_its_chunking(kb: Call, stub: Stub) -> None:
    options = ("--chunk-size", "200", "--chat-model", "demo", "--language", "zh")
    code, out, err = kb("create", "b", *options, POST=BASE)
    assert (code, out) == (0, "b created\n") and "No model embeds." in err
    body = stub.last().body
    assert (body["name"], body["chunking"], body["chat_model"], body["language"]) == ("b", {"size": 200}, "demo", "zh")
    assert json.loads(kb("create", "b", "--json")[1]) == BASE


def test_the_list_of_bases(kb: Call) -> None:
    code, out, err = kb("list", GET={"data": []})
    assert (code, out) == (0, "") and "There is no knowledge base" in err
    _, out, _ = kb("list", GET={"data": [BASE]})
    assert out.splitlines()[1].split() == ["b", "3", "9", "2", "KB", "lexical", "-"]
    assert json.loads(kb("list", "--json")[1]) == [BASE]


def test_the_settings_of_a_base(kb: Call, stub: Stub) -> None:
    stub.routes[f"GET {KB}/b"] = json_answer(BASE)
    code, out, _ = kb("show", "b")
    assert code == 0 and "3 (1 failed, 2 ready)" in out and "500, overlap 50" in out
    assert json.loads(kb("show", "b", "--json")[1]) == BASE


def test_a_setting_is_changed_and_nothing_is_refused(kb: Call, stub: Stub) -> None:
    stub.routes[f"PATCH {KB}/b"] = json_answer(BASE | {"name": "c"})
    assert kb("configure", "b", "--name", "c", "--chat-model", "")[:2] == (0, "c configured\n")
    assert (stub.last().body["name"], stub.last().body["chat_model"]) == ("c", "")
    assert json.loads(kb("configure", "b", "--description", "x", "--json")[1])["name"] == "c"
    code, _, err = kb("configure", "b")
    assert code == 2 and "nothing to change" in err


def test_deleting_goes_on_after_a_base_that_is_not_there(kb: Call, stub: Stub) -> None:
    stub.routes |= {f"GET {KB}/b": json_answer(BASE), f"DELETE {KB}/b": json_answer({"deleted": True})}
    stub.routes[f"GET {KB}/x"] = error_answer("knowledge_base_not_found", "There is no x.", 404)
    code, out, err = kb("delete", "x", "b", "--yes")
    assert (code, out) == (1, "b deleted\n") and "There is no x." in err


def test_a_search_prints_where_each_hit_stands(kb: Call, stub: Stub) -> None:
    far = {**HIT, "page": None, "heading": "", "text": "x" * 400 + "days" + "y" * 400, "highlights": [[400, 404]]}
    code, out, err = kb("search", "b", "leave", "-k", "2", "--filter", '{"year": 2024}', POST_search={
        "data": [HIT, far], "notes": ["Words only."],
    })  # fmt: skip
    lines = out.splitlines()
    assert code == 0 and "Words only." in err
    assert lines[0] == "1. 0.500  a.md, page 4 (Leave)" and lines[1].strip() == "fifteen days"
    assert lines[2].endswith("  a.md") and lines[3].strip().startswith("…x") and lines[3].endswith("y…")
    body = stub.last().body
    assert (body["query"], body["top_k"], body["filter"]) == ("leave", 2, {"year": 2024})
    assert json.loads(kb("search", "b", "leave", "--json")[1])["data"] == [HIT, far]
    assert "Nothing was found" in kb("search", "b", "leave", POST_search={"data": [], "notes": []})[2]


def test_several_bases_are_searched_together(kb: Call, stub: Stub) -> None:
    stub.routes[f"POST {KB}/search"] = json_answer({"data": [HIT], "notes": []})
    assert "b: a.md" in kb("search", "b", "c", "leave")[1]
    assert stub.last().body["knowledge_bases"] == ["b", "c"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["b"], "the query in quotes"),
        (["b", "q", "--filter", "{"], "it is no JSON"),
        (["b", "q", "--filter", "[1]"], "must be a JSON object"),
    ],
)
def test_a_search_that_is_not_one(kb: Call, words: list[str], says: str) -> None:
    code, _, err = kb("search", *words)
    assert code == 2 and says in err


def test_an_answer_comes_piece_by_piece_with_its_sources(kb: Call, stub: Stub) -> None:
    answer = {"type": "answer", "notes": ["Two models run."], "citations": [HIT]}
    events = [
        {"type": "sources", "data": []},
        {"type": "token", "text": "Fif"},
        {"type": "token", "text": "teen."},
        answer,
    ]
    stream = sse_answer(*(b"data: " + json.dumps(each).encode() + b"\n\n" for each in events), b"data: [DONE]\n\n")
    code, out, err = kb("ask", "b", "How many?", "-m", "demo", "--temperature", "0", POST_answer=stream)
    assert (code, out) == (0, "Fifteen.\n\n[1] a.md, page 4 (Leave)\n    fifteen days\n") and "Two models run." in err
    body = stub.last().body
    assert (body["question"], body["model"], body["temperature"], body["stream"]) == ("How many?", "demo", 0, True)
    assert json.loads(kb("ask", "b", "q", "--json", POST_answer={"answer": "x"})[1]) == {"answer": "x"}


def test_jobs_and_how_they_end(kb: Call, stub: Stub) -> None:
    assert "There are no jobs yet" in kb("jobs", "b", GET_jobs={"data": []})[2]
    assert kb("jobs", "b", GET_jobs={"data": [JOB]})[1].splitlines()[1].split()[:6] == [
        "j1",
        "ingest",
        "done",
        "2/2",
        "0",
        "7",
    ]
    assert json.loads(kb("jobs", "b", "--json")[1]) == [JOB]
    failed = {
        "state": "failed", "failed": 2, "error": "The disk is full.", "problems": [{"document": "a", "error": "damaged"}],
        "remarks": [{"document": "c", "notes": ["left out"]}],
    }  # fmt: skip
    code, out, err = kb("job", "b", "j1", GET_jobs_j1=JOB | failed)
    assert code == 0 and out.splitlines()[1].startswith("j1")
    assert [line for line in err.splitlines() if line] == ["a: damaged", "and 1 more failed", "c: left out"]
    assert json.loads(kb("job", "b", "j1", "--cancel", "--json", DELETE_jobs_j1=JOB)[1]) == JOB
    assert stub.last().method == "DELETE"


def test_following_a_job_tells_why_it_waits_and_how_it_ended(kb: Call) -> None:
    stream = views(
        {"state": "running", "waiting": "The model loads."}, {"state": "running", "waiting": "The model loads."}, {}
    )
    states = iter([json_answer(JOB), stream])

    def answer(asked: Any, write: Any) -> None:
        next(states)(asked, write)

    code, out, err = kb("job", "b", "j1", "--follow", GET_jobs_j1=answer)
    assert (code, out) == (0, "2 of 2 documents indexed, 1 of them unchanged; 7 chunks, 5 embedded\n")
    assert err.count("The model loads.") == 1


def test_reindexing_changes_only_the_chunking_that_was_named(kb: Call, stub: Stub) -> None:
    stub.routes[f"GET {KB}/b"] = json_answer(BASE)
    code, out, err = kb("reindex", "b", "--chunk-overlap", "0", "--force", POST_reindex={"job": "j1"})
    assert (code, out) == (0, "j1\n") and "kb job b j1 --follow" in err
    assert stub.last().body == {"chunking": {"size": 500, "overlap": 0}, "force": True}
    assert json.loads(kb("reindex", "b", "--json")[1]) == {"job": "j1"}
    cancelled = views({"state": "cancelled", "failed": 1, "error": ""})
    code, _, err = kb("reindex", "b", "--follow", GET_jobs_j1=cancelled)
    assert code == 1 and "The job is cancelled." in err
    assert json.loads(kb("reindex", "b", "--follow", "--json")[1])["state"] == "cancelled"


def test_documents_with_what_is_wrong_with_them(kb: Call) -> None:
    assert "There is no such document" in kb("documents", "b", GET_documents={"data": [], "total": 0})[2]
    _, out, err = kb("documents", "b", GET_documents={"data": [DOCUMENT], "total": 1})
    assert out.splitlines()[1].split()[:2] == ["a.md", "failed"]
    assert "a.md: it is empty." in err and "Two pictures" in err
    assert json.loads(kb("documents", "b", "--json")[1]) == [DOCUMENT]


def test_chunks_of_a_document_are_fetched_to_the_last(kb: Call, stub: Stub) -> None:
    chunk = {"id": 7, "position": 0, "page": 2, "enabled": False, "heading": "H", "text": "words"}
    second = {**chunk, "id": 8, "position": 1, "page": None, "enabled": True}
    pages: Iterator[dict[str, Any]]
    pages = iter(
        [{"data": [chunk], "has_more": True, "next": "0_7"}, {"data": [second], "has_more": False, "next": None}]
    )

    def answer(asked: Any, write: Any) -> None:
        json_answer({**next(pages), "total": 2})(asked, write)

    listing = {"data": [DOCUMENT], "total": 1}
    code, out, _ = kb("chunks", "b", "a.md", GET_documents=listing, GET_documents_5_chunks=answer)
    assert code == 0 and "#0 (id 7, page 2, hidden from searches) H" in out and "#1 (id 8) H" in out
    pages = iter([{"data": [chunk], "has_more": False, "next": None}])
    assert json.loads(kb("chunks", "b", "a.md", "--json")[1]) == [chunk]


def test_a_document_is_not_written_over_a_file_that_is_here(
    kb: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    listing, file = {"data": [DOCUMENT | {"name": "in/a.md"}], "total": 1}, json_answer("content")
    assert kb("download", "b", "in/a.md", GET_documents=listing, GET_documents_5_content=file)[:2] == (0, "a.md\n")
    assert (tmp_path / "a.md").read_text() == '"content"'
    code, _, err = kb("download", "b", "in/a.md")
    assert code == 1 and "is here already" in err
    code, _, err = kb("download", "b", "in/a.md", "-o", str(tmp_path / "no" / "a.md"))
    assert code == 1 and "cannot be written: there is no such file or folder" in err
