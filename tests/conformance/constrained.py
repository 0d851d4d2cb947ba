"""Probes of answers that are held to a form: JSON, schemas, vLLM's `guided_*`, and calls of tools."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.causal_models import DEMO
from tests.conformance.feature import QUESTION, Subject, feature, joined

HELD = "Answers held to a form"
TOOLS = "Tools"

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"enum": ["Lyon", "杭州"]}, "people": {"enum": [1, 2]}},
    "required": ["city", "people"],
    "additionalProperties": False,
}
ROOM = {"max_tokens": 400}


def held(text: str) -> None:
    """An answer that keeps to the schema."""
    found = json.loads(text)
    assert set(found) == {"city", "people"}
    assert found["city"] in ("Lyon", "杭州") and found["people"] in (1, 2)


@feature(HELD, "`response_format` json_object", "response_format")
def json_object(subject: Subject) -> None:
    """A tiny model does not find the end of its object, so where it is cut off, what there is begins one."""
    answer = subject.chat(response_format={"type": "json_object"}, **ROOM).choices[0]
    text = (answer.message.content or "").strip()
    if answer.finish_reason == "stop":
        assert isinstance(json.loads(text), dict)
    else:
        assert re.match(r"\{\s*($|\"|\})", text)


@feature(HELD, "`response_format` json_schema", "response_format")
def json_schema(subject: Subject) -> None:
    given = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA, "strict": True}}
    text = subject.text(response_format=given, **ROOM)
    held(text)
    assert joined(subject.stream(response_format=given, **ROOM)) == text


BLANKS = {
    str(token): -100
    for word, token in json.loads((DEMO / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"].items()
    if not word.strip("ĠĊĉč")
}
"""Where the grammar of a call lets it, a tiny model writes blanks without end."""

KINDS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "kind": {"const": "city"},
        "name": {"enum": ["Lyon", "杭州", 'a "b"']},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 1, "maxItems": 2},
        "open": {"type": "boolean"},
        "near": {
            "type": "object",
            "properties": {"x": {"enum": [1, -2.5]}},
            "required": ["x"],
            "additionalProperties": False,
        },
    },
    "required": ["kind", "name", "tags", "open", "near"],
    "additionalProperties": False,
}


@feature(HELD, "`response_format` json_schema: const, enum, lists, objects in objects; streamed", "response_format")
def keywords(subject: Subject) -> None:
    given = {"type": "json_schema", "json_schema": {"name": "place", "schema": KINDS}}
    body = {"response_format": given, **ROOM}
    text = subject.text(**body)
    found = json.loads(text)
    assert set(found) == set(KINDS["required"])
    assert found["kind"] == "city" and found["name"] in ("Lyon", "杭州", 'a "b"') and isinstance(found["open"], bool)
    assert 1 <= len(found["tags"]) <= 2 and set(found["tags"]) <= {"a", "b"} and found["near"]["x"] in (1, -2.5)
    assert joined(subject.stream(**body)) == text


@feature(HELD, "a form with `logit_bias` beside it", "response_format")
def pushed(subject: Subject) -> None:
    given = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}
    held(subject.text(response_format=given, logit_bias=BLANKS, **ROOM))


@feature(HELD, "`guided_json`", "guided_json")
def guided_json(subject: Subject) -> None:
    held(subject.text(guided_json=SCHEMA, **ROOM))
    held(subject.text(guided_json=json.dumps(SCHEMA), **ROOM))


@feature(HELD, "`guided_regex`", "guided_regex")
def guided_regex(subject: Subject) -> None:
    assert re.fullmatch(r"(Lyon|杭州) [0-9]{3}", subject.text(guided_regex=r"(Lyon|杭州) [0-9]{3}", **ROOM))


@feature(HELD, "`guided_choice`", "guided_choice")
def guided_choice(subject: Subject) -> None:
    for choices in (["Lyon"], ["杭州", 'a "b" \\ c\n'], ["one", "two"]):
        assert subject.text(guided_choice=choices, **ROOM) in choices


GRAMMAR = 'root ::= "so " ("Lyon" | "Nice")'


@feature(HELD, "`guided_grammar`", "guided_grammar")
def guided_grammar(subject: Subject) -> None:
    assert subject.text(guided_grammar=GRAMMAR, **ROOM) in ("so Lyon", "so Nice")


@feature(HELD, "`structured_outputs`, vLLM's newer name of these", "structured_outputs")
def structured_outputs(subject: Subject) -> None:
    held(subject.text(structured_outputs={"json": SCHEMA}, **ROOM))
    assert subject.text(structured_outputs={"choice": ["Lyon"]}, **ROOM) == "Lyon"
    assert subject.text(structured_outputs={"grammar": GRAMMAR}, **ROOM) in ("so Lyon", "so Nice")


def tool(name: str) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {"name": name, "description": "Looks.", "parameters": SCHEMA, "strict": True},
    }


OFFERED = [tool("look_up"), tool("fly_to")]


@feature(TOOLS, "`tools` offered, none called", "tools")
def offered(subject: Subject) -> None:
    answer = subject.chat(tools=OFFERED, tool_choice="none")
    assert answer.choices[0].message.content and not answer.choices[0].message.tool_calls
    free = subject.chat(tools=OFFERED).choices[0].message
    assert free.content or free.tool_calls


def called(subject: Subject, names: set[str], **body: Any) -> None:
    """A call of one of these functions, whole and streamed."""
    body = {**body, **ROOM, "tools": OFFERED, "logit_bias": BLANKS}
    message = subject.chat(**body).choices[0].message
    assert message.tool_calls, message
    function = message.tool_calls[0].function  # type: ignore[union-attr]
    assert function.name in names and message.tool_calls[0].id
    held(function.arguments)
    chunks = subject.stream(**body)
    parts = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or []]
    first = [part for part in parts if part.index == 0]
    assert "".join(part.function.name or "" for part in first if part.function) == function.name
    streamed = "".join(part.function.arguments or "" for part in first if part.function)
    assert json.loads(streamed) == json.loads(function.arguments)


@feature(TOOLS, '`tool_choice` "required"', "tool_choice", "tools")
def required(subject: Subject) -> None:
    called(subject, {"look_up", "fly_to"}, tool_choice="required")


@feature(TOOLS, "`functions` and `function_call`, the older names", "functions", "function_call")
def older(subject: Subject) -> None:
    functions = [each["function"] for each in OFFERED]
    body = {**ROOM, "functions": functions, "function_call": {"name": "look_up"}, "logit_bias": BLANKS}
    choice = subject.chat(**body).choices[0]
    call = choice.message.function_call
    assert call is not None and call.name == "look_up" and not choice.message.tool_calls
    assert choice.finish_reason == "function_call"
    held(call.arguments)
    deltas = [each.delta.function_call for chunk in subject.stream(**body) for each in chunk.choices]
    assert "".join(each.name or "" for each in deltas if each) == "look_up"
    assert json.loads("".join(each.arguments or "" for each in deltas if each)) == json.loads(call.arguments)


@feature(TOOLS, "`tool_choice` with a name", "tool_choice", "tools")
def named(subject: Subject) -> None:
    for name in ("look_up", "fly_to"):
        called(subject, {name}, tool_choice={"type": "function", "function": {"name": name}})


@feature(
    TOOLS, "arguments of a call are an object, `strict` or not, and it ends with `tool_calls`", "tool_choice", "tools"
)
def objects(subject: Subject) -> None:
    loose = tool("look_up")["function"]
    for strict in (None, False):
        function = {**loose, "strict": strict}
        for choice in ("required", {"type": "function", "function": {"name": "look_up"}}):
            body = {
                "tools": [{"type": "function", "function": function}],
                "tool_choice": choice,
                "parallel_tool_calls": False,
                "logit_bias": BLANKS,
                **ROOM,
            }
            (answer,) = subject.chat(**body).choices
            assert answer.message.tool_calls and answer.finish_reason == "tool_calls", answer
            held(answer.message.tool_calls[0].function.arguments)  # type: ignore[union-attr]
            assert not (answer.message.content or "").strip()
            last = [choice for chunk in subject.stream(**body) for choice in chunk.choices][-1]
            assert last.finish_reason == "tool_calls"


@feature(TOOLS, "results of tools in the conversation", "messages", "tools")
def results(subject: Subject) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    messages = [
        *QUESTION,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "Paris is the capital of France."},
    ]
    assert subject.text(messages=messages, tools=OFFERED, tool_choice="none")
