"""`/v1/hubs/search` on a real server, whose child processes ask a hub on loopback with the hubs' own libraries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelyard.catalog.hubs.search_results import formats_of
from modelyard.client import Client
from modelyard.core.errors import HubsOffline, HubUnavailable, InvalidParameter
from tests.cli.terminal import run
from tests.hub_server import HubServer, hub_server
from tests.live import Live, error_of, live
from tests.processes import wait_for

PAGE = Path(__file__).resolve().parents[2] / "docs" / "hubs.md"
UPDATED = 1793534400.0
"""2026-11-01T12:00:00Z"""


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    with hub_server() as one:
        yield one


@pytest.fixture(scope="module")
def server(hub: HubServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("search")
    with live(folder / "home", hub.environment(folder)) as running:
        yield running


@pytest.fixture
def client(server: Live) -> Iterator[Client]:
    with Client(server.url) as one:
        yield one


@pytest.fixture(autouse=True)
def repositories(hub: HubServer) -> None:
    hub.clear()
    for number in range(5):
        each = hub.add(f"someone/parrot-{number}B-GGUF", {})
        each.downloads, each.likes, each.tags, each.task = 100 - number, number, ("gguf",), "text-generation"
    each = hub.add("someone/parrot-embed", {})
    each.downloads, each.tags, each.task, each.gated = 1000, ("safetensors", "transformers"), "feature-extraction", True
    each = hub.add("Qwen/Qwen3-0.6B", {})
    each.downloads, each.tags, each.task = 5, ("safetensors",), "text-generation"


def ids(page: Any) -> list[str]:
    return [each["id"].partition("/")[2] for each in page["data"]]


def test_repositories_are_found_with_what_hub_machine_and_catalog_say(client: Client) -> None:
    (first, *_) = client.hubs.search("parrot", hub="huggingface")["data"]
    assert first == {
        "id": "someone/parrot-embed",
        "hub": "huggingface",
        "downloads": 1000,
        "likes": 0,
        "updated_at": UPDATED,
        "type": "embedding",
        "formats": ["pytorch"],
        "gated": True,
        "cached": False,
        "family": None,
    }
    (known,) = client.hubs.search("qwen3", hub="modelscope")["data"]
    assert (known["family"], known["formats"], known["updated_at"]) == ("qwen3", ["pytorch"], UPDATED)
    assert known["gated"] is False and known["type"] == "LLM"


def test_both_hubs_answer_page_by_page(client: Client) -> None:
    page = client.hubs.search("parrot-", type="LLM", format="ggufv2", limit=2)
    assert [each["hub"] for each in page["data"]] == ["huggingface", "modelscope"] * 2
    found = ids(page)
    while page["next_cursor"] is not None:
        assert page["has_more"]
        page = client.hubs.search("parrot-", type="LLM", format="ggufv2", limit=2, cursor=page["next_cursor"])
        found += ids(page)
    assert sorted(found) == sorted(2 * [f"parrot-{number}B-GGUF" for number in range(5)])
    assert not page["has_more"]


def test_what_is_in_the_cache_is_marked(server: Live, client: Client, hub: HubServer) -> None:
    model = Path("src/modelyard/catalog/demo/modelyard-demo.gguf").read_bytes()
    hub.add("someone/tiny-GGUF", {"tiny-Q8_0.gguf": model})
    assert [each["cached"] for each in client.hubs.search("tiny", hub="huggingface")["data"]] == [False]
    body = {"model_name": "someone/tiny-GGUF", "model_uid": "tiny", "download_hub": "huggingface", "n_ctx": 256}
    assert server.http.post("/v1/models", json=body).status_code == 200
    server.http.delete("/v1/models/tiny")
    wait_for(lambda: client.hubs.search("tiny", hub="huggingface")["data"][0]["cached"], seconds=30)


def test_a_hub_that_fails_is_named_and_the_other_one_counts(client: Client, hub: HubServer) -> None:
    hub.refused_searches["huggingface"] = 401
    page = client.hubs.search("parrot-1")
    assert [each["hub"] for each in page["data"]] == ["modelscope"]
    ((failure),) = page["failures"]
    assert (failure["hub"], failure["code"]) == ("huggingface", "hub_unavailable")
    assert failure["message"] == "Hugging Face refused the search (401): the token in HF_TOKEN is wrong."
    hub.refused_searches["modelscope"] = 404
    with pytest.raises(HubUnavailable, match="Hugging Face refused"):
        client.hubs.search("parrot-2")


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"hub": "nowhere"}, "hub"),
        ({"format": "zip"}, "format"),
        ({"type": "x"}, "model_type"),
        ({"cursor": "x"}, "cursor"),
    ],
)
def test_wrong_queries_are_refused(client: Client, query: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        client.hubs.search("parrot", **query)
    assert refused.value.param == param


def test_an_offline_server_says_so(tmp_path: Path, hub: HubServer) -> None:
    env = {**hub.environment(tmp_path), "MODELYARD_OFFLINE": "true"}
    with (
        live(tmp_path / "home", env) as offline,
        Client(offline.url) as client,
        pytest.raises(HubsOffline, match="set to be offline"),
    ):
        client.hubs.search("parrot")


def test_unreachable_hubs_and_keys_without_the_scope_are_refused(tmp_path: Path, hub: HubServer) -> None:
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "MODELSCOPE_ENDPOINT": "http://127.0.0.1:9"}
    with live(tmp_path / "home", {**hub.environment(tmp_path), **nowhere}) as alone:
        with (
            Client(alone.url) as client,
            pytest.raises(HubUnavailable, match=r"^Hugging Face .* cannot be reached\. Name a mirror"),
        ):
            client.hubs.search("parrot")
        alone.http.post("/v1/admin/keys", json={"name": "root"})
        root = alone.http.post("/v1/admin/keys", json={"name": "root"})
        assert root.status_code == 401
        refused = alone.http.get("/v1/hubs/search", params={"q": "a"})
        assert (refused.status_code, error_of(refused)["code"]) == (401, "invalid_api_key")


def test_the_snippet_of_the_page(server: Live, hub: HubServer, capsys: pytest.CaptureFixture[str]) -> None:
    hub.add("Qwen/Qwen3-0.6B-GGUF", {}).tags = ("gguf",)
    hub.repositories["Qwen/Qwen3-0.6B-GGUF"].task = "text-generation"
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(snippet.replace("http://127.0.0.1:9997", server.url), {})
    assert "huggingface Qwen/Qwen3-0.6B-GGUF 0 ['ggufv2'] False None" in capsys.readouterr().out


def test_the_command_prints_a_table(server: Live) -> None:
    done = run("search-hub", "parrot-", "--hub", "modelscope", "-t", "LLM", "--limit", "1", "-e", server.url)
    head, row = done.stdout.splitlines()
    assert head.split() == ["MODEL", "HUB", "TYPE", "FORMATS", "DOWNLOADS", "LIKES", "UPDATED", "HERE", "FAMILY"]
    assert row.split() == ["someone/parrot-0B-GGUF", "modelscope", "LLM", "ggufv2", "100", "0", "2026-11-01", "no", "-"]
    assert "--cursor" in done.stderr
    assert run("search-hub", "absent", "-e", server.url).returncode == 1


@pytest.mark.parametrize(
    ("name", "tags", "formats"),
    [
        ("a/b-GGUF", (), ["ggufv2"]),
        ("a/b-AWQ", ("safetensors", "awq"), ["awq"]),
        ("a/b", ("transformers", "safetensors"), ["pytorch"]),
        ("a/awqward", (), []),
        ("a/b-FP8", ("compressed-tensors",), ["fp8", "compressed-tensors"]),
    ],
)
def test_formats_are_guessed_by_name_and_tags(name: str, tags: tuple[str, ...], formats: list[str]) -> None:
    assert formats_of(name, tags) == formats
