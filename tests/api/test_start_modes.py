"""Start modes of Langchain-Chatchat as flags of `modelyard serve`: what a server has, and whether it runs models itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from modelyard.cli.serve import CHATCHAT_PORT, settings, start_mode, with_port
from tests.live import HELLO, Live, error_of, live

BROWSER = {"accept": "text/html"}


@pytest.fixture(scope="module")
def models_only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("llm") / "home", arguments=("--llm-api",)) as running:
        running.launched("echo")
        yield running


def test_all_api_has_everything_but_the_page(tmp_path: Path) -> None:
    with live(tmp_path / "home", arguments=("--all-api", "--chatchat-port", "0")) as server:
        page = server.http.get("/ui/", headers=BROWSER)
        assert page.status_code == 404
        assert "this server has no page (--all-api); MODELYARD_INTERFACES=all" in error_of(page)["message"]
        assert "location" not in server.http.get("/", headers=BROWSER).headers
        assert "for a browser" not in server.output()
        assert server.http.get("/v1/knowledge_bases").status_code == 200
        (line,) = [line for line in server.output().splitlines() if "Langchain-Chatchat's clients" in line]
        assert httpx.get(f"{line.split()[-1]}/").headers["location"] == "/docs"
        listed = server.http.post("/llm_model/list_running_models", json={})
        assert (listed.status_code, listed.json()["data"]) == (200, {})


def test_llm_api_has_models_only(models_only: Live) -> None:
    assert models_only.chat("echo").status_code == 200
    assert models_only.http.get("/v1/models").json()["data"][0]["id"] == "echo"
    assert models_only.http.post("/list_models").json()["models"] == ["echo"], "FastChat's controller is one of models"
    closed = ("/ui/", "/v1/knowledge_bases", "/v1/chats", "/v1/chat_folders", "/knowledge_base/list_knowledge_bases")
    for path in closed:
        answer = models_only.http.get(path)
        assert answer.status_code == 404 and "models only (--llm-api)" in error_of(answer)["message"], path
    for path in ("/chat/chat", "/llm_model/stop", "/server/configs", "/v1/knowledge_bases/x/search"):
        assert models_only.http.post(path, json={}).status_code == 404, path
    assert models_only.http.post("/v1/chat/completions", json={"model": "echo", "messages": HELLO}).status_code == 200


def test_bases_are_no_models_of_such_a_server(tmp_path: Path) -> None:
    """Also those that it has from another start."""
    home = tmp_path / "home"
    with live(home) as server:
        server.http.post("/v1/knowledge_bases", json={"name": "docs"}).raise_for_status()
        assert "kb:docs" in server.http.get("/v1/models", params={"knowledge_bases": True}).text
        server.stop()
    with live(home, arguments=("--llm-api",)) as server:
        assert server.chat("kb:docs").status_code == 404
        server.stop()


def test_lite_runs_models_of_other_servers_only(tmp_path: Path, models_only: Live) -> None:
    home = tmp_path / "home"
    with live(home) as server:
        server.launched("mine")
        server.stop()
    with live(home, arguments=("--lite",)) as server:
        assert server.http.get("/v1/models").json()["data"] == []
        refused = server.launch("other")
        assert refused.status_code == 400 and "no models of its own (--lite)" in error_of(refused)["message"]
        assert (
            "no models of its own" in error_of(server.http.post("/v1/models", json={"model_name": "demo"}))["message"]
        )
        remote = {"model_engine": "external", "base_url": f"{models_only.url}/v1", "upstream_model": "echo"}
        server.launched("theirs", **remote)
        assert server.chat("theirs").status_code == 200
        assert "modelyard launch NAME --engine external --base_url URL" in server.output()
        server.stop()
    with live(home) as server:
        server.until("mine", "READY")
        server.until("theirs", "READY")


def test_modes_together(monkeypatch: pytest.MonkeyPatch) -> None:
    assert start_mode(False, False, False, False) == {"interfaces": None, "local_models": None}
    assert start_mode(True, True, True, False)["interfaces"] == "all"
    assert start_mode(False, True, True, True) == {"interfaces": "api", "local_models": False}
    assert start_mode(False, False, True, False)["interfaces"] == "llm"
    assert with_port(settings({}), True).chatchat_port == CHATCHAT_PORT == 7861
    assert with_port(settings({}), False).chatchat_port is None
    assert with_port(settings({"chatchat_port": 0}), True).chatchat_port == 0
    monkeypatch.setenv("MODELYARD_CHATCHAT_PORT", "7000")
    assert with_port(settings({}), True).chatchat_port == 7000
