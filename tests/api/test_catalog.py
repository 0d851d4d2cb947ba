"""The list of the catalog over HTTP: filters, pages, what would run here, and what a key sees of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from modelyard.catalog.index import FAMILIES
from modelyard.client import Client
from modelyard.core.types import ModelType
from tests.cli.terminal import columns, run
from tests.live import Live, error_of, live

DEMO = Path(__file__).parents[2] / "src/modelyard/catalog/demo/modelyard-demo.gguf"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("catalog")
    offline = {"MODELYARD_OFFLINE": "1", "HF_HUB_CACHE": str(folder / "hub"), "MODELSCOPE_CACHE": str(folder / "scope")}
    with live(folder / "home", offline) as running:
        root = running.http.post("/v1/admin/keys", json={"name": "root"}).json()["key"]
        running.http.headers["authorization"] = f"Bearer {root}"
        yield running


def page(server: Live, **query: Any) -> dict[str, Any]:
    answer = server.http.get("/v1/catalog", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def names(found: dict[str, Any]) -> list[str]:
    return [each["model_name"] for each in found["data"]]


def test_pages_have_every_family_once_in_order(server: Live) -> None:
    with Client(server.url, api_key=server.http.headers["authorization"].removeprefix("Bearer ")) as client:
        seen: list[tuple[str, str]] = []
        cursor: str | None = None
        while True:
            found = client.catalog.list(type="embedding", limit=10, cursor=cursor)
            assert len(found["data"]) <= 10 and found["total"] == len(FAMILIES.names(ModelType.EMBEDDING))
            seen += [(each["model_type"], each["model_name"]) for each in found["data"]]
            cursor = found["next_cursor"]
            assert found["has_more"] is (cursor is not None)
            if cursor is None:
                break
    assert [name for _, name in seen] == FAMILIES.names(ModelType.EMBEDDING)


def test_types_follow_each_other(server: Live) -> None:
    last = FAMILIES.names(ModelType.LLM)[-1]
    found = page(server, cursor=f"LLM/{last}", limit=1)
    assert (found["data"][0]["model_type"], found["total"]) == ("embedding", len(FAMILIES.names()))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"q": "MODELYARD demo"}, ["modelyard-demo"]),
        ({"q": "modelyard-demo", "ability": "chat"}, ["modelyard-demo"]),
        ({"q": "modelyard-demo", "ability": "vision"}, []),
        ({"q": "modelyard-demo", "type": "rerank"}, []),
        ({"q": "no such words anywhere"}, []),
        ({"cached": True}, ["modelyard-demo"]),
        ({"cached": True, "fits": False}, []),
        ({"q": "bge-m3", "type": "EMBEDDING"}, ["bge-m3"]),
    ],
    ids=str,
)
def test_filters_hold_together(server: Live, query: dict[str, Any], expected: list[str]) -> None:
    assert names(page(server, **query)) == expected


def test_a_family_that_runs_here_has_what_a_launch_would_choose(server: Live) -> None:
    (demo,) = page(server, q="modelyard-demo")["data"]
    assert (demo["fits"], demo["reason"], demo["cached"], demo["is_builtin"]) == (True, None, True, True)
    plan = server.http.post("/v1/models/plan", json={"model_name": "modelyard-demo"}).json()
    same = ("model_engine", "model_format", "quantization", "n_gpu")
    assert {name: demo["best"][name] for name in same} == {name: plan[name] for name in same}
    assert 0 < demo["best"]["memory"] <= demo["best"]["memory_total"] == plan["devices"][0]["memory_total"]


@pytest.mark.parametrize("query", [{"q": "deepseek-v3", "type": "LLM"}, {"type": "video"}], ids=str)
def test_a_family_that_does_not_run_here_says_why_in_the_words_of_the_launch(
    server: Live, query: dict[str, Any]
) -> None:
    found = page(server, fits=False, limit=1, **query)["data"][0]
    body = {"model_name": found["model_name"], "model_type": found["model_type"]}
    refusal = server.http.post("/v1/models/plan", json=body).json()["refusal"]
    assert found["reason"] == refusal["message"]
    assert found["model_name"] not in names(page(server, fits=True, q=found["model_name"]))


def test_registered_families_are_listed_among_the_others(server: Live) -> None:
    spec = {"model_format": "ggufv2", "model_size_in_billions": "0_1", "quantizations": ["none"]}
    family = {
        "version": 2,
        "model_name": "a-mine",
        "model_lang": ["en"],
        "model_ability": ["chat"],
        "context_length": 99,
    }
    body = {"model": {**family, "model_specs": [{**spec, "model_uri": f"file://{DEMO}"}]}}
    assert server.http.post("/v1/model_registrations/LLM", json=body).status_code == 200
    (mine,) = page(server, q="a-mine")["data"]
    assert (mine["is_builtin"], mine["cached"], mine["fits"]) == (False, True, True)
    before = page(server, limit=1)["next_cursor"]
    assert server.http.delete("/v1/model_registrations/LLM/a-mine").status_code == 200
    assert page(server, limit=1, cursor="LLM/a-mine")["data"][0] == page(server, limit=2, cursor="LLM/a")["data"][0]
    assert before is not None and names(page(server, q="a-mine")) == []


def test_the_command_shows_what_fits(server: Live) -> None:
    to = ("-e", server.url, "--api-key", server.http.headers["authorization"].removeprefix("Bearer "))
    titles, demo = columns(run("catalog", "modelyard-demo", "--fits", *to).stdout)
    assert (titles[0], demo[:2], demo[3:5]) == ("NAME", ["modelyard-demo", "LLM"], ["yes", "llama_cpp"])
    as_json = json.loads(run("catalog", "--cached", "--json", *to).stdout)
    assert as_json == page(server, cached=True)["data"]
    none = run("catalog", "no", "such", "words", *to)
    assert (none.returncode, none.stderr) == (1, "No family matches.\n")


@pytest.mark.parametrize(
    ("query", "param"),
    [({"type": "poem"}, "model_type"), ({"cursor": "x"}, "cursor"), ({"limit": 0}, "limit"), ({"fits": "so"}, "fits")],
    ids=str,
)
def test_wrong_queries_are_named(server: Live, query: dict[str, Any], param: str) -> None:
    answer = server.http.get("/v1/catalog", params=query)
    assert (answer.status_code, error_of(answer)["param"]) == (400, param)


def test_a_key_sees_its_own_families(server: Live) -> None:
    def listed(**body: Any) -> httpx.Response:
        key = server.http.post("/v1/admin/keys", json={"name": "k", **body}).json()["key"]
        return httpx.get(f"{server.url}/v1/catalog", headers={"authorization": f"Bearer {key}"}, timeout=60)

    narrow = listed(scopes=["models:list"], models=["modelyard-demo", "bge-m3"]).json()
    assert (names(narrow), narrow["total"], narrow["has_more"]) == (["modelyard-demo", "bge-m3"], 2, False)
    without = listed(scopes=["models:read"])
    assert (without.status_code, error_of(without)["code"]) == (403, "permission_denied")
