"""Ollama's `pull`, `delete` and `push` on a real server with a hub on loopback, through the official client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from httpx import Response

from tests.dialects.conftest import client_results
from tests.dialects.scripts import Json
from tests.dialects.test_ollama_client import failure
from tests.hub_server import HubServer, hub_server
from tests.hubs.test_download import FILE, GGUF, ID, QUICK
from tests.live import Live, live

Pulling = tuple[HubServer, Live]


@pytest.fixture(scope="module")
def pulling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pulling]:
    """A hub with one repository, and a server that uses it."""
    home = tmp_path_factory.mktemp("pulling") / "home"
    with hub_server() as hub, live(home, {**hub.environment(home.parent), **QUICK}) as running:
        hub.add(ID, {FILE: GGUF, "README.md": b"# a demo"})
        yield hub, running


def test_a_model_is_pulled_listed_and_deleted(pulling: Pulling) -> None:
    _, server = pulling
    found = client_results("ollama_pull.py", server.url, ID)
    lines = found["pull"]
    assert [lines[0]["status"], lines[-1]["status"]] == ["pulling manifest", "success"]
    (digest,) = {line["digest"] for line in lines[1:-1]}
    done = [line["completed"] for line in lines[1:-1]]
    assert digest.startswith("sha256:") and done == sorted(done) and done[-1] == lines[-2]["total"] == len(GGUF)
    assert found["again"]["status"] == "success"
    (name,) = found["listed"]
    assert name.startswith(ID) and found["deleted"] == "success" and found["after"] == []
    assert found["delete again"]["status"] == 404
    assert found["push"]["status"] == 400


def test_what_cannot_be_pulled(pulling: Pulling) -> None:
    _, server = pulling
    assert "'nowhere'" in failure(server.http.post("/api/pull", json={"model": "nowhere"}), 404)
    failure(server.http.post("/api/pull", json={"model": "acme/none"}), 404)
    failure(server.http.post("/api/pull", json={}), 400)


def test_what_runs_is_there(pulling: Pulling) -> None:
    _, server = pulling
    server.launched("fake")
    lines = server.http.post("/api/pull", json={"model": "fake:latest"}).text.splitlines()
    assert lines == ['{"status":"pulling manifest"}', '{"status":"success"}']


def deleted(server: Live, model: str) -> Response:
    return server.http.request("DELETE", "/api/delete", json={"model": model})


def test_what_is_not_deleted_says_why(pulling: Pulling) -> None:
    _, server = pulling
    server.launched("other", model_name="fake")
    assert "Model 'other' is running" in failure(deleted(server, "other"), 409)
    assert "`modelyard terminate other`" in failure(deleted(server, "other:latest"), 409)
    assert "`modelyard kb delete handbook`" in failure(deleted(server, "kb:handbook"), 409)
    nobody = failure(deleted(server, "nobody"), 404)
    assert "no files on this machine" in nobody and "unning" not in nobody


@pytest.mark.parametrize(
    ("path", "body"),
    [("/api/pull", {"model": "qwen2.5-instrct"}), ("/api/copy", {"source": "qwen2.5-instrct", "destination": "mine"})],
)
def test_a_family_that_is_unknown_is_not_looked_for_among_what_runs(pulling: Pulling, path: str, body: Json) -> None:
    sentence = failure(pulling[1].http.post(path, json=body), 404)
    assert sentence.startswith("There is no model 'qwen2.5-instrct' in the catalog. Did you mean ")
    assert "qwen2.5-instruct" in sentence and "unning" not in sentence and len(sentence) < 400
