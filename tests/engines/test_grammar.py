"""Constrained answers and tool calls of a real model: what comes is what was asked for, whoever else is answered."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.causal_models import DEMO
from tests.causal_replica import CHAT, COMPLETION, Replica, launch
from tests.engines.test_transformers import QUESTIONS

TEMPLATE = (
    "{% if tools %}<|im_start|>system\nCall <tool_call>{{ tools | tojson }}</tool_call><|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "{% for call in m.tool_calls or [] %}<tool_call>{{ call.function.arguments.items() | list }}</tool_call>{% endfor %}"
    "<|im_end|>\n{% endfor %}<|im_start|>assistant\n{% if enable_thinking %}<think>\n{% else %}<think></think>{% endif %}"
)
HELLO = [{"role": "user", "content": "Hello, who are you?"}]
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 8},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "likes": {"type": "array", "items": {"enum": ["tea", "茶"]}, "maxItems": 2},
    },
    "required": ["name", "age", "likes"],
    "additionalProperties": False,
}
CITY = {
    "type": "object",
    "properties": {"city": {"enum": ["Paris", "杭州"]}, "days": {"type": "integer", "minimum": 1, "maximum": 9}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
TOOLS = [
    {"type": "function", "function": {"name": "weather", "description": "The weather", "parameters": CITY}},
    {"type": "function", "function": {"name": "now"}},
]


@pytest.fixture(scope="module")
def replica(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    wanted = launch(max_num_seqs=6, max_num_batched_tokens=32, chat_template=TEMPLATE)
    started = Replica(tmp_path_factory.mktemp("grammar"), wanted).until_ready()
    yield started
    assert started.stop() == 0


def texts(replica: Replica, **body: Any) -> list[str]:
    """Three answers drawn by chance."""
    chances = {"temperature": 1, "seed": 7, "n": 3, "max_tokens": 250, "chat_template_kwargs": {}}
    answer = replica.chat("Hello", **{**chances, **body})
    assert {choice["finish_reason"] for choice in answer["choices"]} == {"stop"}
    return [choice["message"]["content"] for choice in answer["choices"]]


def is_person(text: str) -> bool:
    person = json.loads(text)
    assert list(person) == ["name", "age", "likes"] and len(person["name"]) <= 8 and 0 <= person["age"] <= 150
    assert set(person["likes"]) <= {"tea", "茶"} and len(person["likes"]) <= 2
    return True


def schema_format(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "p", "schema": schema, "strict": True}}


@pytest.mark.parametrize(
    "asked",
    [
        {"response_format": schema_format(PERSON)},
        {"guided_json": PERSON},
        {"guided_json": json.dumps(PERSON)},
        {"structured_outputs": {"json": PERSON}},
    ],
)
def test_schemas(replica: Replica, asked: dict[str, Any]) -> None:
    found = texts(replica, **asked)
    assert all(map(is_person, found)) and len(set(found)) == 3
    assert texts(replica, **asked) == found


@pytest.mark.parametrize("asked", [{"response_format": {"type": "json_object"}}, {"guided_json_object": True}])
def test_any_object(replica: Replica, asked: dict[str, Any]) -> None:
    """A small model may write on and on, so that marks which end something are favoured; an unfinished answer begins as one."""
    vocabulary = json.loads((DEMO / "tokenizer.json").read_text())["model"]["vocab"]
    bias = {str(vocabulary[mark]): 6 for mark in ('"', "}")}
    answer = replica.chat("Hello", temperature=1, seed=3, n=6, max_tokens=200, logit_bias=bias, **asked)
    ended = [choice for choice in answer["choices"] if choice["finish_reason"] == "stop"]
    assert ended and all(isinstance(json.loads(choice["message"]["content"]), dict) for choice in ended)
    assert all(choice["message"]["content"].startswith("{") for choice in answer["choices"])


def test_expressions_choices_and_grammars(replica: Replica) -> None:
    for text in texts(replica, guided_regex=r"[a-f]{3}/\d{1,3}-西湖?!"):
        assert re.fullmatch(r"[a-f]{3}/\d{1,3}-西湖?!", text)
    offered = ["yes, please", "no\n", "茶 🍵"]
    found = [text for seed in range(4) for text in texts(replica, guided_choice=offered, seed=seed, temperature=9)]
    assert set(found) <= set(offered) and len(set(found)) > 1
    for grammar in ('root ::= ("a" | "b")? "c"', 'start: ("a" | "b")? "c"'):
        assert set(texts(replica, structured_outputs={"grammar": grammar})) <= {"c", "ac", "bc"}
    answer = replica.json(COMPLETION, prompt="I say", guided_choice=offered, max_tokens=30, temperature=1)
    assert answer["choices"][0]["text"] in offered


def test_constraints_compose_with_what_else_is_asked(replica: Replica) -> None:
    asked = {"guided_regex": "[0-9]{40}"}
    answer = replica.chat("Hello", max_tokens=5, logprobs=True, top_logprobs=2, **asked)["choices"][0]
    assert answer["finish_reason"] == "length" and re.fullmatch("[0-9]{5}", answer["message"]["content"])
    assert "".join(token["token"] for token in answer["logprobs"]["content"]) == answer["message"]["content"]
    plain = replica.text("Hello", max_tokens=60, **asked)
    assert re.fullmatch("[0-9]{40}", plain)
    assert replica.text("Hello", max_tokens=60, stop=[plain[10:14]], **asked) == plain[: plain.index(plain[10:14])]
    body = {"messages": [{"role": "user", "content": "Hello"}], "temperature": 0, "max_tokens": 60, **asked}
    deltas = [event["choices"][0]["delta"] for event in replica.stream(CHAT, **body)]
    assert "".join(delta.get("content", "") for delta in deltas) == plain
    odd = texts(replica, guided_regex="[0-9]{30}", repetition_penalty=1.5, top_p=0.9, top_k=50, frequency_penalty=1)
    assert all(re.fullmatch("[0-9]{30}", text) for text in odd)
    assert re.fullmatch("[0-9]{3}", replica.text("Hello", guided_regex="[0-9]{3}", ignore_eos=True))


def test_unconstrained_answers_beside_constrained_ones_are_as_alone(replica: Replica) -> None:
    alone = [replica.text(question, max_tokens=30) for question in QUESTIONS]

    def one(index: int) -> bool:
        if index % 2:
            return all(map(is_person, texts(replica, guided_json=PERSON, seed=index, n=1)))
        place = index // 2 % len(QUESTIONS)
        return replica.text(QUESTIONS[place], max_tokens=30) == alone[place]

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(one, range(32)))


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("response_format.type", {"response_format": {"type": "yaml"}}),
        ("response_format.type", {"response_format": {"type": "structural_tag"}}),
        ("response_format.json_schema", {"response_format": {"type": "json_schema"}}),
        ("response_format", {"response_format": schema_format({"type": "nonsense"})}),
        ("guided_json", {"guided_json": "{"}),
        ("guided_json", {"guided_json": {"type": "array", "uniqueItems": True}}),
        ("guided_regex", {"guided_regex": "[0-9"}),
        ("guided_choice", {"guided_choice": []}),
        ("guided_grammar", {"guided_grammar": "root ::= ("}),
        ("structured_outputs", {"structured_outputs": {"sonnet": 14}}),
        ("guided_regex", {"guided_json": PERSON, "guided_regex": "a"}),
    ],
)
def test_what_cannot_be_followed_is_refused(replica: Replica, name: str, asked: dict[str, Any]) -> None:
    assert replica.refused(CHAT, messages=HELLO, **asked) == name


def test_thoughts_are_free_and_the_answer_is_not(replica: Replica) -> None:
    """Thoughts that never close leave no answer; where the prompt has none open, the answer follows the expression."""
    switch = {"chat_template_kwargs": {"enable_thinking": True}}
    asked = {"messages": HELLO, "guided_regex": "[0-9]{3}", "max_tokens": 60, **switch}
    message = replica.json(CHAT, temperature=0, **asked)["choices"][0]
    assert message["message"]["reasoning_content"] and message["message"]["content"] == ""
    free = replica.json(CHAT, **{**asked, "chat_template_kwargs": {}}, temperature=0)["choices"][0]["message"]
    assert re.fullmatch("[0-9]{3}", free["content"])


def calls_of(replica: Replica, **body: Any) -> tuple[list[dict[str, Any]], Any]:
    """The calls of the whole answer, which those of the stream must be, and the answer's first choice."""
    asked = {"messages": HELLO, "tools": TOOLS, "temperature": 0, "max_tokens": 300, **body}
    choice = replica.json(CHAT, **asked)["choices"][0]
    calls = choice["message"].get("tool_calls", [])
    events = replica.stream(CHAT, **asked)
    joined: dict[int, dict[str, str]] = {}
    for event in events:
        for part in event["choices"][0]["delta"].get("tool_calls", ()):
            call = joined.setdefault(part["index"], {"name": "", "arguments": ""})
            call["name"] += part["function"].get("name", "")
            call["arguments"] += part["function"]["arguments"]
    assert [call["function"] for call in calls] == list(joined.values())
    assert events[-1]["choices"][0]["finish_reason"] == choice["finish_reason"]
    text = "".join(event["choices"][0]["delta"]["content"] or "" for event in events)
    assert text == (choice["message"]["content"] or "")
    return [{"id": call["id"], **call["function"]} for call in calls], choice


def test_a_tool_that_must_be_called_is_called(replica: Replica) -> None:
    for choice in ("required", {"type": "function", "function": {"name": "weather"}}):
        calls, answer = calls_of(replica, tool_choice=choice, parallel_tool_calls=False)
        assert len(calls) == 1 and answer["message"]["content"] is None and answer["finish_reason"] == "tool_calls"
        assert calls[0]["name"] in ("weather", "now") and isinstance(json.loads(calls[0]["arguments"]), dict)
    arguments = json.loads(calls[0]["arguments"])
    assert calls[0]["name"] == "weather" and arguments["city"] in ("Paris", "杭州") and 1 <= arguments["days"] <= 9
    several = replica.json(
        CHAT, messages=HELLO, tools=TOOLS[:1], tool_choice="required", temperature=1, n=3, parallel_tool_calls=False
    )
    for one in several["choices"]:
        assert all(json.loads(call["function"]["arguments"])["city"] for call in one["message"]["tool_calls"])


def test_a_tool_that_may_be_called_or_not(replica: Replica) -> None:
    calls, answer = calls_of(replica)
    assert calls == [] and answer["message"]["content"] and answer["finish_reason"] == "stop"
    none = replica.chat(HELLO[0]["content"], tools=TOOLS, tool_choice="none")["choices"][0]["message"]["content"]
    assert none == replica.text(HELLO[0]["content"])
    either = replica.json(
        CHAT, messages=HELLO, tools=TOOLS, response_format=schema_format(PERSON), max_tokens=300, temperature=0
    )
    message = either["choices"][0]["message"]
    assert message.get("tool_calls") or is_person(message["content"])


def test_calls_and_results_go_through_the_template(replica: Replica) -> None:
    """This template fails on arguments that are no object."""
    call = {"id": "a", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
    told = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "It rains."},
    ]
    assert replica.json(CHAT, messages=told, tools=TOOLS, max_tokens=3)["choices"]


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("tools", {"tools": [{"type": "function"}]}),
        ("tools", {"tools": [{"type": "function", "function": {"name": "f", "parameters": [1]}}]}),
        ("tool_choice", {"tool_choice": "required"}),
        ("tool_choice", {"tools": TOOLS, "tool_choice": "perhaps"}),
        ("tool_choice", {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "other"}}}),
    ],
)
def test_tools_that_are_none_are_refused(replica: Replica, name: str, asked: dict[str, Any]) -> None:
    assert replica.refused(CHAT, messages=HELLO, **asked) == name
