"""Chatchat's routes about knowledge bases, asked with plain httpx as its own client asks them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.knowledge.reading_ranker import reading_ranker
from tests.live import Live, live

HANDBOOK = ("files", ("员工手册.md", "# 年假\n\n员工每年有十五天年假。".encode()))
SPEC = ("files", ("spec.txt", b"The MX-2140 pump delivers 12 litres per minute."))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("chatchat") / "home") as running:
        running.launched("vectors", model_type="embedding", model_name="fake")
        yield running


@pytest.fixture
def base(server: Live) -> Iterator[str]:
    """A base with two documents."""
    assert post(server, "create_knowledge_base", {"knowledge_base_name": "样例"})["msg"] == "已新增知识库 样例"
    answer = upload(server, [HANDBOOK, SPEC], chunk_size="40", chunk_overlap="50")
    assert answer == {"code": 200, "msg": "文件上传与向量化完成", "data": {"failed_files": {}}}
    yield "样例"
    assert post(server, "delete_knowledge_base", "样例")["msg"] == "成功删除知识库 样例"


def raw(server: Live, name: str, body: Any) -> httpx.Response:
    answer = server.http.post(f"/knowledge_base/{name}", json=body)
    assert answer.status_code == 200, answer.text
    return answer


def post(server: Live, name: str, body: Any) -> Any:
    return raw(server, name, body).json()


def upload(server: Live, files: list[Any], **fields: str) -> Any:
    data = {"knowledge_base_name": "样例", **fields}
    return server.http.post("/knowledge_base/upload_docs", files=files, data=data).json()


def get(server: Live, name: str, **params: str) -> httpx.Response:
    return server.http.get(f"/knowledge_base/{name}", params={"knowledge_base_name": "样例", **params})


def listed(server: Live, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = post(server, "search_docs", {"knowledge_base_name": "样例", "file_name": name})
    return found


def refused(code: int, message: str, data: Any = None) -> dict[str, Any]:
    return {"code": code, "msg": message, "data": data}


def test_names_are_checked(server: Live, base: str) -> None:
    create = "create_knowledge_base"
    empty = "知识库名称不能为空，请重新填写知识库名称"
    assert post(server, create, {"knowledge_base_name": "../x"}) == refused(403, "Don't attack me")
    assert post(server, create, {"knowledge_base_name": ""}) == refused(404, empty)
    assert post(server, create, {"knowledge_base_name": base}) == refused(404, "已存在同名知识库 样例")
    assert post(server, "delete_knowledge_base", "nope") == refused(404, "未找到知识库 nope")
    assert get(server, "list_files", knowledge_base_name="nope").json() == refused(404, "未找到知识库 nope", [])
    assert get(server, "list_files", knowledge_base_name="../x").json() == refused(403, "Don't attack me", [])
    assert post(server, "search_docs", {"query": "a", "knowledge_base_name": "nope"}) == []
    assert post(server, "update_docs_by_id", {"knowledge_base_name": "nope", "docs": {}})["code"] == 500


def test_files_and_chunks_that_are_wrong_are_named(server: Live, base: str) -> None:
    [wrong] = upload(server, [("files", ("x" * 2000 + ".txt", b"x"))])["data"]["failed_files"].values()
    assert "文件上传失败，报错信息为: " in wrong
    for docs in ("[", "[1]", '{"a": 1}', '{"a": [1]}'):
        assert upload(server, [SPEC], docs=docs)["code"] == 400, docs
        body = {"knowledge_base_name": base, "file_names": [], "docs": docs}
        assert "no JSON object of lists of documents" in post(server, "update_docs", body)["msg"], docs
    body = {"knowledge_base_name": base, "file_names": ["none.txt"]}
    assert post(server, "update_docs", body)["data"] == {
        "failed_files": {"none.txt": "加载文档 none.txt 时出错：未找到文件 none.txt"}
    }
    assert post(server, "delete_docs", {**body, "delete_content": True})["data"] == {
        "failed_files": {"none.txt": "未找到文件 none.txt"}
    }
    doc = {"knowledge_base_name": base, "docs": {"no number": None}}
    assert post(server, "update_docs_by_id", doc)["msg"] == "文档更新失败"
    long = {"query": "", "knowledge_base_name": base, "file_name": "%" * 1001}
    assert post(server, "search_docs", long)["code"] == 400


def test_a_model_that_was_chosen_and_does_not_run_is_no_other(server: Live) -> None:
    reply = post(server, "create_knowledge_base", {"knowledge_base_name": "m", "embed_model": "m3e-base"})
    assert reply["code"] == 500 and reply["msg"].startswith("创建知识库出错： ") and "vectors" in reply["msg"]


def test_bases_and_files_are_listed(server: Live, base: str) -> None:
    assert get(server, "list_knowledge_bases").json() == {"code": 200, "msg": "success", "data": [base]}
    assert get(server, "list_files").json() == {"code": 200, "msg": "success", "data": ["spec.txt", "员工手册.md"]}


def test_search_gives_distances(server: Live, base: str) -> None:
    first, *_ = hits = post(server, "search_docs", {"query": "年假", "knowledge_base_name": base})
    assert set(first) == {"page_content", "metadata", "type", "id", "score"}
    assert first["metadata"] == {"source": "员工手册.md", "id": first["id"]} and first["type"] == "Document"
    assert all(0 <= each["score"] <= 4 for each in hits)
    strict = {"query": "年假", "knowledge_base_name": base, "score_threshold": 0.0}
    assert post(server, "search_docs", strict) == []
    same = {"query": first["page_content"], "knowledge_base_name": base, "score_threshold": 0.01}
    assert [each["id"] for each in post(server, "search_docs", same)] == [first["id"]]


def test_a_rerank_model_that_runs_ranks_and_leaves_distances(server: Live, base: str) -> None:
    query = {"query": "年假 pump", "knowledge_base_name": base}
    first, second = post(server, "search_docs", query)
    direct = {"query": "年假 pump", "kb_name": base, "return_direct": True, "stream": False}
    with reading_ranker(server, base, second["page_content"]):
        assert post(server, "search_docs", query) == [second, first], "each with the score that it had"
        assert post(server, "search_docs", {**query, "top_k": 1}) == [second]
        first_source, second_source = server.http.post("/chat/kb_chat", json=direct).json()["docs"]
        assert second["page_content"] in first_source and first["page_content"] in second_source
        near = {**query, "query": first["page_content"], "score_threshold": 0.01, "top_k": 1}
        assert [each["id"] for each in post(server, "search_docs", near)] == [first["id"]], (
            "the best within the distance"
        )


def test_uploading_an_existing_file_needs_override(server: Live, base: str) -> None:
    assert upload(server, [SPEC])["data"] == {"failed_files": {"spec.txt": "文件 spec.txt 已存在。"}}
    assert upload(server, [SPEC], override="true")["data"] == {"failed_files": {}}


def test_a_file_may_be_uploaded_without_indexing_it(server: Live, base: str) -> None:
    upload(server, [("files", ("later.txt", b"A pump that waits."))], to_vector_store="false")
    assert "later.txt" in get(server, "list_files").json()["data"] and listed(server, "later.txt") == []
    answer = post(server, "update_docs", {"knowledge_base_name": base, "file_names": ["later.txt", "no.txt"]})
    assert answer["msg"] == "更新文档完成" and set(answer["data"]["failed_files"]) == {"no.txt"}
    assert [each["page_content"] for each in listed(server, "later.txt")] == ["A pump that waits."]


def test_chunks_can_be_written_and_edited_by_hand(server: Live, base: str) -> None:
    by_hand = {"c.txt": [{"page_content": "one", "metadata": {"k": "v"}}, {"page_content": "two", "metadata": {}}]}
    upload(server, [("files", ("c.txt", b"from the file"))], docs=json.dumps(by_hand))
    one, two = listed(server, "c.txt")
    assert (one["page_content"], one["score"], one["metadata"]["k"]) == ("one", 3.0, "v")
    assert post(server, "search_docs", {"knowledge_base_name": base, "metadata": {"k": "v"}}) == [one]
    assert {each["metadata"]["source"] for each in listed(server, "%.TXT")} == {"c.txt", "spec.txt"}
    docs = {one["id"]: {**one, "page_content": "changed"}, two["id"]: {"page_content": ""}}
    reply = post(server, "update_docs_by_id", {"knowledge_base_name": base, "docs": docs})
    assert reply == {"code": 200, "msg": "文档更新成功", "data": None}
    assert [each["page_content"] for each in listed(server, "c.txt")] == ["changed"]
    again = {"knowledge_base_name": base, "file_names": ["c.txt"]}
    post(server, "update_docs", again)
    assert [each["page_content"] for each in listed(server, "c.txt")] == ["changed"]
    post(server, "update_docs", {**again, "override_custom_docs": True})
    assert [each["page_content"] for each in listed(server, "c.txt")] == ["from the file"]
    unknown = {"knowledge_base_name": base, "docs": {"x": {"page_content": "y"}}}
    assert post(server, "update_docs_by_id", unknown)["msg"] == "文档更新失败"


def test_deleting_removes_from_the_index_and_then_the_content(server: Live, base: str) -> None:
    body = {"knowledge_base_name": base, "file_names": ["spec.txt", "no"]}
    missing = {"code": 200, "msg": "文件删除完成", "data": {"failed_files": {"no": "未找到文件 no"}}}
    assert post(server, "delete_docs", body) == missing
    assert listed(server, "spec.txt") == [] and get(server, "download_doc", file_name="spec.txt").content == SPEC[1][1]
    assert post(server, "delete_docs", {**body, "delete_content": True}) == missing
    gone = get(server, "download_doc", file_name="spec.txt")
    assert gone.json() == refused(500, "spec.txt 读取文件失败")


def test_a_document_can_be_downloaded_or_previewed(server: Live, base: str) -> None:
    answer = get(server, "download_doc", file_name="spec.txt")
    assert answer.content == SPEC[1][1] and answer.headers["content-type"] == "multipart/form-data"
    shown = get(server, "download_doc", file_name="spec.txt", preview="true")
    assert shown.headers["content-disposition"].startswith("inline")


def test_rebuilding_the_index_streams_each_document(server: Live, base: str) -> None:
    answer = raw(server, "recreate_vector_store", {"knowledge_base_name": base})
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(each.removeprefix("data: ")) for each in answer.text.split("\r\n\r\n") if each]
    assert {each["doc"] for each in events} == {"spec.txt", "员工手册.md"}
    for number, each in enumerate(events, 1):
        head = f"({number} / 2): {each['doc']}"
        assert each == {"code": 200, "msg": head, "total": 2, "finished": number, "doc": each["doc"]}
    upload(server, [("files", ("broken.pdf", b"%PDF-1.4 no"))], not_refresh_vs_cache="false")
    answer = raw(server, "recreate_vector_store", {"knowledge_base_name": base})
    events = [json.loads(each.removeprefix("data: ")) for each in answer.text.split("\r\n\r\n") if each]
    [failed] = [each for each in events if each["code"] != 200]
    assert failed["code"] == 500 and failed["msg"].startswith(f"添加文件‘broken.pdf’到知识库‘{base}’时出错：")
    assert failed["msg"].endswith("。已跳过。") and len(events) == 3
    missing = raw(server, "recreate_vector_store", {"knowledge_base_name": "nope"})
    assert missing.text == 'data: {"code": 404, "msg": "未找到知识库 ‘nope’"}\r\n\r\n'


def test_rebuilding_keeps_the_model_of_the_base_unless_another_is_chosen(server: Live, base: str) -> None:
    server.launched("another", model_type="embedding", model_name="fake")
    for chosen, model in (("bge-large-zh-v1.5", "vectors"), ("another", "another"), ("bge-large-zh-v1.5", "another")):
        raw(server, "recreate_vector_store", {"knowledge_base_name": base, "embed_model": chosen})
        assert server.http.get(f"/v1/knowledge_bases/{base}").json()["embedding_model"] == model
    assert server.http.delete("/v1/models/another").status_code == 200


def test_a_base_can_be_described(server: Live, base: str) -> None:
    reply = post(server, "update_info", {"knowledge_base_name": base, "kb_info": "关于"})
    assert reply == {"code": 200, "msg": "知识库介绍修改完成", "data": {"kb_info": "关于"}}


def test_temporary_files_are_searched_and_replaced(server: Live) -> None:
    ask = server.http.post
    reply = ask("/knowledge_base/upload_temp_docs", files=[SPEC], data={"chunk_size": "40", "chunk_overlap": "150"})
    assert reply.json()["code"] == 200 and reply.json()["data"]["failed_files"] == []
    name = reply.json()["data"]["id"]
    again = ask("/knowledge_base/upload_temp_docs", files=[HANDBOOK], data={"knowledge_id": name}).json()
    assert again["data"] == {"id": name, "failed_files": []}
    assert name not in get(server, "list_knowledge_bases").json()["data"]
    assert post(server, "search_docs", {"knowledge_base_name": name, "query": "pump"}) == []
