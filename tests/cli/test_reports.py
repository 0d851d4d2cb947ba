"""What commands print of a server's answers: tables, counts, remarks and exit codes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from modelyard.cli.kb_evaluation import report
from modelyard.cli.launch_progress import _stage, downloads
from modelyard.cli.output import counting, in_bytes, printable, width
from modelyard.cli.registrations import row, some
from tests.cli.conftest import Printed
from tests.cli.terminal import columns
from tests.client.stub import Stub, StubRequest, Write, json_answer, model, sse_answer

Call = Callable[..., Printed]
BASE = "/v1/knowledge_bases/b"


def cells(line: str) -> list[str]:
    """The cells of a table's line, whose titles may have spaces."""
    return re.split(r" {2,}", line.strip())


def test_control_characters_are_left_out_and_no_others() -> None:
    controls = {*range(9), *range(11, 32), *range(127, 160)}
    for code in range(0x300):
        assert printable(f"a{chr(code)}b") == ("ab" if code in controls else f"a{chr(code)}b"), code


@pytest.mark.parametrize(
    ("text", "columns"), [("", 0), ("ab", 2), ("中文", 4), ("ｆ", 2), ("e\u0301", 1), ("中a", 3), ("é", 1)]
)
def test_the_width_of_a_text_is_its_columns(text: str, columns: int) -> None:
    assert width(text) == columns


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "-"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KB"),
        (1536, "2 KB"),
        (1024**2 - 1, "1024 KB"),
        (1024**2, "1.0 MB"),
        (99 * 1024**2, "99.0 MB"),
        (100 * 1024**2, "100 MB"),
        (1024**3, "1.0 GB"),
        (1024**4, "1.0 TB"),
        (2000 * 1024**4, "2000.0 TB"),
    ],
)
def test_bytes_have_a_unit(count: int | None, text: str) -> None:
    assert in_bytes(count) == text


@pytest.mark.parametrize("total", [0, 5])
def test_nothing_is_counted_where_no_terminal_is(total: int, capsys: pytest.CaptureFixture[str]) -> None:
    with counting("Files", total) as step:
        step(total)
    assert capsys.readouterr() == ("", "")


def family(**fields: Any) -> dict[str, Any]:
    return {"model_name": "f", **fields}


@pytest.mark.parametrize(
    ("given", "cells"),
    [
        (family(), ["f", "LLM", "-", "-", "-", "registered"]),
        (family(model_type="rerank", is_builtin=True), ["f", "rerank", "-", "-", "-", "built-in"]),
        (family(model_lang="en", model_ability="chat"), ["f", "LLM", "-", "en", "chat", "registered"]),
        (family(language=["en", "zh"]), ["f", "LLM", "-", "en, zh", "-", "registered"]),
        (family(model_lang=list("abcd")), ["f", "LLM", "-", "a, b, c, d", "-", "registered"]),
        (family(model_lang=list("abcdef")), ["f", "LLM", "-", "a, b, c, d +2", "-", "registered"]),
        (family(model_ability=list("abcdef")), ["f", "LLM", "-", "-", "a, b, c, d, e, f", "registered"]),
        (
            family(model_specs=[{"model_size_in_billions": size} for size in ("0_5", 7, 7, None)] + [{}]),
            ["f", "LLM", "0.5B, 7B", "-", "-", "registered"],
        ),
    ],
)
def test_a_family_is_a_row(given: dict[str, Any], cells: list[str]) -> None:
    assert row(given, "LLM") == cells
    assert some([]) == "-"


def test_families_are_a_table_json_or_a_remark(stub: Stub, call: Call) -> None:
    route = "GET /v1/model_registrations/embedding"
    stub.routes[route] = json_answer([family(model_type="embedding")])
    assert columns(call("registrations", "-t", "embedding").out)[1][:2] == ["f", "embedding"]
    assert json.loads(call("registrations", "-t", "embedding", "--json").out)[0]["model_name"] == "f"
    stub.routes[route] = json_answer([])
    assert call("registrations", "-t", "embedding") == Printed(0, "", "There is no family of type embedding.\n")
    assert call("registrations", "-t", "embedding", "--json").out == "[]\n"


def test_vllms_architectures_are_a_table_json_or_a_remark(stub: Stub, call: Call) -> None:
    route = "GET /v1/models/vllm-supported"
    stub.routes[route] = json_answer({"chat": ["A"], "generate": ["B"]})
    assert columns(call("vllm-models").out) == [["ARCHITECTURE", "ABILITY"], ["A", "chat"], ["B", "generate"]]
    assert json.loads(call("vllm-models", "--json").out) == {"chat": ["A"], "generate": ["B"]}
    stub.routes[route] = json_answer({"chat": [], "generate": []})
    assert "modelyard engine install vllm" in call("vllm-models").err


def job(state: str = "done", **fields: Any) -> dict[str, Any]:
    """A job as the server shows it."""
    counts = {"total": 3, "done": 3, "failed": 0, "cancelled": 0, "unchanged": 1, "chunks": 7, "embedded": 6}
    texts = {"id": "j", "kind": "index", "state": state, "error": "", "waiting": "", "created_at": 0.0}
    return {**counts, **texts, "problems": [], "working": {}, **fields}


PROBLEMS = [{"document": "a.txt", "error": "Cannot read 'a.txt': it is empty."}]
COUNTS = "3 of 3 documents indexed, 1 of them unchanged; 7 chunks, 6 embedded\n"


@pytest.mark.parametrize(
    ("view", "code", "remarks"),
    [
        (job(), 0, ""),
        (job("cancelled"), 1, "The job is cancelled.\n"),
        (job("failed", error="no memory"), 1, "The job is failed: no memory.\n"),
        (job(failed=1, problems=PROBLEMS), 1, "a.txt: it is empty.\n"),
        (job(failed=3, problems=PROBLEMS), 1, "a.txt: it is empty.\nand 2 more failed\n"),
        (job(remarks=[{"document": "b\x07", "notes": ["one\x1b", "two"]}]), 0, "b: one\nb: two\n"),
        (
            job(
                remarks=[{"document": name, "notes": ["Cut."]} for name in "abcd"]
                + [{"document": "e", "notes": ["Odd."]}]
            ),
            0,
            "4 documents, such as a: Cut.\ne: Odd.\n",
        ),
    ],
)
def test_a_job_that_is_followed_ends_with_its_counts(
    stub: Stub, call: Call, view: dict[str, Any], code: int, remarks: str
) -> None:
    events = sse_answer(b"data: " + json.dumps(view).encode() + b"\n\n")

    def whole_or_events(request: StubRequest, write: Write) -> None:
        (events if "stream=true" in request.path else json_answer(view))(request, write)

    stub.routes |= {f"GET {BASE}/jobs/j": whole_or_events, f"DELETE {BASE}/jobs/j": json_answer(view)}
    assert call("kb", "job", "b", "j", "--follow") == Printed(code, COUNTS, remarks)
    shown = call("kb", "job", "b", "j")
    assert shown.code == 0
    assert columns(shown.out)[1] == [
        "j",
        "index",
        view["state"],
        "3/3",
        str(view["failed"]),
        "7",
        "1970-01-01 00:00:00",
    ]
    assert json.loads(call("kb", "job", "b", "j", "--cancel", "--json").out) == view


def test_jobs_are_a_table_json_or_a_remark(stub: Stub, call: Call) -> None:
    stub.routes[f"GET {BASE}/jobs"] = json_answer({"data": [job()]})
    assert [line[0] for line in columns(call("kb", "jobs", "b").out)] == ["ID", "j"]
    assert json.loads(call("kb", "jobs", "b", "--json").out)[0]["id"] == "j"
    stub.routes[f"GET {BASE}/jobs"] = json_answer({"data": []})
    assert call("kb", "jobs", "b") == Printed(0, "", "There are no jobs yet.\n")


@pytest.mark.parametrize(
    ("options", "chunking"),
    [
        ((), None),
        (("--chunk-size", "5"), {"size": 5, "overlap": 20, "kind": "x"}),
        (("--chunk-overlap", "0"), {"size": 100, "overlap": 0, "kind": "x"}),
        (("--chunk-size", "5", "--chunk-overlap", "1"), {"size": 5, "overlap": 1, "kind": "x"}),
    ],
)
def test_reindexing_keeps_what_is_not_given(
    stub: Stub, call: Call, options: tuple[str, ...], chunking: dict[str, Any] | None
) -> None:
    stub.routes |= {
        f"GET {BASE}": json_answer({"chunking": {"size": 100, "overlap": 20, "kind": "x"}}),
        f"POST {BASE}/reindex": json_answer({"job": "j"}),
    }
    done = call("kb", "reindex", "b", *options)
    assert (done.code, done.out) == (0, "j\n") and "modelyard kb job b j --follow" in done.err
    assert stub.last().body.get("chunking") == chunking
    assert len(stub.requests) == (1 if chunking is None else 2)
    assert json.loads(call("kb", "reindex", "b", "--json").out) == {"job": "j"}


@pytest.mark.parametrize(
    ("stage", "info", "text"),
    [
        ("loading", None, "loading"),
        ("loading", "", "loading"),
        ("loading", "one\x07", "loading: one"),
        ("failed", "why", "failed"),
        ("pending", "queue", "pending: queue"),
    ],
)
def test_a_stage_of_a_launch_has_its_details(stage: str, info: str | None, text: str) -> None:
    step: Any = {"progress": 0.5, "stage": stage, "info": info}
    assert _stage(step) == text


@pytest.mark.parametrize(
    ("stage", "file", "shown"),
    [
        ("downloading", {"name": "a", "downloaded": 5, "total": 9}, ["a 5 B of 9 B"]),
        ("downloading", {"name": "a", "downloaded": 9, "total": 9}, ["a 9 B of 9 B"]),
        ("loading", {"name": "a", "downloaded": 9, "total": 9}, []),
        ("loading", {"name": "a", "downloaded": 5, "total": 9}, ["a 5 B of 9 B"]),
        ("loading", {"file_name": "b", "name": "a", "downloaded": None, "total": 0}, ["b 0 B of -"]),
        ("downloading", {"downloaded": 5}, []),
    ],
)
def test_files_of_a_launch_are_those_on_their_way(stage: str, file: dict[str, Any], shown: list[str]) -> None:
    step: Any = {"progress": 0.5, "stage": stage, "info": None, "download_files": [file]}
    assert list(map(str, downloads(step))) == shown
    step["download_files"] = None
    assert downloads(step) == []


def evaluated(*letters: str) -> dict[str, Any]:
    settings = [
        {
            "name": letter,
            "label": f"by {letter}",
            "top_k": 5,
            "search_seconds": 0.5,
            "measures": {"mrr": 0.5, "x_y": 1.0},
        }
        for letter in letters
    ]
    difference = {"mrr": {"mean": 0.1, "low": -0.1, "high": 0.25, "p": 0.0001}}
    compared = [{"setting": letter, "against": "A", "measures": difference} for letter in letters[1:]]
    return {"questions": {"asked": 4, "negative": 1}, "settings": settings, "comparisons": compared}


def test_measures_of_settings_stand_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    report(evaluated("A"))
    out, err = capsys.readouterr()
    first, label, empty, *table = out.splitlines()
    assert (first, label, empty) == ("4 questions, 1 of them without an answer in the documents", "by A", "")
    assert [cells(line) for line in table] == [
        ["MEASURE", "VALUE"],
        ["mrr@5", "0.500"],
        ["x y", "1.000"],
        ["search, median ms", "500.0"],
    ]
    assert err == ""
    report(evaluated("A", "B"))
    out, err = capsys.readouterr()
    assert out.splitlines()[1:3] == ["A: by A", "B: by B"]
    rows = [cells(line) for line in out.splitlines()[4:]]
    assert rows[0] == ["MEASURE", "A", "B", "B - A", "95 %", "P"]
    assert rows[1] == ["mrr@5", "0.500", "0.500", "+0.100", "-0.100 to +0.250", "<0.001"]
    assert rows[2] == ["x y", "1.000", "1.000", "-", "-", "-"]
    assert err.startswith("95 %: bootstrap")


def test_the_only_model_that_fits_answers(stub: Stub, call: Call) -> None:
    stub.routes["POST /v1/chat/completions"] = json_answer(
        {"choices": [{"message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}]}
    )
    base, talks = model("base", model_ability=["generate"]), model("talks")
    for models, sentence in (
        ([], "No chat model is running"),
        ([model("e", model_type="embedding")], "No chat model is running"),
        ([talks, model("more")], "2 chat models run: talks, more. Name one: `modelyard chat talks`."),
        ([base, talks], ""),
    ):
        stub.routes["GET /v1/models"] = json_answer({"data": models})
        stub.routes |= {f"GET /v1/models/{each['id']}": json_answer(each) for each in models}
        done = call("chat", "-p", "hello", "--stream", "false", "--max_tokens", "7")
        if sentence:
            assert done.code == 1 and sentence in done.err
        else:
            assert done == Printed(0, "Hi.\n", "") and stub.last().body["max_tokens"] == 7
    done = call("chat", "base", "-p", "hello")
    assert done.code == 1
