"""Plans of launches over HTTP: they say what the launch then does, refuse with its words, and change nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from modelyard.client import Client
from tests.cli.terminal import run
from tests.hub_server import COMMIT, hub_server
from tests.live import Live, error_of, live
from tests.processes import marked

GIB = 1024**3
DEMO = Path(__file__).parents[2] / "src/modelyard/catalog/demo/modelyard-demo.gguf"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("plans") / "home", env={"MODELYARD_OFFLINE": "1"}) as running:
        root = running.http.post("/v1/admin/keys", json={"name": "root"}).json()["key"]
        running.http.headers["authorization"] = f"Bearer {root}"
        running.launched("taken", aliases=["gpt-4o"])
        yield running


def planned(server: Live, **body: Any) -> dict[str, Any]:
    answer = server.http.post("/v1/models/plan", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def rows(home: Path) -> dict[str, list[Any]]:
    """All rows of the database but those about keys."""
    with closing(sqlite3.connect(home / "modelyard.db")) as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: list(database.execute(f'SELECT * FROM "{name}"')) for name in names}


def files(home: Path) -> set[Path]:
    return {path for path in home.rglob("*") if not path.name.startswith("modelyard.db")}


def test_a_plan_is_what_the_launch_then_is(server: Live) -> None:
    body = {"model_name": "modelyard-demo", "model_uid": "small", "n_ctx": 512, "aliases": ["tiny"]}
    before, there, processes = rows(server.home), files(server.home), marked(server.mark)
    plan = planned(server, **body)
    assert (rows(server.home), files(server.home), marked(server.mark)) == (before, there, processes)
    assert (plan["refusal"], plan["download"], plan["warnings"], plan["replica"]) == (None, None, [], 1)
    assert (plan["placements"], plan["n_gpu"], plan["aliases"]) == ([["cpu"]], 0, ["tiny"])
    (cpu,) = plan["devices"]
    assert cpu["needed"] == plan["memory"]["total"] < cpu["usable"] <= cpu["memory_total"]
    assert plan["command"].startswith("modelyard launch --model-name modelyard-demo --model-uid small")
    assert server.http.post("/v1/models", json=body).status_code == 200
    model = server.http.get("/v1/models/small").json()
    same = ("model_uid", "model_name", "model_type", "model_format", "quantization", "root", "memory")
    assert {name: plan[name] for name in same} == {name: model[name] for name in same}
    assert plan["model_engine"] == "llama_cpp" and model["model_engine"] == "llama.cpp"
    assert server.http.delete("/v1/models/small").status_code == 200


def test_several_replicas_are_placed_together(server: Live) -> None:
    plan = planned(server, model_name="echo", model_engine="fake", replica=3, memory_mb=64)
    assert plan["placements"] == [["cpu"]] * 3
    assert plan["devices"][0]["needed"] == 3 * plan["memory"]["total"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_parameter"),
        ({"model_name": "no-such-family"}, "not_found"),
        ({"model_name": "demo", "model_engine": "warp"}, "unknown_name"),
        ({"model_name": "demo", "n_ctxx": 5}, "unknown_option"),
        ({"model_name": "demo", "n_gpu": 3}, "invalid_parameter"),
        ({"model_name": "demo", "model_engine": "vllm"}, "no_engine_fits"),
        ({"model_name": "e", "model_engine": "fake", "memory_mb": 2**40}, "not_enough_memory"),
        ({"model_name": "e", "model_engine": "fake", "model_uid": "taken"}, "model_exists"),
        ({"model_name": "e", "model_engine": "fake", "aliases": ["gpt-4o"]}, "model_exists"),
        ({"model_name": "e", "model_engine": "fake", "n_worker": 2}, "invalid_parameter"),
    ],
    ids=str,
)
def test_a_refusal_has_the_words_of_the_launch(server: Live, body: dict[str, Any], code: str) -> None:
    refusal = planned(server, **body)["refusal"]
    answer = server.http.post("/v1/models", json=body)
    error = error_of(answer)
    assert (refusal["code"], refusal["message"], refusal["param"]) == (error["code"], error["message"], error["param"])
    assert refusal["code"] == code
    steady = [{**(memory or {}), "free": None} for memory in (refusal["memory"], answer.json().get("memory"))]
    assert steady[0] == steady[1]


def test_a_refusal_for_memory_leaves_what_was_decided(server: Live) -> None:
    plan = planned(server, model_name="e", model_engine="fake", memory_mb=2**40)
    assert (plan["model_engine"], plan["placements"], plan["devices"][0]["needed"]) == ("fake", [], 0)
    assert plan["memory"]["total"] > plan["devices"][0]["memory_total"]
    assert plan["refusal"]["memory"]["free"] <= plan["devices"][0]["memory_total"]


def test_plans_take_the_rights_of_a_launch(server: Live) -> None:
    def key(*scopes: str, **more: Any) -> httpx.Headers:
        body = {"name": "k", "scopes": list(scopes), **more}
        made = server.http.post("/v1/admin/keys", json=body).json()["key"]
        return httpx.Headers({"authorization": f"Bearer {made}"})

    body = {"model_name": "e", "model_engine": "fake"}
    lister = server.http.post("/v1/models/plan", json=body, headers=key("models:list", "models:read"))
    assert (lister.status_code, error_of(lister)["code"]) == (403, "permission_denied")
    narrow = server.http.post("/v1/models/plan", json=body, headers=key("models:write", models=["other"]))
    assert narrow.status_code == 403
    launcher = key("models:write")
    private = {"model_name": "m", "model_engine": "fake", "envs": {"LD_PRELOAD": "/x"}}
    refusal = server.http.post("/v1/models/plan", json=private, headers=launcher).json()["refusal"]
    error = error_of(server.http.post("/v1/models", json=private, headers=launcher))
    assert refusal["code"] == "permission_denied" and refusal["message"] == error["message"]


def test_a_dry_run_shows_the_plan_and_starts_nothing(server: Live) -> None:
    to = ("-e", server.url, "--api-key", server.http.headers["authorization"].removeprefix("Bearer "))
    done = run("launch", "echo", "--engine", "fake", "--alias", "x", "--replica", "2", "--dry-run", *to)
    assert done.returncode == 0, done.stderr
    shown = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert shown["model"] == "echo: echo (fake) on fake, 2 replicas"
    assert " for a replica: weights " in shown["memory"] and "that can be used" in shown["cpu"]
    assert shown["command"] == "modelyard launch --model-name echo --model-engine fake --alias x --replica 2"
    refused = run("launch", "echo", "--engine", "fake", "--model-uid", "gpt-4o", "--dry-run", *to)
    assert refused.returncode == 1 and "an alias of 'taken'" in refused.stderr
    assert "echo" not in {each["id"] for each in server.http.get("/v1/models").json()["data"]}


def test_the_command_of_a_plan_is_read_back(server: Live) -> None:
    body = {"model_name": "echo", "model_engine": "fake", "replica": 2, "aliases": ["x"]}
    line = planned(server, **body)["command"]
    answer = server.http.post("/v1/launch_commands", json={"command": line})
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"program": "modelyard", "launch": {**body, "replica": "2"}, "without_effect": []}
    assert planned(server, **answer.json()["launch"])["command"] == line
    refused = server.http.post("/v1/launch_commands", json={"command": "rm -rf /"})
    assert (refused.status_code, error_of(refused)["param"]) == (400, "command")
    with Client(server.url, api_key=server.http.headers["authorization"].removeprefix("Bearer ")) as client:
        assert client.models.from_command("vllm serve q")["launch"] == {"model_engine": "vllm", "model_name": "q"}


def test_what_a_model_was_launched_with_launches_another(server: Live) -> None:
    server.launched("first", tokens=7, envs={"SECRET": "s3cret"}, replica=2)
    record = server.http.get("/v1/launches/first").json()
    assert (record["hidden"], record["command"]) == (["envs"], None) and "s3cret" not in str(record)
    assert record["launch"]["replica"] == 2 and record["launch"]["tokens"] == 7
    launch = {**record["launch"], "model_uid": "second", "replica": 1}
    assert server.http.post("/v1/models", json=launch).status_code == 200
    command = server.http.get("/v1/launches/second").json()["command"]
    assert command.startswith("modelyard launch --model-name first --model-uid second") and "--tokens 7" in command
    assert server.http.get("/v1/launches/nobody").status_code == 404
    for uid in ("first", "second"):
        assert server.http.delete(f"/v1/models/{uid}").status_code == 200


def test_a_body_that_is_none_is_an_error_and_not_a_plan(server: Live) -> None:
    answer = server.http.post("/v1/models/plan", json={"model_name": "e", "replica": 0})
    assert (answer.status_code, error_of(answer)["param"]) == (400, "replica")


def test_a_model_of_a_hub_is_planned_with_its_download(tmp_path: Path) -> None:
    with hub_server() as hub:
        hub.add("acme/demo-GGUF", {"demo-q8_0.gguf": DEMO.read_bytes(), "README.md": b"# a demo"})
        environment = {**hub.environment(tmp_path), "MODELYARD_HUB": "huggingface"}
        with live(tmp_path / "home", environment) as server, Client(server.url) as client:
            plan = client.models.plan("acme/demo-GGUF", n_gpu=None)
            download = plan["download"]
            assert download is not None and plan["refusal"] is None
            size = DEMO.stat().st_size
            assert (download["total_bytes"], download["missing_bytes"], download["files"]) == (size, size, 1)
            assert (download["model_hub"], download["revision"]) == ("huggingface", COMMIT)
            assert download["disk_free"] > 0
            drafted = client.registrations.draft("acme/demo-GGUF")
            assert drafted["model"]["model_name"] == "demo-GGUF"
            client.registrations.register(drafted["model_type"], drafted["model"], persist=False)
            by_name = client.models.plan("demo-GGUF", n_gpu=None)
            assert (by_name["root"], by_name["quantization"]) == (plan["root"], plan["quantization"])
            assert client.downloads.list() == [] and client.jobs.list() == [] and client.models.list() == {}
            assert not [asked for asked in hub.fetched("demo-q8_0.gguf") if asked.range is None]
