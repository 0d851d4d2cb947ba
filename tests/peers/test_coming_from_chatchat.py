"""Chatchat's routes walked by a client that knows no others, and the commands of docs/coming-from-chatchat.md typed in."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.api.scripted_model import Scripted, joined, scripted, tool_calls_delta
from tests.cli.terminal import COMMAND, environment, run
from tests.compat.chatchat_data import v02, v03
from tests.conftest import new_database
from tests.encoder_models import give_environment, make_tiny
from tests.knowledge.web_server import Reply
from tests.live import Live, live
from tests.peers.chatchat import FASTCHAT, ROUTES, Chatchat, Json
from tests.processes import wait_for

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "coming-from-chatchat.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
MODEL, OTHER, EMBEDDING = "chatglm3-6b", "qwen-7b-chat", "bge-large-zh-v1.5"
ANSWER = "好的，没问题。"
BASE, LEAVE, PUMP = "样例", "员工手册.md", "spec.txt"
FILES = {
    LEAVE: "# 年假\n\n员工每年有十五天年假。".encode(),
    PUMP: b"The MX-2140 pump delivers 12 litres per minute.",
}
STORES = {
    "SQLite": {},
    "PostgreSQL": {"MODELYARD_DATABASE_URL": "{url}", "MODELYARD_VECTOR_STORE": "postgres"},
    "SQLite, indexes in PostgreSQL": {"MODELYARD_VECTOR_STORE_URL": "{url}", "MODELYARD_VECTOR_STORE": "postgres"},
}


@pytest.fixture(scope="module")
def model() -> Iterator[Scripted]:
    with scripted() as running:
        running.web.pages["/search"] = Reply.of(
            {"results": [{"url": "https://example.org/年假", "title": "年假", "content": "年假是带薪的。"}]}
        )
        yield running


@pytest.fixture(scope="module", params=STORES)
def server(
    request: pytest.FixtureRequest, model: Scripted, postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    """A server with a second port, a chat model behind somebody's address, and an embedding model."""
    with ExitStack() as stack:
        url = stack.enter_context(new_database(postgres_url))
        env = {name: value.format(url=url) for name, value in STORES[request.param].items()}
        env |= {"MODELYARD_SEARXNG_URL": model.web.url}
        home = tmp_path_factory.mktemp("chatchat") / "home"
        running = stack.enter_context(live(home, env, ("--chatchat-port", "0")))
        running.launched(MODEL, model_engine="external", base_url=f"{model.web.url}/v1")
        running.launched(EMBEDDING, model_type="embedding", model_name="fake")
        yield running


@pytest.fixture(scope="module")
def client(server: Live) -> Iterator[Chatchat]:
    """Chatchat's client at the second port, with a base that holds two documents."""
    found = re.search(r"Chatchat\D*(http://\S+?:\d+)", server.output())
    assert found, server.output()
    client = Chatchat(found[1])
    with client.http:
        client.done("/knowledge_base/create_knowledge_base", {"knowledge_base_name": BASE, "embed_model": EMBEDDING})
        failed = client.upload("/knowledge_base/upload_docs", FILES, knowledge_base_name=BASE, chunk_size=250)
        assert failed == {"failed_files": {}}
        yield client


def named(**more: Any) -> Json:
    return {"knowledge_base_name": BASE, **more}


def found(client: Chatchat, **how: Any) -> list[Json]:
    answer: list[Json] = client.post("/knowledge_base/search_docs", named(**how))
    return answer


def test_the_server_reports_its_state(client: Chatchat) -> None:
    assert client.root() == "/docs"
    configs = client.post("/server/configs")
    assert {"LLM_MODELS", "PROMPT_TEMPLATES", "VECTOR_SEARCH_TOP_K", "api_address"} <= set(configs)
    assert configs["LLM_MODELS"] == [MODEL] and configs["SCORE_THRESHOLD"] == 1.0
    assert "searxng" in client.done("/server/list_search_engines")
    template = client.post("/server/get_prompt_template", {"type": "knowledge_base_chat", "name": "default"})
    assert "{{ context }}" in template and "{{ question }}" in template


def test_chats_answer(client: Chatchat, model: Scripted) -> None:
    model.reply_to = lambda messages: ANSWER
    events = client.events("/chat/chat", query="你好", model_name=MODEL, stream=True, history=[["user", "一"]])
    assert joined(events, "text") == ANSWER
    (event,) = client.events("/chat/chat", query="你好", model_name=MODEL)
    assert event["text"] == ANSWER
    body = {"message_id": event["message_id"], "score": 80, "reason": "好"}
    assert client.post("/chat/feedback", body)["msg"] == f"已反馈聊天记录 {event['message_id']}"

    *answer, sources = client.events("/chat/knowledge_base_chat", **named(query="年假有几天？", stream=True))
    assert joined(answer, "answer") == ANSWER and sources["docs"][0].startswith(f"出处 [1] [{LEAVE}](http")
    assert "十五天" in model.messages[-1]["content"]

    *answer, sources = client.events(
        "/chat/search_engine_chat", query="年假", search_engine_name="searxng", stream=True
    )
    assert joined(answer, "answer") == ANSWER and "年假是带薪的。" in sources["docs"][0]


def test_a_chat_about_files_has_sources(client: Chatchat) -> None:
    made = client.upload("/knowledge_base/upload_temp_docs", {PUMP: FILES[PUMP]}, chunk_size=250)
    assert made["failed_files"] == []
    body = {"query": "How much does the MX-2140 deliver?", "knowledge_id": made["id"]}
    *answer, sources = client.events("/chat/file_chat", **body, stream=True)
    assert joined(answer, "answer") == ANSWER and sources["docs"][0].startswith(f"出处 [1] [{PUMP}] \n\n")
    (hit,) = client.post("/knowledge_base/search_temp_docs", {**body, "top_k": 3, "score_threshold": 2})
    assert (hit["page_content"].encode(), hit["metadata"]["source"]) == (FILES[PUMP], PUMP)
    nothing = client.post("/knowledge_base/search_temp_docs", {**body, "query": "", "top_k": 3, "score_threshold": 2})
    assert nothing == []
    unknown = {**body, "knowledge_id": "nope", "top_k": 3, "score_threshold": 2}
    assert client.post("/knowledge_base/search_temp_docs", unknown)["code"] == 404


def test_an_agent_calls_a_tool(client: Chatchat, model: Scripted) -> None:
    call = tool_calls_delta(("calculator", {"expression": "6*7"}))
    model.reply_to = lambda messages: "42" if messages[-1]["role"] == "tool" else call
    events = client.events("/chat/agent_chat", query="六乘七？", model_name=MODEL, stream=True)
    assert events[-1]["final_answer"] == "42"
    assert any("工具状态: 调用成功" in each.get("tools", []) for each in events)
    model.reply_to = lambda messages: ANSWER


def test_bases_and_documents_can_be_managed(client: Chatchat) -> None:
    assert client.get("/knowledge_base/list_knowledge_bases").json()["data"] == [BASE]
    assert client.get("/knowledge_base/list_files", **named()).json()["data"] == [PUMP, LEAVE]
    download = client.get("/knowledge_base/download_doc", **named(file_name=LEAVE))
    assert download.content == FILES[LEAVE]
    assert client.done("/knowledge_base/update_info", named(kb_info="手册")) == {"kb_info": "手册"}
    hit = found(client, query="MX-2140", top_k=1)[0]
    assert (hit["metadata"]["source"], hit["type"]) == (PUMP, "Document")
    changed = {hit["id"]: {**hit, "page_content": "The MX-2140 pump is blue."}}
    assert client.post("/knowledge_base/update_docs_by_id", named(docs=changed))["msg"] == "文档更新成功"
    assert [each["page_content"] for each in found(client, file_name=PUMP)] == ["The MX-2140 pump is blue."]
    again = named(file_names=[PUMP], override_custom_docs=True)
    assert client.done("/knowledge_base/update_docs", again) == {"failed_files": {}}
    assert found(client, file_name=PUMP)[0]["page_content"].encode() == FILES[PUMP]
    events = client.events("/knowledge_base/recreate_vector_store", **named(vs_type="faiss", embed_model=EMBEDDING))
    assert [(each["finished"], each["total"]) for each in events] == [(1, 2), (2, 2)]
    assert found(client, query="年假", top_k=1)[0]["metadata"]["source"] == LEAVE


def test_documents_can_be_summarised(client: Chatchat, model: Scripted) -> None:
    api = "/knowledge_base/kb_summary_api"
    done = client.events(f"{api}/summary_file_to_vector_store", **named(file_name=PUMP, model_name=MODEL))
    assert done == [{"code": 200, "msg": f"{PUMP} 总结完成", "doc": PUMP}]
    events = client.events(f"{api}/recreate_summary_vector_store", **named(model_name=MODEL))
    assert [each["doc"] for each in events] == [PUMP, LEAVE]
    ids = [each["id"] for each in found(client, file_name=LEAVE)]
    reply = client.done(f"{api}/summary_doc_ids_to_vector_store", named(doc_ids=ids, model_name=MODEL))
    assert reply["summarize"][0]["page_content"] == ANSWER


def test_completion_and_embedding_work(client: Chatchat, model: Scripted) -> None:
    model.web.pages["/v1/completions"] = Reply(
        'data: {"choices": [{"index": 0, "text": "后来"}]}\n\ndata: [DONE]\n\n', "text/event-stream"
    )
    assert client.lines("/other/completion", query="从前", model_name=MODEL) == ["后来"]
    vectors = client.done("/other/embed_texts", {"texts": ["一", "二"], "embed_model": EMBEDDING})
    assert len(vectors) == 2 and len(vectors[0]) == len(vectors[1]) > 0


def test_models_can_be_listed_and_changed(client: Chatchat, server: Live) -> None:
    everyone = {"controller_address": None}
    assert set(client.done("/llm_model/list_running_models", everyone)) == {MODEL}
    assert client.done("/llm_model/list_config_models", {"types": ["local", "online"]})["online"].keys() == {MODEL}
    assert "online_api" in client.done("/llm_model/get_model_config", {"model_name": MODEL})
    for uid in (OTHER, "third"):
        launch = {"model_name": uid, "model_engine": "fake", "model_uid": uid}
        server.http.post("/v1/autostart/models", json={"model_uid": uid, "launch": launch}).raise_for_status()
    server.launched(OTHER)
    reply = client.post("/llm_model/change", {"model_name": OTHER, "new_model_name": "third", **everyone})
    assert reply == {"code": 200, "msg": f"sucess change model from {OTHER} to third"}
    reply = client.post("/llm_model/stop", {"model_name": "third", **everyone})
    assert reply["msg"] == "sucess to release model: third"


def test_fastchats_routes_answer(client: Chatchat, server: Live) -> None:
    server.launched(OTHER)
    assert client.get("/test_connection").json() == "success"
    assert client.post("/refresh_all_workers") is None
    assert client.post("/list_models")["models"] == [MODEL, OTHER]
    assert client.post("/list_language_models")["models"] == [MODEL, OTHER]
    assert client.post("/list_multimodal_models")["models"] == []
    assert client.post("/get_worker_address", {"model": OTHER})["address"].endswith(f"/fastchat/{OTHER}")
    assert client.post("/worker_get_status")["model_names"] == [MODEL, OTHER]
    body = {"model": OTHER, "prompt": "hello", "max_new_tokens": 4, "temperature": 0}
    assert client.post("/worker_generate", body)["text"]
    assert client.raw("/worker_generate_stream", body).content.endswith(b"\0")
    assert client.post("/count_token", body)["count"] > 0
    assert client.post("/model_details", body)["context_length"] > 0
    assert client.post("/worker_get_embeddings", {"model": EMBEDDING, "input": ["一"]})["embedding"]
    assert client.post("/release_worker", {"model_name": OTHER})["code"] == 200


def test_bases_can_be_deleted_and_every_route_was_requested(client: Chatchat) -> None:
    taken = named(file_names=[PUMP], delete_content=True)
    assert client.done("/knowledge_base/delete_docs", taken) == {"failed_files": {}}
    assert client.get("/knowledge_base/list_files", **named()).json()["data"] == [LEAVE]
    assert client.post("/knowledge_base/delete_knowledge_base", BASE)["msg"] == f"成功删除知识库 {BASE}"
    assert client.get("/knowledge_base/list_knowledge_bases").json()["data"] == []
    assert client.routes >= ROUTES | FASTCHAT


def test_the_page_documents_every_route() -> None:
    documented = {path for row in re.findall(r"^\| ((?:`[^`]+`[, ]*)+)", PAGE, re.MULTILINE) for path in names(row)}
    assert {route.split(" ")[1].rpartition("/")[2] for route in ROUTES - {"GET /"}} <= documented
    assert {route.split(" ")[1].rpartition("/")[2] for route in FASTCHAT} <= documented


def names(cell: str) -> Iterator[str]:
    """The last parts of the paths in a table's first cell."""
    for each in re.findall(r"`([^`]+)`", cell):
        yield each.split(" ")[-1].rpartition("/")[2]


def commands(number: int, folder: Path) -> list[list[str]]:
    """A block of the page, with a folder of ours where it has a person's."""
    lines = [line.partition("#")[0].split() for line in BLOCKS[number].splitlines()]
    return [[word.replace("~/Langchain-Chatchat", str(folder)) for word in line[1:]] for line in lines if line]


def test_chatchats_own_port_is_served_too(tmp_path: Path) -> None:
    (serve,) = commands(0, tmp_path)
    assert serve == ["serve", "--chatchat-port", "7861"]
    env = environment(MODELYARD_HOME=str(tmp_path / "home"), MODELYARD_PORT="0")
    with subprocess.Popen([*COMMAND, *serve[:-1], "0"], env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = next(line for line in process.stdout if "Chatchat" in line)
        finally:
            process.terminate()
    assert re.search(r"http://127\.0\.0\.1:\d+", line)


def put_in_cache(hub: Path) -> None:
    """The model that the page names, as a hub's library leaves it: a tiny one of the same architecture."""
    made = hub / "models--BAAI--bge-large-zh-v1.5"
    commit = "029c4bfff6b0c5cfcd20b40c17ed52ec55202748"
    (made / "refs").mkdir(parents=True)
    (made / "refs" / "main").write_text(commit)
    (made / "snapshots").mkdir()
    make_tiny(made / "snapshots" / commit)


def test_data_of_chatchat_can_be_imported(tmp_path: Path) -> None:
    trial, move = commands(1, v02(tmp_path / "old").root)
    launch, with_model = commands(2, v03(tmp_path / "new").root)
    home, hub = tmp_path / "home", tmp_path / "hub"
    give_environment(home)
    put_in_cache(hub)
    with live(home, {"HF_HUB_CACHE": str(hub), "HF_HUB_OFFLINE": "1"}) as server:
        runs = [
            run(*argv, MODELYARD_ENDPOINT=server.url, XDG_CACHE_HOME=str(tmp_path / "cache"))
            for argv in (trial, move, launch, with_model)
        ]
        assert [each.returncode for each in runs] == [0] * 4, runs
        listed = server.http.get("/v1/knowledge_bases").json()["data"]
        assert sorted(each["name"] for each in listed) == ["samples", "人事"]
        reindexed = run("kb", "reindex", "人事", "--chunk-size", "100", MODELYARD_ENDPOINT=server.url)
        assert reindexed.returncode == 0, reindexed.stderr
        wait_for(lambda: server.http.get("/v1/knowledge_bases/人事").json()["states"] == {"ready": 3}, seconds=60)
