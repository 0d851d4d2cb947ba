"""Chatchat 0.3's chat with sources: plain, and through OpenAI's client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from tests.api.scripted_model import Scripted, chat_events, post_chat, scripted
from tests.knowledge.web_server import Reply
from tests.live import Live, live

ANSWER = "好的，没问题。"
NOTHING = "<span style='color:red'>未找到相关文档,该回答为大模型自身能力解答！</span>"
MANUAL = ("files", ("手册.txt", "员工每年有十五天年假。".encode()))


@pytest.fixture(scope="module")
def model() -> Iterator[Scripted]:
    with scripted() as running:
        running.web.pages["/search"] = Reply.of(
            {"results": [{"url": "https://x.org/", "title": "湖", "content": "深"}]}
        )
        yield running


@pytest.fixture(scope="module")
def server(model: Scripted, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("kb") / "home", {"MODELYARD_SEARXNG_URL": model.web.url}) as running:
        running.launched("script", model_engine="external", base_url=f"{model.web.url}/v1")
        made = {"knowledge_base_name": "样例"}
        running.http.post("/knowledge_base/create_knowledge_base", json=made)
        assert running.http.post("/knowledge_base/upload_docs", files=[MANUAL], data=made).json()["code"] == 200
        yield running


def test_a_streamed_answer_begins_with_its_sources(server: Live, model: Scripted) -> None:
    first, *rest = chat_events(server, "kb_chat", query="年假有几天？", kb_name="样例", model="script")
    choice = {"index": 0, "delta": {"content": "", "tool_calls": []}, "role": "assistant", "finish_reason": None}
    head = {"object": "chat.completion.chunk", "model": "script", "status": None, "message_type": 1}
    assert {**first, **head} == first and first["choices"] == [choice] and first["is_ref"] is False
    assert first["docs"][0].startswith("出处 [1] [手册.txt](http") and "十五天年假" in first["docs"][0]
    assert "".join(each["choices"][0]["delta"]["content"] for each in rest) == ANSWER
    assert {each["id"] for each in rest} == {first["id"]} and not any("docs" in each for each in rest)
    assert rest[-1]["choices"][0]["finish_reason"] == "stop"
    assert "十五天年假" in model.messages[0]["content"]


def test_an_unstreamed_answer_is_one_completion(server: Live, model: Scripted) -> None:
    found = post_chat(server, "kb_chat", query="湖多深", kb_name="样例", stream=False, history=[["user", "早"]]).json()
    assert found["docs"] == [NOTHING] and found["choices"][0]["message"]["content"] == ANSWER
    assert [each["content"] for each in model.messages] == ["早", "请你回答我的问题:\n湖多深\n\n"]


def test_sources_can_be_returned_without_an_answer(server: Live, model: Scripted) -> None:
    model.bodies.clear()
    body = {"query": "年假", "kb_name": "样例", "return_direct": True}
    (event,) = chat_events(server, "kb_chat", **body)
    whole = post_chat(server, "kb_chat", **body, stream=False).json()
    assert event["docs"] == whole["docs"] and "十五天" in event["docs"][0] and event["model"] is None
    assert not model.bodies


def test_sources_may_be_uploaded_files_or_the_web(server: Live) -> None:
    name = server.http.post("/knowledge_base/upload_temp_docs", files=[MANUAL]).json()["data"]["id"]
    files = chat_events(server, "kb_chat", query="年假有几天？", mode="temp_kb", kb_name=name)
    assert "十五天年假" in files[0]["docs"][0]
    web = chat_events(server, "kb_chat", query="湖", mode="search_engine", kb_name="searx")
    assert web[0]["docs"] == ["出处 [1] [湖](https://x.org/) \n\n深\n\n"]


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        ("local_kb", "未找到知识库 x"),
        ("temp_kb", "未找到临时知识库 x，请先上传文件"),
        ("search_engine", "未支持搜索引擎 x"),
    ],
)
def test_unknown_sources_are_refused(server: Live, mode: str, sentence: str) -> None:
    for stream in (True, False):
        answer = post_chat(server, "kb_chat", query="q", mode=mode, kb_name="x", stream=stream).json()
        assert answer == {"code": 404, "msg": sentence, "data": None}


def test_an_unknown_model_is_the_last_event(server: Live) -> None:
    body = {"query": "年假", "kb_name": "样例", "model": "没有"}
    assert chat_events(server, "kb_chat", **body)[-1]["error"]["code"] == "model_not_found"
    assert post_chat(server, "kb_chat", **body, stream=False).json()["code"] == 404


def test_openais_client_gets_answers_and_sources(server: Live, model: Scripted) -> None:
    with OpenAI(base_url=f"{server.url}/knowledge_base/local_kb/样例", api_key="none", max_retries=0) as client:
        messages: Any = [{"role": "user", "content": "早"}, {"role": "user", "content": "年假有几天？"}]
        whole = client.chat.completions.create(model="script", messages=messages, extra_body={"top_k": 1})
        assert whole.choices[0].message.content == ANSWER and whole.choices[0].finish_reason == "stop"
        assert whole.model_extra and "十五天年假" in whole.model_extra["docs"][0]
        chunks = list(client.chat.completions.create(model="script", messages=messages, stream=True))
        assert "".join(each.choices[0].delta.content or "" for each in chunks) == ANSWER
        assert chunks[0].model_extra and chunks[0].model_extra["docs"] == whole.model_extra["docs"]
        assert model.messages[0]["content"] == "早"
        with pytest.raises(NotFoundError, match="没有"):
            client.chat.completions.create(model="没有", messages=messages)
        with pytest.raises(BadRequestError):
            client.chat.completions.create(model="script", messages=[{"role": "user", "content": ""}])
        elsewhere = client.with_options(base_url=f"{server.url}/knowledge_base/local_kb/无")
        with pytest.raises(NotFoundError, match="无"):
            elsewhere.chat.completions.create(model="script", messages=messages)
        engine = client.with_options(base_url=f"{server.url}/knowledge_base/search_engine/x")
        with pytest.raises(BadRequestError, match="未支持搜索引擎 x"):
            engine.chat.completions.create(model="script", messages=messages)
