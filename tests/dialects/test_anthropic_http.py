"""Anthropic's API over HTTP on a real server: its envelope for everything that is wrong, its headers, keys, and leaving."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from modelyard.protocol.anthropic import CountedMessages, MessagesRequest
from tests.dialects.conftest import Served, key
from tests.dialects.scripts import Json, ModelAnswer
from tests.dialects.test_anthropic_stream import events, joined
from tests.live import Live, live
from tests.processes import wait_for

MESSAGES, COUNT = "/v1/messages", "/v1/messages/count_tokens"
HELLO = [{"role": "user", "content": "Hello"}]


def post(server: Live, path: str = MESSAGES, **fields: Any) -> httpx.Response:
    """A request to the fake model, with these fields."""
    body = {"model": "fake", "messages": HELLO, **({"max_tokens": 5} if path == MESSAGES else {}), **fields}
    return server.http.post(path, json=body)


def failure(answer: httpx.Response, status: int, kind: str) -> str:
    """The sentence of an error, after checking its form."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"type", "error", "request_id"} and body["type"] == "error"
    assert body["error"]["type"] == kind
    assert body["request_id"] == answer.headers["request-id"] == answer.headers["x-request-id"]
    return str(body["error"]["message"])


WRONG: dict[str, Any] = {"wrong type": {"no": ["such"]}, "another one": 1.5, "huge": 10**30, "empty": ""}
FIELDS = [
    (path, name)
    for path, kind in ((MESSAGES, MessagesRequest), (COUNT, CountedMessages))
    for name in kind.__struct_fields__
]
TAKEN = {("system", "empty"), ("temperature", "another one"), ("output_config", "wrong type")}
"""What is as it should be all the same."""


@pytest.mark.parametrize(("path", "name"), FIELDS)
def test_every_field_with_what_it_cannot_be(served: Served, path: str, name: str) -> None:
    for case, value in WRONG.items():
        answer = post(served.live, path, **{name: value})
        if (name, case) in TAKEN:
            assert answer.status_code == 200, answer.text
        else:
            assert f"'{name}" in failure(answer, 400, "invalid_request_error"), (name, case)
    answer = post(served.live, path, **{name: None})
    if name in ("model", "messages", "max_tokens"):
        assert f"'{name}'" in failure(answer, 400, "invalid_request_error")
    else:
        assert answer.status_code == 200, answer.text


def test_bodies_that_are_no_request(served: Served) -> None:
    http = served.live.http
    for data in (b"", b"[]", b"{", b"\xff", b"null"):
        answer = http.post(MESSAGES, content=data, headers={"content-type": "application/json"})
        failure(answer, 400, "invalid_request_error")
    failure(http.post(MESSAGES, content=b"{}", headers={"content-type": "text/plain"}), 415, "invalid_request_error")
    answer = http.get(MESSAGES)
    failure(answer, 405, "invalid_request_error")
    assert answer.headers["allow"] == "OPTIONS, POST"
    deep = b'{"model":"fake","max_tokens":5,"messages":' + b"[" * 100_000
    failure(
        http.post(MESSAGES, content=deep, headers={"content-type": "application/json"}), 400, "invalid_request_error"
    )
    many = {"model": "fake", "max_tokens": 5, "messages": [{"role": "user", "content": "a"}] * 1_100_000}
    failure(http.post(MESSAGES, json=many), 413, "request_too_large")


def test_errors_of_models(served: Served) -> None:
    assert "'nowhere'" in failure(post(served.live, model="nowhere"), 404, "not_found_error")
    assert "chat" in failure(post(served.live, model="vectors"), 400, "invalid_request_error")
    assert "500" in failure(post(served.live, fake={"error_status": 500}), 500, "api_error")
    failure(post(served.live, fake={"error_status": 429}), 429, "rate_limit_error")
    failure(post(served.live, stream=True, fake={"error_status": 400}), 400, "invalid_request_error")
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    failure(
        post(served.live, model="demo", messages=[{"role": "user", "content": [picture]}]), 400, "invalid_request_error"
    )
    failure(
        post(served.live, model="kb:handbook", messages=[{"role": "user", "content": [picture]}]),
        400,
        "invalid_request_error",
    )


def test_parameters_have_the_names_of_this_api(served: Served) -> None:
    form = {"type": "json_schema", "schema": {"type": "object"}}
    message = failure(
        post(served.live, model="kb:handbook", output_config={"format": form}), 400, "invalid_request_error"
    )
    assert "'output_config.format'" in message


DOCUMENTS: dict[str, tuple[Json, int, str]] = {
    "no base64": ({"type": "base64", "media_type": "application/pdf", "data": "?"}, 400, "source.data"),
    "no pdf": ({"type": "base64", "media_type": "application/pdf", "data": "aGVsbG8="}, 400, "Paper"),
    "an address": ({"type": "url", "url": "http://127.0.0.1/a.pdf"}, 400, "source.type"),
    "no file": ({"type": "file", "file_id": "file-none"}, 404, "file-none"),
}


@pytest.mark.parametrize("case", DOCUMENTS)
def test_documents_that_cannot_be_read(served: Served, case: str) -> None:
    source, status, words = DOCUMENTS[case]
    block = {"type": "document", "title": "Paper", "source": source}
    answer = post(served.live, messages=[{"role": "user", "content": [block]}])
    kind = "not_found_error" if status == 404 else "invalid_request_error"
    assert words in failure(answer, status, kind)


def test_stored_files(served: Served) -> None:
    http = served.live.http
    file = ("notes.md", b"# Pumps\n\nThe MX-9 is blue.\n")
    number = http.post("/v1/files", data={"purpose": "user_data"}, files={"file": file}).json()["id"]
    block = {"type": "document", "source": {"type": "file", "file_id": number}}
    assert post(served.live, model="script", messages=[{"role": "user", "content": [block]}]).status_code == 200
    content = served.upstream.bodies[-1]["messages"][0]["content"]
    assert content.startswith("<document>\nTitle: notes.md\n") and "The MX-9 is blue." in content
    picture = {"type": "image", "source": {"type": "file", "file_id": number}}
    assert post(served.live, model="script", messages=[{"role": "user", "content": [picture]}]).status_code == 200
    (part,) = served.upstream.bodies[-1]["messages"][0]["content"]
    assert part["image_url"]["url"].startswith("data:text/markdown;base64,")


def test_stored_files_are_no_larger_together_than_a_body(tmp_path: Path) -> None:
    with live(tmp_path / "home", {"MODELYARD_MAX_BODY_BYTES": "100000"}) as server:
        server.launched("fake")
        file = ("picture.png", b"\x89PNG" + b"\0" * 39_996)
        number = server.http.post("/v1/files", data={"purpose": "vision"}, files={"file": file}).json()["id"]
        picture = {"type": "image", "source": {"type": "file", "file_id": number}}
        document = {"type": "document", "source": {"type": "content", "content": [picture]}}
        for blocks in ([picture] * 3, [picture, document, picture]):
            answer = post(server, messages=[{"role": "user", "content": blocks}])
            assert "MODELYARD_MAX_BODY_BYTES" in failure(answer, 413, "request_too_large")


def test_a_tool_of_claude_code_against_a_base_is_left_out(served: Served) -> None:
    tool = {"name": "f", "input_schema": {"type": "object"}}
    served.upstream.answer = lambda body: ModelAnswer(text=["12 litres [1]"])
    question = [{"role": "user", "content": "How many litres does the MX-2140 pump deliver?"}]
    found = post(served.live, model="kb:handbook", tools=[tool], messages=question, max_tokens=50).json()
    assert found["content"][0]["citations"][0]["title"] == "handbook.md"
    assert "tools" not in served.upstream.bodies[-1]


@pytest.mark.parametrize("path", [MESSAGES, COUNT])
def test_a_known_model_that_does_not_run_is_an_error_with_its_command(served: Served, path: str) -> None:
    sentence = failure(post(served.live, path, model="qwen2.5-instruct"), 404, "not_found_error")
    assert sentence == "Model 'qwen2.5-instruct' is not running. Launch it: modelyard launch qwen2.5-instruct"
    assert "Running:" in failure(post(served.live, path, model="nowhere"), 404, "not_found_error")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/api/chat"])
def test_every_api_names_the_command_of_a_known_model_that_does_not_run(served: Served, path: str) -> None:
    messages = [{"role": "user", "content": "hi"}]
    body = {"model": "qwen2.5-instruct", "input" if path.endswith("responses") else "messages": messages}
    answer = served.live.http.post(path, json=body)
    assert answer.status_code == 404
    assert "is not running. Launch it: modelyard launch qwen2.5-instruct" in answer.text


@pytest.mark.parametrize(("name", "family"), [("qwen3", "qwen3"), ("QWEN3", "qwen3"), ("qwen2.5", "qwen2.5")])
def test_the_command_has_the_family_of_exactly_this_name(served: Served, name: str, family: str) -> None:
    answer = served.live.http.post("/v1/chat/completions", json={"model": name, "messages": QUESTION})
    assert answer.json()["error"]["message"].endswith(f"Launch it: modelyard launch {family}")


def test_embeddings_name_the_command_too(served: Served) -> None:
    answer = served.live.http.post("/v1/embeddings", json={"model": "bge-m3", "input": "hi"})
    assert answer.status_code == 404 and "Launch it: modelyard launch bge-m3" in answer.text


QUESTION = [{"role": "user", "content": "How many litres does the MX-2140 pump deliver?"}]


@pytest.mark.parametrize("streamed", [False, True])
def test_citations_stand_at_their_place(served: Served, streamed: bool) -> None:
    pieces = ["It is the MX-2140 pump. It ", "delivers 12 litres per minute [", "1", "].", " Ask again [9]."]
    served.upstream.answer = lambda body: ModelAnswer(text=pieces)
    answer = post(served.live, model="kb:handbook", messages=QUESTION, max_tokens=50, stream=streamed)
    found = joined(events(answer.content)) if streamed else answer.json()
    first, second = found["content"]
    assert first["text"] == "It is the MX-2140 pump. It delivers 12 litres per minute [1]." and not second["citations"]
    assert second["text"] == " Ask again [9]."
    (citation,) = first["citations"]
    assert citation["title"] == "handbook.md" and "12 litres" in citation["cited_text"]


def test_a_source_that_says_something_else_is_not_cited(served: Served) -> None:
    served.upstream.answer = lambda body: ModelAnswer(text=["It delivers 77 litres per minute [1]."])
    body: Json = {"model": "kb:handbook", "messages": QUESTION, "max_tokens": 50}
    assert post(served.live, **body).json()["content"][0]["citations"] is None
    assert joined(events(post(served.live, **body, stream=True).content))["content"][0]["citations"] is None


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("model", ["kb:handbook", "demo"])
def test_the_stop_sequence_is_reported(served: Served, model: str, streamed: bool) -> None:
    served.upstream.answer = lambda body: ModelAnswer(text=["12 litres [1] "], stop=body["stop"][0])
    body: Json = {"model": model, "messages": QUESTION, "max_tokens": 50, "temperature": 0, "stop_sequences": ["e"]}
    answer = post(served.live, **body, stream=streamed)
    found = joined(events(answer.content)) if streamed else answer.json()
    assert (found["stop_reason"], found["stop_sequence"]) == ("stop_sequence", "e"), found


COUNTED: dict[str, Json] = {
    "a question": {"messages": HELLO},
    "a system message": {"system": "Be nice.", "messages": HELLO},
    "a talk": {"messages": [*HELLO, {"role": "assistant", "content": "Yes?"}, {"role": "user", "content": "你好"}]},
    "no thoughts": {"messages": HELLO, "thinking": {"type": "disabled"}},
}


@pytest.mark.parametrize("case", COUNTED)
def test_tokens_are_counted_as_they_are_read(served: Served, case: str) -> None:
    counted = post(served.live, COUNT, model="demo", **COUNTED[case]).json()["input_tokens"]
    usage = post(served.live, model="demo", **COUNTED[case]).json()["usage"]
    assert counted == usage["input_tokens"] + usage["cache_read_input_tokens"] > 0


def test_tokens_are_counted_by_the_tokenizer(served: Served) -> None:
    headers = {"x-request-id": "counted"}
    body = {"model": "demo", "messages": HELLO}
    assert served.live.http.post(COUNT, json=body, headers=headers).status_code == 200
    outer, inner = logged(served.live, "counted")
    assert (outer["path"], inner["path"]) == (COUNT, "/tokenize")
    assert not inner.get("completion_tokens")
    assert post(served.live, COUNT, model="script").json()["input_tokens"] == 7, "a server elsewhere is asked"
    assert served.upstream.bodies[-1]["max_tokens"] == 1


def test_a_prompt_beyond_the_context_is_counted(served: Served) -> None:
    long = [{"role": "user", "content": "word " * 5000}]
    assert post(served.live, COUNT, model="demo", messages=long).json()["input_tokens"] > 2048


def logged(server: Live, identity: str, count: int = 2) -> list[Json]:
    """The entries of a request in the list of requests: of the dialect, and of the chat completion behind it."""

    def look() -> list[Json] | None:
        listed: list[Json] = server.http.get("/v1/requests").json()["data"]
        found = [each for each in listed if each["id"] == identity]
        return sorted(found, key=lambda each: bool(each["inside"])) if len(found) == count else None

    return wait_for(look)


def test_a_request_is_counted_once(served: Served) -> None:
    body = {"model": "fake", "max_tokens": 5, "messages": HELLO}
    assert served.live.http.post(MESSAGES, json=body, headers={"x-request-id": "count-me"}).status_code == 200
    outer, inner = logged(served.live, "count-me")
    assert (outer["path"], outer["tokens_out"], outer["inside"]) == (MESSAGES, 0, False)
    assert (inner["path"], inner["model"], inner["tokens_out"]) == ("/v1/chat/completions", "fake", 5)


def test_who_leaves_stops_the_model(served: Served) -> None:
    body = {"model": "fake", "max_tokens": 9000, "messages": HELLO, "stream": True}
    slow = {"fake": {"tokens": 9000, "tokens_per_second": 20}}
    headers = {"x-request-id": "leaver"}
    with served.live.http.stream("POST", MESSAGES, json={**body, **slow}, headers=headers) as answer:
        assert next(answer.iter_lines()) == "event: message_start"
    outer, inner = logged(served.live, "leaver")
    assert outer["outcome"] == inner["outcome"] == "left" and inner["seconds"] < 300


def test_keys(guarded: Live) -> None:
    body = {"model": "fake", "max_tokens": 5, "messages": HELLO}

    def send(headers: dict[str, str], **fields: Any) -> httpx.Response:
        return guarded.http.post(MESSAGES, json={**body, **fields}, headers=headers)

    assert "API key" in failure(send({"authorization": ""}), 401, "authentication_error")
    failure(send({"x-api-key": "wrong", "authorization": ""}), 401, "authentication_error")
    failure(send(key(guarded, scopes=["models:list"])), 403, "permission_error")
    mine = key(guarded, scopes=["models:read", "models:list"], models=["fake"])
    assert send(mine).status_code == 200
    failure(send(mine, model="other"), 403, "permission_error")
    failure(send(mine, model="kb:none"), 403, "permission_error")
    file = {"type": "document", "source": {"type": "file", "file_id": "file-x"}}
    failure(send(mine, messages=[{"role": "user", "content": [file]}]), 403, "permission_error")
    listed = guarded.http.get("/v1/models", headers={**mine, "anthropic-version": "2023-06-01"})
    assert [each["id"] for each in listed.json()["data"]] == ["fake"]
    refused = guarded.http.get("/v1/models", headers={"authorization": "", "anthropic-version": "2023-06-01"})
    failure(refused, 401, "authentication_error")


def test_limits_stand_in_the_headers(guarded: Live) -> None:
    mine = key(guarded, scopes=["models:read"], requests_per_minute=2, tokens_per_minute=1000)
    body = {"model": "fake", "max_tokens": 5, "messages": HELLO}
    first = guarded.http.post(MESSAGES, json=body, headers=mine)
    second = guarded.http.post(MESSAGES, json={**body, "stream": True}, headers=mine)
    third = guarded.http.post(MESSAGES, json=body, headers=mine)
    requests = [each.headers["anthropic-ratelimit-requests-remaining"] for each in (first, second, third)]
    assert requests == ["1", "0", "0"] and first.headers["anthropic-ratelimit-requests-limit"] == "2"
    tokens = [int(each.headers["anthropic-ratelimit-tokens-remaining"]) for each in (first, second)]
    assert tokens[0] == 1000 > tokens[1]
    assert first.headers["anthropic-ratelimit-requests-reset"].endswith("Z")
    failure(third, 429, "rate_limit_error")
    assert int(third.headers["retry-after"]) > 0


def test_a_limit_that_is_no_number(served: Served) -> None:
    for limit in ("0", "1001", "x", "000001" + "0" * 5000):
        answer = served.live.http.get(
            "/v1/models", params={"limit": limit}, headers={"anthropic-version": "2023-06-01"}
        )
        assert "'limit'" in failure(answer, 400, "invalid_request_error")


def test_models_page_by_page(served: Served) -> None:
    def models(**query: Any) -> httpx.Response:
        return served.live.http.get("/v1/models", params=query, headers={"anthropic-version": "2023-06-01"})

    every = [each["id"] for each in models().json()["data"]]
    first = models(limit=1).json()
    assert (first["data"][0]["id"], first["has_more"]) == (every[0], True) and first["last_id"] == every[0]
    rest = models(after_id=every[0]).json()
    assert [each["id"] for each in rest["data"]] == every[1:] and rest["has_more"] is False
    before = models(before_id=every[-1], limit=1).json()
    assert [each["id"] for each in before["data"]] == [every[-2]] and before["has_more"] is True
    assert models(after_id=every[-1]).json() == {"data": [], "has_more": False, "first_id": None, "last_id": None}
    for wrong in ({"limit": 0}, {"limit": "x"}, {"after_id": "nowhere"}, {"before_id": "nowhere"}):
        failure(models(**wrong), 400, "invalid_request_error")
    plain = served.live.http.get("/v1/models").json()
    assert plain["object"] == "list"
    one = served.live.http.get("/v1/models/demo/replicas", headers={"anthropic-version": "2023-06-01"})
    assert isinstance(one.json(), list)


def test_a_long_silence_has_pings(tmp_path: Path) -> None:
    """The head of a stream is sent before the model answers, if it is silent for long."""
    quick = "import modelyard.web.sse as sse; sse.PING_SECONDS = 0.2"
    (tmp_path / "sitecustomize.py").write_text(quick, encoding="utf-8")
    with live(tmp_path / "home", {"PYTHONPATH": str(tmp_path)}) as server:
        server.launched("fake")
        body = {"model": "fake", "max_tokens": 5, "messages": HELLO, "stream": True, "fake": {"hang": True}}
        with server.http.stream("POST", MESSAGES, json=body) as answer:
            lines = [line for line, _ in zip(answer.iter_lines(), range(9), strict=False)]
    assert lines[0] == "event: message_start"
    assert [line for line in lines[3:] if line] == ["event: ping", 'data: {"type":"ping"}'] * 2
