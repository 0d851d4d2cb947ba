"""Chatchat's agent on a real server: tools of every kind, called by a scripted model, and what keys may do."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.scripted_model import Scripted, chat_events, joined, scripted, tool_calls_delta
from tests.knowledge.web_server import Reply
from tests.live import Live, live

FENCE = "\n```\n"
WEB = {"results": [{"url": "https://example.org/", "title": "湖", "content": "湖很深。"}]}


@pytest.fixture(scope="module")
def model() -> Iterator[Scripted]:
    with scripted() as running:
        yield running


@pytest.fixture(scope="module")
def server(model: Scripted, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    home = tmp_path_factory.mktemp("agent")
    mcp = {"tests": {"command": sys.executable, "args": ["-m", "tests.knowledge.mcp_server"], "cwd": str(Path.cwd())}}
    (home / "mcp.json").write_text(json.dumps({"mcpServers": mcp}), encoding="utf-8")
    env = {"MODELYARD_SEARXNG_URL": model.web.url, "MODELYARD_MCP_SERVERS": str(home / "mcp.json")}
    with live(home / "home", env) as running:
        running.launched("script", model_engine="external", base_url=f"{model.web.url}/v1")
        made = {"knowledge_base_name": "手册"}
        running.http.post("/knowledge_base/create_knowledge_base", json=made)
        file = ("files", ("年假.txt", "员工每年有十五天年假。".encode()))
        assert running.http.post("/knowledge_base/upload_docs", files=[file], data=made).json()["code"] == 200
        model.web.pages["/search"] = Reply.of(WEB)
        yield running


def playing(model: Scripted, *rounds: Any) -> None:
    """Let the model say one of these in each round of one run."""
    model.bodies.clear()
    model.reply_to = lambda messages: rounds[min(len(model.bodies), len(rounds)) - 1]


def tools(model: Scripted) -> set[str]:
    """What the model was offered in the first round."""
    return {each["function"]["name"] for each in model.bodies[0]["tools"]}


def outputs(model: Scripted) -> list[str]:
    return [each["content"] for each in model.messages if each["role"] == "tool"]


def test_a_stream_has_the_text_the_tool_call_and_the_answer(server: Live, model: Scripted) -> None:
    playing(model, {"content": "我算一下。", **tool_calls_delta(("calculator", {"expression": "6*7"}))}, "一共是42。")
    events = chat_events(
        server, "agent_chat", query="六乘七？", stream=True, history=[["user", "早"], ["assistant", "早"]]
    )
    block = [FENCE, "工具名称: calculator", "工具状态: 调用成功", "工具输入: 6*7", "工具输出: 42", FENCE]
    assert [each for each in events if "tools" in each] == [{"tools": block}]
    assert events[-1] == {"final_answer": "一共是42。"}
    assert joined(events, "answer") == "我算一下。一共是42。"
    assert [each["content"] for each in model.bodies[0]["messages"]] == ["早", "早", "六乘七？"]
    assert outputs(model) == ["42"]


def test_an_unstreamed_answer_is_one_event(server: Live, model: Scripted) -> None:
    playing(model, tool_calls_delta(("calculator", {"expression": "6*7"})), "一共是42。")
    block = f"{FENCE}工具名称: calculator\n工具状态: 调用成功\n工具输入: 6*7\n工具输出: 42\n{FENCE}"
    expected = {"answer": f"{block}一共是42。", "final_answer": "一共是42。"}
    assert chat_events(server, "agent_chat", query="六乘七？", prompt_name="ChatGLM3") == [expected]


def test_a_failed_call_is_shown_to_the_model_and_the_client(server: Live, model: Scripted) -> None:
    playing(model, tool_calls_delta(("calculator", {"expression": "1/0"})), "不行。")
    first, *_, last = chat_events(server, "agent_chat", query="一除以零？", stream=True)
    head, name, state, error, again, end = first["tools"]
    assert (head, name, state, again, end) == (
        FENCE,
        "工具名称: calculator",
        "工具状态: 调用失败",
        "重新开始尝试",
        FENCE,
    )
    assert error.startswith("错误信息: ") and "zero" in error and last == {"final_answer": "不行。"}
    assert "zero" in outputs(model)[0]


def test_a_model_can_call_bases_the_web_and_mcp_servers(server: Live, model: Scripted) -> None:
    named_calls: list[tuple[str, Any]] = [
        ("search_knowledge", {"query": "年假", "base": "手册"}),
        ("search_internet", {"query": "湖"}),
        ("tests__add", {"left": 1, "right": 2}),
        ("read_url", {"url": server.url}),
    ]
    playing(model, tool_calls_delta(*named_calls), "好。")
    events = chat_events(server, "agent_chat", query="都查一下", stream=True)
    found = {each["tools"][1]: each["tools"] for each in events if "tools" in each}
    assert "员工每年有十五天年假。" in found["工具名称: search_knowledge"][4]
    assert "湖很深。" in found["工具名称: search_internet"][4]
    assert found["工具名称: tests__add"][3:5] == ['工具输入: {"left": 1, "right": 2}', "工具输出: 和 = 3"]
    assert found["工具名称: read_url"][2] == "工具状态: 调用失败"
    assert {"calculator", "search_knowledge", "search_internet", "read_url", "tests__add"} <= tools(model)


def test_a_model_that_cannot_call_tools_answers_without_them(server: Live, model: Scripted) -> None:
    server.launched("plain", tokens=3)
    events = chat_events(server, "agent_chat", query="hello", model_name="plain", stream=True)
    assert events[-1] == {"final_answer": joined(events, "answer")} and events[-1]["final_answer"]
    assert server.http.delete("/v1/models/plain").status_code == 200


def made(server: Live, **named_calls: Any) -> httpx.Client:
    """A client with a key of its own."""
    key = server.http.post("/v1/admin/keys", json={"name": "k", **named_calls}).json()["key"]
    return httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {key}"}, timeout=60)


def test_a_key_limits_the_tools_of_its_chats(server: Live, model: Scripted) -> None:
    playing(model, "好。")
    admin = server.http.post("/v1/admin/keys", json={"name": "admin"}).json()
    server.http.headers["authorization"] = f"Bearer {admin['key']}"
    assert httpx.post(f"{server.url}/chat/chat", json={"query": "x"}).status_code == 401
    plain, tooled = made(server), made(server, scopes=["models:read", "tools:use"], models=["script"])
    with plain, tooled, made(server, models=["other"], scopes=["models:read"]) as other:
        web = {"query": "x", "search_engine_name": "searxng"}
        assert plain.post("/chat/search_engine_chat", json=web).status_code == 403
        assert "湖很深。" in tooled.post("/chat/search_engine_chat", json=web).text
        based = {"query": "x", "knowledge_base_name": "手册"}
        assert plain.post("/chat/knowledge_base_chat", json=based).status_code == 403
        assert other.post("/chat/chat", json={"query": "x", "model_name": "script"}).status_code == 403
        assert "no chat model" in other.post("/chat/chat", json={"query": "x"}).text
        for client, names in ((plain, {"calculator"}), (tooled, {"calculator", "search_internet", "read_url"})):
            model.bodies.clear()
            assert "好。" in client.post("/chat/agent_chat", json={"query": "x"}).text
            assert names <= tools(model) and ("tests__add" in tools(model)) is (client is tooled)
            assert "search_knowledge" not in tools(model)
        talk = {"query": "x", "conversation_id": "mine"}
        assert "好。" in plain.post("/chat/chat", json=talk).text
        assert "conversation_not_found" in tooled.post("/chat/chat", json=talk).text
    with made(server, requests_per_minute=1) as limited:
        first, second = (limited.post("/chat/chat", json={"query": "x"}).text for _ in range(2))
    assert "好。" in first and "rate_limit" in second, second
