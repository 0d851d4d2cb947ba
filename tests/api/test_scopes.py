"""What keys with limits reach: every route by kind of key, models and bases that bodies name, requests and tokens, files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from modelyard.api.routes import ROUTES
from modelyard.core.access import ADMIN, SCOPES
from modelyard.web.route_access import METRICS
from modelyard.web.router import ANY_KEY, ANYBODY, ManagementRoute
from tests.api.knowing import Base, embedding, ok
from tests.live import HELLO, Live, error_of, live

EVERYTHING_ELSE = sorted(set(SCOPES) - {ADMIN})
SECRET = b"zqxj secret of a file"
OTHER = "other"
Maker = Callable[..., httpx.Client]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("scopes") / "home") as running:
        root = running.http.post("/v1/admin/keys", json={"name": "root"}).json()["key"]
        running.http.headers.update({"authorization": f"Bearer {root}"})
        for uid in ("m", OTHER):
            running.launched(uid)
        embedding(running, "vec")
        running.launched("ranker", model_type="rerank")
        Base.made(running, "open", embedding_model="vec").add({"a.txt": b"the gate is green"})
        Base.made(running, "of-other", chat_model=OTHER).add({"a.txt": b"the gate is red"})
        Base.made(running, "shut").add({"a.txt": SECRET})
        yield running


@pytest.fixture
def key(server: Live) -> Iterator[Maker]:
    """Makes a key with all scopes but `admin` unless told otherwise, and a client that sends it."""
    made: list[httpx.Client] = []

    def make(**body: Any) -> httpx.Client:
        answer = server.http.post("/v1/admin/keys", json={"name": "test", "scopes": EVERYTHING_ELSE, **body})
        assert answer.status_code == 201, answer.text
        headers = {"authorization": f"Bearer {answer.json()['key']}"}
        made.append(httpx.Client(base_url=server.url, timeout=60, headers=headers))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(scope="module")
def narrow(server: Live) -> Iterator[httpx.Client]:
    """All scopes but `admin`, for one model and one base."""
    body = {"name": "narrow", "scopes": EVERYTHING_ELSE, "models": ["m"], "bases": {"open": "read"}}
    headers = {"authorization": f"Bearer {server.http.post('/v1/admin/keys', json=body).json()['key']}"}
    with httpx.Client(base_url=server.url, timeout=60, headers=headers) as client:
        yield client


KEYS_OWN_MODELS = {"models:list", "models:read", "files:read", "files:write", "logs:list"}
"""Scopes of routes that show a key with some models only what is its own, where their paths name no model."""
UIDS = re.compile(
    r"/v1/models/\{\}$|/v1/models/\{\}/(?!\{\}/versions)|/fastchat/\{\}|/v1/autostart/models/\{\}|/v1/downloads/\{\}"
)


def expected(scope: str, path: str) -> int:
    """What a key for one model and one base gets where a path names another: 403, or 0 for an answer that is none."""
    if scope in (ANYBODY, ANY_KEY, METRICS):
        return 403 if scope == METRICS else 0
    if scope == ADMIN:
        return 403
    if scope in ("knowledge:read", "knowledge:write"):
        return 403 if path.startswith("/v1/knowledge_bases/{}") else 0
    if UIDS.match(path) or scope not in KEYS_OWN_MODELS:
        return 403
    named = ("/v1/engines/", "/v1/model_registrations/{}/{}", "/v1/models/{}/{}/versions")
    return 403 if path.startswith(named) else 0


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path_format}")
def test_every_route_with_a_key_for_one_model_and_one_base(narrow: httpx.Client, route: ManagementRoute) -> None:
    scope, path = route.scope, re.sub(r"\{[^}]*\}", "{}", route.path)
    concrete = path.replace("/v1/model_registrations/{}", "/v1/model_registrations/LLM").replace(
        "/v1/models/{}/{}/versions", "/v1/models/LLM/{}/versions"
    )
    concrete = concrete.replace("{}", "shut" if "knowledge_bases" in path else OTHER, 1).replace("{}", "1")
    concrete += "?follow=false" if path == "/v1/events" else ""  # or it has no end
    answer = narrow.request(route.method, concrete, content=b"{}", headers={"content-type": "application/json"})
    assert SECRET.decode() not in answer.text
    if expected(scope, path):
        if scope == METRICS and answer.status_code == 200:
            return  # open to all while the server listens on loopback
        assert (answer.status_code, error_of(answer)["code"]) == (403, "permission_denied")
    else:
        assert answer.status_code != 500 and (answer.status_code != 403 or "'test'" not in answer.text)


NAMED_IN_BODIES = [
    ("POST", "/v1/knowledge_bases/open/search", {"query": "gate", "rerank": True, "rerank_model": OTHER}),
    ("POST", "/v1/knowledge_bases/search", {"knowledge_bases": ["open"], "query": "g", "rerank_model": OTHER}),
    ("POST", "/v1/knowledge_bases/open/answer", {"question": "gate?", "model": OTHER}),
    ("POST", "/v1/knowledge_bases/answer", {"knowledge_bases": ["of-other"], "question": "gate?"}),
    ("POST", "/v1/knowledge_bases/of-other/answer", {"question": "gate?"}),
    ("POST", "/v1/knowledge_bases/of-other/answer", {"question": "gate?", "stream": True}),
    ("POST", "/v1/chat/completions", {"model": "kb:of-other", "messages": HELLO}),
    ("POST", "/v1/chat/completions", {"model": OTHER, "messages": HELLO, "knowledge": {"bases": ["open"]}}),
    ("POST", "/v1/knowledge_bases", {"name": "new", "embedding_model": OTHER}),
    ("POST", "/v1/knowledge_bases", {"name": "new", "chat_model": OTHER}),
    ("PATCH", "/v1/knowledge_bases/open", {"chat_model": OTHER}),
    ("PATCH", "/v1/knowledge_bases/open", {"rerank_model": OTHER}),
    ("POST", "/v1/knowledge_bases/open/reindex", {"embedding_model": OTHER}),
    ("POST", "/v1/models/estimate", {"model_name": OTHER}),
    ("GET", f"/v1/engines/LLM/{OTHER}", None),
    ("GET", f"/v1/model_registrations/LLM/{OTHER}", None),
    ("GET", f"/v1/models/LLM/{OTHER}/versions", None),
    ("POST", "/worker_generate", {"model": OTHER, "prompt": "x"}),
    ("POST", "/worker_generate_stream", {"model": OTHER, "prompt": "x"}),
    ("POST", "/worker_get_embeddings", {"model": OTHER, "input": "x"}),
    ("POST", "/count_token", {"model": OTHER, "prompt": "x"}),
    ("POST", "/model_details", {"model": OTHER}),
    ("POST", "/llm_model/get_model_config", {"model_name": OTHER}),
    ("POST", "/chat/chat", {"model_name": OTHER, "query": "x"}),
    ("POST", "/chat/agent_chat", {"model_name": OTHER, "query": "x"}),
    ("POST", "/chat/chat/completions", {"model": OTHER, "messages": HELLO}),
    ("POST", "/chat/kb_chat", {"kb_name": "of-other", "query": "gate"}),
    ("POST", "/chat/knowledge_base_chat", {"knowledge_base_name": "of-other", "query": "gate"}),
    ("POST", "/knowledge_base/local_kb/of-other/chat/completions", {"messages": HELLO}),
    ("POST", "/other/completion", {"model_name": OTHER, "query": "x"}),
]


@pytest.mark.parametrize(("method", "path", "body"), NAMED_IN_BODIES)
def test_models_that_bodies_and_bases_name(key: Maker, method: str, path: str, body: Any) -> None:
    answer = key(models=["m"]).request(method, path, json=body)
    assert answer.status_code == 403, answer.text
    assert OTHER in answer.text or "may not use" in answer.text


def test_any_model_that_answers_is_one_of_the_keys(key: Maker, server: Live) -> None:
    with_other = ok(key(models=[OTHER]).post("/v1/knowledge_bases/open/answer", json={"question": "gate green?"}))
    assert with_other["model"] == OTHER and with_other["evidence"]
    none = ok(key(models=["nobody"]).post("/v1/knowledge_bases/open/answer", json={"question": "gate green?"}))
    assert none["model"] is None and "green" in none["answer"]
    relayed = key(models=[OTHER]).post("/v1/chat/completions", json={"model": "kb:open", "messages": HELLO})
    assert relayed.status_code == 200
    forged = {"x-modelyard-caller": "root"}
    body = {"model": "kb:of-other", "messages": HELLO}
    assert key(models=["m"]).post("/v1/chat/completions", json=body, headers=forged).status_code == 403


def test_bases_that_bodies_name(key: Maker, server: Live) -> None:
    limited = key(bases={"open": "write"})
    assert limited.post("/v1/knowledge_bases", json={"name": "mine"}).status_code == 403
    assert limited.patch("/v1/knowledge_bases/open", json={"name": "renamed"}).status_code == 403
    gone = key(bases={"shot": "read"}).get("/v1/knowledge_bases/shot")
    assert gone.status_code == 404 and "shut" not in gone.text  # no hint at a base that the key may not see


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/knowledge_bases/shut/answer", {"question": "x?"}),
        ("/v1/knowledge_bases/open/answer", {"question": "gate green?", "stream": True}),
        ("/v1/knowledge_bases/answer", {"knowledge_bases": ["shut"], "question": "x?"}),
        ("/v1/knowledge_bases/open/search", {"query": "gate"}),
        ("/v1/knowledge_bases/search", {"knowledge_bases": ["open"], "query": "gate"}),
        ("/v1/knowledge_bases/shut/search", {"query": "gate", "rerank": True, "rerank_model": "ranker"}),
        ("/v1/chat/completions", {"model": "kb:shut", "messages": HELLO}),
    ],
)
def test_requests_per_minute_count_all_that_asks_models(key: Maker, path: str, body: Any) -> None:
    limited = key(requests_per_minute=2)
    statuses = [limited.post(path, json=body).status_code for _ in range(4)]
    assert statuses == [200, 200, 429, 429]
    direct = limited.post("/v1/chat/completions", json={"model": "m", "messages": HELLO})
    assert (direct.status_code, error_of(direct)["code"]) == (429, "rate_limit_exceeded")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/knowledge_base/search_docs", {"knowledge_base_name": "open", "query": "gate"}),
        ("/chat/kb_chat", {"kb_name": "open", "query": "gate", "return_direct": True, "stream": False}),
        ("/worker_generate", {"model": "m", "prompt": "x"}),
        ("/count_token", {"model": "m", "prompt": "x"}),
        ("/chat/chat", {"model_name": "m", "query": "x"}),
        ("/other/embed_texts", {"texts": ["x"]}),
    ],
)
def test_requests_per_minute_count_what_other_systems_clients_ask(key: Maker, path: str, body: Any) -> None:
    limited = key(requests_per_minute=1)
    first, second = limited.post(path, json=body), limited.post(path, json=body)
    assert "1 requests per minute" not in first.text and "1 requests per minute" in second.text


def test_keys_made_with_a_limited_key_share_its_limits(server: Live, key: Maker) -> None:
    maker = key(scopes=["keys:create", "models:read"], requests_per_minute=2)
    body = {"name": "made", "scopes": ["models:read"], "requests_per_minute": 2}
    made = [maker.post("/v1/admin/keys", json=body).json()["key"] for _ in range(3)]
    chat = {"model": "m", "messages": HELLO}
    statuses = [
        httpx.post(f"{server.url}/v1/chat/completions", json=chat, headers={"x-api-key": each}).status_code
        for each in made
    ]
    assert statuses == [200, 200, 429]
    assert maker.post("/v1/chat/completions", json=chat).status_code == 429


def test_searches_by_words_alone_ask_no_model(key: Maker) -> None:
    limited = key(requests_per_minute=1)
    for _ in range(3):
        assert limited.post("/v1/knowledge_bases/shut/search", json={"query": "gate"}).status_code == 200
        lexical = {"query": "gate", "mode": "lexical"}
        assert limited.post("/v1/knowledge_bases/open/search", json=lexical).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/knowledge_bases/open/search", {"query": "a gate that nobody looked for {}", "mode": "vector"}),
        ("/v1/knowledge_bases/shut/search", {"query": "zqxj {}", "rerank": True, "rerank_model": "ranker"}),
        ("/v1/knowledge_bases/open/answer", {"question": "is the gate green {}?", "model": "m"}),
        ("/v1/chat/completions", {"model": "kb:open", "messages": [{"role": "user", "content": "is the gate green?"}]}),
    ],
)
def test_tokens_per_minute_count_all_that_asks_models(key: Maker, path: str, body: Any) -> None:
    limited = key(tokens_per_minute=1)
    text = {name: value.format(path) if isinstance(value, str) else value for name, value in body.items()}
    first, second = limited.post(path, json=text), limited.post(path, json=text)
    assert first.status_code == 200 or "tokens per minute" in first.text  # its vector was asked for first
    assert (second.status_code, error_of(second)["code"]) == (429, "rate_limit_exceeded")


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that is no model's."""
    path = tmp_path_factory.mktemp("files") / "secret.gguf"
    path.write_bytes(SECRET)
    return path


def test_files_are_read_for_nobody_who_only_lists(key: Maker, planted: Path) -> None:
    lister = key(scopes=["models:list", "models:read", "models:register"])
    seen: set[tuple[int, str]] = set()
    for path in (planted, planted.parent, planted.parent / "missing.gguf", Path("/etc/shadow")):
        for answer in (
            lister.get(f"/v1/engines/LLM/{path}"),
            lister.get(f"/v1/engines/LLM/{path}", params={"reasons": "true"}),
            lister.post("/v1/models/estimate", json={"model_name": str(path)}),
            lister.post("/v1/models/estimate", json={"model_name": "qwen3", "model_path": str(path)}),
        ):
            seen.add((answer.status_code, error_of(answer)["code"]))
            assert SECRET[:4].decode() not in answer.text
    assert seen == {(403, "permission_denied")}  # whether there is a file or not
    told = {
        lister.get(f"/v1/engines/LLM/{name}").text.replace(name, "NAME")
        for name in ("tests", "no-such-folder")  # the first is one, where the server was started
    }
    assert len(told) == 1 and "There is no model 'NAME'" in told.pop()


def test_families_of_files_are_registered_by_who_may_launch_them(key: Maker, planted: Path) -> None:
    spec = {"model_format": "ggufv2", "model_size_in_billions": 1, "quantizations": ["none"]}
    family = {
        "version": 1,
        "model_name": "planted",
        "model_lang": ["en"],
        "model_ability": ["chat"],
        "context_length": 99,
    }
    there = {**family, "model_specs": [{**spec, "model_uri": f"file://{planted}"}]}
    registrar = key(scopes=["models:list", "models:register"])
    refused = registrar.post("/v1/model_registrations/LLM", json={"model": there})
    assert (refused.status_code, error_of(refused)["code"]) == (403, "permission_denied")
    launcher = key(scopes=["models:list", "models:register", "models:write"])
    drafting = {"source": str(planted)}
    assert registrar.post("/v1/model_registrations/drafts", json=drafting).status_code == 403
    assert launcher.post("/v1/model_registrations/drafts", json=drafting).status_code == 400
    assert key(scopes=["models:list"]).post("/v1/model_registrations/drafts", json=drafting).status_code == 403
    checked = registrar.post("/v1/model_registrations/LLM", json={"model": there, "dry_run": True})
    assert (checked.status_code, error_of(checked)["code"]) == (403, "permission_denied")
    assert launcher.post("/v1/model_registrations/LLM", json={"model": there}).status_code == 200
    told = registrar.get("/v1/engines/LLM/planted")
    assert SECRET[:4].decode() not in told.text
    assert launcher.delete("/v1/model_registrations/LLM/planted").status_code == 200


def test_what_a_file_holds_is_in_no_error(server: Live, planted: Path) -> None:
    answer = server.http.get(f"/v1/engines/LLM/{planted}")
    assert answer.status_code == 400 and "not a GGUF file" in error_of(answer)["message"]
    assert SECRET[:4].decode() not in answer.text
