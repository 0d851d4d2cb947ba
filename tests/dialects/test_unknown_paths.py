"""Paths below those of a dialect at which nothing answers: the 404 has the dialect's form."""

from __future__ import annotations

import pytest

from tests.dialects.conftest import Served

BATCHES = "Batches are at /v1/batches here, in OpenAI's form, with requests for /v1/chat/completions."


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    "path", ["/v1/messages/xyz", "/v1/messages/batches", "/v1/messages/batches/x/results", "/v1/messages/"]
)
def test_below_anthropics_paths(served: Served, method: str, path: str) -> None:
    answer = served.live.http.request(method, path, headers={"x-request-id": "nowhere"})
    assert answer.status_code == 404 and answer.headers["request-id"] == answer.headers["x-request-id"] == "nowhere"
    body = answer.json()
    assert (body["type"], body["error"]["type"], body["request_id"]) == ("error", "not_found_error", "nowhere")
    assert body["error"]["message"].startswith(f"There is no {method} {path} here.")
    assert (BATCHES in body["error"]["message"]) == ("batches" in path)


@pytest.mark.parametrize("path", ["/api/unknown", "/api/chat/more", "/api/"])
def test_below_ollamas_paths(served: Served, path: str) -> None:
    for url in (served.live.url, served.ollama_url):
        answer = served.live.http.post(f"{url}{path}", json={})
        assert answer.status_code == 404 and list(answer.json()) == ["error"], answer.text
        assert answer.json()["error"].startswith(f"There is no POST {path} here.")


@pytest.mark.parametrize("path", ["/v1/responses/x/y", "/v1/nothing", "/apiary", "/v1/messagesx"])
def test_elsewhere_openais_form(served: Served, path: str) -> None:
    error = served.live.http.post(path, json={}).json()["error"]
    assert set(error) == {"message", "type", "code", "param"} and error["code"] == "path_not_found"
