"""A server that asks for keys: every route, several servers on one database, and clients that people have."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import xinference_client

import modelyard.client
from modelyard.api.routes import ROUTES
from modelyard.core.access import SCOPES
from modelyard.web.route_access import METRICS
from modelyard.web.router import ANY_KEY, ANYBODY, ManagementRoute
from tests.cli.terminal import run
from tests.live import HELLO, Live, error_of, live
from tests.processes import wait_for

PASSWORD = "planted-password-of-ann"


def test_every_route_takes_a_scope_that_exists() -> None:
    assert {route.scope for route in ROUTES} <= {ANYBODY, ANY_KEY, *SCOPES}


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def made(server: Live, **body: Any) -> str:
    """A new key."""
    answer = server.http.post("/v1/admin/keys", json={"name": "test", **body})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["key"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server with one administrator, whose key `server.http` sends, a user, and two models."""
    with live(tmp_path_factory.mktemp("keys") / "home") as running:
        assert running.http.get("/v1/cluster/auth").json() == {"auth": False}
        running.http.headers.update(bearer(made(running, name="root")))
        user = {"username": "ann", "password": PASSWORD, "scopes": ["admin"]}
        assert running.http.post("/v1/admin/users", json=user).status_code == 201
        running.launched("m")
        running.launched("other")
        yield running


@pytest.fixture
def anybody(server: Live) -> Iterator[httpx.Client]:
    """A client without a key."""
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


def concrete(path: str) -> str:
    """An address of a route; of the one stream without an end, its part that has one."""
    return re.sub(r"\{[^}]*\}", "m", path) + ("?follow=false" if path == "/v1/events" else "")


every_route = pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path_format}")


@every_route
def test_no_route_answers_without_a_key_but_those_that_say_so(anybody: httpx.Client, route: ManagementRoute) -> None:
    answer = anybody.request(route.method, concrete(route.path), content=b"{")
    if route.scope in (ANYBODY, METRICS):
        assert answer.status_code != 403 and "asks for an API key" not in answer.text
    else:
        assert (answer.status_code, error_of(answer)["code"]) == (401, "invalid_api_key")
        assert answer.headers["www-authenticate"] == "Bearer" and answer.headers["x-request-id"]


@pytest.fixture(scope="module")
def useless(server: Live) -> str:
    """A key whose only scope is nothing that a route takes."""
    return made(server, scopes=["settings:write"])


@every_route
def test_no_route_answers_a_key_that_lacks_its_scope(
    anybody: httpx.Client, useless: str, route: ManagementRoute
) -> None:
    if route.scope in (ANYBODY, ANY_KEY, METRICS):
        return
    answer = anybody.request(route.method, concrete(route.path), content=b"{", headers=bearer(useless))
    assert (answer.status_code, error_of(answer)["code"]) == (403, "permission_denied")
    assert f"'{route.scope}'" in error_of(answer)["message"]


def test_what_is_open_to_all(anybody: httpx.Client) -> None:
    assert anybody.get("/v1/cluster/auth").json() == {"auth": True}
    assert anybody.get("/health").json()["models"] == {}
    for path in ("/docs", "/openapi.json", "/metrics"):
        assert anybody.get(path).status_code == 200
    assert anybody.get("/nothing-here").status_code == 404
    assert anybody.options("/v1/models").status_code == 200
    assert anybody.put("/v1/models").status_code == 405
    assert anybody.head("/v1/models").status_code == 401


def test_who_may_see_what(server: Live, anybody: httpx.Client) -> None:
    assert set(server.http.get("/health").json()["models"]) == {"m", "other"}
    anybody.headers.update(bearer(made(server, models=["m"], scopes=["models:list", "models:read", "models:write"])))
    assert [model["id"] for model in anybody.get("/v1/models").json()["data"]] == ["m"]
    assert [each["model_uid"] for each in anybody.get("/v1/models/instances").json()] == ["m"]
    assert set(anybody.get("/health").json()["models"]) == {"m"}
    for uid in ("m", "other"):
        entry = {"launch": {"model_name": uid, "model_engine": "fake"}}
        assert server.http.post("/v1/autostart/models", json=entry).status_code == 200
    assert [each["model_uid"] for each in anybody.get("/v1/autostart/models").json()["models"]] == ["m"]
    assert [each["model_uid"] for each in anybody.get("/v1/autostart/models/summary").json()["models"]] == ["m"]
    assert anybody.get("/v1/models/m").status_code == 200
    for method, path in (("GET", "/v1/models/other"), ("DELETE", "/v1/models/other"), ("POST", "/v1/models")):
        answer = anybody.request(method, path, json={})
        assert (answer.status_code, error_of(answer)["code"]) == (403, "permission_denied")
    assert anybody.post("/v1/chat/completions", json={"model": "other", "messages": HELLO}).status_code == 403


def test_keys_are_listed_without_their_secrets(server: Live) -> None:
    key = made(server, name="小钥匙", requests_per_minute=5, expires_in=60, permissions=["models:start"])
    listed = server.http.get("/v1/admin/keys")
    mine = next(each for each in listed.json()["data"] if each["name"] == "小钥匙")
    assert mine["prefix"] == key[:8] and mine["scopes"] == ["models:write"] and mine["requests_per_minute"] == 5
    assert key not in listed.text and "hash" not in listed.text
    assert PASSWORD not in server.http.get("/v1/admin/users").text
    assert "scrypt" not in server.http.get("/v1/admin/users").text


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "x" * 101},
        {"name": "a\nb"},
        {"name": "x", "scopes": ["root"]},
        {"name": "x", "requests_per_minute": 0},
        {"name": "x", "tokens_per_minute": "many"},
        {"name": "x", "expires_in": -1},
        {"name": "x", "expires_in": 1e300},
        {"name": "x", "models": [""]},
        {"name": "x", "models": "m"},
    ],
)
def test_keys_that_cannot_be(server: Live, body: dict[str, Any]) -> None:
    answer = server.http.post("/v1/admin/keys", json=body)
    assert answer.status_code == 400 and error_of(answer)["param"].startswith(next(reversed(body), "name"))


def test_logging_in(server: Live, anybody: httpx.Client) -> None:
    wrong = anybody.post("/token", json={"username": "ann", "password": "x"})
    assert (wrong.status_code, wrong.json()["detail"]) == (401, "Incorrect username or password")
    for content, kind, status in (
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"a=b", "text/plain", 415),
    ):
        assert anybody.post("/token", content=content, headers={"content-type": kind}).status_code == status
    assert anybody.post("/token", data={"username": "ann"}).status_code == 400
    assert anybody.post("/token", json={"username": "ann", "password": "x" * 20_000}).status_code == 413
    by_form = anybody.post("/token", data={"username": "ann", "password": PASSWORD}).json()
    tokens = anybody.post("/token", json={"username": "ann", "password": PASSWORD}).json()
    assert set(tokens) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert tokens["token_type"] == "bearer" and by_form["access_token"] != tokens["access_token"]
    me = anybody.get("/v1/auth/me", headers=bearer(tokens["access_token"])).json()
    assert (me["username"], me["scopes"]) == ("ann", ["admin"])
    assert anybody.get("/v1/auth/me", headers=bearer(tokens["refresh_token"])).status_code == 403
    new = anybody.post("/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).json()
    assert anybody.get("/v1/auth/me", headers=bearer(tokens["access_token"])).status_code == 401
    assert anybody.post("/v1/auth/logout", headers=bearer(new["access_token"])).json() == {"result": True}
    assert anybody.get("/v1/models", headers=bearer(new["access_token"])).status_code == 401
    assert anybody.get("/v1/models", headers=bearer(by_form["access_token"])).status_code == 200
    assert server.http.post("/v1/auth/logout").status_code == 400  # an API key is no login


def test_a_key_revoked_while_a_client_keeps_asking(server: Live, anybody: httpx.Client) -> None:
    key = made(server, name="short-lived")
    anybody.headers.update(bearer(key))
    chat = {"model": "m", "messages": HELLO}
    assert anybody.get("/v1/models").status_code == anybody.post("/v1/chat/completions", json=chat).status_code == 200
    assert server.http.delete(f"/v1/admin/keys/{key[:8]}").json()["usable"] is False
    assert anybody.post("/v1/chat/completions", json=chat).status_code == 401
    assert anybody.get("/v1/models").status_code == 401
    assert server.http.delete("/v1/admin/keys/nobody").status_code == 404


def test_the_command_line_revokes_in_the_database_of_a_running_server(server: Live, anybody: httpx.Client) -> None:
    done = run("key", "create", "--name", "by hand", "--home", str(server.home))
    assert done.returncode == 0, done.stderr
    anybody.headers.update(bearer(done.stdout.strip()))
    wait_for(lambda: anybody.get("/v1/models").status_code == 200)
    assert run("key", "revoke", "by hand", "--home", str(server.home)).returncode == 0
    wait_for(lambda: anybody.get("/v1/models").status_code == 401)


def test_limits_per_key(server: Live, anybody: httpx.Client) -> None:
    anybody.headers.update(bearer(made(server, requests_per_minute=1)))
    chat = {"model": "m", "messages": HELLO}
    assert anybody.post("/v1/chat/completions", json=chat).status_code == 200
    refused = anybody.post("/v1/chat/completions", json=chat)
    assert (refused.status_code, error_of(refused)["code"]) == (429, "rate_limit_exceeded")
    assert int(refused.headers["retry-after"]) > 0
    assert anybody.get("/v1/models").status_code == 200  # the limit is for asking models


def test_limits_per_model_and_aborting(server: Live) -> None:
    server.launched("narrow", request_limits=1, tokens=1_000_000, tokens_per_second=100)
    assert server.launch("none", request_limits=-1).status_code == 400
    server.launched("none", request_limits=0)
    refused = server.chat("none")
    assert refused.status_code == 429 and "Rate limit reached" in refused.json()["detail"]
    assert "request_limits 0 refuses every request" in server.http.get("/v1/models/none/events").text
    body = {"model": "narrow", "messages": HELLO, "stream": True, "request_id": "long-one"}
    headers = {"x-request-id": "as-header"}
    with server.http.stream("POST", "/v1/chat/completions", json=body, headers=headers) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("data: ")
        refused = server.chat("narrow")
        assert refused.status_code == 429 and "Rate limit reached" in error_of(refused)["message"]
        path = "/v1/models/narrow/requests/{}/abort"
        assert server.http.post(path.format("unknown")).json() == {"msg": "NOT_FOUND"}
        client = xinference_client.RESTfulClient(server.url, api_key=server.http.headers["authorization"][7:])
        assert client.abort_request("narrow", "long-one") == {"msg": "DONE"}
        last = [line for line in lines if line.startswith("data: ")][-1]
        assert json.loads(last[6:])["error"]["code"] == "request_aborted"
    assert server.http.post("/v1/models/nobody/requests/x/abort").status_code == 404
    assert server.http.post(path.format("x"), json={"block_duration": -1}).status_code == 400
    with server.http.stream("POST", "/v1/chat/completions", json=body) as answer:
        assert answer.status_code == 409  # the name stays blocked for half a minute
    server.http.delete("/v1/models/narrow")


def test_the_peers_client_with_a_key_and_with_a_login(server: Live) -> None:
    key = made(server, scopes=["models:list", "models:read"])
    client = xinference_client.RESTfulClient(server.url, api_key=key)
    assert {"m", "other"} <= set(client.list_models())
    assert client.get_model("m").chat([{"role": "user", "content": "hi"}])["choices"]
    with pytest.raises(RuntimeError, match="lacks the scope 'models:write'"):
        client.terminate_model("m")
    person = xinference_client.RESTfulClient(server.url)
    with pytest.raises(RuntimeError, match="asks for an API key"):
        person.list_models()
    with pytest.raises(RuntimeError, match="Incorrect username or password"):
        person.login("ann", "wrong")
    person.login("ann", PASSWORD)
    assert person.launch_model("by-login", model_engine="fake", model_uid="by-login") == "by-login"
    person.terminate_model("by-login")


def test_openais_client(server: Live) -> None:
    url, hello = f"{server.url}/v1", [{"role": "user", "content": "hi"}]
    asked: Any = {"model": "m", "messages": hello}
    with openai.OpenAI(base_url=url, api_key=made(server), max_retries=0) as good:
        assert good.chat.completions.create(**asked).choices
        assert {"m", "other"} <= {model.id for model in good.models.list()}
    with openai.OpenAI(base_url=url, api_key=made(server, requests_per_minute=1), max_retries=0) as limited:
        with limited.chat.completions.create(**asked, stream=True) as stream:
            assert list(stream)
        with pytest.raises(openai.RateLimitError):
            limited.chat.completions.create(**asked)
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as bad:
        with pytest.raises(openai.AuthenticationError):
            bad.models.list()
        with pytest.raises(openai.AuthenticationError):
            bad.chat.completions.create(**asked)
    with (
        openai.OpenAI(base_url=url, api_key=made(server, models=["other"])) as other,
        pytest.raises(openai.PermissionDeniedError),
    ):
        other.embeddings.create(model="m", input="x")


def test_two_servers_on_one_database(tmp_path: Path, database_url: str) -> None:
    env = {"MODELYARD_DATABASE_URL": database_url}
    with live(tmp_path / "a", env) as one, live(tmp_path / "b", env) as two:
        assert two.http.get("/v1/models").status_code == 200
        key = made(one)
        assert one.http.get("/v1/models").status_code == 401
        wait_for(lambda: two.http.get("/v1/models").status_code == 401)
        two.http.headers.update(bearer(key))
        assert two.http.get("/v1/models").status_code == 200
        assert two.chat("nobody").status_code == 404
        one.http.headers.update(bearer(key))
        assert one.http.delete("/v1/admin/keys/test").status_code == 200
        wait_for(lambda: two.http.get("/v1/admin/keys").json()["data"][0]["usable"] is False)


def test_keys_outlive_the_server(tmp_path: Path) -> None:
    with live(tmp_path / "home") as first:
        key = made(first)
        first.kill()
    with live(tmp_path / "home") as second:
        assert second.http.get("/v1/models").status_code == 401
        assert second.http.get("/v1/models", headers=bearer(key)).status_code == 200


@pytest.mark.parametrize(("mode", "asked"), [("on", True), ("off", False)])
def test_the_setting(tmp_path: Path, mode: str, asked: bool) -> None:
    run("key", "create", "--name", "me", "--home", str(tmp_path / "home"))
    with live(tmp_path / "home", {"MODELYARD_AUTH": mode}) as server:
        assert server.http.get("/v1/cluster/auth").json() == {"auth": asked}
        assert (server.http.get("/v1/models").status_code == 401) is asked
        if not asked:
            answer = server.http.post("/token", json={"username": "a", "password": "b"})
            assert answer.status_code == 400 and "requires no keys" in error_of(answer)["message"]


def test_beyond_loopback_only_with_a_key(tmp_path: Path) -> None:
    home = tmp_path / "home"
    refused = run("serve", "-H", "0.0.0.0", "-p", "0", "--home", str(home))
    assert refused.returncode == 1 and f"modelyard key create --name me --home {home}." in refused.stderr
    lasting = run("key", "create", "--name", "me", "--home", str(home))
    off = run("serve", "-H", "0.0.0.0", "-p", "0", "--home", str(home), MODELYARD_AUTH="off")
    assert off.returncode == 1 and "--insecure" in off.stderr
    with live(home, arguments=("-H", "0.0.0.0")) as server:
        assert server.http.get("/metrics").status_code == 401
        assert server.http.get("/health").status_code == 200
        headers = bearer(lasting.stdout.strip())
        assert server.http.get("/metrics", headers=headers).status_code == 200
        assert server.http.delete(f"/v1/admin/keys/{lasting.stdout[:8]}", headers=headers).status_code == 200
        assert server.http.get("/v1/models").status_code == 401  # without any key it stays closed
    again = run("serve", "-H", "0.0.0.0", "-p", "0", "--home", str(home))
    assert again.returncode == 1 and "no key" in again.stderr
    with live(home, arguments=("-H", "0.0.0.0", "--insecure")) as server:
        assert server.http.get("/v1/models").status_code == 200


PREFLIGHT = {
    "origin": "https://app.example",
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type",
}


def test_cors_is_closed(server: Live) -> None:
    for path in ("/v1/models", "/v1/chat/completions"):
        answer = server.http.request("OPTIONS", path, headers=PREFLIGHT)
        assert answer.status_code == 403 and "MODELYARD_CORS_ORIGINS=https://app.example" in answer.json()["detail"]
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert (
            "access-control-allow-origin"
            not in server.http.get(path, headers={"origin": "https://app.example"}).headers
        )


@pytest.mark.parametrize(
    ("origins", "allowed"), [("*", "*"), ("https://a.example, https://app.example/", PREFLIGHT["origin"])]
)
def test_cors_opens_for_whom_the_setting_names(tmp_path: Path, origins: str, allowed: str) -> None:
    with live(tmp_path / "home", {"MODELYARD_CORS_ORIGINS": origins, "MODELYARD_AUTH": "on"}) as server:
        for path in ("/v1/models", "/v1/chat/completions"):
            asked = server.http.request("OPTIONS", path, headers=PREFLIGHT)
            assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, allowed)
            assert "POST" in asked.headers["access-control-allow-methods"]
            assert "authorization" in asked.headers["access-control-allow-headers"]
            answer = server.http.post(path, json={}, headers={"origin": PREFLIGHT["origin"]})
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, allowed)
        stranger = server.http.get("/health", headers={"origin": "https://evil.example"})
        assert ("access-control-allow-origin" in stranger.headers) is (origins == "*")


def test_no_secret_is_ever_shown(tmp_path: Path) -> None:
    """Everything that a busy server printed and answered, searched for what was planted."""
    planted = ["planted-env-value", PASSWORD, "planted-wrong-password", "my-planted-guess"]
    said: list[str] = []
    env = {"MODELYARD_LOG_LEVEL": "debug", "MODELYARD_ACCESS_LOG": "1"}
    with live(tmp_path / "home", env) as server:
        server.http.event_hooks["response"].append(lambda answer: said.append(answer.read().decode()))
        said_once = httpx.post(f"{server.url}/v1/admin/keys", json={"name": "root"}).json()["key"]
        server.http.headers.update(bearer(said_once))
        planted.append(said_once)
        envs = {"HF_TOKEN": "planted-env-value"}
        server.launched("m", envs=envs)
        server.launch("bad", envs=envs, crash_at_start="no memory")
        server.http.post("/v1/models", json={"model_name": "x", "model_engine": "fake", "envs": {"A": [planted[0]]}})
        entry = {"launch": {"model_name": "m", "model_engine": "fake", "envs": envs}}
        server.http.post("/v1/autostart/models", json=entry)
        server.http.post("/v1/admin/users", json={"username": "ann", "password": PASSWORD})
        server.http.post("/v1/admin/users", json={"username": "ann", "password": PASSWORD})
        server.http.post("/token", json={"username": "ann", "password": "planted-wrong-password"})
        for path in ("/v1/models", "/v1/chat/completions"):
            server.http.post(path, headers=bearer("my-planted-guess"), content=b"{")
        server.chat("m", user="planted-env")
        for route in ROUTES:
            if route.method == "GET":
                server.http.get(concrete(route.path))
        server.http.get("/openapi.json")
        assert len(said) > 30
        server.stop()
        logs = "".join(path.read_text(errors="replace") for path in server.home.glob("logs/**/*.log"))
        everything = "\n".join([*said, server.output(), logs])
    assert "m" in everything
    assert [secret for secret in planted if secret in everything] == []


def test_half_a_request_without_a_key_holds_nothing_up(server: Live) -> None:
    """A big body that nobody may send is refused at its head."""
    port = int(server.url.rpartition(":")[2])
    head = b"POST /v1/models HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 999999999\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        sock.sendall(head)
        assert sock.recv(1000).startswith(b"HTTP/1.1 401 ")


def test_many_at_once_never_pass_a_limit(server: Live) -> None:
    key = made(server, requests_per_minute=5)
    statuses: list[int] = []

    def ask() -> None:
        chat = {"model": "m", "messages": HELLO}
        statuses.append(httpx.post(f"{server.url}/v1/chat/completions", json=chat, headers=bearer(key)).status_code)

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (statuses.count(200), statuses.count(429)) == (5, 15)


def test_keys_and_users_are_changed_and_listed_page_by_page(server: Live) -> None:
    secret = made(server, name="changing", models=["m"], requests_per_minute=5)
    id = next(each["id"] for each in server.http.get("/v1/admin/keys").json()["data"] if each["prefix"] == secret[:8])
    with modelyard.client.Client(server.url, api_key=server.http.headers["authorization"][7:]) as client:
        changed = client.keys.update(id, scopes=["models:list", "logs:list"], models=None, tokens_per_minute=9)
        assert (changed["models"], changed["requests_per_minute"], changed["tokens_per_minute"]) == (None, 5, 9)
        client.users.create("page", PASSWORD)
        assert client.users.update("page", ["models:list"])["scopes"] == ["models:list"]
        keys, users = client.keys.list(), client.users.list()
        assert [each["id"] for each in client.keys.iterate(limit=2)] == [each["id"] for each in keys] and len(keys) >= 2
        assert list(client.users.iterate(limit=1)) == users and len(users) >= 2
        client.users.remove("page")
    me = server.http.get("/v1/auth/me", headers=bearer(secret)).json()
    assert me["scopes"] == ["logs:list", "models:list"]
    for path in ("keys", "users"):
        refused = server.http.get(f"/v1/admin/{path}", params={"after": "x_"})
        assert refused.status_code == 400 and error_of(refused)["param"] == "after"
    wrong: list[dict[str, Any]] = [{"scopes": []}, {"scopes": None}, {"name": ""}, {"owner": "x"}, {"expires_in": -1}]
    for body in wrong:
        assert server.http.patch(f"/v1/admin/keys/{id}", json=body).status_code == 400, body
    assert server.http.patch(f"/v1/admin/keys/{id}", json={}).json()["scopes"] == ["logs:list", "models:list"]
