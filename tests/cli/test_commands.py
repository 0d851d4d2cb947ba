"""Commands of one request or a few: what they send, what they print where, and the exit code."""

from __future__ import annotations

import io
import json
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelyard.cli import reference
from modelyard.cli.main import run
from tests.cli.terminal import columns
from tests.client.stub import Stub, error_answer, json_answer, model, replica, sse_answer

ADAPTER = {
    "id": "polite", "parent": "demo", "status": "READY", "rank": 8, "size_bytes": 2048, "root": "/a/polite", "error": None,
}  # fmt: skip
NOTHING: dict[str, Any] = {"choices": []}
EVENT = {"event_ts": 0, "event_type": "INFO", "event_content": "Launched"}


@pytest.fixture
def call(stub: Stub, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """Run a command in this process against the stub; its exit code, stdout and stderr."""

    def call(*arguments: str, routes: dict[str, Any] | None = None) -> tuple[int, str, str]:
        stub.routes |= {route: each if callable(each) else json_answer(each) for route, each in (routes or {}).items()}
        code = run([*arguments, "-e", stub.url])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    yield call


Call = Callable[..., tuple[int, str, str]]


class Recorded:
    """An answer that keeps the requests that it was given to: method, path and body."""

    def __init__(self, value: Any) -> None:
        self.requests: list[tuple[str, str, Any]] = []
        self._answer = json_answer(value)

    def __call__(self, request: Any, write: Any) -> None:
        self.requests.append((request.method, request.path.partition("?")[0], request.body))
        self._answer(request, write)


def listed(*models: dict[str, Any]) -> dict[str, Any]:
    return {"GET /v1/models": {"object": "list", "data": list(models)}}


def test_an_adapter_is_loaded_from_its_absolute_path(call: Call, stub: Stub, tmp_path: Any) -> None:
    route = {"POST /v1/load_lora_adapter": json_answer("done")}
    options = ("-m", "demo", "--scale", "0.5", "--replace")
    assert call("adapter", "load", "polite", str(tmp_path), *options, routes=route) == (0, "polite loaded\n", "")
    body = stub.last().body
    assert body["lora_name"] == "polite" and body["lora_path"] == str(tmp_path)
    assert (body["lora_scale"], body["load_inplace"]) == (0.5, True)


def test_adapters_are_unloaded_one_by_one(call: Call) -> None:
    route = Recorded("done")
    assert call("adapter", "unload", "a", "b", routes={"POST /v1/unload_lora_adapter": route})[:2] == (
        0,
        "a unloaded\nb unloaded\n",
    )
    assert [body["lora_name"] for _, _, body in route.requests] == ["a", "b"]


def test_the_list_of_adapters(call: Call) -> None:
    code, out, err = call("adapter", "list", routes={"GET /v1/adapters": {"data": []}})
    assert (code, out) == (0, "") and "No adapter is loaded" in err
    broken = {**ADAPTER, "id": "rude", "status": "ERROR", "error": "too large"}
    code, out, err = call("adapter", "list", routes={"GET /v1/adapters": {"data": [ADAPTER, broken]}})
    rows = columns(out)
    assert rows[1] == ["polite", "demo", "READY", "8", "2 KB", "/a/polite"] and "rude: too large" in err
    assert json.loads(call("adapter", "list", "--json")[1]) == [ADAPTER, broken]


def test_the_list_of_models(call: Call) -> None:
    code, out, err = call("list", routes=listed())
    assert (code, out) == (0, "") and "modelyard launch demo" in err
    failed = model("big", status="ERROR", error="no room", memory=None, model_engine=None, context_length=None)
    code, out, err = call("list", routes=listed(model("demo", replica_ready=1), failed, model("polite", parent="demo")))
    titles, demo, big, polite = columns(out)
    assert titles[0] == "UID" and demo == ["demo", "LLM", "demo", "fake", "1/1", "READY", "4096", "1.5 GB"]
    assert big[3:] == ["-", "0/1", "ERROR", "-", "-"] and polite[-1] == "adapter of demo"
    assert "big: no room" in err
    assert [each["id"] for each in json.loads(call("list", "--json")[1])] == ["demo", "big", "polite"]


def test_events_are_printed_in_order(call: Call) -> None:
    code, out, err = call("events", "demo", routes={"GET /v1/models/demo/events": []})
    assert (code, out) == (0, "") and "There are no events of demo" in err
    code, out, _ = call("events", "demo", routes={"GET /v1/models/demo/events": [EVENT]})
    assert columns(out)[1][1:] == ["INFO", "Launched"]
    assert json.loads(call("events", "demo", "--json")[1]) == [EVENT]


@pytest.mark.parametrize(
    ("have", "want", "requests"),
    [
        ([0], 3, [("POST", "/v1/models/demo/replicas", {"replica": 2})]),
        (
            [0, 2, 5],
            1,
            [("DELETE", "/v1/models/demo/replicas/5", None), ("DELETE", "/v1/models/demo/replicas/2", None)],
        ),
        ([0, 1], 2, []),
    ],
)
def test_replicas_are_added_at_once_and_removed_newest_first(
    call: Call, have: list[int], want: int, requests: list[Any]
) -> None:
    done = Recorded({"remaining_replicas": want})
    routes: dict[str, Any] = {f"DELETE /v1/models/demo/replicas/{number}": done for number in have}
    routes["POST /v1/models/demo/replicas"] = done
    routes["GET /v1/models/demo/replicas"] = [replica(number, "demo") for number in have]
    code, out, _ = call("scale", "demo", str(want), routes=routes)
    assert (code, out) == (0, f"demo: {len(have)} → {want} replicas\n")
    assert done.requests == requests


def test_what_cannot_be_terminated_stops_nothing_else(call: Call) -> None:
    routes = {
        "DELETE /v1/models/a": error_answer("model_not_found", "There is no a.", 404),
        "DELETE /v1/models/b": json_answer(None),
    }
    code, out, err = call("terminate", "a", "--model-uid", "b", routes=routes)
    assert (code, out) == (1, "b terminated\n") and "There is no a." in err
    code, _, err = call("terminate")
    assert code == 2 and "No model" in err


def test_without_a_server_terminating_ends_at_once(stub: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    assert run(["terminate", "a", "b", "-e", url]) == 1
    assert capsys.readouterr().err.count("Error:") == 1
    assert run(["version", "-e", url]) == 0
    out = capsys.readouterr().out
    assert out.startswith("modelyard ") and "No server answers" in out
    assert run(["version", "--json", "-e", url]) == 0
    assert json.loads(capsys.readouterr().out)["server"] is None


def test_the_version_of_a_server(call: Call, stub: Stub) -> None:
    code, out, _ = call("version", routes={"GET /v1/cluster/version": {"version": "9.9"}})
    assert code == 0 and f"server 9.9 at {stub.url}" in out


def test_logs_as_they_are(call: Call, stub: Stub) -> None:
    logs = {"uid": "demo", "replica": "demo-0", "lines": ["one", "two"]}
    code, out, _ = call("logs", "demo", "-n", "9", "--replica", "demo-0", routes={"GET /v1/models/demo/logs": logs})
    assert (code, out) == (0, "one\ntwo\n")
    assert sorted(stub.last().path.partition("?")[2].split("&")) == ["lines=9", "replica=demo-0"]
    assert json.loads(call("logs", "demo", "--json")[1]) == logs
    code, _, err = call("logs", "demo", "--json", "-f")
    assert code == 2 and "--follow" in err


def test_what_is_not_there_yet_says_what_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sft", "--model_type", "x"]) == 1
    assert "modelyard " in capsys.readouterr().err


def test_what_vllm_would_run(call: Call) -> None:
    route = "GET /v1/models/vllm-supported"
    code, out, _ = call("vllm-models", routes={route: {"chat": ["LlamaForCausalLM"], "generate": ["GPT2LMHeadModel"]}})
    assert code == 0 and columns(out)[1:] == [["LlamaForCausalLM", "chat"], ["GPT2LMHeadModel", "generate"]]
    assert json.loads(call("vllm-models", "--json")[1])["generate"] == ["GPT2LMHeadModel"]
    assert "vLLM cannot run on this server" in call("vllm-models", routes={route: {"chat": [], "generate": []}})[2]


def test_a_type_without_families(call: Call) -> None:
    code, out, err = call("registrations", "-t", "video", routes={"GET /v1/model_registrations/video": []})
    assert (code, out) == (0, "") and "no family of type video" in err


def test_files_that_stay_are_an_error(call: Call) -> None:
    routes = {"GET /v1/cache/models/files": {"paths": ["/a/x"]}, "DELETE /v1/cache/models": {"result": False}}
    code, out, err = call("remove-cache", "v--1", "--yes", routes=routes)
    assert (code, out) == (1, "") and "/a/x" in err and "were not removed" in err


@pytest.mark.parametrize("stream", [True, False])
def test_a_text_from_a_pipe_is_continued(call: Call, stub: Stub, monkeypatch: pytest.MonkeyPatch, stream: bool) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("Once\n"))
    chunk: dict[str, Any] = {"choices": [{"index": 0, "text": " upon"}]}
    events = [b"data: " + json.dumps(each).encode() + b"\n\n" for each in (chunk, NOTHING)]
    routes = {
        "GET /v1/models/demo": model("demo", model_ability=["generate"]),
        "POST /v1/completions": sse_answer(*events, b"data: [DONE]\n\n") if stream else json_answer(chunk),
    }
    options = ("--temperature", "0", "--stop", "END", *(() if stream else ("--stream", "false")))
    assert call("generate", "demo", *options, routes=routes)[:2] == (0, " upon\n")
    body = stub.last().body
    assert (body["prompt"], body["temperature"], body["stop"], body["stream"]) == ("Once\n", 0, ["END"], stream)


def test_the_reference_is_written_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert reference.main(["--check"]) == 1, "there is none yet"
    assert reference.main([]) == 0 and reference.main(["--check"]) == 0
    assert reference.main(["other/cli.md"]) == 0
    assert (tmp_path / "other" / "cli.md").read_text("utf-8") == reference.render()
