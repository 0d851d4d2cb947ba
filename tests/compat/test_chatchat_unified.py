"""Chatchat 0.3's one chat route, through OpenAI's client: models, agents, tools by name and tools of the caller's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from tests.api.scripted_model import Scripted, scripted, tool_calls_delta
from tests.chat_pairs import pairs
from tests.live import Live, live

ANSWER = "好的，没问题。"
ASKED: Any = [{"role": "user", "content": "六乘七？"}]
OWN: Any = {"type": "function", "function": {"name": "mine", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture(scope="module")
def scripts() -> Iterator[Scripted]:
    with scripted() as running:
        yield running


@pytest.fixture
def model(scripts: Scripted) -> Scripted:
    scripts.bodies.clear()
    scripts.reply_to = lambda messages: ANSWER
    return scripts


@pytest.fixture(scope="module")
def server(scripts: Scripted, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("unified") / "home") as running:
        running.launched("script", model_engine="external", base_url=f"{scripts.web.url}/v1")
        yield running


@pytest.fixture(scope="module")
def client(server: Live) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{server.url}/chat", api_key="none", max_retries=0) as made:
        yield made


def test_a_chat_without_tools_is_the_models(server: Live, client: OpenAI, model: Scripted) -> None:
    talk = {"conversation_id": "talk"}
    whole = client.chat.completions.create(model="script", messages=ASKED, seed=7, extra_body=talk)
    assert whole.choices[0].message.content == ANSWER and model.bodies[-1]["seed"] == 7
    chunks = list(client.chat.completions.create(model="script", messages=ASKED, stream=True, extra_body=talk))
    assert "".join(each.choices[0].delta.content or "" for each in chunks if each.choices) == ANSWER
    kept = pairs(server.http.get("/v1/chats/talk/messages").json()["data"])
    assert [each["answer"] for each in kept] == [ANSWER, ANSWER]
    assert whole.model_extra and whole.model_extra["message_id"] == kept[0]["id"]
    assert chunks[0].model_extra and chunks[0].model_extra["message_id"] == kept[1]["id"]


def test_a_tool_loop_streams_its_states(client: OpenAI, model: Scripted) -> None:
    model.reply_to = lambda messages: (
        ANSWER if len(messages) > 1 else tool_calls_delta(("calculator", {"expression": "6*7"}))
    )
    tools: Any = ["calculate"]
    chunks = list(client.chat.completions.create(model="script", messages=ASKED, tools=tools, stream=True))
    status = [(each.model_extra or {})["status"] for each in chunks]
    assert status[:3] == [1, 6, 7] and status[-1] == 5 and set(status[3:-1]) == {2}
    ended: Any = chunks[2].choices[0].delta.tool_calls
    assert ended[0].function.name == "calculator" and ended[0].tool_output == "42" and ended[0].is_error is False
    assert chunks[-1].choices[0].delta.content == ANSWER and chunks[-1].choices[0].finish_reason == "stop"
    assert [each["function"]["name"] for each in model.bodies[0]["tools"]] == ["calculator"]


def test_a_chosen_tool_must_be_called(client: OpenAI, model: Scripted) -> None:
    model.reply_to = lambda messages: (
        ANSWER if len(messages) > 1 else tool_calls_delta(("calculator", {"expression": "6*7"}))
    )
    chosen: Any = "calculate"
    whole = client.chat.completions.create(model="script", messages=ASKED, tool_choice=chosen)
    (ended,) = whole.choices[0].message.tool_calls or []
    assert whole.choices[0].message.content == ANSWER and ended.model_extra
    assert ended.model_extra["tool_output"] == "42"
    assert model.bodies[0]["tool_choice"] == {"type": "function", "function": {"name": "calculator"}}
    assert "tool_choice" not in model.bodies[1]


def test_tool_input_calls_the_tool_first(client: OpenAI, model: Scripted) -> None:
    chosen: Any = "calculate"
    extra = {"tool_input": {"expression": "6*7"}}
    whole = client.chat.completions.create(model="script", messages=ASKED, tool_choice=chosen, extra_body=extra)
    assert whole.choices[0].message.content == ANSWER and whole.model_extra and whole.model_extra["tool_output"] == "42"
    assert "42" in model.messages[0]["content"] and "六乘七？" in model.messages[0]["content"]
    with pytest.raises(BadRequestError, match="expression"):
        extra = {"tool_input": {"text": "6*7"}}
        client.chat.completions.create(model="script", messages=ASKED, tool_choice=chosen, extra_body=extra)


def test_tools_given_as_objects_are_the_callers(client: OpenAI, model: Scripted) -> None:
    model.reply_to = lambda messages: tool_calls_delta(("mine", {"a": 1}))
    whole = client.chat.completions.create(model="script", messages=ASKED, tools=[OWN])
    (named_calls,) = whole.choices[0].message.tool_calls or []
    assert named_calls.type == "function" and (named_calls.function.name, named_calls.function.arguments) == (
        "mine",
        '{"a": 1}',
    )
    assert whole.choices[0].finish_reason == "tool_calls" and model.bodies[-1]["tools"] == [OWN]


def test_unknown_tools_and_conversations_are_refused(client: OpenAI, model: Scripted) -> None:
    with pytest.raises(BadRequestError, match="shell"):
        client.chat.completions.create(model="script", messages=ASKED, tools=["shell"])  # type: ignore[list-item]
    with pytest.raises(NotFoundError, match="没有"):
        client.chat.completions.create(model="没有", messages=ASKED)
    assert not model.bodies
