"""The commands about running models: list, terminate, scale, events, logs."""

from __future__ import annotations

import json
from collections.abc import Callable

from modelyard.cli.list import TITLES
from modelyard.cli.output import in_bytes, printable, width
from tests.cli.conftest import Printed
from tests.cli.terminal import columns, start
from tests.client.stub import (
    Stub,
    StubRequest,
    Write,
    error_answer,
    json_answer,
    model,
    replica,
    sse_answer,
)

Call = Callable[..., Printed]


def test_list_shows_models_in_a_table_or_as_json(stub: Stub, call: Call) -> None:
    models = [
        model("demo", replica=2, replica_ready=1),
        model("中文模型", status="ERROR", error="the file is gone", context_length=None, memory=None),
    ]
    stub.routes["GET /v1/models"] = json_answer({"object": "list", "data": models})
    done = call("list", "-e", stub.url)
    assert columns(done.out) == [
        list(TITLES),
        ["demo", "LLM", "demo", "fake", "1/2", "READY", "4096", "1.5 GB"],
        ["中文模型", "LLM", "中文模型", "fake", "0/1", "ERROR", "-", "-"],
    ]
    assert done.err == "中文模型: the file is gone\n"
    as_json = call("list", "--json", "-e", stub.url)
    assert json.loads(as_json.out) == models
    assert as_json.err == ""


def test_aliases_are_told_beside_the_table(stub: Stub, call: Call) -> None:
    models = [model("demo", aliases=["gpt-4o", "claude-*"]), model("gpt-4o", alias_of="demo")]
    stub.routes["GET /v1/models"] = json_answer({"object": "list", "data": models})
    done = call("list", "-e", stub.url)
    assert [row[0] for row in columns(done.out)] == ["UID", "demo"]
    assert done.err == "demo also answers as gpt-4o, claude-*.\n"


def test_an_empty_list_says_how_to_start_a_model(stub: Stub, call: Call) -> None:
    stub.routes["GET /v1/models"] = json_answer({"object": "list", "data": []})
    done = call("list", "-e", stub.url)
    assert (done.code, done.out) == (0, "")
    assert "modelyard launch demo" in done.err
    assert json.loads(call("list", "--json", "-e", stub.url).out) == []


def test_terminate_goes_on_after_a_model_that_fails(stub: Stub, call: Call) -> None:
    stub.routes["DELETE /v1/models/a"] = json_answer(None)
    stub.routes["DELETE /v1/models/b"] = json_answer(None)
    stub.routes["DELETE /v1/models/x"] = error_answer("model_not_found", "Model 'x' not found.", 404)
    done = call("terminate", "a", "x", "--model-uid", "b", "-e", stub.url)
    assert (done.code, done.out) == (1, "a terminated\nb terminated\n")
    assert done.err == "Error: Model 'x' not found.\n"


def test_scale_adds_and_removes_replicas(stub: Stub, call: Call) -> None:
    stub.routes["GET /v1/models/m/replicas"] = json_answer([replica(0, "m"), replica(2, "m")])
    stub.routes["POST /v1/models/m/replicas"] = json_answer({"replica": 1, "replicas": []})
    stub.routes["DELETE /v1/models/m/replicas/2"] = json_answer({"remaining_replicas": 1})
    assert call("scale", "m", "3", "-e", stub.url).out == "m: 2 → 3 replicas\n"
    assert stub.last().body == {"replica": 1}
    assert call("scale", "m", "1", "-e", stub.url).out == "m: 2 → 1 replicas\n"
    assert stub.last().path == "/v1/models/m/replicas/2"


def test_events_are_printed_in_order(stub: Stub, call: Call) -> None:
    events = [{"event_type": "INFO", "event_ts": 0, "event_content": "Launch model"}]
    stub.routes["GET /v1/models/m/events"] = json_answer(events)
    done = call("events", "m", "-e", stub.url)
    assert columns(done.out)[1] == ["1970-01-01 00:00:00", "INFO", "Launch model"]
    assert json.loads(call("events", "m", "--json", "-e", stub.url).out) == events


def test_events_of_all_models_are_printed_in_order(stub: Stub, call: Call) -> None:
    rows = [
        {"id": 2 - number, "model_uid": "m", "type": "INFO", "at": 0.5, "text": f"event {number}"}
        for number in range(2)
    ]
    stub.routes["GET /v1/events/models"] = json_answer({"data": rows, "has_more": False, "next": None})
    done = call("events", "-e", stub.url)
    assert [row[3] for row in columns(done.out)[1:]] == ["event 1", "event 0"]
    assert json.loads(call("events", "--json", "-e", stub.url).out) == rows[::-1]
    stub.routes["GET /v1/events/models"] = json_answer({"data": [], "has_more": False, "next": None})
    assert "Nothing has happened" in call("events", "-e", stub.url).err


def test_logs_prints_the_last_lines(stub: Stub, call: Call) -> None:
    stub.routes["GET /v1/models/m/logs"] = json_answer({"uid": "m", "replica": None, "lines": ["one", "two"]})
    assert call("logs", "m", "-n", "2", "--replica", "m-rep0", "-e", stub.url).out == "one\ntwo\n"
    assert stub.last().path == "/v1/models/m/logs?lines=2&replica=m-rep0"
    assert json.loads(call("logs", "m", "--json", "-e", stub.url).out)["lines"] == ["one", "two"]
    assert call("logs", "m", "--json", "-f", "-e", stub.url).code == 2


def test_logs_follow_until_the_model_is_gone(stub: Stub) -> None:
    def portion(offset: int, *lines: str, ended: bool = False) -> bytes:
        found = {"id": f"{offset}@m-rep0-1", "uid": "m", "replica": "m-rep0-1", "offset": offset, "lines": lines}
        return b"data: " + json.dumps({**found, "ended": ended}).encode() + b"\n\n"

    connections = [sse_answer(portion(2, "b")), sse_answer(portion(4, "b", "c"), portion(4, ended=True))]
    asked: list[str] = []

    def connect(request: StubRequest, write: Write) -> None:
        asked.append(request.path)
        connections.pop(0)(request, write)

    stub.routes["GET /v1/models/m/logs"] = connect
    with start("logs", "m", "-f", "-n", "1", "-e", stub.url) as child:
        out, err = child.communicate(timeout=30)
    assert (child.returncode, out) == (0, "b\nb\nc\n")
    assert "m is gone" in err
    assert [("lines=1" in each, "after=2%40m-rep0-1" in each) for each in asked] == [(True, False), (True, True)]


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
