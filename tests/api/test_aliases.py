"""Aliases of models on a real server: who may use them, how answers and metrics name them, and which names are refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI

from modelyard.client import ChatModel, Client
from tests.adapter_files import peft_adapter
from tests.live import HELLO, Live, error_of, live

RULES = {"MODELYARD_MODEL_ALIASES": "claude-*=demo,gpt-3.5=demo,lost-*=nowhere,docs=kb:notes"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("aliases") / "home"


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Live]:
    with live(home, env=RULES) as running:
        running.launched("demo", aliases=["gpt-4o", "深度/思考"])
        running.launched(
            "other", aliases=["gpt-4o-mini"], lora_modules=[f"tuned={peft_adapter(home.parent / 'tuned')}"]
        )
        assert running.http.post("/v1/knowledge_bases", json={"name": "notes"}).status_code == 200
        yield running


def listed(server: Live) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in server.http.get("/v1/models").json()["data"]}


def test_the_official_client_uses_an_alias(server: Live) -> None:
    with OpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
        assert {"demo", "gpt-4o", "深度/思考", "gpt-3.5"} <= {model.id for model in client.models.list()}
        for name in ("gpt-4o", "深度/思考", "gpt-3.5", "claude-opus-4-5"):
            assert client.models.retrieve(name).id == name
            answer = client.chat.completions.create(model=name, messages=[{"role": "user", "content": "hi"}])
            assert answer.model == "demo"
            stream = client.chat.completions.create(
                model=name, messages=[{"role": "user", "content": "hi"}], stream=True
            )
            assert {chunk.model for chunk in stream} == {"demo"}
    metrics = server.http.get("/metrics").text
    assert 'model="demo"' in metrics and "gpt-4o" not in metrics and "claude" not in metrics


def test_a_list_shows_aliases_and_patterns(server: Live) -> None:
    found = listed(server)
    assert found["demo"]["aliases"] == ["gpt-4o", "深度/思考", "gpt-3.5", "claude-*"]
    assert found["demo"]["alias_of"] is None and found["tuned"]["aliases"] == []
    alias = found["gpt-4o"]
    assert (alias["alias_of"], alias["model_uid"], alias["aliases"]) == ("demo", "demo", [])
    assert not {"claude-*", "docs", "lost-*"} & set(found)


def test_a_handle_of_an_alias_answers(server: Live) -> None:
    with Client(server.url) as client:
        model = client.models.get("claude-haiku", ChatModel)
        assert model.chat(HELLO)["model"] == "demo"
        uid = client.models.launch("brief", model_engine="fake", model_uid="brief", aliases=["short"])
        assert client.models.describe("short")["alias_of"] == uid
        client.models.terminate(uid)
    assert server.chat("short").status_code == 404


def test_an_alias_of_a_base_is_the_base(server: Live) -> None:
    answer = server.chat("docs").json()
    assert answer["model"] == "kb:notes"


def test_an_alias_of_a_model_that_does_not_run_says_so(server: Live) -> None:
    error = error_of(server.chat("lost-one"))
    assert error["code"] == "model_not_found"
    assert error["message"].startswith("'lost-one' stands for model 'nowhere', which is not running. Running: ")


def test_a_name_that_is_nearly_an_alias_is_told_the_right_one(server: Live) -> None:
    assert "Did you mean 'gpt-4o'?" in error_of(server.chat("gpt_4o"))["message"]


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/v1/models/gpt-4o"), ("GET", "/v1/models/gpt-4o/replicas")])
def test_management_takes_the_models_own_name(server: Live, method: str, path: str) -> None:
    answer = server.http.request(method, path)
    assert (answer.status_code, error_of(answer)["code"]) == (404, "model_not_found")
    assert "'gpt-4o' is an alias of model 'demo'" in answer.text
    assert server.status("demo") == "READY"


@pytest.mark.parametrize(
    ("aliases", "status", "part"),
    [
        (["demo"], 409, "Model 'demo' is already here (ready)"),
        (["gpt-4o"], 409, "Model 'gpt-4o' is already here (an alias of 'demo')"),
        (["tuned"], 409, "Model 'tuned' is already here (an adapter of 'other')"),
        (["late"], 400, "'late' is the model's own uid"),
        (["twice", "twice"], 400, "'twice' is named twice"),
        (["kb:notes"], 400, "those of knowledge bases"),
        (["a/logs"], 400, "'logs' is a part of a route's address"),
        ([""], 400, "1 to 100 characters"),
        ([" x"], 400, "begin or end with space"),
        ("text", 400, "aliases"),
    ],
)
def test_a_name_that_is_taken_or_impossible_is_refused(server: Live, aliases: Any, status: int, part: str) -> None:
    answer = server.launch("late", aliases=aliases)
    assert answer.status_code == status, answer.text
    assert error_of(answer)["param"] == "aliases" and part in error_of(answer)["message"]
    assert "late" not in listed(server)


def test_an_alias_keeps_others_from_its_name(server: Live, home: Path) -> None:
    launch = server.launch("gpt-4o")
    assert launch.status_code == 409 and "an alias of 'demo'" in error_of(launch)["message"]
    adapter = peft_adapter(home.parent / "another")
    for model in ("other", "demo"):
        body = {"lora_name": "gpt-4o", "lora_path": str(adapter), "model": model}
        loaded = server.http.post("/v1/load_lora_adapter", json=body)
        assert loaded.status_code == 409 and "an alias of 'demo'" in error_of(loaded)["message"]
    both = server.launch("late", aliases=["same"], lora_modules=[f"same={adapter}"])
    assert both.status_code == 400 and "'same' is one of its adapters" in error_of(both)["message"]


def test_keys_limits_hold_for_aliases_as_for_the_model(tmp_path: Path) -> None:
    with live(tmp_path / "home", env=RULES) as server:
        root = server.http.post("/v1/admin/keys", json={"name": "root"}).json()["key"]
        server.http.headers["authorization"] = f"Bearer {root}"
        server.launched("demo", aliases=["gpt-4o"])
        server.launched("other", aliases=["gpt-4o-mini"])

        def key(**body: Any) -> httpx.Client:
            scopes = ["models:list", "models:read", "keys:create"]
            made = server.http.post("/v1/admin/keys", json={"name": "k", "scopes": scopes, **body}).json()["key"]
            return httpx.Client(base_url=server.url, timeout=60, headers={"authorization": f"Bearer {made}"})

        def statuses(client: httpx.Client, *names: str) -> list[int]:
            bodies = [{"model": name, "messages": HELLO} for name in names]
            return [client.post("/v1/chat/completions", json=body).status_code for body in bodies]

        with key(models=["demo"]) as client:
            assert statuses(client, "gpt-4o", "claude-x", "gpt-4o-mini", "lost-x") == [200, 200, 403, 403]
            assert {each["id"] for each in client.get("/v1/models").json()["data"]} == {"demo", "gpt-4o", "gpt-3.5"}
            assert client.get("/v1/models/claude-x").json()["alias_of"] == "demo"
            assert client.get("/v1/models/gpt-4o-mini").status_code == 403
            wider = client.post("/v1/admin/keys", json={"name": "w", "scopes": ["models:read"], "models": ["claude-x"]})
            assert wider.status_code == 403, "tomorrow the alias may be another model's"
        with key(models=["gpt-4o"]) as client:
            assert statuses(client, "gpt-4o", "demo", "claude-x") == [200, 403, 403]
        with key(models=["demo"], requests_per_minute=1) as client:
            assert statuses(client, "gpt-4o", "demo") == [200, 429]
        with key(scopes=["models:list"]) as client:
            assert statuses(client, "gpt-4o") == [403]


def test_aliases_outlive_the_server(tmp_path: Path) -> None:
    with live(tmp_path / "home") as first:
        first.launched("demo", aliases=["gpt-4o"])
        first.kill()
    with live(tmp_path / "home") as second:
        second.until("demo", "READY")
        assert second.chat("gpt-4o").json()["model"] == "demo"
        again = second.launch("late", aliases=["gpt-4o"])
        assert again.status_code == 409


def test_a_server_does_not_start_with_a_wrong_entry(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="'oops' is not of the form NAME=MODEL"):
        Live(tmp_path / "home", env={"MODELYARD_MODEL_ALIASES": "oops"})
