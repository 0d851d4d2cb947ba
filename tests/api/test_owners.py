"""Whose conversations, messages and temporary knowledge bases are seen by whom, through every change of keys and tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from modelyard.api.routes import ROUTES
from tests.api.knowing import Base, ok
from tests.live import HELLO, Live, error_of, live

SCOPES = ["models:list", "models:read", "knowledge:read", "knowledge:write"]
PASSWORD = "correct horse battery"
Maker = Callable[..., httpx.Client]


def client(server: Live, key: str) -> httpx.Client:
    return httpx.Client(base_url=server.url, timeout=60, headers={"authorization": f"Bearer {key}"})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server with an administrator's key, two people who are none, a model and a base."""
    with live(tmp_path_factory.mktemp("owners") / "home") as running:
        root = running.http.post("/v1/admin/keys", json={"name": "root"}).json()["key"]
        running.http.headers.update({"authorization": f"Bearer {root}"})
        for name in ("ann", "ben"):
            user = {"username": name, "password": PASSWORD, "scopes": SCOPES}
            assert running.http.post("/v1/admin/users", json=user).status_code == 201
        running.launched("m")
        Base.made(running, "open").add({"a.txt": b"the gate is green"})
        yield running


@pytest.fixture
def key(server: Live) -> Iterator[Maker]:
    """Makes a key, and a client that sends it."""
    made: list[httpx.Client] = []

    def make(**body: Any) -> httpx.Client:
        answer = server.http.post("/v1/admin/keys", json={"name": "test", "scopes": SCOPES, **body})
        assert answer.status_code == 201, answer.text
        made.append(client(server, answer.json()["key"]))
        made[-1].headers["x-made"] = answer.json()["id"]
        return made[-1]

    yield make
    for each in made:
        each.close()


def login(server: Live, name: str) -> dict[str, Any]:
    found: dict[str, Any] = ok(httpx.post(f"{server.url}/token", json={"username": name, "password": PASSWORD}))
    return found


def begun(who: httpx.Client, title: str = "mine") -> str:
    name: str = ok(who.post("/v1/chats", json={"title": title}))["id"]
    return name


def titles(who: httpx.Client) -> list[str]:
    return [each["title"] for each in ok(who.get("/v1/chats"))["data"]]


def test_conversations_stay_when_a_token_is_refreshed(server: Live) -> None:
    tokens = login(server, "ann")
    with client(server, tokens["access_token"]) as ann:
        name = begun(ann, "before")
        asked = ok(ann.post("/v1/knowledge_bases/open/answer", json={"question": "gate?", "conversation": name}))
    new = ok(httpx.post(f"{server.url}/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]}))
    again = login(server, "ann")
    for token in (new["access_token"], again["access_token"]):
        with client(server, token) as ann:
            assert "before" in titles(ann)
            assert len(ok(ann.get(f"/v1/chats/{name}/messages"))["data"]) == 2
            judged = ann.post(f"/v1/chats/messages/{asked['message']}/feedback", json={"score": 90})
            assert ok(judged)["score"] == 90
    with client(server, login(server, "ben")["access_token"]) as ben:
        assert titles(ben) == []
        assert "before" in titles(server.http)  # an administrator's key sees all


def test_a_user_of_the_same_name_inherits_nothing(server: Live) -> None:
    user = {"username": "cleo", "password": PASSWORD, "scopes": SCOPES}
    seen: list[list[str]] = []
    for _ in range(2):
        assert server.http.post("/v1/admin/users", json=user).status_code == 201
        with client(server, login(server, "cleo")["access_token"]) as cleo:
            seen.append(titles(cleo))
            begun(cleo, "of cleo")
        assert server.http.delete("/v1/admin/users/cleo").status_code == 200
    assert seen == [[], []]


def of_routes(prefix: str) -> list[tuple[str, str]]:
    """Every route below a path that names one thing by `{}` first."""
    paths = ((route.method, re.sub(r"\{[^}]*\}", "{}", route.path)) for route in ROUTES)
    return [(method, path) for method, path in paths if path.startswith(prefix)]


BODIES = {
    "POST /v1/chats/{}/messages": {"content": "stolen"},
    "PATCH /v1/chats/{}/messages/{}": {"content": "stolen"},
    "POST /v1/chats/{}/answers": {"content": "stolen", "model": "m"},
}


@pytest.mark.parametrize(("method", "path"), of_routes("/v1/chats/{}"))
def test_no_route_shows_a_conversation_of_others(server: Live, key: Maker, method: str, path: str) -> None:
    mine, others = key(), key()
    name = begun(mine)
    message = ok(mine.post(f"/v1/chats/{name}/messages", json={"content": "q"}))["id"]
    body = BODIES.get(f"{method} {path}", {"title": "stolen"})
    answer = others.request(method, path.replace("{}", name, 1).replace("{}", message), json=body)
    missing = "generation_not_found" if path.endswith(("/events", "/stop")) else "conversation_not_found"
    assert (answer.status_code, error_of(answer)["code"]) == (404, missing)
    there = ok(mine.get(f"/v1/chats/{name}"))
    assert there["title"] == "mine" and [each["content"][0]["text"] for each in there["messages"]] == ["q"]
    assert server.http.get(f"/v1/chats/{name}").status_code == 200


def test_messages_outside_of_conversations_have_an_owner(server: Live, key: Maker) -> None:
    mine, others = key(), key()
    asked = mine.post("/chat/chat", json={"query": "hi", "model_name": "m"})
    message = asked.text.partition('"message_id":')[2].split('"')[1]
    path = f"/v1/chats/messages/{message}/feedback"
    assert others.post(path, json={"score": 1}).status_code == 404
    assert others.post("/chat/feedback", json={"message_id": message, "score": 1}).json()["code"] == 500
    assert ok(mine.post(path, json={"score": 2}))["score"] == 2
    assert server.http.post(path, json={"score": 3}).status_code == 200


def brought(who: httpx.Client) -> str:
    files = [("files", ("note.txt", b"the safe has the number 4711", "text/plain"))]
    name: str = ok(who.post("/knowledge_base/upload_temp_docs", files=files))["data"]["id"]
    return name


@pytest.mark.parametrize(("method", "path"), of_routes("/v1/knowledge_bases/{}"))
def test_no_route_shows_a_temporary_base_of_others(server: Live, key: Maker, method: str, path: str) -> None:
    mine, others = key(), key()
    name = brought(mine)
    concrete = path.replace("{}", name, 1).replace("{}", "1")
    body = {"query": "safe number", "question": "safe number", "files": []}
    upload = method == "POST" and path.endswith(("{}/documents", "/documents/preview"))
    field = "file" if path.endswith("/preview") else "files"
    content: dict[str, Any] = {"files": [(field, ("a.txt", b"a"))]} if upload else {"json": body}
    answer = others.request(method, concrete, **content)
    if answer.status_code not in (
        400,
        422,
    ):  # a body that the route does not take is refused before a base is looked for
        assert (answer.status_code, error_of(answer)["code"]) == (404, "knowledge_base_not_found")
    assert "4711" not in answer.text.replace(name, ""), "and a name may have these digits"
    found = ok(mine.post(f"/v1/knowledge_bases/{name}/search", json={"query": "safe number"}))["data"]
    assert [each["document"] for each in found] == ["note.txt"]
    assert server.http.get(f"/v1/knowledge_bases/{name}").status_code == 200


def test_temporary_bases_are_private_in_bodies_too(server: Live, key: Maker) -> None:
    mine, others = key(), key()
    name = brought(mine)
    for path, body in (
        ("/v1/knowledge_bases/search", {"knowledge_bases": ["open", name], "query": "safe"}),
        ("/v1/knowledge_bases/answer", {"knowledge_bases": [name], "question": "safe?"}),
    ):
        assert others.post(path, json=body).status_code == 404
        assert mine.post(path, json=body).status_code == 200
    chat = {"model": "m", "messages": HELLO, "knowledge": {"bases": [name]}}
    assert others.post("/v1/chat/completions", json=chat).status_code == 404
    assert others.post("/chat/file_chat", json={"query": "safe", "knowledge_id": name}).json()["code"] == 404
    asked = {"knowledge_id": name, "query": "safe", "top_k": 3, "score_threshold": 2}
    assert others.post("/knowledge_base/search_temp_docs", json=asked).json()["code"] == 404
    assert len(mine.post("/knowledge_base/search_temp_docs", json=asked).json()) == 1


def test_a_rotated_key_keeps_what_is_its_own(server: Live, key: Maker) -> None:
    before = key(name="rotating", requests_per_minute=50)
    begun(before, "of the rotating")
    made = server.http.post("/v1/admin/keys/rotating/rotate").json()
    assert made["requests_per_minute"] == 50 and made["scopes"] == sorted(SCOPES)
    assert before.get("/v1/chats").status_code == 401
    with client(server, made["key"]) as after:
        assert titles(after) == ["of the rotating"]
        assert ok(after.get("/v1/auth/me"))["owner"] == made["owner"]
    assert server.http.delete("/v1/admin/keys/rotating").status_code == 200
    assert server.http.post("/v1/admin/keys/rotating/rotate").status_code == 409
    assert server.http.post("/v1/admin/keys/nobody/rotate").status_code == 404


def test_keys_of_one_owner(server: Live, key: Maker) -> None:
    first = key(scopes=[*SCOPES, "keys:create", "keys:manage"])
    owner = ok(first.get("/v1/auth/me"))["owner"]
    begun(first, "shared")
    assert titles(key(owner=owner)) == ["shared"]
    own = first.post("/v1/admin/keys", json={"name": "own", "scopes": ["knowledge:read"], "owner": owner})
    assert own.status_code == 201 and own.json()["owner"] == owner
    root = ok(server.http.get("/v1/auth/me"))["owner"]
    refused = first.post("/v1/admin/keys", json={"name": "taken", "scopes": ["knowledge:read"], "owner": root})
    assert (refused.status_code, error_of(refused)["code"]) == (403, "permission_denied")
    assert first.post("/v1/admin/keys/root/rotate").status_code == 403
    unknown = server.http.post("/v1/admin/keys", json={"name": "x", "owner": "nobody"})
    assert (unknown.status_code, error_of(unknown)["param"]) == (400, "owner")


def test_a_person_aborts_what_an_earlier_token_asked(server: Live) -> None:
    tokens = login(server, "ann")
    server.launched("slow", tokens=1_000_000, tokens_per_second=100)
    body = {"model": "slow", "messages": HELLO, "stream": True, "request_id": "long"}
    path = "/v1/models/slow/requests/long/abort"
    with (
        client(server, tokens["access_token"]) as ann,
        client(server, login(server, "ben")["access_token"]) as ben,
        ann.stream("POST", "/v1/chat/completions", json=body) as answer,
    ):
        next(lines := answer.iter_lines())
        assert ben.post(path).json() == {"msg": "NOT_FOUND"}
        with client(server, login(server, "ann")["access_token"]) as again:
            assert again.post(path).json() == {"msg": "DONE"}
            assert "request_aborted" in [line for line in lines if line.startswith("data: ")][-1]
            assert again.post("/v1/chat/completions", json=body).status_code == 409
        with ben.stream("POST", "/v1/chat/completions", json=body) as theirs:
            assert theirs.status_code == 200  # a name is refused to its owner only
    server.http.delete("/v1/models/slow")


def test_without_keys_there_is_one_owner(tmp_path: Any) -> None:
    with live(tmp_path / "home") as open_server:
        begun(open_server.http, "local")
        assert ok(open_server.http.get("/v1/auth/me"))["owner"] == "local"
        root = open_server.http.post("/v1/admin/keys", json={"name": "root"}).json()["key"]
        with client(open_server, root) as administrator:
            assert titles(administrator) == ["local"]
            plain = administrator.post("/v1/admin/keys", json={"name": "plain", "scopes": SCOPES}).json()["key"]
        with client(open_server, plain) as other:
            assert titles(other) == []
