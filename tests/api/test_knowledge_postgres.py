"""The whole knowledge flow where rows, indexes or both are in PostgreSQL."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.knowing import Base, embedding, ok
from tests.chat_pairs import pairs
from tests.conftest import new_database
from tests.knowledge.documents.loaders import samples
from tests.live import Live, live

SETTINGS = {"rows": (True, "embedded"), "rows and indexes": (True, "postgres"), "indexes": (False, "postgres")}
"""Setting → whether the server's database is PostgreSQL, and the store."""
SMALL = {"size": 60, "overlap": 0}
FILES = {
    "员工手册.md": "# 年假\n\n员工每年有十五天年假。\n\n# 报销\n\n报销须在三十天内提交。\n".encode(),
    "spec.txt": b"The MX-2140 pump delivers 12 litres per minute.",
    "prices.csv": b"part,price\nvalve,12\nquartz gasket,7\n",
    "page.html": b"<html><body><h1>Yard</h1><p>The zebra crossing is painted white.</p></body></html>",
    "notes.docx": samples.word(lambda document: document.add_paragraph("The falcon nests on the tower.")),
    "book.xlsx": samples.workbook(lambda book: book.worksheets[0].append(["walnut", 5])),
    "paper.pdf": samples.pdf([samples.paragraph(700, "The glacier moves two metres a day.")]),
}
WORDS = {
    "员工手册.md": "年假",
    "spec.txt": "MX-2140",
    "prices.csv": "quartz",
    "page.html": "zebra",
    "notes.docx": "falcon",
    "book.xlsx": "walnut",
    "paper.pdf": "glacier",
}


@pytest.fixture(scope="module", params=SETTINGS)
def server(
    request: pytest.FixtureRequest, postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    """A server of one setting, with a model that embeds."""
    rows, store = SETTINGS[request.param]
    with new_database(postgres_url) as url:
        env = {"MODELYARD_VECTOR_STORE": store, "MODELYARD_DATABASE_URL" if rows else "MODELYARD_VECTOR_STORE_URL": url}
        with live(tmp_path_factory.mktemp("postgres") / "home", env=env) as running:
            embedding(running, "vec")
            yield running


@pytest.fixture(scope="module")
def base(server: Live) -> Base:
    """A base with documents of several formats; tests leave in it what they found."""
    base = Base.made(server, "手册", embedding_model="vec", chunking=SMALL)
    view = base.add(FILES)
    assert (view["state"], view["done"], view["problems"]) == ("done", len(FILES), [])
    return base


def test_every_format_is_found_in_every_mode(base: Base) -> None:
    for name, word in WORDS.items():
        assert base.search(word, mode="lexical")["data"][0]["document"] == name
        hit = base.search(word)["data"][0]
        assert (hit["document"], hit["scores"]["lexical"] is not None) == (name, True)
        text = hit["text"]
        same = base.search(text, mode="vector")["data"][0]
        assert same["text"] == text and same["scores"]["similarity"] > 0.99


def test_a_filter_and_several_bases(server: Live, base: Base) -> None:
    other = Base.made(server, "other", embedding_model="vec")
    other.add({"other.txt": b"A glacier of the other base."}, metadata='{"year": 2025}')
    both = {"knowledge_bases": [base.name, other.name], "query": "glacier", "mode": "lexical"}
    hits = ok(server.http.post("/v1/knowledge_bases/search", json=both))["data"]
    assert {each["knowledge_base"] for each in hits} == {base.name, "other"}
    hits = ok(server.http.post("/v1/knowledge_bases/search", json={**both, "filter": {"year": {"gte": 2025}}}))["data"]
    assert [each["document"] for each in hits] == ["other.txt"]
    assert base.search("年假", filter={"document": {"prefix": "spec"}}, mode="lexical")["data"] == []
    assert ok(server.http.delete(other.path))
    assert server.http.post("/v1/knowledge_bases/search", json=both).status_code == 404


def test_chunks_are_edited_disabled_added_and_deleted(server: Live, base: Base) -> None:
    base.add({"edited.txt": b"An albatross glides."})
    [chunk] = base.chunks("edited.txt")
    path = f"{base.path}/chunks/{chunk['id']}"
    edited = ok(server.http.patch(path, json={"text": "A cormorant dives."}))
    assert edited["id"] != chunk["id"] and edited["edited"]
    assert base.texts("cormorant", mode="lexical") == ["A cormorant dives."] and not base.texts(
        "albatross", mode="lexical"
    )
    assert base.texts("A cormorant dives.", mode="vector")[0] == "A cormorant dives."
    path = f"{base.path}/chunks/{edited['id']}"
    for enabled in (False, True):
        ok(server.http.patch(path, json={"enabled": enabled}))
        assert len(base.texts("cormorant", mode="lexical")) == enabled
    number = base.document("edited.txt")["id"]
    added = ok(server.http.post(f"{base.path}/documents/{number}/chunks", json={"text": "鸬鹚会潜水。", "position": 0}))
    assert [each["text"] for each in base.chunks("edited.txt")] == ["鸬鹚会潜水。", "A cormorant dives."]
    assert base.texts("鸬鹚", mode="lexical") == ["鸬鹚会潜水。"]
    ok(server.http.delete(f"{base.path}/chunks/{added['id']}"))
    assert base.texts("鸬鹚", mode="lexical") == []
    ok(server.http.delete(f"{base.path}/documents/{number}"))
    assert base.texts("cormorant", mode="lexical") == [] and base.documents(contains="edited") == []


def test_unchanged_and_changed_documents(base: Base) -> None:
    again = base.add({"spec.txt": FILES["spec.txt"]})
    assert (again["unchanged"], again["embedded"]) == (1, 0)
    base.add({"spec.txt": b"A walrus stands still."})
    assert not base.texts("MX-2140", mode="lexical") and base.texts("walrus", mode="lexical")
    assert base.add({"spec.txt": FILES["spec.txt"]})["embedded"] == 0
    assert base.document("spec.txt")["version"] == 3


def test_indexing_anew(server: Live, base: Base) -> None:
    before = base.info()
    view = base.wait(base.reindex(chunking={"size": 200, "overlap": 0}))
    assert (view["state"], view["failed"]) == ("done", 0)
    after = base.info()
    assert after["generation"] > before["generation"] and after["chunking"]["size"] == 200
    for name, word in WORDS.items():
        assert base.search(word, mode="lexical")["data"][0]["document"] == name
        assert base.search(word, mode="vector")["data"]


def test_answers_and_conversations(server: Live, base: Base) -> None:
    messages = [{"role": "user", "content": "How many litres does the MX-2140 deliver?"}]
    body: dict[str, Any] = {"model": f"kb:{base.name}", "messages": messages}
    whole = ok(server.http.post("/v1/chat/completions", json=body))
    assert "12 litres per minute. [1]" in whole["choices"][0]["message"]["content"]
    assert whole["citations"][0]["document"] == "spec.txt"
    streamed = server.http.post("/v1/chat/completions", json={**body, "stream": True}).text
    chunks = [json.loads(line[6:]) for line in streamed.splitlines() if line.startswith("data: {")]
    text = "".join(each["choices"][0]["delta"].get("content", "") for each in chunks)
    assert text == whole["choices"][0]["message"]["content"] and streamed.rstrip().endswith("[DONE]")

    question = {"question": "MX-2140 litres?", "conversation": "new"}
    first = ok(server.http.post(f"{base.path}/answer", json=question))
    again = ok(server.http.post(f"{base.path}/answer", json={**question, "conversation": first["conversation"]}))
    path = f"/v1/chats/{first['conversation']}"
    answers = pairs(ok(server.http.get(f"{path}/messages"))["data"])
    assert [each["citations"][0]["document"] for each in answers] == ["spec.txt", "spec.txt"]
    judged = server.http.post(f"/v1/chats/messages/{again['message']}/feedback", json={"score": 90, "reason": "好"})
    assert ok(judged)["score"] == 90
    ok(server.http.delete(path))
    assert server.http.get(f"{path}/messages").status_code == 404


def test_a_base_and_all_of_it_is_deleted(server: Live) -> None:
    base = Base.made(server, "short lived", embedding_model="vec", chunking=SMALL)
    base.add({"a.txt": b"The heron waits.", "b.txt": b"The heron flies."})
    assert base.wait(base.reindex())["state"] == "done"
    ok(server.http.delete(base.path))
    assert server.http.post(f"{base.path}/search", json={"query": "heron"}).status_code == 404
    again = Base.made(server, "short lived", embedding_model="vec", chunking=SMALL)
    assert again.texts("heron") == [] and again.info()["documents"] == 0
    again.add({"a.txt": b"The heron is back."})
    assert again.texts("heron", mode="lexical") == ["The heron is back."]
    ok(server.http.delete(again.path))


def test_chatchats_routes(server: Live) -> None:
    def post(name: str, body: Any) -> Any:
        return ok(server.http.post(f"/knowledge_base/{name}", json=body))

    of = {"knowledge_base_name": "样例"}
    assert post("create_knowledge_base", of)["code"] == 200
    files = [
        ("files", ("a.md", "# 年假\n\n员工每年有十五天年假。".encode())),
        ("files", ("b.txt", b"A pump of steel.")),
    ]
    sent = ok(server.http.post("/knowledge_base/upload_docs", files=files, data=of))
    assert sent["data"] == {"failed_files": {}}
    assert ok(server.http.get("/knowledge_base/list_files", params=of))["data"] == ["a.md", "b.txt"]
    assert "年假" in post("search_docs", {**of, "query": "年假"})[0]["page_content"]
    [found] = post("search_docs", {**of, "file_name": "b.txt"})
    assert found["page_content"] == "A pump of steel."
    changed = {found["id"]: {**found, "page_content": "A pump of brass."}}
    assert post("update_docs_by_id", {**of, "docs": changed})["msg"] == "文档更新成功"
    [found] = post("search_docs", {**of, "file_name": "b.txt"})
    assert found["page_content"] == "A pump of brass."
    with server.http.stream("POST", "/knowledge_base/recreate_vector_store", json=of) as answer:
        told = [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: {")]
    assert [each["code"] for each in told] and all(each["code"] == 200 for each in told)
    gone = post("delete_docs", {**of, "file_names": ["b.txt"], "delete_content": True})
    assert gone["data"] == {"failed_files": {}}
    assert ok(server.http.get("/knowledge_base/list_files", params=of))["data"] == ["a.md"]
    assert post("delete_knowledge_base", "样例")["code"] == 200


def test_a_store_that_cannot_be_used_is_told_at_the_start(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "modelyard", "serve", "--port", "0", "--home", str(tmp_path / "home")]
    env = {"MODELYARD_VECTOR_STORE": "postgres", "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "'postgres' cannot be used" in done.stderr and "needs a PostgreSQL database" in done.stderr
    assert "Traceback" not in done.stderr
