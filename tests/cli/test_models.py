"""The commands about running models: list, terminate, scale, events, logs."""

from __future__ import annotations

import json

from modelyard.cli.list import TITLES
from modelyard.cli.logs import added
from modelyard.cli.output import in_bytes, printable, width
from tests.cli.terminal import columns, run, start
from tests.client.stub import Answer, Stub, StubRequest, Write, error_answer, json_answer, model, replica


def test_list_shows_models_in_a_table_or_as_json(stub: Stub) -> None:
    models = [
        model("demo", replica=2, replica_ready=1),
        model("中文模型", status="ERROR", error="the file is gone", context_length=None, memory=None),
    ]
    stub.routes["GET /v1/models"] = json_answer({"object": "list", "data": models})
    done = run("list", "-e", stub.url)
    assert columns(done.stdout) == [
        list(TITLES),
        ["demo", "LLM", "demo", "fake", "1/2", "READY", "4096", "1.5 GB"],
        ["中文模型", "LLM", "中文模型", "fake", "0/1", "ERROR", "-", "-"],
    ]
    assert done.stderr == "中文模型: the file is gone\n"
    as_json = run("list", "--json", "-e", stub.url)
    assert json.loads(as_json.stdout) == models
    assert as_json.stderr == ""


def test_aliases_are_told_beside_the_table(stub: Stub) -> None:
    models = [model("demo", aliases=["gpt-4o", "claude-*"]), model("gpt-4o", alias_of="demo")]
    stub.routes["GET /v1/models"] = json_answer({"object": "list", "data": models})
    done = run("list", "-e", stub.url)
    assert [row[0] for row in columns(done.stdout)] == ["UID", "demo"]
    assert done.stderr == "demo also answers as gpt-4o, claude-*.\n"


def test_an_empty_list_says_how_to_start_a_model(stub: Stub) -> None:
    stub.routes["GET /v1/models"] = json_answer({"object": "list", "data": []})
    done = run("list", "-e", stub.url)
    assert (done.returncode, done.stdout) == (0, "")
    assert "modelyard launch demo" in done.stderr
    assert json.loads(run("list", "--json", "-e", stub.url).stdout) == []


def test_terminate_goes_on_after_a_model_that_fails(stub: Stub) -> None:
    stub.routes["DELETE /v1/models/a"] = json_answer(None)
    stub.routes["DELETE /v1/models/b"] = json_answer(None)
    stub.routes["DELETE /v1/models/x"] = error_answer("model_not_found", "Model 'x' not found.", 404)
    done = run("terminate", "a", "x", "--model-uid", "b", "-e", stub.url)
    assert (done.returncode, done.stdout) == (1, "a terminated\nb terminated\n")
    assert done.stderr == "Error: Model 'x' not found.\n"


def test_scale_adds_and_removes_replicas(stub: Stub) -> None:
    stub.routes["GET /v1/models/m/replicas"] = json_answer([replica(0, "m"), replica(2, "m")])
    stub.routes["POST /v1/models/m/replicas"] = json_answer({"replica": 1, "replicas": []})
    stub.routes["DELETE /v1/models/m/replicas/2"] = json_answer({"remaining_replicas": 1})
    assert run("scale", "m", "3", "-e", stub.url).stdout == "m: 2 → 3 replicas\n"
    assert stub.last().body == {"replica": 1}
    assert run("scale", "m", "1", "-e", stub.url).stdout == "m: 2 → 1 replicas\n"
    assert stub.last().path == "/v1/models/m/replicas/2"


def test_events_are_printed_in_order(stub: Stub) -> None:
    events = [{"event_type": "INFO", "event_ts": 0, "event_content": "Launch model"}]
    stub.routes["GET /v1/models/m/events"] = json_answer(events)
    done = run("events", "m", "-e", stub.url, TZ="UTC")
    assert columns(done.stdout)[1] == ["1970-01-01 00:00:00", "INFO", "Launch model"]
    assert json.loads(run("events", "m", "--json", "-e", stub.url).stdout) == events


def test_logs_prints_the_last_lines(stub: Stub) -> None:
    stub.routes["GET /v1/models/m/logs"] = json_answer({"uid": "m", "replica": None, "lines": ["one", "two"]})
    assert run("logs", "m", "-n", "2", "--replica", "m-rep0", "-e", stub.url).stdout == "one\ntwo\n"
    assert stub.last().path == "/v1/models/m/logs?lines=2&replica=m-rep0"
    assert json.loads(run("logs", "m", "--json", "-e", stub.url).stdout)["lines"] == ["one", "two"]
    assert run("logs", "m", "--json", "-f", "-e", stub.url).returncode == 2


def test_logs_follow_until_the_model_is_gone(stub: Stub) -> None:
    def log(*lines: str) -> Answer:
        return json_answer({"uid": "m", "replica": None, "lines": lines})

    looks = [log("a", "b"), log("a", "b", "b"), log("a", "b", "b", "c"), error_answer("model_not_found", "No m.", 404)]

    def next_look(request: StubRequest, write: Write) -> None:
        looks.pop(0)(request, write)

    stub.routes["GET /v1/models/m/logs"] = next_look
    with start("logs", "m", "-f", "-n", "1", "-e", stub.url) as child:
        out, err = child.communicate(timeout=30)
    assert (child.returncode, out) == (0, "b\nb\nc\n")
    assert "m is gone" in err


def test_only_added_lines_of_a_log_are_printed() -> None:
    assert added([], ["a"]) == ["a"]
    assert added(["a"], ["a"]) == []
    assert added(["a", "b"], ["a", "b", "b"]) == ["b"]
    assert added(["cut off", "b", "c"], ["off", "b", "c", "d"]) == ["d"]
    assert added(["a", "b", "c"], ["b", "c", "d", "e"]) == ["d", "e"]
    assert added(["old"], ["new", "newer"]) == ["new", "newer"]


def test_text_for_terminals_has_widths_and_no_control_characters() -> None:
    assert width("中文ab") == 6
    assert printable("a\x1b[31mb\x07\n\tc") == "a[31mb\n\tc"
    assert [in_bytes(n) for n in (None, 10, 2048, 1536 * 1024**2, 3 * 1024**4)] == [
        "-",
        "10 B",
        "2 KB",
        "1.5 GB",
        "3.0 TB",
    ]
