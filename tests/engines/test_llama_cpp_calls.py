"""Calls that must be made, and the shape of streams, by a real llama.cpp replica whose template has a place for tools."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from modelyard.engines.llama_cpp.tool_calls import ListOfCalls
from modelyard.protocol.tool_calls import whole_calls
from tests import make_gguf
from tests.engines.test_llama_cpp import CHAT, COMPLETION, HELLO, Replica, events_of, launch

TEMPLATE = (
    "{% if tools %}Tools: {% for tool in tools %}{{ tool | tojson }}{% endfor %} A call is written "
    '<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>\n{% endif %}'
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% if m.tool_calls %}{% for c in m.tool_calls %}<tool_call>\n"
    '{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}\n</tool_call>{% endfor %}{% endif %}'
    "</s>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
PLACE = {"enum": ["Lyon", "Nice", 'a "b" {c}']}
SCHEMAS: dict[str, dict[str, Any]] = {
    "look": {"type": "object", "properties": {"where": PLACE}, "required": ["where"], "additionalProperties": False},
    "fly": {
        "$defs": {"place": PLACE},
        "properties": {"to": {"$ref": "#/$defs/place"}, "seats": {"type": "integer", "minimum": 1, "maximum": 9}},
        "required": ["to", "seats"],
        "additionalProperties": False,
    },
    "stay": {
        "$defs": {"place": {"type": "boolean"}},
        "properties": {"sure": {"$ref": "#/$defs/place"}},
        "required": ["sure"],
    },
}
TOOLS = [{"type": "function", "function": {"name": name, "parameters": schema}} for name, schema in SCHEMAS.items()]
ROOM = {"messages": HELLO, "max_tokens": 1500}


@pytest.fixture(scope="module")
def calling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    folder = tmp_path_factory.mktemp("calling")
    replica = Replica(folder, launch(make_gguf.chat_model(folder / "m.gguf", template=TEMPLATE), context=4096))
    yield replica
    assert replica.stop() == 0


def named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def check(calls: list[Any]) -> None:
    for call in calls:
        assert call["type"] == "function" and len(call["id"]) >= 9
        schema = {"type": "object", **SCHEMAS[call["function"]["name"]]}
        jsonschema_rs.validate(schema, json.loads(call["function"]["arguments"]))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("choice", ["required", *map(named, SCHEMAS)])
def test_a_demanded_call_is_made_and_keeps_to_its_schema(calling: Replica, choice: Any, seed: int) -> None:
    body = {
        **ROOM,
        "tools": TOOLS,
        "tool_choice": choice,
        "parallel_tool_calls": False,
        "temperature": 1.5,
        "seed": seed,
    }
    (whole,) = calling.json(CHAT, **body)["choices"]
    assert whole["finish_reason"] == "tool_calls" and whole["message"]["content"] is None
    check(whole["message"]["tool_calls"])
    assert len(whole["message"]["tool_calls"]) == 1

    events = [choice for event in events_of(calling.post(CHAT, **body, stream=True)) for choice in event["choices"]]
    assert events[0]["delta"] == {"role": "assistant", "content": ""}
    assert events[-1]["delta"] == {"content": ""} and events[-1]["finish_reason"] == "tool_calls"
    parts = [part for event in events[1:-1] for part in event["delta"]["tool_calls"]]
    assert parts[0]["function"]["name"] and not any("name" in part["function"] for part in parts[1:])
    assert len(parts) > 1, "arguments come in pieces"
    joined = "".join(part["function"]["arguments"] for part in parts)
    assert (parts[0]["function"]["name"], joined) == (
        whole["message"]["tool_calls"][0]["function"]["name"],
        whole["message"]["tool_calls"][0]["function"]["arguments"],
    )
    if choice != "required":
        assert parts[0]["function"]["name"] == choice["function"]["name"]


def test_several_calls_and_several_choices(calling: Replica) -> None:
    body = {**ROOM, "tools": TOOLS[:1], "tool_choice": "required", "temperature": 1.5, "n": 2, "seed": 3}
    answer = calling.json(CHAT, **body)
    assert [choice["index"] for choice in answer["choices"]] == [0, 1]
    for choice in answer["choices"]:
        assert choice["finish_reason"] == "tool_calls"
        check(choice["message"]["tool_calls"])
    events = events_of(calling.post(CHAT, **body, stream=True, stream_options={"include_usage": True}))
    assert [event["choices"] for event in events if event.get("usage")] == [[]]
    assert events[-1]["usage"]["completion_tokens"] == answer["usage"]["completion_tokens"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": "required", "tools": []}, "tool_choice"),
        ({"tool_choice": named("look")}, "tool_choice"),
        ({"tool_choice": named("none such"), "tools": TOOLS}, "tool_choice"),
        ({"tool_choice": {"type": "function"}, "tools": TOOLS}, "tool_choice"),
        ({"tool_choice": "sometimes", "tools": TOOLS}, "tool_choice"),
        ({"tools": [{"type": "function", "function": {"name": 3}}]}, "tools[0].function.name"),
        ({"tools": "f"}, "tools"),
        ({"tools": TOOLS, "grammar": 'root ::= "a"'}, "tools"),
        ({"tools": TOOLS, "logprobs": True, "stream": True}, "logprobs"),
        ({"stop": ""}, "stop"),
        ({"stop": ["a", ""]}, "stop"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"guided_json": {}, "guided_choice": ["a"]}, "guided_choice"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    ],
)
def test_what_cannot_be_is_refused_by_name(calling: Replica, body: dict[str, Any], param: str) -> None:
    answer = calling.post(CHAT, **{**ROOM, **body})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), answer.text


def test_log_probabilities_beside_tools(calling: Replica) -> None:
    body = {**ROOM, "max_tokens": 6, "tools": TOOLS, "temperature": 0, "logit_bias": {"262": 100}}
    for top in (0, 2):
        (choice,) = calling.json(CHAT, **body, logprobs=True, top_logprobs=top)["choices"]
        assert [len(token["top_logprobs"]) for token in choice["logprobs"]["content"]] == [top] * 6
    assert calling.json(CHAT, **body)["choices"][0]["logprobs"] is None


@pytest.mark.parametrize(
    ("pieces", "calls"),
    [
        (['[{"name": "f", "arguments": {"a": "}\\"{"}}]'], [("f", '{"a": "}\\"{"}')]),
        (list('{ "name" : "a\\"b" ,\n"arguments":{} } '), [('a"b', "{}")]),
        (['[ {"name":"f","arguments":{"a":[{}]}} , {"na', 'me":"g","arguments":{', '"b":1}}]'],
         [("f", '{"a":[{}]}'), ("g", '{"b":1}')]),
        (['[{"name":"f","arguments":{"a":'], [("f", '{"a":')]),
        (['[{"name":"f'], []),
    ],
)  # fmt: skip
def test_calls_are_read_however_their_text_is_cut(pieces: list[str], calls: list[tuple[str, str]]) -> None:
    for cut in (pieces, ["".join(pieces)], list("".join(pieces))):
        reading = ListOfCalls()
        found = whole_calls([part for piece in cut for part in reading.add(piece)])
        assert [(call["function"]["name"], call["function"]["arguments"]) for call in found] == calls


# Stops

TEXT = "abc杭州def🙂ghiabcd"


@pytest.mark.parametrize(
    "stop",
    ["c杭", ["杭"], ["州d"], "🙂", ["zz", "f🙂g"], ["ghiX"], ["abcdX"], ["d", "cd"], ["bc", "abc"], "a", ["ef", "c杭州de"], "dé",
     ["abcd"], ["X", "杭州X"]],
)  # fmt: skip
def test_a_stop_ends_the_text_before_it_wherever_tokens_end(calling: Replica, stop: Any) -> None:
    found = [TEXT.find(each) for each in ([stop] if isinstance(stop, str) else stop) if each in TEXT]
    expected = TEXT[: min(found, default=len(TEXT))]
    body = {"guided_grammar": f'root ::= "{TEXT}"', "stop": stop, "temperature": 0, "max_tokens": 100}
    for path, more in ((CHAT, {"messages": HELLO}), (COMPLETION, {"prompt": "a"})):
        (whole,) = calling.json(path, **body, **more)["choices"]
        events = [
            choice
            for event in events_of(calling.post(path, **body, **more, stream=True))
            for choice in event["choices"]
        ]
        said = "".join(event["text"] if "text" in event else event["delta"].get("content") or "" for event in events)
        assert said == (whole["text"] if "text" in whole else whole["message"]["content"]) == expected
        assert whole["finish_reason"] == events[-1]["finish_reason"] == "stop"


# Shapes


def test_one_event_has_the_counts_of_all_choices(calling: Replica) -> None:
    bodies: list[tuple[str, dict[str, Any]]] = [
        (CHAT, {"messages": HELLO, "n": 2}),
        (CHAT, {"messages": HELLO}),
        (COMPLETION, {"prompt": "ab", "n": 2}),
        (COMPLETION, {"prompt": ["ab", "abcd"]}),
        (COMPLETION, {"prompt": ["ab", "abcd"], "n": 2}),
        (COMPLETION, {"prompt": "ab"}),
    ]
    for path, body in bodies:
        body |= {"max_tokens": 3, "ignore_eos": True}
        whole = calling.json(path, **body)["usage"]
        events = events_of(calling.post(path, **body, stream=True, stream_options={"include_usage": True}))
        assert [event["choices"] for event in events if event.get("usage")] == [[]], body
        counted = events[-1]["usage"]
        assert {**whole, "prompt_tokens_details": None} == {**counted, "prompt_tokens_details": None}
        for options in ({}, {"stream_options": {"include_usage": False}}, {"stream_options": None}):
            assert not any(
                event.get("usage") for event in events_of(calling.post(path, **body, stream=True, **options))
            )


def test_ids_and_ends(calling: Replica) -> None:
    for path, body, prefix in ((CHAT, {"messages": HELLO}, "chatcmpl-"), (COMPLETION, {"prompt": "ab"}, "cmpl-")):
        whole = calling.json(path, **body, max_tokens=2)
        events = events_of(calling.post(path, **body, max_tokens=2, stream=True))
        assert all(each["id"].startswith(prefix) for each in (whole, *events))
        assert {each["system_fingerprint"] for each in (whole, *events)} == {whole["system_fingerprint"]}
        assert len({event["id"] for event in events}) == 1 and all(isinstance(each["created"], int) for each in events)


def test_a_message_of_the_assistant_at_the_end_is_answered_not_continued(calling: Replica) -> None:
    messages = [*HELLO, {"role": "assistant", "content": "abc"}]
    prompt = calling.json("/apply-template", messages=messages)["prompt"]
    assert prompt.endswith("<|assistant|>abc</s><|assistant|>")
    assert calling.json(CHAT, messages=messages, max_tokens=2)["choices"]
    more = {"continue_final_message": True, "add_generation_prompt": False}
    assert calling.json("/apply-template", messages=messages, **more)["prompt"].endswith("<|assistant|>abc")


def test_log_probabilities_of_completions(calling: Replica) -> None:
    body = {"prompt": ["ab", "abcd"], "max_tokens": 3, "temperature": 0, "ignore_eos": True}
    for more in ({"logprobs": 0}, {"logprobs": 2}, {"logprobs": 2, "post_sampling_probs": True}):
        whole = calling.json(COMPLETION, **body, **more)["choices"]
        events = events_of(calling.post(COMPLETION, **body, **more, stream=True))
        for index, choice in enumerate(whole):
            told = choice["logprobs"]
            assert len(told["tokens"]) == len(told["token_logprobs"]) == len(told["top_logprobs"]) == 3
            assert all(-9999 <= value <= 0 for value in told["token_logprobs"])
            most = more["logprobs"] or 1
            assert all(
                token in top and len(top) <= most + 1
                for token, top in zip(told["tokens"], told["top_logprobs"], strict=True)
            )
            pieces = [
                each["logprobs"]
                for event in events
                for each in event["choices"]
                if each["index"] == index and each["logprobs"]
            ]
            for name in ("tokens", "text_offset"):
                assert [value for piece in pieces for value in piece[name]] == told[name]


def test_log_probabilities_of_chats(calling: Replica) -> None:
    body = {
        "messages": HELLO,
        "max_tokens": 3,
        "temperature": 0,
        "ignore_eos": True,
        "n": 2,
        "logit_bias": {"262": 100},
    }
    for more, top in (({}, 0), ({"top_logprobs": 0}, 0), ({"top_logprobs": 2, "post_sampling_probs": True}, 2)):
        for choice in calling.json(CHAT, **body, logprobs=True, **more)["choices"]:
            content = choice["logprobs"]["content"]
            assert len(content) == 3 and all(len(token["top_logprobs"]) <= top for token in content)
            assert all(bytes(token["bytes"]).decode() == token["token"] and token["logprob"] <= 0 for token in content)
        events = events_of(calling.post(CHAT, **body, logprobs=True, **more, stream=True))
        told = [
            each
            for event in events
            for choice in event["choices"]
            for each in (choice.get("logprobs") or {}).get("content") or ()
        ]
        assert len(told) == 6 and all(len(token["top_logprobs"]) <= top for token in told)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_stop_string_is_reported_beside_tools(calling: Replica, streamed: bool) -> None:
    body = {**ROOM, "max_tokens": 200, "temperature": 0, "tools": TOOLS}
    text = calling.json(CHAT, **body)["choices"][0]["message"]["content"]
    stop = text[3:5]
    if streamed:
        events = [
            each for event in events_of(calling.post(CHAT, **body, stop=stop, stream=True)) for each in event["choices"]
        ]
        found, last = "".join(each["delta"].get("content") or "" for each in events), events[-1]
    else:
        (last,) = calling.json(CHAT, **body, stop=stop)["choices"]
        found = last["message"]["content"]
    assert (found, last["finish_reason"], last["stop_reason"]) == (text[: text.index(stop)], "stop", stop)
