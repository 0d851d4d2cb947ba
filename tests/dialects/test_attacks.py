"""What a caller may not do by any dialect: use models, bases and bodies beyond its key, its limits and the server's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from modelyard.dialects.paths import PATHS
from tests.api.knowing import Base
from tests.dialects.bodies import sentence
from tests.dialects.conftest import key
from tests.dialects.scripts import Json
from tests.live import Live

HELLO = [{"role": "user", "content": "Hello"}]
USES: dict[str, Json] = {
    "/v1/messages": {"max_tokens": 5, "messages": HELLO},
    "/v1/messages/count_tokens": {"messages": HELLO},
    "/v1/responses": {"input": "Hello", "store": False, "max_output_tokens": 5},
    "/v1/responses/input_tokens": {"input": "Hello"},
    "/api/chat": {"messages": HELLO, "stream": False},
    "/api/generate": {"prompt": "Hello", "stream": False},
    "/api/embed": {"input": "Hello"},
    "/api/embeddings": {"prompt": "Hello"},
}
"""Path → the body of a request that uses a model."""
EACH = pytest.mark.parametrize("path", USES)
READ = ["models:read", "models:list"]


@pytest.fixture(scope="module")
def shared(guarded: Live) -> Iterator[Live]:
    """The server with keys, with a base and a model of vectors."""
    guarded.launched("vectors-of-keys", model_type="embedding", model_name="fake")
    Base.made(guarded, "secrets", chat_model="fake").add({"a.md": b"# Secret\n\nThe code is 4711.\n"})
    yield guarded


def model_for(path: str) -> str:
    """A model that can answer at a path."""
    return "vectors-of-keys" if "embed" in path else "fake"


def post(server: Live, path: str, headers: dict[str, str], **fields: Any) -> httpx.Response:
    return server.http.post(path, json={"model": model_for(path), **USES[path], **fields}, headers=headers)


def test_every_path_that_uses_a_model_is_here() -> None:
    scores = {
        "/v1/moderations",
        "/v1/score",
        "/score",
        "/v2/rerank",
        "/pooling",
    }  # as all inference, by the gateway itself
    manages = {"/api/show", "/api/pull", "/api/push", "/api/create", "/api/copy", "/api/blobs/{digest}"}
    assert {path for path, each in PATHS.items() if each.method == "POST"} == {*USES, *manages, *scores}


@EACH
def test_a_key_uses_only_its_models_under_any_name(shared: Live, path: str) -> None:
    mine = key(shared, scopes=READ, models=[model_for(path)])
    assert post(shared, path, mine).status_code == 200
    for name in ("other", "other:latest", "kb:secrets", "fake-none", "../fake", "other\0", "OTHER"):
        answer = post(shared, path, mine, model=name)
        assert answer.status_code in (400, 403, 404), (name, answer.text)
        assert "4711" not in answer.text and sentence(path, answer)
    twice = json.dumps({"model": "other", **USES[path]})[:-1] + f', "model": "{model_for(path)}"}}'
    backwards = json.dumps({"model": model_for(path), **USES[path]})[:-1] + ', "model": "other"}'
    sent = [
        shared.http.post(path, content=each, headers={**mine, "content-type": "application/json"})
        for each in (twice, backwards)
    ]
    assert sent[0].status_code == 200 and sent[1].status_code in (400, 403), [each.text for each in sent]


@EACH
@pytest.mark.parametrize("scopes", [["models:list"], ["knowledge:read"], ["files:read"]])
def test_a_key_without_the_scope_of_inference(shared: Live, path: str, scopes: list[str]) -> None:
    answer = post(shared, path, key(shared, scopes=scopes))
    assert answer.status_code == 403 and sentence(path, answer)


@pytest.mark.parametrize("path", [path for path in USES if "embed" not in path])
def test_a_base_needs_the_right_to_read_it(shared: Live, path: str) -> None:
    answer = post(shared, path, key(shared, scopes=READ), model="kb:secrets")
    assert answer.status_code in (403, 404) and "4711" not in answer.text, answer.text


@EACH
def test_requests_and_tokens_count_against_the_limits_of_the_key(shared: Live, path: str) -> None:
    few = key(shared, scopes=READ, requests_per_minute=2)
    assert [post(shared, path, few).status_code for _ in range(3)] == [200, 200, 429]
    little = key(shared, scopes=READ, tokens_per_minute=1)
    answers = [post(shared, path, little) for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 429] and sentence(path, answers[1])


def nested(depth: int) -> Any:
    """Objects in objects."""
    found: Any = {}
    for _ in range(depth):
        found = {"a": found}
    return found


DEEP: dict[str, Any] = {
    "/v1/messages": lambda deep: {
        "messages": [
            *HELLO,
            {"role": "assistant", "content": [{"type": "tool_use", "id": "call_1", "name": "f", "input": deep}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "x"}]},
        ],
        "tools": [{"name": "f", "input_schema": deep}],
    },
    "/v1/responses": lambda deep: {"tools": [{"type": "function", "name": "f", "parameters": deep}]},
    "/api/chat": lambda deep: {
        "messages": [
            *HELLO,
            {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": deep}}]},
            {"role": "tool", "tool_name": "f", "content": "x"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": deep}}],
    },
    "/api/generate": lambda deep: {"format": deep},
}
"""Path → fields that hold a value as deep as one likes."""


@pytest.mark.parametrize("path", DEEP)
def test_values_of_any_depth(shared: Live, path: str) -> None:
    """JSON that can just be decoded is deeper once it is a part of another body."""
    mine = key(shared, scopes=READ)
    statuses = set()
    for depth in (50, 200, 480, 490, 500, 980, *range(985, 1030, 2), 3000, 100_000):
        text = json.dumps({"model": "fake", **USES[path], **DEEP[path]("DEEP")})
        deep = '{"a":' * depth + "{}" + "}" * depth
        content = text.replace('"DEEP"', deep)
        answer = shared.http.post(path, content=content, headers={**mine, "content-type": "application/json"})
        assert answer.status_code in (200, 400), (depth, answer.status_code, answer.text[:300])
        statuses.add(answer.status_code)
        if answer.status_code == 400:
            assert sentence(path, answer)
    assert statuses == {200, 400}


CHANGES: dict[tuple[str, str], Json] = {
    ("POST", "/api/pull"): {"model": "gone"},
    ("POST", "/api/push"): {"model": "gone"},
    ("POST", "/api/create"): {"model": "made", "from": "fake"},
    ("POST", "/api/copy"): {"source": "fake", "destination": "made"},
    ("DELETE", "/api/delete"): {"model": "gone"},
    ("POST", "/api/blobs/sha256:" + "0" * 64): {},
}


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_what_changes_the_server_needs_more_than_the_right_to_use_models(shared: Live, method: str, path: str) -> None:
    for rights in ({"scopes": READ}, {"scopes": ["models:list"]}, {"scopes": [*READ, "knowledge:read", "files:write"]}):
        answer = shared.http.request(method, path, json=CHANGES[method, path], headers=key(shared, **rights))
        assert answer.status_code == 403 and isinstance(answer.json()["error"], str), (rights, answer.text)


@pytest.mark.parametrize("path", ["/v1/messages", "/api/chat"])
def test_pictures_are_not_larger_than_a_body_may_be(shared: Live, tmp_path: Path, path: str) -> None:
    most = 64 * 1024 * 1024
    picture = "iVBORw0KGgo" + "A" * (most // 4 * 4)
    source = {"type": "base64", "media_type": "image/png", "data": picture}
    blocks = {"messages": [{"role": "user", "content": [{"type": "image", "source": source}]}]}
    turns = {"messages": [{"role": "user", "content": "x", "images": [picture]}]}
    answer = post(shared, path, key(shared, scopes=READ), **(blocks if path == "/v1/messages" else turns))
    assert answer.status_code == 413 and sentence(path, answer)


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses"])
def test_documents_of_one_request_are_not_countless(shared: Live, path: str) -> None:
    """Each is read by a process of its own, which others wait for."""
    source = {"type": "base64", "media_type": "text/plain", "data": "YQ=="}
    block = {"type": "document", "source": source}
    part = {"type": "input_file", "filename": "a.txt", "file_data": "data:text/plain;base64,YQ=="}
    for count, status in ((3, 200), (101, 400)):
        blocks = {"messages": [{"role": "user", "content": [block] * count}]}
        items = {"input": [{"role": "user", "content": [part] * count}]}
        answer = post(shared, path, key(shared, scopes=READ), **(blocks if path == "/v1/messages" else items))
        assert answer.status_code == status, answer.text[:300]
    assert "[100]" in sentence(path, answer) and "at most 100 documents" in sentence(path, answer)
