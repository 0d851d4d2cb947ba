"""Chat completions with the body of `/v1/responses`, as Cursor sends them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.dialects.conftest import Served
from tests.dialects.scripts import Json, ModelAnswer

CHAT = "/v1/chat/completions"
TOOL: Json = {"type": "function", "name": "read", "parameters": {"type": "object", "properties": {}}, "strict": False}
PATCH: Json = {"type": "custom", "name": "patch", "format": {"type": "text"}}
INPUT: list[Json] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "input_text", "text": "Read it."}]},
    {"type": "function_call", "call_id": "c1", "name": "read", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c1", "output": "42"},
]


def post(served: Served, **body: Any) -> Json:
    answer = served.live.http.post(CHAT, json={"model": "script", **body})
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def test_input_becomes_messages(served: Served) -> None:
    more = {"store": False, "include": ["reasoning.encrypted_content"], "reasoning": {"effort": "low"}, "user": "u"}
    made = post(served, input=INPUT, tools=[TOOL, PATCH], tool_choice="auto", max_output_tokens=99, **more)
    assert made["object"] == "chat.completion" and made["choices"][0]["message"]["content"] == "ok"
    [sent] = served.upstream.bodies
    assert [each["role"] for each in sent["messages"]] == ["system", "user", "assistant", "tool"]
    assert sent["messages"][3]["content"] == "42" and sent["messages"][3]["tool_call_id"] == "c1"
    assert [each["function"]["name"] for each in sent["tools"]] == ["read", "patch"]
    assert sent["max_tokens"] == 99 and "input" not in sent and "include" not in sent
    assert set(sent["tools"][1]["function"]["parameters"]["properties"]) == {"input"}


def test_a_text_and_tools_in_the_form_of_chats(served: Served) -> None:
    function = {"name": "read", "parameters": {"type": "object", "properties": {}}}
    post(
        served, input="Hello", instructions="Be kind.", tools=[{"type": "function", "function": function}], messages=[]
    )
    [sent] = served.upstream.bodies
    assert [each["content"] for each in sent["messages"]] == ["Be kind.", "Hello"]
    assert sent["tools"][0]["function"]["name"] == "read"


def test_streams_have_chat_chunks(served: Served) -> None:
    served.upstream.answer = lambda body: ModelAnswer(calls=[("read", ["{", "}"])], finish="tool_calls")
    body = {
        "model": "script",
        "input": INPUT,
        "tools": [TOOL],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    text = served.live.http.post(CHAT, json=body).text
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line]
    assert lines[-1] == "[DONE]"
    chunks = [json.loads(line) for line in lines[:-1]]
    assert {each["object"] for each in chunks} == {"chat.completion.chunk"}
    deltas = [each["choices"][0]["delta"] for each in chunks if each["choices"]]
    assert "".join(call["function"]["arguments"] for each in deltas for call in each.get("tool_calls") or ()) == "{}"
    assert served.upstream.bodies[0]["stream_options"] == {"include_usage": True}


def test_a_base_answers_input(served: Served) -> None:
    answer = served.live.http.post(CHAT, json={"model": "kb:handbook", "input": "How many days of leave?"})
    assert answer.status_code == 200 and answer.json()["knowledge"]["sources"], answer.text


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"input": 5}, "input"),
        ({"input": ""}, "input"),
        ({"input": [{"type": "banana"}]}, "input[0].type"),
        ({"input": "a", "tools": 5}, "tools"),
        ({"input": "a", "tools": [{"type": "function"}]}, "tools[0].name"),
        ({"input": "a", "previous_response_id": "resp_1"}, "previous_response_id"),
        ({"input": "a", "background": True}, "background"),
        ({"input": "a", "temperature": "hot"}, "temperature"),
    ],
)
def test_what_is_wrong_is_named(served: Served, body: Json, field: str) -> None:
    answer = served.live.http.post(CHAT, json={"model": "script", **body})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, field), answer.text
    assert not served.upstream.bodies


def test_messages_go_before_input(served: Served) -> None:
    post(served, messages=[{"role": "user", "content": "a"}], input="b")
    assert [each["content"] for each in served.upstream.bodies[0]["messages"]] == ["a"]
