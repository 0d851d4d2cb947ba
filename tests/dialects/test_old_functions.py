"""`functions` and `function_call`, OpenAI's older names of tools: what the model gets, and what the client gets back."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

import pytest
from openai import OpenAI

from modelyard.core.asgi import Message
from modelyard.gateway.old_functions import OldFunctions
from modelyard.protocol.old_functions import old_answer
from tests.dialects.conftest import Served
from tests.dialects.scripts import Json, ModelAnswer

FUNCTION: Json = {
    "name": "weather",
    "description": "The weather of a place.",
    "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
}
MESSAGES: list[Json] = [{"role": "user", "content": "How is the weather in Paris?"}]
CALL = ModelAnswer(calls=[("weather", ['{"place"', ': "Paris"}']), ("weather", ["{}"])], finish="tool_calls")


def body(**more: Any) -> Json:
    return {"model": "script", "messages": MESSAGES, "functions": [FUNCTION], **more}


def client(served: Served) -> OpenAI:
    return OpenAI(base_url=f"{served.live.url}/v1", api_key="none", max_retries=0)


def test_the_official_client_calls_a_function(served: Served) -> None:
    served.upstream.answer = lambda request: CALL
    with client(served) as asking:
        whole = asking.chat.completions.create(**body(function_call="auto"))
        choice = whole.choices[0]
        assert choice.finish_reason == "function_call" and choice.message.tool_calls is None
        assert choice.message.function_call is not None
        assert (choice.message.function_call.name, choice.message.function_call.arguments) == (
            "weather",
            '{"place": "Paris"}',
        )
        chunks = [each for each in asking.chat.completions.create(**body(), stream=True) if each.choices]
    calls = [each.choices[0].delta.function_call for each in chunks if each.choices[0].delta.function_call]
    assert [each.name for each in calls if each.name] == ["weather"]
    assert "".join(each.arguments or "" for each in calls) == '{"place": "Paris"}'
    assert not any(each.choices[0].delta.tool_calls for each in chunks)
    assert chunks[-1].choices[0].finish_reason == "function_call"


def test_the_model_gets_tools(served: Served) -> None:
    history = [
        *MESSAGES,
        {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": '{"place":"Paris"}'}},
        {"role": "function", "name": "weather", "content": "rain"},
    ]
    with client(served) as asking:
        asking.chat.completions.create(**body(messages=history, function_call={"name": "weather"}))
    [sent] = served.upstream.bodies
    assert "functions" not in sent and "function_call" not in sent
    assert sent["tools"] == [{"type": "function", "function": FUNCTION}]
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert sent["parallel_tool_calls"] is False
    assert [each["role"] for each in sent["messages"]] == ["user", "assistant", "tool"]
    [call] = sent["messages"][1]["tool_calls"]
    assert sent["messages"][2]["tool_call_id"] == call["id"]


def test_choices_without_functions_mean_nothing(served: Served) -> None:
    for choice in ("none", "auto", None):
        answer = served.live.http.post(
            "/v1/chat/completions", json={**body(), "functions": [], "function_call": choice}
        )
        assert answer.status_code == 200
    assert all("function_call" not in sent and "tools" not in sent for sent in served.upstream.bodies)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"functions": [{}]}, "functions[0].name"),
        ({"functions": [{"name": ""}]}, "functions[0].name"),
        ({"functions": [FUNCTION, {"name": "a", "parameters": []}]}, "functions[1].parameters"),
        ({"functions": [FUNCTION, "x"]}, "functions[1]"),
        ({"functions": "x"}, "functions"),
        ({"function_call": "weather"}, "function_call"),
        ({"function_call": {}}, "function_call.name"),
        ({"function_call": {"name": "other"}}, "function_call.name"),
        ({"function_call": 5}, "function_call"),
        ({"functions": None, "function_call": {"name": "weather"}}, "function_call"),
        ({"tools": [{"type": "function", "function": FUNCTION}]}, "functions"),
        ({"tool_choice": "auto"}, "functions"),
    ],
)
def test_what_is_wrong_is_named(served: Served, given: Json, field: str) -> None:
    answer = served.live.http.post("/v1/chat/completions", json=body(**given))
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, field), answer.text
    assert not served.upstream.bodies


def test_an_answer_in_text_is_as_it_was(served: Served) -> None:
    answer = served.live.http.post("/v1/chat/completions", json=body())
    assert answer.json()["choices"][0]["message"] == {"role": "assistant", "content": "ok"}
    streamed = served.live.http.post("/v1/chat/completions", json=body(stream=True)).text
    assert streamed == ModelAnswer(text=["ok"]).stream().decode()


def test_a_model_without_tools_refuses_functions_by_that_name(served: Served) -> None:
    answer = served.live.http.post("/v1/chat/completions", json=body(model="demo"))
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "functions"), answer.text


def test_errors_are_passed_and_interrupted_answers_stay_interrupted(served: Served) -> None:
    crashing = served.live.http.post("/v1/chat/completions", json=body(model="fake", fake={"error_status": 418}))
    assert crashing.status_code == 418 and "error" in crashing.json()


def sent_by(portions: list[bytes], kind: bytes, closes: bool = True) -> list[Message]:
    """What a client gets of an answer whose bytes arrive in these portions."""
    found: list[Message] = []

    async def run() -> None:
        async def send(message: Message) -> None:
            found.append(message)

        older = OldFunctions(send)
        headers = [(b"content-type", kind), (b"content-length", b"1")]
        await older.send({"type": "http.response.start", "status": 200, "headers": headers})
        for index, portion in enumerate(portions):
            more = not closes or index < len(portions) - 1
            await older.send({"type": "http.response.body", "body": portion, "more_body": more})
        await older.close()

    asyncio.run(run())
    return found


def test_any_split_of_a_stream_is_translated_alike() -> None:
    data = CALL.stream()
    whole = b"".join(each.get("body", b"") for each in sent_by([data], b"text/event-stream"))
    assert whole.endswith(b"data: [DONE]\n\n") and whole.count(b"function_call") >= 3 and b"tool_calls" not in whole
    for size in (1, 7, 100):
        portions = [data[start : start + size] for start in range(0, len(data), size)]
        found = sent_by(portions, b"text/event-stream")
        assert b"".join(each.get("body", b"") for each in found) == whole


def test_a_whole_answer_that_breaks_off_is_not_completed() -> None:
    data = json.dumps(CALL.whole()).encode()
    start, rest = sent_by([data[:10]], b"application/json", closes=False)
    assert start["status"] == 200 and (rest["body"], rest["more_body"]) == (data[:10], True)
    start, complete = sent_by([data[:10], data[10:]], b"application/json")
    assert dict(start["headers"])[b"content-length"] == str(len(complete["body"])).encode()
    assert json.loads(complete["body"])["choices"][0]["message"]["function_call"]["name"] == "weather"


def test_answers_without_calls_keep_their_bytes() -> None:
    for each in itertools.chain((json.dumps(ModelAnswer(text=["a"]).whole()).encode(),), (b"{}", b'{"choices": []}')):
        assert old_answer(each) is each


def test_a_stream_with_a_length_gets_another_one() -> None:
    """An engine elsewhere may say how long its stream is, which is no longer true."""
    (start, *_) = sent_by([CALL.stream()], b"text/event-stream")
    assert start["headers"] == [(b"content-type", b"text/event-stream")]
