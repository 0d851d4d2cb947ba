"""What the server tells its owner of itself over HTTP: findings, settings, prompt templates, MCP servers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from modelyard.client import Client
from modelyard.core.config import Settings
from modelyard.core.errors import PermissionDenied
from modelyard.engines import ENGINES
from tests.live import Live, error_of, live

SECRET = "tvly-do-not-show"
MCP = {
    "tests": {"command": sys.executable, "args": ["-m", "tests.knowledge.mcp_server"], "cwd": str(Path.cwd())},
    "broken": {"command": "/no/such/program", "env": {"TOKEN": SECRET}},
}
Maker = Callable[..., Client]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "mcp.json").write_text(json.dumps({"mcpServers": MCP}), encoding="utf-8")
    env = {"MODELYARD_MCP_SERVERS": str(folder / "mcp.json"), "MODELYARD_TAVILY_API_KEY": SECRET}
    with live(folder / "home", env) as running:
        root = running.http.post("/v1/admin/keys", json={"name": "root"}).json()["key"]
        running.http.headers["authorization"] = f"Bearer {root}"
        body = {"name": "notes", "embedding_model": "absent"}
        assert running.http.post("/v1/knowledge_bases", json=body).status_code == 200
        yield running


@pytest.fixture
def key(server: Live) -> Iterator[Maker]:
    """Makes a client with a key for some scopes."""
    made: list[Client] = []

    def make(*scopes: str, **more: Any) -> Client:
        body = {"name": "k", "scopes": list(scopes), **more}
        made.append(Client(server.url, api_key=server.http.post("/v1/admin/keys", json=body).json()["key"]))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_the_doctor_examines_the_servers_own_machine(server: Live, key: Maker) -> None:
    refused = server.launch("dead", crash_at_start="no luck today")
    assert refused.status_code >= 400
    found = {each["subject"]: each for each in key("settings:read", "knowledge:read").server.doctor()}
    assert {"python", "processor", "disk", *(f"engine {name}" for name in ENGINES if name != "fake")} <= set(found)
    assert found["home folder"]["detail"] == f"{server.home} can be written"
    assert found["database"]["state"] == "ok" and str(server.home) in found["database"]["detail"]
    assert found["model dead"]["state"] == "warning" and "no luck today" in found["model dead"]["detail"]
    assert "No embedding model 'absent' runs here" in found["base notes"]["detail"]
    assert "base notes" not in {each["subject"] for each in key("settings:read", bases={}).server.doctor()}


def test_settings_have_their_manual_and_no_secrets(server: Live, key: Maker) -> None:
    found = {each["name"]: each for each in key("settings:read").server.settings()}
    assert list(found) == list(Settings.model_fields)
    home, port, tavily = found["home"], found["port"], found["tavily_api_key"]
    assert (home["variable"], home["value"], home["is_set"]) == ("MODELYARD_HOME", str(server.home), True)
    assert (port["default"], port["value_schema"]["maximum"]) == (9997, 65535)
    assert (tavily["value"], tavily["is_set"], tavily["secret"]) == (None, True, True)
    assert found["auth"]["value_schema"]["enum"] == ["auto", "on", "off"] and not found["auth"]["is_set"]
    assert all(each["description"] for each in found.values())
    assert SECRET not in server.http.get("/v1/server/settings").text


def test_prompt_templates_are_listed_by_kind(server: Live, key: Maker) -> None:
    found = {(each["kind"], each["name"]): each["template"] for each in key("models:read").server.prompts()}
    assert "{{ question }}" in found["knowledge_base", "empty"]
    assert found["agent_chat", "default"] == "{{ input }}"


def test_mcp_servers_are_started_only_when_their_tools_are_asked_for(server: Live, key: Maker) -> None:
    client = key("tools:use")
    listed = client.server.mcp_servers()
    assert [(each["name"], each["transport"], each["tools"], each["error"]) for each in listed] == [
        ("tests", "stdio", None, None),
        ("broken", "stdio", None, None),
    ]
    tests, broken = client.server.mcp_servers(tools=True)
    assert tests["error"] is None and tests["tools"] is not None
    (add,) = [tool for tool in tests["tools"] if tool["name"] == "tests__add"]
    assert set(add["parameters"]["properties"]) == {"left", "right"} and "两数相加" in add["description"]
    assert broken["tools"] is None and "broken" in str(broken["error"])
    answer = server.http.get("/v1/server/mcp_servers", params={"tools": "true"})
    assert SECRET not in answer.text and sys.executable not in answer.text


def test_tools_and_search_engines_are_those_that_the_key_may_use(server: Live, key: Maker) -> None:
    here = {each["name"]: each for each in key("models:read", bases={}).server.tools()}
    assert list(here) == ["calculator"] and here["calculator"]["parameters"]["type"] == "object"
    client = key("models:read", "knowledge:read", "tools:use")
    assert {"calculator", "tests__add"} <= {each["name"] for each in client.server.tools()}
    assert "tavily" in server.http.get("/v1/server/tools").json()["search_engines"]


@pytest.mark.parametrize(
    ("call", "scope"), [("doctor", "settings:read"), ("settings", "settings:read"), ("mcp_servers", "tools:use")]
)
def test_a_key_without_the_scope_is_refused(key: Maker, call: str, scope: str) -> None:
    with pytest.raises(PermissionDenied, match=scope):
        getattr(key("models:list", "models:read", "models:write").server, call)()


def test_without_a_key_nothing_is_told(server: Live) -> None:
    for path in ("doctor", "settings", "prompts", "mcp_servers"):
        answer = httpx.get(f"{server.url}/v1/server/{path}")
        assert (answer.status_code, error_of(answer)["code"]) == (401, "invalid_api_key")
