"""A real server and its callers: who may have code run by a launch, and what the processes of engines know of the server."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.live import Live, error_of, live

CODE = {"PYTHONWARNINGS": "all:0:antigravity.x:0:0", "BROWSER": "/bin/sh -c 'id > {mark}' %s"}
"""Variables with which Python itself runs a program of their writer's when it starts."""


LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@dataclass(frozen=True)
class Keyed:
    """A server with keys."""

    server: Live
    admin: httpx.Client
    """Its key may do everything."""
    writer: httpx.Client
    """Its key may launch models."""


@contextmanager
def with_keys(server: Live) -> Iterator[Keyed]:
    """Two keys, and clients that send them."""
    root = httpx.post(f"{server.url}/v1/admin/keys", json={"name": "root"}).json()["key"]
    with httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {root}"}, timeout=60) as admin:
        scopes = ["models:write", "models:list", "models:read", "models:register"]
        key = admin.post("/v1/admin/keys", json={"name": "app", "scopes": scopes}).json()["key"]
        with httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {key}"}, timeout=60) as writer:
            yield Keyed(server, admin, writer)


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    secrets = {"OPENAI_API_KEY": "sk-secret", "HF_TOKEN": "hf-secret", "BROKER": "amqp://u:secret@h/"}
    allow = {"MODELYARD_LAUNCH_ALLOW": "envs:APP_COLOUR"}
    with live(tmp_path_factory.mktemp("trust") / "home", {**secrets, **allow}) as server, with_keys(server) as made:
        yield made


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str | None]]]:
    """The address of somebody's server, and the keys that were sent there."""
    keys: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            keys.append(self.headers.get("authorization"))
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", keys
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def external(base: str, variable: str) -> dict[str, str]:
    options = {"base_url": f"{base}/v1", "api_key_env": variable}
    return {"model_name": "x", "model_uid": "out", "model_engine": "external", **options}


def environment_of(pid: int) -> dict[str, str]:
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def launch_body(envs: dict[str, str], uid: str = "m") -> dict[str, Any]:
    return {"model_name": uid, "model_uid": uid, "model_engine": "fake", "envs": envs}


def test_a_key_that_launches_runs_no_code(keyed: Keyed, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    envs = {name: value.format(mark=mark) for name, value in CODE.items()}
    body = launch_body(envs)
    autostart = {"launch": body, "enabled": True}
    before = keyed.admin.get("/v1/autostart/models").json()
    for path, sent in (("/v1/models", body), ("/v1/autostart/models", autostart)):
        answer = keyed.writer.post(path, json=sent)
        assert answer.status_code == 403, answer.text
        said = error_of(answer)["message"]
        assert (
            "envs:PYTHONWARNINGS" in said and "'app'" in said and "'admin'" in said and "MODELYARD_LAUNCH_ALLOW" in said
        )
    assert keyed.admin.get("/v1/models").json()["data"] == []
    assert keyed.admin.get("/v1/autostart/models").json() == before
    assert not mark.exists()


@LINUX
def test_what_tunes_and_what_the_owner_allows_passes(keyed: Keyed) -> None:
    envs = {"OMP_NUM_THREADS": "3", "APP_COLOUR": "red"}
    assert keyed.writer.post("/v1/models", json=launch_body(envs, "tuned")).status_code == 200
    (replica,) = keyed.admin.get("/v1/models/tuned/replicas").json()
    found = environment_of(replica["pid"])
    assert (found["OMP_NUM_THREADS"], found["APP_COLOUR"]) == ("3", "red")
    keyed.admin.delete("/v1/models/tuned")


@LINUX
def test_a_replica_knows_neither_settings_nor_secrets_of_the_server(keyed: Keyed) -> None:
    assert keyed.writer.post("/v1/models", json=launch_body({}, "plain")).status_code == 200
    (replica,) = keyed.admin.get("/v1/models/plain/replicas").json()
    found = environment_of(replica["pid"])
    assert found["TEST_MARK"] == keyed.server.mark and "PATH" in found
    assert not [name for name in found if name.startswith("MODELYARD_")]
    assert not {"OPENAI_API_KEY", "HF_TOKEN", "BROKER"} & set(found)
    assert "secret" not in json.dumps({name: value for name, value in found.items() if name != "FAKE_ENGINE_TOKEN"})
    keyed.admin.delete("/v1/models/plain")


def test_no_variable_goes_where_its_owner_did_not_bind_it(keyed: Keyed, listener: tuple[str, list[str | None]]) -> None:
    base, keys = listener
    for client in (keyed.admin, keyed.writer):
        for variable in ("HOME", "OPENAI_API_KEY", "MODELYARD_HOME"):
            answer = client.post("/v1/models", json=external(base, variable))
            assert answer.status_code == 403, answer.text
            assert variable in error_of(answer)["message"]
    assert keys == [] and keyed.admin.get("/v1/models").json()["data"] == []


def test_secrets_of_an_entry_do_not_move_to_another_launch(
    keyed: Keyed, listener: tuple[str, list[str | None]]
) -> None:
    base, _ = listener
    launch = {**external("https://theirs.test", "K"), "envs": {"K": "sk-of-the-owner"}}
    assert keyed.admin.post("/v1/autostart/models", json={"launch": launch}).status_code == 200
    shown = keyed.writer.get("/v1/autostart/models/out").json()["launch"]
    moved = keyed.writer.post("/v1/autostart/models", json={"launch": {**shown, "base_url": f"{base}/v1"}})
    assert moved.status_code == 403 and "keep the secrets" in error_of(moved)["message"]
    assert keyed.writer.post("/v1/autostart/models", json={"launch": shown, "priority": 5}).status_code == 200
    assert keyed.admin.delete("/v1/autostart/models/out").status_code == 200


def test_what_the_owners_entry_launches_keeps_its_meaning(keyed: Keyed, tmp_path: Path) -> None:
    def register(client: httpx.Client, name: str) -> httpx.Response:
        specs = [{"model_uri": str(tmp_path), "model_format": "pytorch", "model_id": None}]
        model = {"model_name": name, "model_specs": specs}
        return client.post("/v1/model_registrations/LLM", json={"model": json.dumps(model), "persist": False})

    launch = {"model_name": "house", "model_uid": "house", "trust_remote_code": True}
    assert keyed.admin.post("/v1/autostart/models", json={"launch": launch}).status_code == 200
    answer = register(keyed.writer, "House")
    assert answer.status_code == 403 and "'house' launches it" in error_of(answer)["message"], answer.text
    assert register(keyed.admin, "house").status_code == 200
    assert keyed.writer.delete("/v1/model_registrations/LLM/house").status_code == 403
    assert register(keyed.writer, "other").status_code == 200
    for name in ("house", "other"):
        assert keyed.admin.delete(f"/v1/model_registrations/LLM/{name}").status_code == 200
    assert keyed.admin.delete("/v1/autostart/models/house").status_code == 200


@LINUX
def test_what_was_accepted_starts_again_with_the_server(tmp_path: Path) -> None:
    with live(tmp_path / "home") as server, with_keys(server) as keyed:
        keyed.admin.post("/v1/models", json=launch_body({"PYTHONOPTIMIZE": "1"})).raise_for_status()
    with live(tmp_path / "home", {"MODELYARD_AUTH": "off"}) as server:
        server.until("m", "READY")
        (replica,) = server.replicas("m")
        assert environment_of(replica["pid"])["PYTHONOPTIMIZE"] == "1"


def test_a_stored_launch_that_sends_a_key_elsewhere_is_an_error_that_says_so(
    tmp_path: Path, listener: tuple[str, list[str | None]]
) -> None:
    base, keys = listener
    key = {"MY_KEY": "sk-mine"}
    with live(tmp_path / "home", {**key, "MODELYARD_KEY_VARIABLES": f"MY_KEY={base}"}) as server:
        server.http.post("/v1/models", json=external(base, "MY_KEY")).raise_for_status()
        server.chat("out")
        assert keys == ["Bearer sk-mine"]
    with live(tmp_path / "home", {**key, "MODELYARD_RESTART_LIMIT": "0"}) as server:
        server.until("out", "ERROR")
        assert "MODELYARD_KEY_VARIABLES=MY_KEY=" in server.http.get("/v1/models/out").json()["error"]
        assert server.chat("out").status_code == 503
    assert keys == ["Bearer sk-mine"]


def test_without_keys_the_caller_is_the_owner_on_loopback_only(tmp_path: Path) -> None:
    body = launch_body({"PYTHONOPTIMIZE": "1"})
    with live(tmp_path / "home") as server:
        assert server.http.post("/v1/models", json=body).status_code == 200
    with live(tmp_path / "open", {"MODELYARD_HOST": "0.0.0.0", "MODELYARD_INSECURE": "1"}) as server:
        answer = server.http.post("/v1/models", json=body)
        assert answer.status_code == 403 and "without a key" in error_of(answer)["message"]
        assert server.http.post("/v1/models", json=launch_body({})).status_code == 200
