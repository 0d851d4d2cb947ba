"""Knowledge bases where models are listed: only for who asks, each key its own, and at an address of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI
from xinference_client import RESTfulClient

from modelyard.client import Client
from tests.api.knowing import Base, ok
from tests.live import Live, error_of, live

ALL = "/v1/models?knowledge_bases=true"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("listed") / "home") as running:
        running.launched("chatty")
        Base.made(running, "手册", description="rules of the house").add({"a.txt": b"The lake freezes in January."})
        Base.made(running, "drafts")
        yield running


def ids(server: Live, path: str, **headers: str) -> list[str]:
    return [each["id"] for each in ok(server.http.get(path, headers=headers))["data"]]


def test_clients_that_manage_models_see_models_only(server: Live) -> None:
    assert ids(server, "/v1/models") == ["chatty"]
    assert list(RESTfulClient(server.url).list_models()) == ["chatty"]
    with Client(server.url) as client:
        assert list(client.list_models()) == ["chatty"]


def test_who_asks_sees_bases_as_models(server: Live) -> None:
    listed = ok(server.http.get(ALL))
    assert listed["object"] == "list"
    model, drafts, book = listed["data"]
    assert (model["id"], model["model_type"]) == ("chatty", "LLM") and "knowledge_base" not in model
    assert drafts["id"] == "kb:drafts"
    assert (book["id"], book["object"], book["owned_by"]) == ("kb:手册", "model", "modelyard")
    assert (book["knowledge_base"], book["model_type"]) == ("手册", "knowledge_base")
    assert (book["model_description"], book["model_ability"]) == ("rules of the house", ["chat"])
    assert book["created"] > 1_600_000_000


def test_a_program_that_knows_a_base_url_only(server: Live) -> None:
    with OpenAI(base_url=f"{server.url}/knowledge/v1", api_key="none", max_retries=0) as client:
        assert [each.id for each in client.models.list()] == ["chatty", "kb:drafts", "kb:手册"]
        question: Any = [{"role": "user", "content": "When does the lake freeze?"}]
        answer = client.chat.completions.create(model="kb:手册", messages=question)
        assert answer.model_extra is not None and answer.model_extra["knowledge"]["evidence"]
        assert client.chat.completions.create(model="chatty", messages=question).choices
        assert "knowledge_base" in ok(server.http.get("/knowledge/v1/models", params={"x": "1"}))["data"][1]


def test_nothing_else_is_at_that_address(server: Live) -> None:
    for method, path in (
        ("POST", "/knowledge/v1/models"),
        ("GET", "/knowledge/v1/models/chatty"),
        ("DELETE", "/knowledge/v1/models/chatty"),
        ("GET", "/knowledge/v1/knowledge_bases"),
        ("GET", "/knowledge/v1/../v1/models/chatty"),
        ("GET", "/knowledge/knowledge/v1/models"),
        ("GET", "/knowledge"),
    ):
        answer = server.http.request(method, path, json={})
        assert answer.status_code == 404, (method, path, answer.text)
        error_of(answer)
    assert ids(server, "/v1/models") == ["chatty"]


def test_a_key_sees_its_bases_only(tmp_path_factory: pytest.TempPathFactory) -> None:
    with live(tmp_path_factory.mktemp("listed-keys") / "home") as server:
        admin = server.http.post("/v1/admin/keys", json={"name": "admin"}).json()["key"]
        server.http.headers["Authorization"] = f"Bearer {admin}"
        server.launched("chatty")
        for name in ("open", "shut"):
            Base.made(server, name)

        def key(**wanted: object) -> str:
            made = server.http.post("/v1/admin/keys", json={"name": "k", **wanted})
            assert made.status_code == 201, made.text
            return f"Bearer {made.json()['key']}"

        scopes = ["models:read", "models:list"]
        limited = key(scopes=scopes, bases={"open": "read"})
        reader = key(scopes=[*scopes, "knowledge:read"])
        stranger = key(scopes=scopes)
        for path in (ALL, "/knowledge/v1/models"):
            assert ids(server, path) == ["chatty", "kb:open", "kb:shut"]
            assert ids(server, path, Authorization=limited) == ["chatty", "kb:open"]
            assert ids(server, path, Authorization=reader) == ["chatty", "kb:open", "kb:shut"]
            assert ids(server, path, Authorization=stranger) == ["chatty"]
            assert server.http.get(path, headers={"Authorization": "Bearer no"}).status_code == 401
        body = {"model": "kb:shut", "messages": [{"role": "user", "content": "lake?"}]}
        refused = server.http.post("/knowledge/v1/chat/completions", json=body, headers={"Authorization": limited})
        assert refused.status_code == 403
