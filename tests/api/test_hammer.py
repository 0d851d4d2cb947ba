"""Requests that meet on one name: every answer is a plain one, and what is left fits together, on SQLite and PostgreSQL."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.adapter_files import peft_adapter
from tests.api.knowing import Base, embedding, ok
from tests.conftest import new_database
from tests.live import Live, live
from tests.processes import wait_for

AT_ONCE = 4
ROUNDS = 5
BASE = "/v1/knowledge_bases/held"
GOING = "/v1/knowledge_bases/going"
FAMILY = {
    "model_name": "hammered",
    "model_lang": ["en"],
    "model_ability": ["generate"],
    "context_length": 512,
    "model_specs": [
        {"model_format": "ggufv2", "model_size_in_billions": 1, "quantizations": ["q"], "model_id": "nobody/none",
         "model_file_name_template": "x.gguf"}
    ],
}  # fmt: skip

Ask = Callable[[Live, int, Path], httpx.Response]
FOUND = {200, 201, 409}
"""Good, or refused because somebody else was at it."""
MAYBE = {*FOUND, 400, 404}
"""It is not there, or it is in use, which is for the caller to know."""


def upload(server: Live, number: int, base: str = BASE) -> httpx.Response:
    data = f"The walrus number {number % 3} sleeps. " * 3
    return server.http.post(f"{base}/documents", files=[("files", ("same.txt", data.encode(), "text/plain"))])


def drop(server: Live, base: str = BASE) -> httpx.Response:
    return server.http.post(f"{base}/documents/delete", json={"names": ["same.txt"]})


def number_of(server: Live) -> int:
    """Id of the document, or one that nothing has."""
    found = server.http.get(f"{BASE}/documents", params={"name": "same.txt"})
    return int(found.json()["data"][0]["id"]) if found.status_code == 200 else 0


def chunk_of(server: Live) -> int:
    found = server.http.get(f"{BASE}/documents/{number_of(server)}/chunks")
    chunks = found.json()["data"] if found.status_code == 200 else []
    return int(chunks[0]["id"]) if chunks else 0


def a_job(server: Live) -> str:
    jobs = server.http.get(f"{BASE}/jobs").json()["data"]
    return str(jobs[0]["id"]) if jobs else "none"


def talk_of(server: Live) -> str:
    found = server.http.get("/v1/chats").json()["data"]
    return str(found[0]["id"]) if found else "none"


def key_of(server: Live) -> str:
    keys = [each["id"] for each in server.http.get("/v1/admin/keys").json()["data"] if not each["revoked_at"]]
    return str(keys[-1]) if keys else "none"


TABLE: Mapping[str, tuple[set[int], tuple[Ask, ...]]] = {
    "a document": (FOUND, (lambda s, n, p: upload(s, n), lambda s, n, p: upload(s, n + 1), lambda s, n, p: drop(s))),
    "chunks of a document": (
        MAYBE,
        (
            lambda s, n, p: upload(s, n),
            lambda s, n, p: drop(s),
            lambda s, n, p: s.http.delete(f"{BASE}/documents/{number_of(s)}"),
            lambda s, n, p: s.http.patch(f"{BASE}/documents/{number_of(s)}", json={"enabled": n % 2 == 0}),
            lambda s, n, p: s.http.patch(f"{BASE}/chunks/{chunk_of(s)}", json={"text": f"The walrus {n} wakes."}),
            lambda s, n, p: s.http.post(
                f"{BASE}/documents/{number_of(s)}/chunks", json={"text": f"The walrus {n} eats."}
            ),
            lambda s, n, p: s.http.delete(f"{BASE}/chunks/{chunk_of(s)}"),
            lambda s, n, p: s.http.post(f"{BASE}/reindex", json={"force": n % 2 == 0}),
            lambda s, n, p: s.http.delete(f"{BASE}/jobs/{a_job(s)}"),
            lambda s, n, p: s.http.post(f"{BASE}/search", json={"query": "walrus"}),
        ),
    ),
    "a base": (
        MAYBE,
        (
            lambda s, n, p: s.http.post("/v1/knowledge_bases", json={"name": "going", "embedding_model": "vec"}),
            lambda s, n, p: s.http.delete(GOING),
            lambda s, n, p: upload(s, n, GOING),
            lambda s, n, p: s.http.post(f"{GOING}/search", json={"query": "walrus"}),
            lambda s, n, p: s.http.post(f"{GOING}/answer", json={"question": "Who sleeps?", "conversation": "new"}),
            lambda s, n, p: s.http.post(f"{GOING}/reindex", json={}),
            lambda s, n, p: s.http.patch(GOING, json={"name": "gone"}),
            lambda s, n, p: s.http.patch("/v1/knowledge_bases/gone", json={"name": "going"}),
            lambda s, n, p: s.http.post(
                "/knowledge_base/upload_docs",
                data={"knowledge_base_name": "going", "override": "true"},
                files=[("files", ("same.txt", f"The walrus {n} hums.".encode(), "text/plain"))],
            ),
            lambda s, n, p: s.http.post(
                "/knowledge_base/kb_summary_api/summary_file_to_vector_store",
                json={"knowledge_base_name": "going", "file_name": "same.txt", "model_name": "base"},
            ),
            lambda s, n, p: s.http.post(
                "/knowledge_base/delete_docs",
                json={"knowledge_base_name": "going", "file_names": ["same.txt"], "delete_content": n % 2 == 0},
            ),
        ),
    ),
    "a conversation": (
        MAYBE,
        (
            lambda s, n, p: s.http.post(f"{BASE}/answer", json={"question": "Who sleeps?", "conversation": "new"}),
            lambda s, n, p: s.http.post(
                f"{BASE}/answer", json={"question": "Who eats?", "conversation": talk_of(s), "stream": True}
            ),
            lambda s, n, p: s.http.patch(f"/v1/chats/{talk_of(s)}", json={"title": f"t{n}"}),
            lambda s, n, p: s.http.delete(f"/v1/chats/{talk_of(s)}"),
        ),
    ),
    "a user and a key": (
        MAYBE,
        (
            lambda s, n, p: s.http.post("/v1/admin/users", json={"username": "ann", "password": "long enough 12"}),
            lambda s, n, p: s.http.delete("/v1/admin/users/ann"),
            lambda s, n, p: s.http.post("/v1/admin/keys", json={"name": "k"}),
            lambda s, n, p: s.http.post(f"/v1/admin/keys/{key_of(s)}/rotate"),
            lambda s, n, p: s.http.delete(f"/v1/admin/keys/{key_of(s)}"),
        ),
    ),
    "a registration": (
        MAYBE,
        (
            lambda s, n, p: s.http.post("/v1/model_registrations/LLM", json={"model": FAMILY, "persist": n % 2 == 0}),
            lambda s, n, p: s.http.delete("/v1/model_registrations/LLM/hammered"),
            lambda s, n, p: s.http.get("/v1/model_registrations/LLM/hammered"),
        ),
    ),
    "a launch": (
        {*MAYBE, 499},
        (
            lambda s, n, p: s.launch("flash"),
            lambda s, n, p: s.launch("flash", wait_ready=False),
            lambda s, n, p: s.http.delete("/v1/models/flash"),
            lambda s, n, p: s.http.post(
                "/v1/autostart/models", json={"launch": {"model_name": "flash", "model_engine": "fake"}}
            ),
            lambda s, n, p: s.http.delete("/v1/autostart/models/flash"),
        ),
    ),
    "an adapter": (
        MAYBE,
        (
            lambda s, n, p: s.http.post("/v1/load_lora_adapter", json={"lora_name": "lora", "lora_path": str(p)}),
            lambda s, n, p: s.http.post(
                "/v1/load_lora_adapter", json={"lora_name": "lora", "lora_path": str(p), "load_inplace": True}
            ),
            lambda s, n, p: s.http.post("/v1/unload_lora_adapter", json={"lora_name": "lora"}),
        ),
    ),
}
"""Noun → the statuses that are right, and the requests that meet."""


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return peft_adapter(tmp_path_factory.mktemp("adapter") / "a")


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def server(
    request: pytest.FixtureRequest, postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    """A server with a base, a model that embeds and one that chats; keys are not asked for."""
    home = tmp_path_factory.mktemp("hammer") / "home"
    with new_database(postgres_url) as url:
        env = {"MODELYARD_AUTH": "off", **({"MODELYARD_DATABASE_URL": url} if request.param == "postgres" else {})}
        with live(home, env=env) as running:
            embedding(running, "vec")
            running.launched("base")
            Base.made(running, "held", embedding_model="vec", chunking={"size": 40, "overlap": 0})
            yield running


@pytest.mark.parametrize("noun", TABLE)
def test_requests_that_meet_on_one_name(server: Live, adapter: Path, noun: str) -> None:
    right, table = TABLE[noun]
    chosen = random.Random(noun)
    seen: Counter[tuple[int, str]] = Counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for number in range(ROUNDS):
            together = threading.Barrier(AT_ONCE)
            asks = chosen.choices(table, k=AT_ONCE)

            def one(ask: Ask, number: int = number, together: threading.Barrier = together) -> tuple[int, str]:
                together.wait()
                answer = ask(server, number, adapter)
                return answer.status_code, "" if answer.status_code in right else answer.text[:300]

            seen.update(pool.map(one, asks))
    assert {each: count for each, count in seen.items() if each[0] not in right} == {}


def test_what_is_left_fits_together(server: Live) -> None:
    """Files on the disk are those of the rows, and the index has what the rows have: the last test of this file."""
    names = [each["name"] for each in ok(server.http.get("/v1/knowledge_bases"))["data"]]
    bases = [Base(server.http, name) for name in names]
    for base in bases:
        wait_for(lambda base=base: not base.info()["jobs"])  # type: ignore[misc]
    files = {path.name for path in (server.home / "knowledge" / "files").rglob("*") if path.is_file()}
    assert files == {each["hash"] for base in bases for each in base.documents()}
    folders = {path.name for path in (server.home / "knowledge" / "indexes").iterdir()}
    assert folders <= {str(base.info()["id"]) for base in bases}
    base = Base(server.http, "held")
    assert base.add({"same.txt": b"The walrus is home."}, index="true")["state"] == "done"
    assert base.document("same.txt")["state"] == "ready"
    for every in bases:
        rows: list[dict[str, Any]] = [chunk for each in every.documents() for chunk in every.chunks(each["name"])]
        hits = every.search("walrus", mode="lexical", top_k=100)["data"]
        assert {hit["chunk_id"] for hit in hits} == {
            chunk["id"] for chunk in rows if chunk["enabled"] and "walrus" in chunk["text"]
        }
    assert server.status("base") == "READY"
