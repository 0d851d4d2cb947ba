"""Headers of every answer of Anthropic's and Ollama's API, errors too: the request's id, and what is left of a key's limits."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.dialects.conftest import key
from tests.live import Live

HELLO = [{"role": "user", "content": "Hello"}]
MESSAGE: dict[str, Any] = {"model": "fake", "messages": HELLO, "max_tokens": 3}
CHAT: dict[str, Any] = {"model": "fake", "messages": HELLO}
ANTHROPIC = ("anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining")
OPENAI = ("x-ratelimit-limit-requests", "x-ratelimit-remaining-requests")
CASES: dict[str, tuple[str, str, Any, int]] = {
    "message": ("POST", "/v1/messages", MESSAGE, 200),
    "streamed message": ("POST", "/v1/messages", {**MESSAGE, "stream": True}, 200),
    "counted message": ("POST", "/v1/messages/count_tokens", {"model": "fake", "messages": HELLO}, 200),
    "wrong message": ("POST", "/v1/messages", {"model": "fake"}, 400),
    "unknown model": ("POST", "/v1/messages", {**MESSAGE, "model": "other"}, 403),
    "broken model": ("POST", "/v1/messages", {**MESSAGE, "fake": {"error_status": 500}}, 500),
    "wrong method": ("GET", "/v1/messages", None, 405),
    "chat": ("POST", "/api/chat", {**CHAT, "stream": False}, 200),
    "streamed chat": ("POST", "/api/chat", CHAT, 200),
    "wrong chat": ("POST", "/api/chat", {"model": "fake", "options": {"top_p": 7}, "messages": HELLO}, 400),
    "unknown chat": ("POST", "/api/chat", {**CHAT, "model": "other"}, 403),
    "tags": ("GET", "/api/tags", None, 200),
    "show": ("POST", "/api/show", {"model": "fake"}, 200),
    "wrong show": ("POST", "/api/show", {}, 400),
    "pull without its scope": ("POST", "/api/pull", {"model": "fake"}, 403),
    "blob without its scope": ("HEAD", f"/api/blobs/sha256:{'0' * 64}", None, 403),
    "create without its scope": ("POST", "/api/create", {"model": "x", "from": "fake"}, 403),
}


@pytest.fixture(scope="module")
def mine(guarded: Live) -> dict[str, str]:
    return key(guarded, scopes=["models:read", "models:list"], models=["fake"], requests_per_minute=500)


def identified(answer: httpx.Response, path: str, identity: str) -> None:
    """Check the id of the request in the headers of an answer."""
    assert answer.headers["x-request-id"] == identity
    if path.startswith("/v1/"):
        assert answer.headers["request-id"] == identity


@pytest.mark.parametrize("case", CASES)
def test_an_answer_has_the_id_and_the_limits(guarded: Live, mine: dict[str, str], case: str) -> None:
    method, path, body, status = CASES[case]
    identity = case.replace(" ", "-")
    answer = guarded.http.request(method, path, json=body, headers={**mine, "x-request-id": identity})
    assert answer.status_code == status, answer.text
    identified(answer, path, identity)
    if status == 405:
        return  # before the key is looked at
    limit, remaining = ANTHROPIC if path.startswith("/v1/") else OPENAI
    assert answer.headers[limit] == "500" and 0 <= int(answer.headers[remaining]) <= 500


@pytest.mark.parametrize(("path", "body"), [("/v1/messages", MESSAGE), ("/api/chat", {**CHAT, "stream": False})])
def test_an_answer_without_a_key_or_beyond_its_limits_has_the_id(guarded: Live, path: str, body: Any) -> None:
    nobody = {"authorization": "", "x-request-id": "nobody"}
    answer = guarded.http.post(path, json=body, headers=nobody)
    assert answer.status_code == 401
    identified(answer, path, "nobody")
    headers = {**key(guarded, scopes=["models:read"], requests_per_minute=1), "x-request-id": "busy"}
    assert guarded.http.post(path, json=body, headers=headers).status_code == 200
    answer = guarded.http.post(path, json=body, headers=headers)
    assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 0
    identified(answer, path, "busy")
    assert answer.headers[(ANTHROPIC if path.startswith("/v1/") else OPENAI)[1]] == "0"
