"""Chatchat's routes that summarise, asked as its own client asks them: the fake engine, and the demo model for real."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.live import Live, error_of, live

API = "/knowledge_base/kb_summary_api"
ONE, ALL, CHUNKS = "summary_file_to_vector_store", "recreate_summary_vector_store", "summary_doc_ids_to_vector_store"
TEXT = "Opening hours. The library in Bern opens at nine and closes at six. It is closed on Sundays."
FILES = [("files", ("hours.txt", TEXT.encode())), ("files", ("手册.md", "# 年假\n\n员工每年有十五天年假。".encode()))]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("summaries") / "home") as running:
        running.launched("m", tokens=4)
        running.launched("vectors", model_type="embedding", model_name="fake")
        yield running


@pytest.fixture
def base(server: Live) -> Iterator[str]:
    """A base with two documents; its summaries go with it."""
    post(server, "/knowledge_base/create_knowledge_base", {"knowledge_base_name": "docs"})
    data = {"knowledge_base_name": "docs", "chunk_size": "60", "chunk_overlap": "20"}
    answer = server.http.post("/knowledge_base/upload_docs", files=FILES, data=data).json()
    assert answer["data"] == {"failed_files": {}}
    yield "docs"
    post(server, "/knowledge_base/delete_knowledge_base", "docs")
    assert "docs.summary" not in post_get(server, "/knowledge_base/list_knowledge_bases")["data"]


def post(server: Live, path: str, body: Any) -> Any:
    answer = server.http.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def post_get(server: Live, path: str, **params: str) -> Any:
    return server.http.get(path, params=params).json()


def summary_events(server: Live, name: str, **body: Any) -> list[dict[str, Any]]:
    """The events of a stream."""
    answer = server.http.post(f"{API}/{name}", json={"knowledge_base_name": "docs", **body})
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/event-stream"), answer.text
    return [json.loads(each.removeprefix("data: ")) for each in answer.text.split("\r\n\r\n") if each]


def chunks(server: Live, base: str, name: str) -> list[dict[str, Any]]:
    body = {"knowledge_base_name": base, "file_name": name}
    found: list[dict[str, Any]] = post(server, "/knowledge_base/search_docs", body)
    return found


def test_one_document_is_summarised(server: Live, base: str) -> None:
    assert summary_events(server, ONE, file_name="hours.txt", file_description="opening") == [
        {"code": 200, "msg": "hours.txt 总结完成", "doc": "hours.txt"}
    ]
    [kept] = chunks(server, "docs.summary", "hours.txt.summary.md")
    ids = ",".join(each["id"] for each in chunks(server, base, "hours.txt"))
    assert kept["page_content"] == "the quick brown fox" and "," in ids
    assert kept["metadata"] == {
        "file_description": "opening",
        "summary_intermediate_steps": ["the quick brown fox"],
        "doc_ids": ids,
        "source": "hours.txt.summary.md",
        "id": kept["id"],
    }
    query = {"query": "the quick brown fox", "knowledge_base_name": "docs.summary"}
    assert [each["id"] for each in post(server, "/knowledge_base/search_docs", query)] == [kept["id"]]
    summary_events(server, ONE, file_name="hours.txt")
    assert len(chunks(server, "docs.summary", "%")) == 1
    assert "docs.summary" not in str(chunks(server, base, "%"))


def test_every_document_is_summarised(server: Live, base: str) -> None:
    summary_events(server, ONE, file_name="hours.txt")
    found = summary_events(
        server, ALL, allow_empty_kb=True, vs_type="faiss", embed_model="bge-large-zh-v1.5", max_tokens=2
    )
    assert found == [
        {"code": 200, "msg": f"({number} / 2): {name}", "total": 2, "finished": number, "doc": name}
        for number, name in enumerate(["hours.txt", "手册.md"], 1)
    ]
    assert {each["page_content"] for each in chunks(server, "docs.summary", "%")} == {"the quick"}
    body = {"knowledge_base_name": base, "file_names": ["hours.txt"], "delete_content": True}
    post(server, "/knowledge_base/delete_docs", body)
    assert [each["doc"] for each in summary_events(server, ALL)] == ["手册.md"]
    listed = post_get(server, "/knowledge_base/list_files", knowledge_base_name="docs.summary")
    assert listed["data"] == ["手册.md.summary.md"]


@pytest.mark.parametrize(
    ("chosen", "own", "found"),
    [
        ({}, "vectors", "vectors"),
        ({}, "", None),
        ({"embed_model": "bge-large-zh-v1.5"}, "", None),
        ({"embed_model": "vectors"}, "", "vectors"),
    ],
)
def test_summaries_are_embedded_as_their_base_unless_a_model_is_chosen(
    server: Live, chosen: dict[str, str], own: str, found: str | None
) -> None:
    made = server.http.post(
        "/v1/knowledge_bases", json={"name": "plain", "language": "zh", "embedding_model": own or None}
    )
    assert made.status_code in (200, 201), made.text
    summary_events(server, ALL, knowledge_base_name="plain", vs_type="milvus", **chosen)
    store = server.http.get("/v1/knowledge_bases/plain.summary").json()
    assert (store["embedding_model"] or None, store["language"], store["description"]) == (
        found,
        "zh",
        "“plain”的文档摘要",
    )
    post(server, "/knowledge_base/delete_knowledge_base", "plain")


def test_a_base_of_summaries_can_be_indexed_anew(server: Live, base: str) -> None:
    summary_events(server, ALL)
    answer = server.http.post("/knowledge_base/recreate_vector_store", json={"knowledge_base_name": "docs.summary"})
    assert answer.text.count('"code": 200') == 2, answer.text
    assert len(chunks(server, "docs.summary", "%")) == 2


def test_chunks_are_summarised_without_storing(server: Live, base: str) -> None:
    ids = [each["id"] for each in chunks(server, base, "hours.txt")]
    body = {"knowledge_base_name": base, "doc_ids": ids, "file_description": "x"}
    found = post(server, f"{API}/{CHUNKS}", body)
    metadata = {
        "file_description": "x",
        "summary_intermediate_steps": ["the quick brown fox"],
        "doc_ids": ",".join(ids),
    }
    summary = {"page_content": "the quick brown fox", "metadata": metadata, "type": "Document"}
    assert found == {"code": 200, "msg": "总结完成", "data": {"summarize": [summary]}}
    for odd in ("999999", "x"):
        assert post(server, f"{API}/{CHUNKS}", {**body, "doc_ids": [odd]})["code"] == 404
    assert post(server, f"{API}/{CHUNKS}", {**body, "doc_ids": []})["code"] == 500
    gone = post(server, f"{API}/{CHUNKS}", {**body, "knowledge_base_name": "nope"})
    assert gone == {"code": 404, "msg": "未找到知识库 nope", "data": {}}


def test_unknown_bases_documents_and_models_are_reported(server: Live, base: str) -> None:
    for name in (ONE, ALL):
        missing = summary_events(server, name, knowledge_base_name="nope", file_name="hours.txt")
        assert missing == [{"code": 404, "msg": "未找到知识库 ‘nope’"}]
    [absent] = summary_events(server, ONE, file_name="none.txt")
    assert (absent["code"], absent["msg"]) == (500, "知识库'docs'总结文件‘none.txt’时出错。已跳过。")
    found = summary_events(server, ALL, model_name="nobody")
    assert [each["code"] for each in found] == [500, 500] and "'nobody' not found" in found[0]["error"]
    hot = {"knowledge_base_name": base, "file_name": "hours.txt", "temperature": 2}
    assert server.http.post(f"{API}/{ONE}", json=hot).status_code == 422
    post(server, "/knowledge_base/delete_knowledge_base", "docs.summary")
    post(server, "/knowledge_base/create_knowledge_base", {"knowledge_base_name": "docs.summary"})
    [taken] = summary_events(server, ONE, file_name="hours.txt")
    assert taken["code"] == 500 and "docs.summary" in taken["msg"]
    post(server, "/knowledge_base/delete_knowledge_base", "docs.summary")


def test_a_long_document_is_summarised_piece_by_piece(server: Live, base: str) -> None:
    pages = "\n\n".join(f"Chapter {number}. " + "A quiet sentence about the sea. " * 60 for number in range(8))
    data = {"knowledge_base_name": base, "chunk_size": "1000", "chunk_overlap": "0"}
    server.http.post("/knowledge_base/upload_docs", files=[("files", ("long.txt", pages.encode()))], data=data)
    assert summary_events(server, ONE, file_name="long.txt")[0]["code"] == 200
    [kept] = chunks(server, "docs.summary", "long.txt.summary.md")
    assert len(kept["metadata"]["summary_intermediate_steps"]) >= 4


def test_the_demo_model_summarises(server: Live, base: str) -> None:
    server.launched("demo", model_engine=None)
    found = summary_events(server, ONE, file_name="hours.txt", model_name="demo", temperature=0, max_tokens=40)
    assert found[0]["code"] == 200, found
    [kept] = chunks(server, "docs.summary", "hours.txt.summary.md")
    assert kept["page_content"] and "quick brown" not in kept["page_content"]


def test_a_key_needs_to_write_the_base(tmp_path_factory: pytest.TempPathFactory) -> None:
    with live(tmp_path_factory.mktemp("keys") / "home") as server:
        made = server.http.post("/v1/admin/keys", json={"name": "root"}).json()
        server.http.headers["authorization"] = f"Bearer {made['key']}"
        server.launched("m")
        post(server, "/knowledge_base/create_knowledge_base", {"knowledge_base_name": "docs"})
        given = {"name": "reader", "scopes": ["knowledge:read", "models:read"]}
        key = server.http.post("/v1/admin/keys", json=given).json()["key"]
        elsewhere = server.http.post("/v1/admin/keys", json={**given, "bases": {"other": "read"}}).json()["key"]
        search = {"knowledge_base_name": "docs", "query": "x"}
        for each, status in ((key, 200), (elsewhere, 403)):
            header = {"authorization": f"Bearer {each}"}
            assert server.http.post("/knowledge_base/search_docs", json=search, headers=header).status_code == status
        with httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {key}"}) as reader:
            body = {"knowledge_base_name": "docs", "file_name": "x", "doc_ids": ["1"]}
            for name in (ONE, ALL):
                answer = reader.post(f"{API}/{name}", json=body)
                assert (answer.status_code, error_of(answer)["code"]) == (403, "permission_denied")
            assert reader.post(f"{API}/{CHUNKS}", json=body).json()["code"] == 404
