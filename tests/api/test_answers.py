"""Answers of chats on a real server: the five modes as events, siblings, readers that come back, stop, keys, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from modelyard.client import Client
from modelyard.core.errors import (
    BadRequest,
    ConversationNotFound,
    FileNotFound,
    GenerationNotFound,
    InvalidParameter,
    KnowledgeBaseNotFound,
    ModelNotFound,
    UnknownName,
)
from modelyard.protocol.answers import AnswerEvent
from tests.api.knowing import Base
from tests.api.scripted_model import Scripted, scripted, tool_calls_delta
from tests.chat_pairs import text_of
from tests.knowledge.web_server import Reply
from tests.live import Live, live
from tests.processes import wait_for

EVENT: TypeAdapter[Any] = TypeAdapter(AnswerEvent)
WEB = {"results": [{"url": "https://example.org/", "title": "Lake", "content": "The lake is 251 metres deep."}]}
HOLIDAYS = b"Every employee has fifteen days of holidays in a year."


@pytest.fixture(scope="module")
def model() -> Iterator[Scripted]:
    with scripted() as running:
        running.web.pages["/search"] = Reply.of(WEB)
        yield running


@pytest.fixture(scope="module")
def server(model: Scripted, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    env = {"MODELYARD_SEARXNG_URL": model.web.url, "MODELYARD_MAX_GENERATIONS": "3"}
    with live(tmp_path_factory.mktemp("answers") / "home", env) as running:
        running.launched("script", model_engine="external", base_url=f"{model.web.url}/v1")
        running.launched("slow")
        Base.made(running, "rules").add({"holidays.txt": HOLIDAYS})
        yield running


@pytest.fixture
def client(server: Live) -> Iterator[Client]:
    with Client(server.url) as made:
        yield made


@pytest.fixture
def chat(client: Client) -> str:
    return client.chats.create(settings={"model": "script"})["id"]


def endless() -> dict[str, Any]:
    """Parameters with which the fake engine answers without an end."""
    return {"fake": {"tokens": 10**6, "tokens_per_second": 100}}


def answered(client: Client, chat: str, content: Any = None, **more: Any) -> tuple[list[Any], Any]:
    """Ask, and read to the end: the events, each as documented, and the message that is stored."""
    begun = client.answers.begin(chat, content, **more)
    assert begun["message"]["state"] == "running"
    events: list[Any] = list(client.answers.follow(chat, begun["message"]["id"]))
    for event in events:
        EVENT.validate_python(event)
    assert [event["number"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["data"]["message"] == begun["message"]["id"] and events[0]["data"]["mode"] == begun["mode"]
    assert events[-1]["type"] == "end"
    return events, stored(client, chat, begun["message"]["id"])


def stored(client: Client, chat: str, message: str) -> Any:
    """A message, once it is stored."""

    def look() -> Any:
        (found,) = [each for each in client.chats.get(chat)["messages"] if each["id"] == message]
        return found if found["state"] != "running" else None

    return wait_for(look)


def joined(events: list[Any], type: str = "text") -> str:
    return "".join(event["data"]["text"] for event in events if event["type"] == type)


def data(events: list[Any], type: str) -> list[Any]:
    return [event["data"] for event in events if event["type"] == type]


def test_answers_are_listed_among_requests(client: Client, chat: str) -> None:
    """On a server without keys, too, what a chat asks of a model is no background work."""
    before = len(client.metrics.requests(model="script"))
    begun = client.answers.begin(chat, "Listed?", model="script")
    assert [event["type"] for event in client.answers.follow(chat, begun["message"]["id"])][-1] == "end"
    assert wait_for(lambda: len(client.metrics.requests(model="script")) == before + 1)


def test_a_model_answers_and_the_branch_is_its_context(client: Client, model: Scripted, chat: str) -> None:
    model.reply_to = lambda messages: f"answer to {len(messages)}"
    client.chats.change(chat, settings={"system": "Be brief."})
    events, message = answered(client, chat, "One?", parameters={"temperature": 0.5})
    assert [event["type"] for event in events if event["type"] != "text"] == ["start", "result", "end"]
    assert joined(events) == "answer to 2" == text_of(message)
    assert (message["state"], message["model"], message["finish_reason"]) == ("complete", "script", "stop")
    assert message["parameters"] == {"temperature": 0.5} and model.bodies[-1]["temperature"] == 0.5
    assert set(message["timings"]) == {"first_token", "first_text", "total"} and message["metadata"]["mode"] == "chat"
    answered(client, chat, "Two?")
    texts = [(each["role"], each["content"]) for each in model.messages]
    before = [("system", "Be brief."), ("user", "One?"), ("assistant", "answer to 2")]
    assert texts == [*before, ("user", "Two?")]


def test_another_answer_is_a_sibling(client: Client, model: Scripted, chat: str) -> None:
    model.reply_to = lambda messages: "first"
    _, first = answered(client, chat, "Why?")
    model.reply_to = lambda messages: "second"
    _, second = answered(client, chat, parent=first["parent"])
    assert (second["parent"], text_of(second), text_of(first)) == (first["parent"], "second", "first")
    tree = client.chats.get(chat)
    assert tree["active_leaf"] == second["id"] and len(tree["messages"]) == 3
    _, edited = answered(client, chat, "Why, again?", parent=None)
    assert edited["parent"] not in (first["parent"], None)
    with pytest.raises(InvalidParameter, match="parent"):
        client.answers.begin(chat)


def test_knowledge_has_its_sources_first(server: Live, client: Client, model: Scripted, chat: str) -> None:
    model.reply_to = lambda messages: "Fifteen days [1]."
    events, message = answered(client, chat, "How many days of holidays?", bases=["rules"])
    kinds = [event["type"] for event in events]
    assert kinds[:3] == ["start", "sources", "text"] and kinds[-2:] == ["result", "end"]
    (found,) = data(events, "sources")
    (source,) = found["sources"]
    assert (source["number"], source["title"], source["knowledge_base"]) == (1, "holidays.txt", "rules")
    assert source["text"] == HOLIDAYS.decode() and source["chunk_id"]
    assert server.http.get(source["url"]).content == HOLIDAYS
    (result,) = data(events, "result")
    assert result["evidence"] is True and [each["number"] for each in result["citations"]] == [1]
    assert message["citations"][0]["document"] == "holidays.txt" and message["metadata"]["sources"] == found["sources"]
    assert "sources" in message["timings"] and text_of(message) == "Fifteen days [1]."
    assert HOLIDAYS.decode() in model.messages[-1]["content"]


def test_files_are_read_once(client: Client, model: Scripted, chat: str) -> None:
    model.reply_to = lambda messages: "The bridge is red [1]."
    file = client.files.upload(("bridge.txt", b"The bridge of Ahlen is red."), "user_data")
    content = [
        {"type": "text", "text": "Which colour has the bridge?"},
        {"type": "file", "file": {"file_id": file["id"]}},
    ]
    events, message = answered(client, chat, content)
    assert message["metadata"]["mode"] == "files"
    (found,) = data(events, "sources")
    assert [each["title"] for each in found["sources"]] == ["bridge.txt"]
    assert message["citations"][0]["text"] == "The bridge of Ahlen is red."
    events, _ = answered(client, chat, "And where is the bridge?")
    assert data(events, "sources")[0]["sources"][0]["title"] == "bridge.txt", "files of the branch stay"
    assert client.knowledge.list() and all(not each["name"].startswith("files-") for each in client.knowledge.list())
    client.files.delete(file["id"])
    with pytest.raises(FileNotFound):
        client.answers.begin(chat, "And now?", files=[file["id"]])
    events, _ = answered(client, chat, "And now?")
    assert events[0]["data"]["mode"] == "chat"


def test_the_web_has_its_sources_first(client: Client, model: Scripted, chat: str) -> None:
    model.reply_to = lambda messages: "251 metres [1]."
    events, message = answered(client, chat, "How deep is the lake?", mode="web")
    (found,) = data(events, "sources")
    page = {"number": 1, "title": "Lake", "url": "https://example.org/", "text": "The lake is 251 metres deep."}
    assert found["sources"] == [page] == message["citations"]
    assert "251 metres deep" in model.messages[-1]["content"] and "[1] Lake" in model.messages[-1]["content"]


def test_tools_are_started_and_ended(client: Client, model: Scripted, chat: str) -> None:
    calls = tool_calls_delta(("calculator", {"expression": "6*7"}), ("calculator", {"expression": "1/0"}))
    model.bodies.clear()
    model.reply_to = lambda messages: {"content": "Let me see.", **calls} if len(model.bodies) == 1 else "It is 42."
    events, message = answered(client, chat, "Six times seven?", tools=["calculator"])
    started, ended = data(events, "tool_started"), data(events, "tool_ended")
    assert [(each["name"], each["arguments"]) for each in started] == [
        ("calculator", {"expression": "6*7"}),
        ("calculator", {"expression": "1/0"}),
    ]
    good, bad = sorted(ended, key=lambda each: each["id"])
    assert (good["output"], good["ok"], good["error"]) == ("42", True, None) and good["ms"] >= 0
    assert bad["ok"] is False and bad["error"] and bad["output"] == f"Error: {bad['error']}"
    assert [part["text"] for part in message["content"]] == ["Let me see.", "It is 42."]
    assert message["tool_calls"] == [good, bad]
    assert [each["function"]["name"] for each in model.bodies[0]["tools"]] == ["calculator"]
    with pytest.raises(UnknownName, match="calculator"):
        client.answers.begin(chat, "And?", tools=["calculate"])


def test_thinking_and_failures(client: Client, model: Scripted, chat: str) -> None:
    model.reply_to = lambda messages: {"reasoning_content": "Hm.", "content": ""}
    events, message = answered(client, chat, "Think.")
    assert joined(events, "reasoning") == "Hm." == message["reasoning"]
    model.web.pages["/v1/chat/completions"] = Reply("{}", "application/json", 500)
    events, message = answered(client, chat, "Fail.")
    model.web.pages["/v1/chat/completions"] = model._answer
    assert events[-1]["data"]["state"] == "failed" and message["state"] == "failed"
    assert message["error"] == events[-1]["data"]["error"] and message["error"]["message"]


def test_an_answer_goes_on_without_its_reader_and_stops(client: Client, server: Live, chat: str) -> None:
    begun = client.answers.begin(chat, "Go on.", model="slow", parameters=endless())
    message = begun["message"]["id"]
    with client.answers.follow(chat, message) as events:
        seen = [next(events) for _ in range(5)]
    with client.answers.follow(chat, message, after=2) as again, client.answers.follow(chat, message) as other:
        assert [next(again) for _ in range(3)] == seen[2:]
        assert [next(other) for _ in range(5)] == seen
        wait_for(lambda: text_of(client.chats.get(chat)["messages"][-1]))  # as it grows
        stopped = client.answers.stop(chat, message)
        *_, last = again
        assert list(other)[-1] == last
    assert last["data"] == {"state": "stopped", "error": None} and stopped["state"] == "stopped"
    assert stopped == stored(client, chat, message)
    events_now: list[Any] = list(client.answers.follow(chat, message))
    assert joined(events_now) == text_of(stopped) and events_now[:5] == seen
    assert client.answers.stop(chat, message) == stopped


def test_a_chat_that_is_deleted_stops_its_answer(client: Client, chat: str) -> None:
    begun = client.answers.begin(chat, "Go on.", model="slow", parameters=endless())
    with client.answers.follow(chat, begun["message"]["id"]) as events:
        next(events)
        client.chats.delete(chat)
        *_, last = events
    assert last["data"]["error"]["code"] == "conversation_not_found"


def test_what_is_refused_stores_nothing(client: Client, model: Scripted, chat: str) -> None:
    refused: list[tuple[type[Exception], dict[str, Any]]] = [
        (ModelNotFound, {"model": "none"}),
        (KnowledgeBaseNotFound, {"bases": ["none"]}),
        (InvalidParameter, {"mode": "knowledge"}),
        (InvalidParameter, {"mode": "files"}),
        (InvalidParameter, {"parameters": {"messages": []}}),
        (BadRequest, {"parameters": {"temperature": "warm"}}),
        (UnknownName, {"mode": "web", "search_engine": "none"}),
        (FileNotFound, {"files": ["file-none"]}),
    ]
    for error, fields in refused:
        with pytest.raises(error):
            client.answers.begin(chat, "Question?", **fields)
    picture = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]
    with pytest.raises(InvalidParameter, match="texts only"):
        client.answers.begin(chat, picture, bases=["rules"])
    with pytest.raises(InvalidParameter, match="file_id"):
        client.answers.begin(chat, [{"type": "file", "file": {"filename": "a.txt", "file_data": "AA=="}}])
    with pytest.raises(InvalidParameter):
        client.answers.begin(chat, "")
    with pytest.raises(ConversationNotFound):
        client.answers.begin("none", "Question?")
    assert client.chats.get(chat)["messages"] == []
    running = [client.answers.begin(chat, "Go on.", model="slow", parameters=endless()) for _ in range(3)]
    with pytest.raises(Exception, match="MODELYARD_MAX_GENERATIONS"):
        client.answers.begin(chat, "One more.")
    assert len(client.chats.get(chat)["messages"]) == 6, "a question that is refused late is removed again"
    for each in running:
        client.answers.stop(chat, each["message"]["id"])
    question = running[0]["question"]
    assert question is not None
    with pytest.raises(GenerationNotFound):
        client.answers.stop(chat, question["id"])
    with pytest.raises(ConversationNotFound):
        client.answers.stop("other", running[0]["message"]["id"])


def test_owners_and_scopes(model: Scripted, tmp_path: Path) -> None:
    model.reply_to = lambda messages: "Yes."
    with live(tmp_path / "home", {"MODELYARD_SEARXNG_URL": model.web.url}) as server:
        server.launched("script", model_engine="external", base_url=f"{model.web.url}/v1")
        Base.made(server, "rules").add({"holidays.txt": HOLIDAYS})
        root = server.http.post("/v1/admin/keys", json={"name": "root"}).json()["key"]
        admin = {"authorization": f"Bearer {root}"}

        def key(*scopes: str, **more: Any) -> str:
            body = {"name": "k", "scopes": ["models:read", *scopes], **more}
            return str(server.http.post("/v1/admin/keys", json=body, headers=admin).json()["key"])

        mine = key()
        with Client(server.url, api_key=mine) as client, Client(server.url, api_key=key()) as stranger:
            chat = client.chats.create()["id"]
            _, message = answered(client, chat, "Really?")
            assert text_of(message) == "Yes."
            for refused in ({"bases": ["rules"]}, {"mode": "web"}, {"files": ["file-1"]}):
                answer = server.http.post(
                    f"/v1/chats/{chat}/answers",
                    json={"content": "?", **refused},
                    headers={"authorization": f"Bearer {mine}"},
                )
                assert (answer.status_code, answer.json()["error"]["code"]) == (403, "permission_denied"), answer.text
            with pytest.raises(ConversationNotFound):
                stranger.answers.begin(chat, "Mine?")
            with pytest.raises(GenerationNotFound), stranger.answers.follow(chat, message["id"]) as events:
                next(events)
            with pytest.raises(GenerationNotFound):
                stranger.answers.stop(chat, message["id"])
        with Client(server.url, api_key=key(requests_per_minute=1)) as client:
            chat = client.chats.create()["id"]
            states = [answered(client, chat, "?")[0][-1]["data"]["state"] for _ in range(2)]
            assert states == ["completed", "failed"], "each request to the model counts"
