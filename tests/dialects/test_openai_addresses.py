"""Azure's addresses and those without `/v1`, by the official clients and by hand; what is found at the root."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from tests.dialects.conftest import Served, key
from tests.dialects.scripts import ModelAnswer
from tests.live import Live

CHAT = {"model": "fake", "messages": [{"role": "user", "content": "hello"}]}
VERSION = "2024-10-21"


@pytest.fixture
def azure(guarded: Live) -> Iterator[openai.AzureOpenAI]:
    secret = key(guarded, name="azure")["x-api-key"]
    with openai.AzureOpenAI(azure_endpoint=guarded.url, api_key=secret, api_version=VERSION, max_retries=0) as client:
        yield client


def test_the_azure_client_chats(azure: openai.AzureOpenAI) -> None:
    whole = azure.chat.completions.create(**CHAT)  # type: ignore[call-overload]
    assert whole.choices[0].message.content and whole.model == "fake"
    chunks = list(azure.chat.completions.create(**CHAT, stream=True))  # type: ignore[call-overload]
    joined = "".join(each.choices[0].delta.content or "" for each in chunks if each.choices)
    assert joined == whole.choices[0].message.content
    assert azure.completions.create(model="fake", prompt="one").choices[0].text
    assert "fake" in [each.id for each in azure.models.list()]


def test_the_azure_client_raises_its_errors(azure: openai.AzureOpenAI, guarded: Live) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        azure.chat.completions.create(**CHAT | {"model": "nobody"})  # type: ignore[call-overload]
    assert unknown.value.code == "model_not_found"
    assert unknown.value.request_id
    wrong = openai.AzureOpenAI(azure_endpoint=guarded.url, api_key="my-wrong", api_version=VERSION, max_retries=0)
    with wrong, pytest.raises(openai.AuthenticationError):
        wrong.chat.completions.create(**CHAT)  # type: ignore[call-overload]
    with pytest.raises(openai.BadRequestError) as bad:
        azure.chat.completions.create(model="fake", messages=[])
    assert bad.value.param == "messages"


def test_the_azure_client_embeds(served: Served) -> None:
    client = openai.AzureOpenAI(azure_endpoint=served.live.url, api_key="none", api_version=VERSION, max_retries=0)
    with client:
        assert len(client.embeddings.create(model="vectors", input=["a", "b"]).data) == 2
        named = openai.AzureOpenAI(
            azure_endpoint=served.live.url, azure_deployment="fake", api_key="none", api_version=VERSION, max_retries=0
        )
        with named:  # the path names the model, and goes before the body
            answer = named.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])
            assert answer.model == "fake"


@pytest.mark.parametrize("model", [None, "nobody", "fake"])
def test_a_deployment_goes_before_the_model_of_the_body(served: Served, model: str | None) -> None:
    body = {**CHAT, "model": model} if model else {"messages": CHAT["messages"]}
    answer = served.live.http.post("/openai/deployments/script/chat/completions", json=body)
    assert answer.status_code == 200 and answer.json()["choices"][0]["message"]["content"] == "ok"
    assert len(served.upstream.bodies) == 1


def test_azure_s_query_is_not_passed_on_and_names_may_have_slashes(served: Served) -> None:
    path = "/openai/deployments/kb:handbook/chat/completions"
    served.upstream.answer = lambda body: ModelAnswer(text=["The pump is the MX-2140. [1]"])
    answer = served.live.http.post(path, params={"api-version": VERSION}, json={"messages": CHAT["messages"]})
    assert answer.status_code == 200 and answer.json()["model"] == "kb:handbook"
    unknown = served.live.http.post("/openai/deployments/org/model/completions", json={"prompt": "x"})
    assert unknown.status_code == 404 and "'org/model'" in unknown.json()["detail"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b"\xff"])
def test_bodies_that_are_no_object_are_refused_at_deployments(served: Served, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = served.live.http.post("/openai/deployments/fake/chat/completions", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed_body")


def test_the_model_of_a_form_is_the_deployment(served: Served) -> None:
    for fields in ({}, {"model": "other"}):
        answer = served.live.http.post(
            "/openai/deployments/fake/audio/transcriptions", data=fields, files={"file": ("a.wav", b"x")}
        )
        assert answer.status_code == 400, answer.text
        assert "'fake'" in answer.json()["detail"]


@pytest.mark.parametrize(
    "path", ["/openai/deployments/fake", "/openai/deployments//chat/completions", "/openai/nothing"]
)
def test_other_paths_of_azure_are_unknown(served: Served, path: str) -> None:
    answer = served.live.http.post(path, json=CHAT)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "path_not_found")


@pytest.mark.parametrize("prefix", ["", "/openai", "/openai/v1"])
def test_every_openai_route_has_the_other_addresses(served: Served, prefix: str) -> None:
    http = served.live.http
    assert http.post(f"{prefix}/chat/completions", json=CHAT).json()["model"] == "fake"
    assert http.post(f"{prefix}/completions", json={"model": "fake", "prompt": "x"}).status_code == 200
    assert http.post(f"{prefix}/embeddings", json={"model": "vectors", "input": "x"}).status_code == 200
    listed = http.get(f"{prefix}/models").json()["data"]
    assert "fake" in [each["id"] for each in listed]
    assert http.get(f"{prefix}/chat/completions").status_code == 405


def test_keys_are_checked_at_the_other_addresses(guarded: Live) -> None:
    with httpx.Client(base_url=guarded.url) as http:
        for path in ("/chat/completions", "/openai/deployments/fake/chat/completions", "/openai/v1/chat/completions"):
            assert http.post(path, json=CHAT).status_code == 401
        assert http.get("/models").status_code == 401
    only = key(guarded, models=["other"])
    answer = guarded.http.post(
        "/openai/deployments/fake/chat/completions", json=CHAT | {"model": "other"}, headers=only
    )
    assert answer.status_code == 403


def test_head_is_answered_wherever_get_is(served: Served, guarded: Live) -> None:
    root = served.live.http.head("/")
    assert (root.status_code, root.content) == (200, b"") and root.headers["x-request-id"]
    assert served.live.http.get("/").json()["name"] == "modelyard"
    for path in ("/v1/models", "/api/tags", "/api/ps", "/api/version", "/health", "/version", "/v1/files", "/ui/"):
        get, head = served.live.http.get(path), served.live.http.head(path)
        assert (head.status_code, head.content) == (get.status_code, b"") == (200, b"")
        assert head.headers["content-type"] == get.headers["content-type"] and head.headers["x-request-id"]
    assert served.live.http.get("/version").json()["version"]
    greeting = httpx.get(served.ollama_url)
    assert greeting.text == "Ollama is running" and greeting.headers["x-request-id"]
    with httpx.Client(base_url=guarded.url) as http:  # Claude Code sends it without its key
        assert http.head("/").status_code == 200
        assert http.head("/v1/models").status_code == 401


def test_codex_gets_a_list_that_it_can_read(served: Served) -> None:
    http = served.live.http
    plain, codex = http.get("/v1/models").json(), http.get("/v1/models", params={"client_version": "0.171.0"}).json()
    assert "models" not in plain
    assert codex == {**plain, "models": []}


LIMITS = ("x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests")


def limits(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("x-ratelimit-")}


def test_answers_tell_what_is_left_of_a_key(guarded: Live) -> None:
    limited = key(guarded, requests_per_minute=3, tokens_per_minute=1000)
    first = guarded.http.post("/v1/chat/completions", json=CHAT, headers=limited)
    found = limits(first)
    assert [found[name] for name in LIMITS[:2]] == ["3", "2"] and found[LIMITS[2]].endswith("s")
    assert (found["x-ratelimit-limit-tokens"], found["x-ratelimit-remaining-tokens"]) == ("1000", "1000")
    used = first.json()["usage"]["total_tokens"]
    with guarded.http.stream("POST", "/v1/chat/completions", json=CHAT | {"stream": True}, headers=limited) as streamed:
        assert limits(streamed)["x-ratelimit-remaining-requests"] == "1"
        assert limits(streamed)["x-ratelimit-remaining-tokens"] == str(1000 - used)
        assert b"[DONE]" in streamed.read()
    failed = guarded.http.post("/v1/chat/completions", json=CHAT | {"model": "nobody"}, headers=limited)
    assert (failed.status_code, limits(failed)[LIMITS[1]]) == (404, "0")
    refused = guarded.http.post("/v1/chat/completions", json=CHAT, headers=limited)
    assert (refused.status_code, limits(refused)[LIMITS[1]]) == (429, "0")
    assert 1 <= int(refused.headers["retry-after"]) <= 60 and refused.headers["x-request-id"]


def test_keys_without_limits_have_no_such_headers(guarded: Live) -> None:
    free = key(guarded)
    for body in (CHAT, CHAT | {"stream": True}, CHAT | {"model": "nobody"}, {}):
        assert limits(guarded.http.post("/v1/chat/completions", json=body, headers=free)) == {}


def test_an_error_of_the_engine_has_the_headers_too(guarded: Live) -> None:
    limited = key(guarded, requests_per_minute=9)
    body: dict[str, Any] = {**CHAT, "fake": {"error_status": 500}}
    answer = guarded.http.post("/v1/chat/completions", json=body, headers=limited)
    assert (answer.status_code, limits(answer)[LIMITS[1]]) == (500, "8") and answer.headers["x-request-id"]
