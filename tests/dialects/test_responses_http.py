"""`/v1/responses` over HTTP on a real server: its errors for everything that is wrong, keys, limits, and leaving."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from modelyard.protocol.responses import CountedInput, ResponseRequest
from tests.dialects.conftest import Served, key
from tests.dialects.scripts import Json, ModelAnswer
from tests.dialects.test_anthropic_http import logged
from tests.live import Live, live

RESPONSES, COUNT = "/v1/responses", "/v1/responses/input_tokens"


def post(server: Live, path: str = RESPONSES, **fields: Any) -> httpx.Response:
    """A request to the fake model, with these fields."""
    bounds = {"max_output_tokens": 5} if path == RESPONSES else {}
    return server.http.post(path, json={"model": "fake", "input": "Hello", **bounds, **fields})


def failure(answer: httpx.Response, status: int, code: str | None = None) -> str:
    """The sentence of an error, after checking its form."""
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "code", "param"} and answer.headers["x-request-id"]
    assert code is None or error["code"] == code
    return str(error["message"])


WRONG: dict[str, Any] = {"wrong type": {"no": ["such"]}, "another one": 1.5, "huge": 10**30, "empty": ""}
FIELDS = [
    (path, name)
    for path, kind in ((RESPONSES, ResponseRequest), (COUNT, CountedInput))
    for name in kind.__struct_fields__
]
TEXTS = ("instructions", "user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "service_tier")
TAKEN = {
    *((name, "empty") for name in TEXTS),
    *((name, "wrong type") for name in ("reasoning", "text", "stream_options")),
    ("temperature", "another one"),
}
"""What is as it should be all the same."""


@pytest.mark.parametrize(("path", "name"), FIELDS)
def test_every_field_with_what_it_cannot_be(served: Served, path: str, name: str) -> None:
    for case, value in WRONG.items():
        answer = post(served.live, path, **{name: value})
        if (name, case) in TAKEN:
            assert answer.status_code == 200, answer.text
        else:
            assert f"'{name}" in failure(answer, 400), (name, case)
            assert answer.json()["error"]["param"].startswith(name)
    answer = post(served.live, path, **{name: None})
    if name in ("model", "input"):
        assert f"'{name}'" in failure(answer, 400)
    else:
        assert answer.status_code == 200, answer.text


def test_bodies_that_are_no_request(served: Served) -> None:
    http = served.live.http
    for data in (b"", b"[]", b"{", b"\xff", b"null"):
        failure(http.post(RESPONSES, content=data, headers={"content-type": "application/json"}), 400)
    failure(http.post(RESPONSES, content=b"{}", headers={"content-type": "text/plain"}), 415)
    deep = b'{"model":"fake","input":' + b"[" * 100_000
    failure(http.post(RESPONSES, content=deep, headers={"content-type": "application/json"}), 400)
    failure(post(served.live, input=[{"role": "user", "content": "a"}] * 1_100_000), 413)


def test_errors_of_models(served: Served) -> None:
    assert "'nowhere'" in failure(post(served.live, model="nowhere"), 404, "model_not_found")
    assert "chat" in failure(post(served.live, model="vectors"), 400)
    assert "500" in failure(post(served.live, fake={"error_status": 500}), 500)
    failure(post(served.live, fake={"error_status": 429}), 429)
    failure(post(served.live, stream=True, fake={"error_status": 400}), 400)
    picture = [{"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AAAA"}]}]
    failure(post(served.live, model="demo", input=picture), 400)
    failure(post(served.live, model="kb:handbook", input=picture), 400)


def test_parameters_have_the_names_of_this_api(served: Served) -> None:
    form = {"type": "json_schema", "name": "a", "schema": {"type": "object"}}
    answer = post(served.live, model="kb:handbook", text={"format": form})
    assert "'text.format'" in failure(answer, 400) and answer.json()["error"]["param"] == "text.format"


DOCUMENTS: dict[str, tuple[Json, int, str]] = {
    "no base64": ({"file_data": "?"}, 400, "input[0].content[0].file_data"),
    "no pdf": ({"filename": "Paper.pdf", "file_data": "data:application/pdf;base64,aGVsbG8="}, 400, "Paper"),
    "an address": ({"file_url": "http://127.0.0.1/a.pdf"}, 400, "file_url"),
    "nothing": ({}, 400, "file_data"),
    "no file": ({"file_id": "file-none"}, 404, "file-none"),
}


@pytest.mark.parametrize("case", DOCUMENTS)
def test_documents_that_cannot_be_read(served: Served, case: str) -> None:
    fields, status, words = DOCUMENTS[case]
    part = {"type": "input_file", **fields}
    assert words in failure(post(served.live, input=[{"role": "user", "content": [part]}]), status)


def test_stored_files(served: Served) -> None:
    http = served.live.http
    file = ("notes.md", b"# Pumps\n\nThe MX-9 is blue.\n")
    number = http.post("/v1/files", data={"purpose": "user_data"}, files={"file": file}).json()["id"]
    parts = [{"type": "input_file", "file_id": number}, {"type": "input_image", "file_id": number}]
    result = {"type": "function_call_output", "call_id": "1", "output": parts}
    assert post(served.live, model="script", input=[{"role": "user", "content": parts}, result]).status_code == 200
    message, output, last = served.upstream.bodies[-1]["messages"]
    document, picture = message["content"]
    assert document["text"].startswith("<document>\nTitle: notes.md\n") and "The MX-9 is blue." in output["content"]
    assert picture["image_url"]["url"].startswith("data:text/markdown;base64,") and last["content"][1] == picture


def test_a_conversation_that_is_too_long_is_shortened_where_the_request_says_so(served: Served) -> None:
    turn = [{"role": "user", "content": "Hello " * 400}, {"role": "assistant", "content": "Hello " * 400}]
    long = [*turn, *turn, *turn, {"role": "user", "content": "Hello"}]
    assert "2048" in failure(post(served.live, model="demo", input=long), 400, "context_length_exceeded")
    for streamed in (False, True):
        answer = post(served.live, model="demo", input=long, truncation="auto", stream=streamed)
        assert answer.status_code == 200 and '"output_text"' in answer.text, answer.text
    one = [{"role": "user", "content": "Hello " * 4000}]
    failure(post(served.live, model="demo", input=one, truncation="auto"), 400, "context_length_exceeded")


def test_a_request_is_counted_once(served: Served) -> None:
    body = {"model": "fake", "max_output_tokens": 5, "input": "Hello"}
    assert served.live.http.post(RESPONSES, json=body, headers={"x-request-id": "count-once"}).status_code == 200
    outer, inner = logged(served.live, "count-once")
    assert (outer["path"], outer["tokens_out"], outer["inside"]) == (RESPONSES, 0, False)
    assert (inner["path"], inner["model"], inner["tokens_out"]) == ("/v1/chat/completions", "fake", 5)


SLOW: Json = {"max_output_tokens": 9000, "stream": True, "fake": {"tokens": 9000, "tokens_per_second": 20}}


def test_who_leaves_stops_the_model(served: Served) -> None:
    body = {"model": "fake", "input": "Hello", **SLOW}
    with served.live.http.stream("POST", RESPONSES, json=body, headers={"x-request-id": "left-early"}) as answer:
        assert next(answer.iter_lines()) == "event: response.created"
    outer, inner = logged(served.live, "left-early")
    assert outer["outcome"] == inner["outcome"] == "left" and inner["seconds"] < 300


def test_a_response_that_is_aborted_fails(served: Served) -> None:
    body = {"model": "fake", "input": "Hello", **SLOW}
    with served.live.http.stream("POST", RESPONSES, json=body, headers={"x-request-id": "stop-me"}) as answer:
        lines = answer.iter_lines()
        while not next(lines).startswith("event: response.output_text.delta"):
            pass
        aborted = served.live.http.post("/v1/models/fake/requests/stop-me/abort", json={})
        assert aborted.status_code == 200, aborted.text
        last = [line for line in lines if line.startswith("data: ")][-1]
    found = json.loads(last.removeprefix("data: "))
    assert found["type"] == "response.failed" and found["response"]["output"][0]["status"] == "incomplete"


def test_keys(guarded: Live) -> None:
    def send(headers: dict[str, str], **fields: Any) -> httpx.Response:
        body = {"model": "fake", "max_output_tokens": 5, "input": "Hello", **fields}
        return guarded.http.post(
            RESPONSES, json=body, headers={name: value for name, value in headers.items() if value}
        )

    def bearer(**body: Any) -> dict[str, str]:
        return {"authorization": f"Bearer {key(guarded, **body)['x-api-key']}"}

    assert "API key" in failure(send({"authorization": "Bearer wrong"}), 401)
    failure(send(bearer(scopes=["models:list"])), 403)
    mine = bearer(scopes=["models:read", "models:list"], models=["fake"])
    assert send(mine).status_code == 200
    failure(send(mine, model="other"), 403)
    failure(send(mine, model="kb:none"), 403)
    file = [{"role": "user", "content": [{"type": "input_file", "file_id": "file-x"}]}]
    failure(send(mine, input=file), 403)
    bounded = bearer(scopes=["models:read"], requests_per_minute=1)
    first, second = send(bounded), send(bounded)
    assert first.headers["x-ratelimit-remaining-requests"] == "0"
    failure(second, 429, "rate_limit_exceeded")
    assert int(second.headers["retry-after"]) > 0


def test_a_long_silence_has_comments(tmp_path: Path) -> None:
    """The head of a stream is sent before the model answers, if it is silent for long."""
    quick = "import modelyard.web.sse as sse; sse.PING_SECONDS = 0.2"
    (tmp_path / "sitecustomize.py").write_text(quick, encoding="utf-8")
    with live(tmp_path / "home", {"PYTHONPATH": str(tmp_path)}) as server:
        server.launched("fake")
        body = {"model": "fake", "input": "Hello", "stream": True, "fake": {"hang": True}}
        with server.http.stream("POST", RESPONSES, json=body) as answer:
            lines = [line for line, _ in zip(answer.iter_lines(), range(10), strict=False)]
    assert [line for line in lines if line.startswith("event")] == [
        "event: response.created",
        "event: response.in_progress",
    ]
    assert [line for line in lines[6:] if line] == [": ping"] * 2


def test_a_base_gets_no_tools(served: Served) -> None:
    served.upstream.answer = lambda body: ModelAnswer(text=["12 litres [1]"])
    question = "How many litres does the MX-2140 pump deliver?"
    context = {"role": "user", "content": "<environment_context>linux</environment_context>"}
    tool = {"type": "function", "name": "f", "parameters": {"type": "object"}}
    items = [context, {"role": "user", "content": question}]
    found = post(served.live, model="kb:handbook", tools=[tool], input=items, max_output_tokens=50).json()
    assert found["output"][0]["content"][0]["annotations"][0]["filename"] == "handbook.md"
    assert "tools" not in served.upstream.bodies[-1] and "linux" not in str(served.upstream.bodies[-1])
