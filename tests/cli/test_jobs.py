"""`modelyard jobs`: what it sends and prints, how it follows a job, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from modelyard.cli import jobs
from tests.cli.conftest import Printed
from tests.cli.terminal import columns
from tests.client.stub import (
    SSE_HEAD,
    Answer,
    Stub,
    StubRequest,
    Write,
    error_answer,
    http_chunk,
    json_answer,
    sse_answer,
)

Call = Callable[..., Printed]
Json = dict[str, Any]


def job(state: str = "running", **fields: Any) -> Json:
    """A job as the server shows it."""
    progress = {"done": 1, "total": 4, "unit": "documents", "message": "", **fields.pop("progress", {})}
    whole: Json = {"object": "job", "owner": "", "result": None, "error": None, "attempts": 1, "parameters": {}}
    times = {"created_at": 0.0, "started_at": None, "finished_at": None}
    return {"id": "j", "kind": "index", "state": state, "progress": progress, **whole, **times, **fields}


def event(kind: str, number: int | None = None, **data: Any) -> Json:
    return {"seq": number, "type": kind, "at": 3661.0, "data": data}


def stream(*events: Json) -> Answer:
    return sse_answer(*(b"data: " + json.dumps(each).encode() + b"\n\n" for each in events))


DONE = event("state", 9, state="done")


@pytest.mark.parametrize(
    ("options", "query"),
    [
        ((), ""),
        (("--kind", "index", "--state", "failed", "--limit", "1"), "kind=index&state=failed&limit=1"),
        (("--limit", "1000"), "limit=1000"),
    ],
)
def test_jobs_are_listed_by_kind_and_state(stub: Stub, call: Call, options: tuple[str, ...], query: str) -> None:
    stub.routes["GET /v1/jobs"] = json_answer({"data": [job()]})
    done = call("jobs", "list", *options)
    assert (done.code, done.err) == (0, "")
    assert columns(done.out)[1] == ["j", "index", "running", "1/4 documents", "1970-01-01 00:00:00"]
    assert stub.last().path.partition("?")[2] == query
    assert json.loads(call("jobs", "list", *options, "--json").out) == [job()]


def test_a_list_without_jobs_is_a_remark(stub: Stub, call: Call) -> None:
    stub.routes["GET /v1/jobs"] = json_answer({"data": []})
    assert call("jobs", "list") == Printed(0, "", "There are no jobs.\n")
    assert call("jobs", "list", "--json") == Printed(0, "[]\n", "")
    for limit in ("0", "1001"):
        assert call("jobs", "list", "--limit", limit).code == 2


@pytest.mark.parametrize(
    ("view", "cells"),
    [
        (job(progress={"message": "a " * 40}), ["1/4 documents", ("a " * 30).strip()]),
        (job(parameters={"engine": "vllm", "count": 5, "base": "b"}), ["1/4 documents", "vllm, b"]),
        (job(progress={"unit": "", "total": None}), ["1"]),
        (job(progress={"unit": "bytes", "done": 1024, "total": None}), ["1 KB"]),
        (job(progress={"unit": "bytes", "done": 1024, "total": 2048}), ["1 KB of 2 KB"]),
    ],
)
def test_a_job_is_a_row(stub: Stub, call: Call, view: Json, cells: list[str]) -> None:
    stub.routes["GET /v1/jobs/j"] = json_answer(view)
    row = columns(call("jobs", "show", "j").out)[1]
    assert [*row[3:4], *row[5:]] == cells
    assert json.loads(call("jobs", "show", "j", "--json").out) == view


@pytest.mark.parametrize(
    ("words", "parameters"),
    [
        ((), {}),
        (
            ("engine=vllm", "upgrade=true", "n=3", 'a={"b": 1}'),
            {"engine": "vllm", "upgrade": True, "n": 3, "a": {"b": 1}},
        ),
        (("x=", "y=a=b"), {"x": "", "y": "a=b"}),
    ],
)
def test_parameters_of_a_job_are_json_or_text(stub: Stub, call: Call, words: tuple[str, ...], parameters: Json) -> None:
    stub.routes["POST /v1/jobs"] = json_answer(job())
    assert call("jobs", "start", "install", *words) == Printed(0, "j\n", "`modelyard jobs follow j` follows it.\n")
    assert stub.last().body == {"kind": "install", "parameters": parameters}
    assert call("jobs", "start", "install", "--json") == Printed(0, json.dumps(job(), indent=2) + "\n", "")


@pytest.mark.parametrize("word", ["engine", "=vllm"])
def test_a_parameter_without_a_name_or_value_is_refused(call: Call, stub: Stub, word: str) -> None:
    done = call("jobs", "start", "install", word)
    assert done.code == 1 and f"'{word}' should be NAME=VALUE" in done.err and not stub.requests


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume"])
def test_a_job_is_changed_and_shown(stub: Stub, call: Call, verb: str) -> None:
    failed = job("failed", error={"code": "x", "message": "no\x07 room"})
    stub.routes[f"POST /v1/jobs/j/{verb}"] = json_answer(failed)
    done = call("jobs", verb, "j")
    assert (done.code, done.err) == (0, "no room\n") and columns(done.out)[1][2] == "failed"
    assert json.loads(call("jobs", verb, "j", "--json").out) == failed


def test_finished_jobs_are_deleted_one_by_one(stub: Stub, call: Call) -> None:
    for name in ("a", "b"):
        stub.routes[f"DELETE /v1/jobs/{name}"] = json_answer({"deleted": True})
    assert call("jobs", "rm", "a", "b") == Printed(0, "", "")
    assert [request.path for request in stub.requests] == ["/v1/jobs/a", "/v1/jobs/b"]
    assert json.loads(call("jobs", "rm", "a", "b", "--json").out) == {"deleted": ["a", "b"]}
    assert call("jobs", "rm").code == 2


def test_the_log_of_a_job_is_printed(stub: Stub, call: Call) -> None:
    stub.routes["GET /v1/jobs/j/logs"] = json_answer({"data": ["one\x1b", "two"]})
    assert call("jobs", "logs", "j") == Printed(0, "one\ntwo\n", "") and stub.last().path.endswith("lines=200")
    assert json.loads(call("jobs", "logs", "j", "-n", "7", "--json").out) == ["one\x1b", "two"]
    assert stub.last().path.endswith("lines=7")
    for lines in ("0", "10001"):
        assert call("jobs", "logs", "j", "-n", lines).code == 2


def test_events_of_a_job_are_sentences(stub: Stub, call: Call) -> None:
    progress = event("progress", None, done=2, total=4, unit="files", message="a\x07.txt")
    silent = event("progress", None, done=2, total=None, unit="files", message="")
    events = (event("state", 1, state="running"), progress, silent, event("note", 2, file="b", why="c"), DONE)
    stub.routes |= {"GET /v1/jobs/j/events": stream(*events), "GET /v1/jobs/j": json_answer(job("done"))}
    done = call("jobs", "follow", "j")
    assert done.code == 0 and done.err == ""
    texts = [line.partition(" ")[2] for line in done.out.splitlines()]
    assert texts == ["running", "2/4 files a.txt", "2 files", "note file: b, why: c", "done"]
    assert len(done.out.splitlines()[0].partition(" ")[0]) == len("01:01:01")
    lines = call("jobs", "follow", "j", "--json").out.splitlines()
    assert [json.loads(line) for line in lines] == list(events)


@pytest.mark.parametrize(
    ("last", "code", "err"),
    [
        (job("done"), 0, ""),
        (job("cancelled"), 1, ""),
        (job("failed", error={"code": "x", "message": "no\x07 room"}), 1, "no room\n"),
    ],
)
def test_following_ends_with_what_became_of_the_job(stub: Stub, call: Call, last: Json, code: int, err: str) -> None:
    end = event("state", 2, state=last["state"])
    stub.routes |= {
        "GET /v1/jobs/j/events": stream(end, event("state", 3, state="late")),
        "GET /v1/jobs/j": json_answer(last),
    }
    done = call("jobs", "follow", "j")
    assert (done.code, done.err) == (code, err) and done.out.endswith(f" {last['state']}\n")


class Breaking:
    """A stream of events that breaks off after some of them; each connection gets those that it has not seen."""

    def __init__(self, *portions: list[Json]) -> None:
        self.portions = list(portions)
        self.after: list[str] = []

    def __call__(self, request: StubRequest, write: Write) -> None:
        self.after.append(request.path.partition("after=")[2])
        write(SSE_HEAD)
        portion = self.portions.pop(0) if self.portions else []
        for each in portion:
            write(http_chunk(b"data: " + json.dumps(each).encode() + b"\n\n"))
        raise ConnectionError("broken here")


def test_a_broken_stream_goes_on_after_the_last_event(stub: Stub, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelyard.cli.jobs.time.sleep", lambda seconds: None)
    progress = event("progress", None, done=1, total=None, unit="", message="")
    events = Breaking([event("state", 5, state="running"), progress], [], [], [event("note", 6)], [], [], [DONE])
    stub.routes |= {"GET /v1/jobs/j/events": events, "GET /v1/jobs/j": json_answer(job("done"))}
    assert call("jobs", "follow", "j").code == 0
    assert events.after == ["0", "5", "5", "5", "6", "6", "6"]


def test_a_stream_that_only_breaks_is_given_up(stub: Stub, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("modelyard.cli.jobs.time.sleep", pauses.append)
    events = Breaking()
    stub.routes["GET /v1/jobs/j/events"] = events
    done = call("jobs", "follow", "j")
    assert done.code == 1 and "Error:" in done.err
    assert len(events.after) == jobs.RETRIES + 1 and pauses == [0.5] * jobs.RETRIES


def test_a_stream_that_ends_early_is_opened_again_until_the_job_is_finished(stub: Stub, call: Call) -> None:
    states = iter(["running", "done", "done"])
    stub.routes["GET /v1/jobs/j/events"] = stream(event("note", 1))
    stub.routes["GET /v1/jobs/j"] = lambda request, write: json_answer(job(next(states)))(request, write)
    done = call("jobs", "follow", "j")
    assert done.code == 0 and [line.split()[1] for line in done.out.splitlines()] == ["note", "note"]


def test_ctrl_c_leaves_the_job_alone(stub: Stub, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(event: Json) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(jobs, "_sentence", interrupted)
    stub.routes["GET /v1/jobs/j/events"] = stream(event("note", 1))
    done = call("jobs", "follow", "j")
    assert done == Printed(130, "", "The job continues. `modelyard jobs cancel j` cancels it.\n")
    assert {request.method for request in stub.requests} == {"GET"}


def test_an_unknown_job_is_one_sentence(stub: Stub, call: Call) -> None:
    stub.routes["GET /v1/jobs/j"] = error_answer("job_not_found", "There is no job 'j'.", 404)
    assert call("jobs", "show", "j") == Printed(1, "", "Error: There is no job 'j'.\n")
