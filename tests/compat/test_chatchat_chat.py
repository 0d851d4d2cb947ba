"""Chatchat's chats, asked with plain httpx as its own client asks them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.scripted_model import Scripted, chat_events, joined, post_chat, scripted, stream_events
from tests.chat_pairs import pairs
from tests.knowledge.web_server import Reply
from tests.live import Live, live
from tests.processes import wait_for

ANSWER = "好的，没问题。"
MANUAL = ("files", ("员工手册.md", "# 年假\n\n员工每年有十五天年假。".encode()))
NOTHING = "<span style='color:red'>未找到相关文档,该回答为大模型自身能力解答！</span>"
FOUND = {
    "results": [
        {"url": "https://example.org/年假", "title": "年假", "content": "年假是带薪的。"},
        {"url": "https://example.com/", "title": "x", "content": "The lake is deep."},
    ]
}


@pytest.fixture(scope="module")
def model() -> Iterator[Scripted]:
    with scripted() as running:
        yield running


@pytest.fixture(scope="module")
def server(model: Scripted, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("chats") / "home", {"MODELYARD_SEARXNG_URL": model.web.url}) as running:
        running.launched("script", model_engine="external", base_url=f"{model.web.url}/v1")
        made = {"knowledge_base_name": "样例"}
        assert running.http.post("/knowledge_base/create_knowledge_base", json=made).json()["code"] == 200
        answer = running.http.post("/knowledge_base/upload_docs", files=[MANUAL], data=made).json()
        assert answer["data"] == {"failed_files": {}}
        yield running


def messages(server: Live, conversation: str) -> list[dict[str, Any]]:
    return pairs(server.http.get(f"/v1/chats/{conversation}/messages").json()["data"])


def test_an_unstreamed_chat_is_one_event(server: Live, model: Scripted) -> None:
    answer = post_chat(server, "chat", query="你好", model_name="script")
    (event,) = stream_events(answer)
    assert re.fullmatch("[0-9a-f]{32}", event["message_id"])
    assert answer.text == f'data: {{"text": "{ANSWER}", "message_id": "{event["message_id"]}"}}\r\n\r\n'
    assert model.messages == [{"role": "user", "content": "你好"}]
    assert model.bodies[-1]["temperature"] == 0.7 and "max_tokens" not in model.bodies[-1]


def test_a_streamed_chat_has_an_event_for_each_piece(server: Live, model: Scripted) -> None:
    events = chat_events(server, "chat", query="{{ x }}", stream=True, temperature=1.5, max_tokens=9)
    assert len(events) == 3 and all(set(each) == {"text", "message_id"} for each in events)
    assert joined(events, "text") == ANSWER and len({each["message_id"] for each in events}) == 1
    assert model.messages[0]["content"] == "{{ x }}"
    assert (model.bodies[-1]["temperature"], model.bodies[-1]["max_tokens"]) == (1.5, 9)


def test_the_model_gets_the_history_of_the_request(server: Live, model: Scripted) -> None:
    given = [{"role": "human", "content": "一 {{ 二 }}"}, ["assistant", "三"]]
    chat_events(server, "chat", query="四", history=given, prompt_name="py", max_tokens=0)
    first, second, last = model.messages
    assert (first["role"], first["content"], second["role"]) == ("user", "一 {{ 二 }}", "assistant")
    assert "py代码" in last["content"] and "四" in last["content"] and "max_tokens" not in model.bodies[-1]


def test_the_model_gets_the_history_of_a_stored_conversation(server: Live, model: Scripted) -> None:
    name = "c" * 32
    for query in ("一", "二"):
        chat_events(server, "chat", query=query, conversation_id=name)
    kept = messages(server, name)
    assert [(each["question"], each["answer"]) for each in kept] == [("一", ANSWER), ("二", ANSWER)]
    assert len(model.messages) == 1
    for options in ({"history_len": 1}, {"history": 1}):
        chat_events(server, "chat", query="三", conversation_id=name, **options)
        assert [each["role"] for each in model.messages] == ["user", "assistant", "user"]
    chat_events(server, "chat", query="五", conversation_id=name, history_len=9, history=[["user", "四"]])
    assert [each["content"] for each in model.messages] == ["四", "五"]
    chat_events(server, "chat", query="长", conversation_id="x" * 40)
    chat_events(server, "chat", query="长", conversation_id="x" * 40, history_len=2)
    assert len(model.messages) == 3


def test_feedback_is_stored_or_refused(server: Live) -> None:
    (event,) = chat_events(server, "chat", query="好吗", conversation_id="f")
    body = {"message_id": event["message_id"], "score": 100, "reason": "好"}
    done = {"code": 200, "msg": f"已反馈聊天记录 {event['message_id']}", "data": None}
    assert post_chat(server, "feedback", **body).json() == done
    assert [(each["score"], each["reason"]) for each in messages(server, "f")] == [(100, "好")]
    for wrong in ({"message_id": "nope"}, {**body, "score": 500}):
        reply = post_chat(server, "feedback", **wrong).json()
        assert reply["code"] == 500 and reply["msg"].startswith("反馈聊天记录出错： ")


CHATS = {
    "chat": {},
    "knowledge_base_chat": {"knowledge_base_name": "样例"},
    "search_engine_chat": {"search_engine_name": "searxng"},
    "agent_chat": {},
}


@pytest.mark.parametrize("name", CHATS)
@pytest.mark.parametrize("stream", [True, False])
def test_an_error_is_the_last_event(server: Live, model: Scripted, name: str, stream: bool) -> None:
    model.web.pages["/search"] = Reply.of(FOUND)
    body = {"query": "年假", "stream": stream, **CHATS[name]}
    (event,) = chat_events(server, name, **body, prompt_name="nope")
    assert event["error"]["code"] == "invalid_parameter" and "'nope'" in event["error"]["message"]
    (event,) = chat_events(server, name, **body, model_name="没有")
    assert event["error"]["code"] == "model_not_found" and "没有" in event["error"]["message"]


def test_a_model_that_breaks_off_ends_the_stream_with_an_error(server: Live) -> None:
    server.launched("breaking", crash_after=2)
    events = chat_events(server, "chat", query="hello", model_name="breaking", conversation_id="b", stream=True)
    assert joined(events[:-1], "text") and events[-1]["error"]["code"] == "upstream_failed"
    (kept,) = messages(server, "b")
    assert kept["answer"] == joined(events[:-1], "text")
    assert server.http.delete("/v1/models/breaking").status_code == 200


def test_wrong_bodies_are_refused(server: Live) -> None:
    wrong = [
        ("chat", {}),
        ("chat", {"query": "x", "temperature": 2.1}),
        ("agent_chat", {"query": "x", "temperature": 1.1}),
    ]
    for name, body in wrong:
        assert server.http.post(f"/chat/{name}", json=body).status_code == 422


def test_a_base_answers_with_sources(server: Live, model: Scripted) -> None:
    body = {"query": "年假有几天？", "knowledge_base_name": "样例"}
    *pieces, last = chat_events(server, "knowledge_base_chat", **body, stream=True)
    assert joined(pieces, "answer") == ANSWER and all(set(each) == {"answer"} for each in pieces)
    (source,) = last["docs"]
    link = re.fullmatch(r"出处 \[1\] \[员工手册\.md\]\((\S+)\) \n\n(.+)\n\n", source, re.DOTALL)
    assert set(last) == {"docs"} and link and "十五天年假" in link[2]
    assert link[1].startswith(
        f"{server.url}/knowledge_base/download_doc?knowledge_base_name=%E6%A0%B7%E4%BE%8B&file_name="
    )
    assert httpx.get(link[1]).content == MANUAL[1][1]
    assert "<已知信息>" in model.messages[0]["content"] and "十五天年假" in model.messages[0]["content"]
    history = [{"role": "user", "content": "早"}, {"role": "assistant", "content": "早"}]
    assert chat_events(server, "knowledge_base_chat", **body, history=history) == [{"answer": ANSWER, "docs": [source]}]
    assert [each["content"] for each in model.messages[:2]] == ["早", "早"]


def test_a_base_without_hits_says_so(server: Live, model: Scripted) -> None:
    body = {"query": "How deep is the lake?", "knowledge_base_name": "样例"}
    assert chat_events(server, "knowledge_base_chat", **body) == [{"answer": ANSWER, "docs": [NOTHING]}]
    assert model.messages == [{"role": "user", "content": "请你回答我的问题:\nHow deep is the lake?\n\n"}]
    none = {**body, "query": "年假", "top_k": 0, "stream": True}
    assert chat_events(server, "knowledge_base_chat", **none)[-1] == {"docs": [NOTHING]}
    every = chat_events(server, "knowledge_base_chat", **{**body, "query": "年假 lake"}, score_threshold=2)
    assert "十五天年假" in every[0]["docs"][0]


def test_a_threshold_is_a_distance(server: Live) -> None:
    server.launched("vectors", model_type="embedding", model_name="fake")
    made = {"knowledge_base_name": "近", "embed_model": "vectors"}
    assert server.http.post("/knowledge_base/create_knowledge_base", json=made).json()["code"] == 200
    text = ("files", ("近.txt", "湖很深。".encode()))
    server.http.post("/knowledge_base/upload_docs", files=[text], data={"knowledge_base_name": "近"})
    near = {"knowledge_base_name": "近", "score_threshold": 0.01}
    assert "湖很深。" in chat_events(server, "knowledge_base_chat", query="湖很深。", **near)[0]["docs"][0]
    assert chat_events(server, "knowledge_base_chat", query="湖", **near)[0]["docs"] == [NOTHING]
    assert server.http.delete("/v1/models/vectors").status_code == 200


def test_unknown_bases_are_refused(server: Live) -> None:
    unknown = post_chat(server, "knowledge_base_chat", query="x", knowledge_base_name="无", stream=True)
    assert unknown.json() == {"code": 404, "msg": "未找到知识库 无", "data": None}
    missing = post_chat(server, "file_chat", query="x", knowledge_id="无", stream=True)
    assert missing.json() == {"code": 404, "msg": "未找到临时知识库 无，请先上传文件", "data": None}


def test_uploaded_files_answer_with_sources(server: Live, model: Scripted) -> None:
    name = server.http.post("/knowledge_base/upload_temp_docs", files=[MANUAL]).json()["data"]["id"]
    body = {"query": "年假有几天？", "knowledge_id": name}
    (event,) = chat_events(server, "file_chat", **body)
    assert event["answer"] == ANSWER and len(event["docs"]) == 1
    assert event["docs"][0].startswith("出处 [1] [员工手册.md] \n\n") and event["docs"][0].endswith("\n\n")
    assert chat_events(server, "file_chat", **body, stream=True)[-1] == {"docs": event["docs"]}
    nothing = chat_events(server, "file_chat", query="How deep is the lake?", knowledge_id=name)
    assert nothing[0]["docs"] == [NOTHING]
    taken = post_chat(server, "knowledge_base_chat", query="x", knowledge_base_name=name).json()
    assert taken == {"code": 404, "msg": f"未找到知识库 {name}", "data": None}


def test_a_web_search_answers_with_sources(server: Live, model: Scripted) -> None:
    model.web.pages["/search"] = Reply.of(FOUND)
    docs = [
        "出处 [1] [https://example.org/年假](https://example.org/年假) \n\n年假是带薪的。\n\n",
        "出处 [2] [https://example.com/](https://example.com/) \n\nThe lake is deep.\n\n",
    ]
    for engine in ("searxng", "searx"):
        body = {"query": "年假", "search_engine_name": engine}
        assert chat_events(server, "search_engine_chat", **body) == [{"answer": ANSWER, "docs": docs}]
        assert model.web.requests[-2].query["q"] == ["年假"]
        assert "年假是带薪的。\nThe lake is deep." in model.messages[0]["content"]
        *pieces, last = chat_events(server, "search_engine_chat", **body, stream=True, top_k=1, prompt_name="search")
        assert joined(pieces, "answer") == ANSWER and last == {"docs": docs[:1]}
    model.web.pages["/search"] = Reply.of({"results": []})
    assert chat_events(server, "search_engine_chat", **body)[0]["docs"] == [NOTHING]
    model.web.pages["/search"] = Reply("kaputt", status=500)
    (event,) = chat_events(server, "search_engine_chat", **body)
    assert event["error"]["code"] == "search_failed" and "kaputt" in event["error"]["message"]


def test_unknown_and_unconfigured_search_engines_are_refused(server: Live) -> None:
    reply = {
        "metaphor": "未支持搜索引擎 metaphor",
        "bing": "要使用Bing搜索引擎，需要设置 `BING_SUBSCRIPTION_KEY`",
    }
    for name, sentence in reply.items():
        answer = post_chat(server, "search_engine_chat", query="x", search_engine_name=name).json()
        assert answer == {"code": 404, "msg": sentence, "data": None}
    unset = post_chat(server, "search_engine_chat", query="x", search_engine_name="tavily").json()
    assert unset["code"] == 404 and "MODELYARD_TAVILY_API_KEY" in unset["msg"]


@pytest.fixture
def slow(server: Live) -> Iterator[str]:
    """A model that would speak for half an hour."""
    server.launched("slow", tokens=100_000, tokens_per_second=50)
    yield "slow"
    assert server.http.delete("/v1/models/slow").status_code == 200


TOLD = {"model": "slow", "messages": [{"role": "user", "content": "年假有几天？"}]}
OURS = {"question": "年假有几天？", "model": "slow"}
WHOLE: dict[str, dict[str, Any]] = {
    "/chat/kb_chat": {"query": "年假", "model": "slow", "kb_name": "样例"},
    "/chat/chat/completions": TOLD,
    "/v1/knowledge_bases/样例/answer": OURS,
    "/v1/chat/completions": {**TOLD, "knowledge": {"bases": ["样例"]}},
}


@pytest.mark.parametrize("path", WHOLE)
def test_a_disconnect_during_an_unstreamed_answer_stops_the_model(server: Live, slow: str, path: str) -> None:
    with httpx.Client(base_url=server.url, timeout=2) as client, pytest.raises(httpx.ReadTimeout):
        client.post(path, json={**WHOLE[path], "stream": False})
    wait_for(lambda: server.replicas(slow)[0]["in_flight"] == 0)


STREAMED = {
    "/chat/chat": {"query": "年假", "model_name": "slow", "conversation_id": "left"},
    "/chat/knowledge_base_chat": {"query": "年假", "model_name": "slow", "knowledge_base_name": "样例"},
    "/v1/knowledge_bases/样例/answer": OURS,
}


@pytest.mark.parametrize("path", STREAMED)
def test_a_disconnect_during_a_stream_stops_the_model(server: Live, slow: str, path: str) -> None:
    with server.http.stream("POST", path, json={**STREAMED[path], "stream": True}) as answer:
        lines = answer.iter_lines()
        for _ in range(4):
            next(lines)
        assert server.replicas(slow)[0]["in_flight"] == 1
    wait_for(lambda: server.replicas(slow)[0]["in_flight"] == 0)
    if path == "/chat/chat":
        wait_for(lambda: messages(server, "left")[-1]["answer"])


def test_the_demo_model_chats(server: Live) -> None:
    server.launched("modelyard-demo", model_engine=None)
    body = {"query": "Which port does the Yard server use?", "model_name": "modelyard-demo", "max_tokens": 20}
    (whole,) = chat_events(server, "chat", **body, temperature=0)
    assert joined(chat_events(server, "chat", **body, temperature=0, stream=True), "text") == whole["text"] != ""
    (about,) = chat_events(
        server, "knowledge_base_chat", **{**body, "query": "年假有几天？"}, knowledge_base_name="样例"
    )
    assert about["answer"] and "员工手册.md" in about["docs"][0]
    assert server.http.delete("/v1/models/modelyard-demo").status_code == 200
