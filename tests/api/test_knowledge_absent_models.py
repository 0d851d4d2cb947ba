"""Models that a base names and nothing answers to: said at creation, waited for, and never a failure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.knowing import Base, ok
from tests.live import Live, live
from tests.processes import wait_for

DOCUMENTS = {f"d{number}.txt": f"The walrus {'abcdefghij'[number]}x sleeps.".encode() for number in range(8)}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("absent") / "home") as running:
        yield running


def test_documents_wait_for_their_model_and_go_on_when_it_comes(server: Live) -> None:
    made = ok(server.http.post("/v1/knowledge_bases", json={"name": "late", "embedding_model": "bge-m3"}))
    (warning,) = made["warnings"]
    command = shlex.split(warning.partition("Launch it: ")[2].partition(" (")[0])
    assert command == ["modelyard", "launch", "--model-name", "bge-m3", "--model-type", "embedding"]
    base = Base(server.http, "late")
    job = base.send(DOCUMENTS)["job"]
    view: dict[str, Any] = wait_for(lambda: found if (found := base.job(job))["waiting"] else None)
    assert "modelyard launch --model-name bge-m3" in view["waiting"]
    assert (view["state"], view["failed"], view["done"]) == ("running", 0, 0)
    wait_for(lambda: ok(server.http.get(f"/v1/jobs/{job}"))["state"] == "waiting")
    assert ok(server.http.get(f"/v1/jobs/{job}"))["progress"]["message"] == view["waiting"]
    wait_for(lambda: all("bge-m3" in each["error"] for each in base.documents()))
    assert {each["state"] for each in base.documents()} == {"waiting"}
    wait_for(lambda: len(base.texts("walrus", top_k=20)) == len(DOCUMENTS))
    assert "by words alone" in base.search("walrus")["notes"][0]
    assert {(each["state"], each["chunks"]) for each in base.documents()} == {("waiting", 1)}
    server.launched("bge-m3", model_type="embedding")
    assert base.wait(job)["done"] == len(DOCUMENTS)
    assert {(each["state"], each["error"]) for each in base.documents()} == {("ready", "")}
    assert len(base.texts("walrus", top_k=20)) == len(base.texts("x", mode="vector", top_k=20)) == len(DOCUMENTS)
    assert [len(base.chunks(name)) for name in DOCUMENTS] == [1] * len(DOCUMENTS)
    assert base.info()["warnings"] == []
    assert ok(server.http.delete("/v1/models/bge-m3")) is None
    wait_for(lambda: base.info()["warnings"])
    found = base.search(
        "кто там спит? walrus", top_k=20
    )  # in a script for which vectors were not measured, so they count
    assert len(found["data"]) == len(DOCUMENTS) and "by words alone" in found["notes"][0]
    job = base.send({"d0.txt": b"The otter eats.", "broken.pdf": b"%PDF-1.4 x"})["job"]
    wait_for(lambda: base.texts("otter"))
    assert not base.texts("walrusax", mode="lexical"), "its text before is not there any more"
    wait_for(lambda: base.document("broken.pdf")["state"] == "failed")
    server.launched("bge-m3", model_type="embedding")
    assert base.wait(job)["done"] == 1
    hits = base.search("The otter eats.", mode="vector", top_k=1)["data"]
    assert hits[0]["text"] == "The otter eats." and hits[0]["scores"]["similarity"] > 0.99


def test_a_job_that_waits_can_be_cancelled_and_outlives_nothing(server: Live) -> None:
    base = Base.made(server, "never", embedding_model="nobody's")
    command = base.info()["warnings"][0].partition("launch one: ")[2].partition(" (")[0]
    assert shlex.split(command)[2:4] == ["--model-path", "/path/to/model"]
    assert "--model-uid 'nobody'\"'\"'s'" in command
    job = base.send({"a.txt": b"text"})["job"]
    wait_for(lambda: base.job(job)["waiting"])
    assert ok(server.http.delete(f"{base.path}/jobs/{job}"))["state"] == "cancelled"
    assert (base.document("a.txt")["state"], base.job(job)["waiting"]) == ("cancelled", "")


@pytest.mark.parametrize(("column", "kind"), [("rerank_model", "rerank"), ("chat_model", "LLM")])
def test_other_models_are_named_too(server: Live, column: str, kind: str) -> None:
    made = ok(server.http.post("/v1/knowledge_bases", json={"name": column, column: "absent"}))
    assert f"--model-uid absent --model-type {kind}" in made["warnings"][0]
    server.launched("present", model_type=kind)
    changed = ok(server.http.patch(f"/v1/knowledge_bases/{column}", json={column: "present"}))
    assert changed["warnings"] == []
    assert server.http.delete("/v1/models/present").status_code == 200


def test_files_for_one_chat_are_not_behind_those_that_wait(server: Live) -> None:
    """Chatchat's temporary files: hundreds of documents of a base wait, and these are indexed meanwhile."""
    base = Base.made(server, "many")
    job = base.send({f"d{number}.txt": b"A long text about nothing. " * 3000 for number in range(60)})["job"]
    files = [("files", ("small.txt", b"The walrus hums.", "text/plain"))]
    answer = ok(server.http.post("/knowledge_base/upload_temp_docs", files=files))
    assert answer["data"]["failed_files"] == []
    assert base.job(job)["state"] == "running", "the others are not done: it has overtaken them"
    base.wait(job)
