"""Requests of OpenAI's `/v1/responses` as chat completions, and back."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import ContextLengthExceeded, InvalidParameter, MalformedBody, UnsupportedParameter
from modelyard.dialects.anthropic.request import Abilities
from modelyard.dialects.features import Fate
from modelyard.dialects.responses.features import FIELDS, ITEMS, PARTS, TOOLS
from modelyard.dialects.responses.reasoning import packed
from modelyard.dialects.responses.reply import ResponseSetting, response_answer, response_setting
from modelyard.dialects.responses.request import (
    Translation,
    own_items,
    read_history,
    read_items,
    read_request,
    translate,
)
from modelyard.dialects.responses.tools import ToolName
from modelyard.dialects.responses.truncation import shortened
from modelyard.protocol.chat_parts import chat_part
from modelyard.protocol.messages import normalize
from modelyard.protocol.responses import ResponseRequest
from modelyard.protocol.responses_answer import ResponseAnswer
from tests.dialects.scripts import Json, ModelAnswer

USER = {"role": "user", "content": "Hello"}
F: Json = {"type": "function", "name": "f", "description": "does f", "parameters": {"type": "object"}, "strict": True}
CUSTOM: Json = {"type": "custom", "name": "c", "description": "does c"}
TEAM: Json = {"type": "namespace", "name": "ns", "description": "", "tools": [{**F, "name": "g"}, CUSTOM]}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}}


def translated(abilities: Abilities = Abilities(), /, **fields: Any) -> Translation:  # noqa: B008
    body = {"model": "m", "input": "Hello", **fields}
    data = json.dumps(body).encode()
    request = read_request(data, ResponseRequest)
    return translate(request, data, read_items(own_items(request)), abilities)


def chat(abilities: Abilities = Abilities(), /, **fields: Any) -> Json:  # noqa: B008
    """The chat completion of a request with these fields."""
    found: Json = json.loads(msgspec.json.encode(translated(abilities, **fields).body))
    return found


def messages(*items: Json, **fields: Any) -> list[Json]:
    found: list[Json] = chat(input=list(items), **fields)["messages"]
    assert normalize(found) is found  # in the form that every engine gets
    return found


def user(*parts: Json) -> Json:
    return {"role": "user", "content": list(parts)}


def text(value: str) -> Json:
    return {"type": "input_text", "text": value}


def call(identity: str, name: str = "f", arguments: str = "{}", **more: Any) -> Json:
    return {"type": "function_call", "call_id": identity, "name": name, "arguments": arguments, **more}


def output(identity: str, value: Any = "done") -> Json:
    return {"type": "function_call_output", "call_id": identity, "output": value}


def test_a_plain_request() -> None:
    found = chat(instructions="Be nice.", temperature=0.5, top_p=0.9, max_output_tokens=9, stream=True)
    assert found == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be nice."}, USER],
        "max_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_other_fields_pass_to_the_engine_and_fields_without_effect_do_not() -> None:
    values = {"stream_options": {"include_obfuscation": True}, "store": True}
    ignored = {name: values.get(name, "x") for name, each in FIELDS.items() if each.fate is Fate.IGNORED}
    assert chat(seed=4, min_p=0.1, **ignored) == {**chat(), "seed": 4, "min_p": 0.1}


@pytest.mark.parametrize("name", [name for name, each in FIELDS.items() if each.fate is Fate.REFUSED])
def test_fields_that_are_refused(name: str) -> None:
    value = {"previous_response_id": "resp_1", "conversation": {"id": "conv_1"}, "background": True}.get(
        name, {"id": "x"}
    )
    with pytest.raises(UnsupportedParameter, match=f"'{name}'"):
        chat(**{name: value})
    assert chat(**{name: None}) == chat()


def test_several_answers_are_refused() -> None:
    with pytest.raises(UnsupportedParameter, match="'n'"):
        chat(n=2)


def test_developers_come_first_and_later_ones_are_reminders() -> None:
    found = messages(
        {"role": "developer", "content": [text("a"), text("b")]},
        {"type": "message", "role": "system", "content": "c"},
        USER,
        {"role": "developer", "content": "d"},
        {"role": "user", "content": "e"},
        instructions="i",
    )
    assert found[0] == {"role": "system", "content": "i\n\na\nb\n\nc"}
    reminder = {"type": "text", "text": "<system-reminder>\nd\n</system-reminder>"}
    assert found[1:] == [
        {"role": "user", "content": [{"type": "text", "text": "Hello"}, reminder, {"type": "text", "text": "e"}]}
    ]


def test_items_of_the_assistant_are_one_message() -> None:
    found = messages(
        USER,
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": packed("Hm.")},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "I look.", "annotations": []}],
        },
        call("1", id="fc_1", status="completed"),
        call("2", "spawn", '{"a":1}', namespace="team"),
        {"type": "custom_tool_call", "call_id": "3", "name": "patch", "input": 'a"b'},
        output("1"),
        output(
            "2",
            [text("x"), {"type": "input_image", "image_url": "data:image/png;base64,AA", "detail": "auto"}, text("y")],
        ),
        {"type": "custom_tool_call_output", "call_id": "3", "output": "patched"},
        {"role": "user", "content": "Go on."},
    )
    calls = [
        {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        {"id": "2", "type": "function", "function": {"name": "team__spawn", "arguments": '{"a":1}'}},
        {"id": "3", "type": "function", "function": {"name": "patch", "arguments": '{"input":"a\\"b"}'}},
    ]
    assert found[1] == {"role": "assistant", "content": "I look.", "reasoning_content": "Hm.", "tool_calls": calls}
    assert [(each["tool_call_id"], each["content"]) for each in found[2:5]] == [
        ("1", "done"),
        ("2", "x\ny"),
        ("3", "patched"),
    ]
    assert [part["type"] for part in found[5]["content"]] == ["text", "image_url", "text"]
    assert found[5]["content"][0]["text"] == "Pictures of the result of call 2:"


REASONING: dict[str, tuple[Json, str | None]] = {
    "content": ({"content": [{"type": "reasoning_text", "text": "a"}], "encrypted_content": packed("b")}, "a"),
    "Codex's": ({"content": [{"type": "text", "text": "a"}]}, "a"),
    "ours": ({"summary": [{"type": "summary_text", "text": "a"}], "encrypted_content": packed("b")}, "b"),
    "of another server": ({"summary": [{"type": "summary_text", "text": "a"}], "encrypted_content": "gAAA"}, "a"),
    "only of another server": ({"summary": [], "encrypted_content": "gAAA"}, None),
    "nothing": ({"summary": None}, None),
}


@pytest.mark.parametrize("case", REASONING)
def test_thoughts(case: str) -> None:
    fields, thought = REASONING[case]
    found = messages(USER, {"type": "reasoning", "id": "rs_1", **fields}, {"role": "assistant", "content": "x"}, USER)
    assert found[1].get("reasoning_content") == thought and found[1]["content"] == "x"


def test_messages_of_agents() -> None:
    content = [{"type": "input_text", "text": "done"}, {"type": "encrypted_content", "encrypted_content": "gAAA"}]
    found = messages(USER, {"type": "agent_message", "author": "/root", "recipient": "/a", "content": content})
    assert found[0]["content"][1]["text"] == "Message of agent /root:\ndone"


@pytest.mark.parametrize("kind", [name for name, each in ITEMS.items() if each.fate is Fate.IGNORED])
def test_items_without_effect(kind: str) -> None:
    assert messages({"type": kind, "id": "x", "call_id": "1"}, USER) == [USER]


@pytest.mark.parametrize("kind", [name for name, each in ITEMS.items() if each.fate is Fate.REFUSED])
def test_items_that_are_refused(kind: str) -> None:
    with pytest.raises(InvalidParameter, match=r"'input\[1\].type'") as raised:
        messages(USER, {"type": kind, "id": "x"})
    assert ITEMS[kind].note in raised.value.message


STORED: list[Json] = [
    {
        "id": "a",
        "type": "message",
        "role": "user",
        "status": "completed",
        "content": [{"type": "input_text", "text": "é"}],
    },
    {"id": "b", "type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
    {"id": "c", **call("1")},
    {"id": "d", "type": "function_call_output", "call_id": "1", "output": "2", "status": "completed"},
    {"id": "e", "type": "custom_tool_call", "call_id": "2", "name": "c", "input": "x", "status": "completed"},
    {"id": "f", "type": "custom_tool_call_output", "call_id": "2", "output": [{"type": "input_image", "file_id": "p"}]},
]


@pytest.mark.parametrize("others", [[], [{"id": "g", "type": "image_generation_call", "status": "completed"}]])
def test_stored_items_are_read_as_those_of_a_request(others: list[Json]) -> None:
    items = [*STORED[:2], *others, *STORED[2:]]
    assert read_history(json.dumps(items)) == read_items(items, "earlier")
    assert len(read_history(json.dumps(items))) == len(STORED)


def test_a_stored_item_that_nobody_can_read_is_named() -> None:
    with pytest.raises(InvalidParameter, match=r"'earlier\[6\].type'"):
        read_history(json.dumps([*STORED, {"id": "x", "type": "compaction_trigger"}]))


def test_added_tools_are_offered() -> None:
    found = chat(tools=[F], input=[USER, {"type": "additional_tools", "role": "developer", "tools": [CUSTOM]}])
    assert [each["function"]["name"] for each in found["tools"]] == ["f", "c"]


WRONG: dict[str, tuple[Any, str]] = {
    "no items": ([], "input"),
    "only developers": ([{"role": "developer", "content": "a"}], "input"),
    "an unknown item": ([{"type": "banana"}], "input[0].type"),
    "no type": ([{"banana": 1}], "input[0].type"),
    "a type that is no text": ([{"type": 1}], "input[0].type"),
    "a reference": ([{"id": "msg_1"}], "input[0].type"),
    "an unknown role": ([{"role": "banana", "content": "a"}], "input[0].role"),
    "no content": ([USER, {"role": "user"}], "input[1].content"),
    "no text": ([{"role": "user", "content": [{"type": "input_text"}]}], "input[0].content[0].text"),
    "an unknown part": ([{"role": "user", "content": [{"type": "text", "text": "a"}]}], "input[0].content[0].type"),
    "an empty picture": ([user({"type": "input_image"})], "input[0].content[0].image_url"),
    "a call without name": ([{"type": "function_call", "call_id": "1", "arguments": ""}], "input[0].name"),
    "a call without id": ([{"type": "function_call", "name": "f", "arguments": ""}], "input[0].call_id"),
    "arguments as an object": ([{**call("1"), "arguments": {}}], "input[0].arguments"),
    "no output": ([{"type": "function_call_output", "call_id": "1"}], "input[0].output"),
    "an output that is a number": ([output("1", 5)], "input[0].output"),
    "content that is null": ([{"role": "user", "content": None}], "input[0].content"),
    "items that are texts": (["a"], "input[0]"),
    "an object": ({}, "input"),
    "an empty text": ("", "input"),
}


@pytest.mark.parametrize("case", WRONG)
def test_input_that_is_wrong_is_named(case: str) -> None:
    value, place = WRONG[case]
    with pytest.raises(InvalidParameter) as raised:
        chat(input=value)
    assert raised.value.param == place, raised.value


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b'"x"', b"\xff"])
def test_bodies_that_are_no_object(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        read_request(body, ResponseRequest)


def test_tools_of_every_kind() -> None:
    grammar = {**CUSTOM, "format": {"type": "grammar", "syntax": "lark", "definition": "start: A"}}
    found = translated(
        tools=[F, grammar, TEAM, {"type": "web_search"}, {"type": "local_shell"}, {"type": "web_search"}]
    )
    functions = {each["function"]["name"]: each["function"] for each in found.body["tools"]}
    assert list(functions) == ["f", "c", "ns__g", "ns__c"]
    assert functions["f"] == {"name": "f", "description": "does f", "parameters": {"type": "object"}, "strict": True}
    assert functions["c"]["description"] == "does c\n\nThe input follows this lark grammar:\nstart: A"
    assert functions["c"]["parameters"]["required"] == ["input"]
    assert found.tools.names["ns__c"] == ToolName("c", "ns", custom=True)
    assert found.tools.dropped == ["web_search", "local_shell"]


@pytest.mark.parametrize("kind", [name for name, each in TOOLS.items() if each.fate is Fate.IGNORED])
def test_tools_that_are_dropped_leave_a_note(kind: str) -> None:
    found = translated(tools=[{"type": kind}], metadata={"a": "b"})
    assert "tools" not in found.body
    data = json.dumps({"model": "m", "input": "a", "metadata": {"a": "b"}}).encode()
    setting = response_setting("ab", 1, read_request(data, ResponseRequest), found.tools)
    assert setting.answer.metadata == {"a": "b", "dropped_tools": kind}


NO_TOOL: dict[str, tuple[Any, str]] = {
    "an unknown kind": ({"type": "banana"}, "tools[0].type"),
    "no kind": ({"name": "f"}, "tools[0].type"),
    "no name": ({"type": "function", "parameters": {}}, "tools[0].name"),
    "parameters that are no schema": ({**F, "parameters": "x"}, "tools[0].parameters"),
    "strict that is no switch": ({**F, "strict": "x"}, "tools[0].strict"),
    "a description that is no text": ({**F, "description": 1}, "tools[0].description"),
    "a namespace without tools": ({"type": "namespace", "name": "ns"}, "tools[0].tools"),
    "a namespace in a namespace": ({**TEAM, "tools": [TEAM]}, "tools[0].tools[0].type"),
    "a tool without name in a namespace": ({**TEAM, "tools": [{"type": "function"}]}, "tools[0].tools[0].name"),
    "a format that is none": ({**CUSTOM, "format": "x"}, "tools[0].format"),
    "a grammar without definition": ({**CUSTOM, "format": {"type": "grammar"}}, "tools[0].format"),
}


@pytest.mark.parametrize("case", NO_TOOL)
def test_tools_that_are_wrong_are_named(case: str) -> None:
    tool, place = NO_TOOL[case]
    with pytest.raises(InvalidParameter) as raised:
        chat(tools=[tool])
    assert raised.value.param == place


def named(name: str) -> Json:
    return {"type": "function", "function": {"name": name}}


CHOICES: dict[str, tuple[Any, Any, list[str]]] = {
    "auto": ("auto", "auto", ["f", "c", "ns__g", "ns__c"]),
    "none": ("none", "none", ["f", "c", "ns__g", "ns__c"]),
    "required": ("required", "required", ["f", "c", "ns__g", "ns__c"]),
    "a function": ({"type": "function", "name": "f"}, named("f"), ["f", "c", "ns__g", "ns__c"]),
    "a custom tool": ({"type": "custom", "name": "c"}, named("c"), ["f", "c", "ns__g", "ns__c"]),
    "of a namespace": ({"type": "function", "name": "g"}, named("ns__g"), ["f", "c", "ns__g", "ns__c"]),
    "by the flat name": ({"type": "function", "name": "ns__g"}, named("ns__g"), ["f", "c", "ns__g", "ns__c"]),
    "of a named namespace": (
        {"type": "custom", "name": "c", "namespace": "ns"},
        named("ns__c"),
        ["f", "c", "ns__g", "ns__c"],
    ),
    "some": (
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "g"}]},
        "required",
        ["ns__g"],
    ),
}


@pytest.mark.parametrize("case", CHOICES)
def test_choices_of_a_tool(case: str) -> None:
    choice, expected, offered = CHOICES[case]
    found = chat(tools=[F, CUSTOM, TEAM], tool_choice=choice, parallel_tool_calls=False)
    assert found["tool_choice"] == expected and found["parallel_tool_calls"] is False
    assert [each["function"]["name"] for each in found["tools"]] == offered


@pytest.mark.parametrize(
    "choice",
    [
        "banana",
        {"type": "function", "name": "nowhere"},
        {"type": "function"},
        {"type": "web_search_preview"},
        {"type": "allowed_tools", "mode": "auto"},
        {"type": "allowed_tools", "mode": "banana", "tools": []},
        {"type": "allowed_tools", "mode": "required", "tools": []},
        {},
    ],
)
def test_choices_that_are_wrong_are_named(choice: Any) -> None:
    with pytest.raises(InvalidParameter, match="'tool_choice"):
        chat(tools=[F, {"type": "web_search"}], tool_choice=choice)


def test_a_choice_without_tools() -> None:
    assert "tool_choice" not in chat(tool_choice="auto") and "tool_choice" not in chat(tools=[], tool_choice="none")
    with pytest.raises(InvalidParameter, match="'tool_choice'"):
        chat(tool_choice="required")


def test_the_form_of_the_answer() -> None:
    form = {"type": "json_schema", "name": "city", "schema": CITY, "strict": True, "description": "A city."}
    named_form = {"name": "city", "schema": CITY, "strict": True, "description": "A city."}
    assert chat(text={"format": form})["response_format"] == {"type": "json_schema", "json_schema": named_form}
    assert chat(text={"format": {"type": "json_object"}})["response_format"] == {"type": "json_object"}
    assert chat(text={"format": {"type": "text"}, "verbosity": "low"}) == chat()
    with pytest.raises(InvalidParameter, match=r"'text.format.schema'"):
        chat(text={"format": {"type": "json_schema", "name": "city"}})


def test_effort_where_the_engine_has_it() -> None:
    assert chat(reasoning={"effort": "low"}) == chat()
    assert chat(reasoning={"effort": "none"})["enable_thinking"] is False
    assert chat(Abilities(effort=True), reasoning={"effort": "none"})["reasoning_effort"] == "none"


def test_settings_may_change_in_the_conversation() -> None:
    first = {
        "type": "configuration_update",
        "reasoning": {"effort": "low"},
        "text": {"format": {"type": "json_object"}},
    }
    second = {"type": "configuration_update", "reasoning": {"effort": "high"}}
    found = chat(Abilities(effort=True), input=[first, USER, second, USER], reasoning={"effort": "none"})
    assert found["reasoning_effort"] == "high" and found["response_format"] == {"type": "json_object"}
    assert len(found["messages"]) == 1


def test_log_probabilities() -> None:
    found = chat(include=["message.output_text.logprobs"])
    assert (found["logprobs"], found["top_logprobs"]) == (True, 0)
    assert chat(top_logprobs=3)["top_logprobs"] == 3


def test_a_base_gets_the_question_only() -> None:
    context = {"role": "user", "content": "<environment_context>x</environment_context>"}
    found = chat(
        Abilities(base=True), input=[context, USER], tools=[F], tool_choice="required", reasoning={"effort": "low"}
    )
    assert found == {"model": "m", "messages": [USER]}


def test_every_kind_is_in_the_tables() -> None:
    from modelyard.protocol import responses_items as items

    def tags(union: Any) -> set[str]:
        return {kind.__struct_config__.tag for kind in union.__args__}

    read = {name for name, each in ITEMS.items() if each.fate is Fate.TRANSLATED}
    assert tags(items.AnyItem) == read - {"item_reference"}  # which a stored item replaces before
    assert tags(items.AnyPart) == set(PARTS)
    assert set(ResponseRequest.__struct_fields__) <= set(FIELDS)


def test_the_answer_repeats_the_settings() -> None:
    fields: Json = {
        "instructions": "i",
        "max_output_tokens": 9,
        "max_tool_calls": 2,
        "metadata": {"a": "b"},
        "parallel_tool_calls": False,
        "prompt_cache_key": "k",
        "reasoning": {"effort": "low", "summary": "auto"},
        "safety_identifier": "s",
        "temperature": 0.5,
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True}, "verbosity": "low"},
        "tool_choice": {"type": "function", "name": "f"},
        "tools": [F],
        "top_logprobs": 2,
        "top_p": 0.5,
        "truncation": "auto",
        "user": "u",
    }
    data = json.dumps({"model": "m", "input": "a", **fields}).encode()
    answer = response_setting("ab", 1, read_request(data, ResponseRequest), translated(tools=[F]).tools).answer
    assert {name: msgspec.to_builtins(getattr(answer, name)) for name in fields} == fields


CALL = st.builds(
    lambda name, arguments, number: {
        "id": f"call_{number:06}",
        "type": "function",
        "function": {"name": name, "arguments": json.dumps(arguments)},
    },
    st.sampled_from(["f", "c", "ns__g"]),
    st.dictionaries(st.just("input"), st.text(max_size=5), min_size=1, max_size=1),
    st.integers(0, 9),
)
WORDS = st.text(min_size=1, max_size=9)


@st.composite
def turns(draw: st.DrawFn) -> list[Json]:
    """A conversation as a chat completion can say it and this API, too."""
    found: list[Json] = [{"role": "system", "content": draw(WORDS)}] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        found.append({"role": "user", "content": draw(WORDS)})
        calls = draw(st.lists(CALL, max_size=2, unique_by=lambda each: str(each["id"])))
        message: Json = {"role": "assistant", "content": draw(WORDS) if not calls or draw(st.booleans()) else None}
        if draw(st.booleans()):
            message["reasoning_content"] = draw(WORDS)
        found.append({**message, "tool_calls": calls} if calls else message)
        found += [{"role": "tool", "content": draw(WORDS), "tool_call_id": each["id"]} for each in calls]
    return [*found, {"role": "user", "content": draw(WORDS)}]


NAMES = {"c": ToolName("c", custom=True), "ns__g": ToolName("g", "ns")}
SETTING = ResponseSetting("ab", ResponseAnswer(id="resp_ab", created_at=1, model="m"), NAMES)


def items_of(message: Json) -> list[Json]:
    """A message of a chat completion as items, those of the assistant as this server answers them."""
    if message["role"] == "tool":
        return [{"type": "function_call_output", "call_id": message["tool_call_id"], "output": message["content"]}]
    if message["role"] != "assistant":
        return [{"type": "message", "role": message["role"], "content": message["content"]}]
    whole = ModelAnswer().whole()
    whole["choices"][0]["message"] = message
    found: list[Json] = msgspec.to_builtins(
        response_answer(SETTING, chat_part("m", json.dumps(whole).encode()), 2).output
    )
    return found


@given(conversation=turns())
def test_a_conversation_comes_back_as_it_was(conversation: list[Json]) -> None:
    found = messages(*(item for message in conversation for item in items_of(message)))
    for message in [*conversation, *found]:
        for each in message.get("tool_calls", ()):
            each["function"]["arguments"] = json.loads(each["function"]["arguments"])
    assert found == conversation


def too_long(given: int, limit: int = 100) -> ContextLengthExceeded:
    return ContextLengthExceeded(None, limit, given)


def test_a_conversation_loses_its_beginning() -> None:
    system = {"role": "system", "content": "s"}
    old = [{"role": "user", "content": "x" * 100}, {"role": "assistant", "content": "y" * 100}]
    tools = [{"role": "assistant", "content": "z" * 100}, {"role": "tool", "content": "r"}]
    last = {"role": "user", "content": "now"}
    assert shortened([system, *old, *tools, last], too_long(120), None) == [system, old[1], *tools, last]
    assert shortened([system, *old, *tools, last], too_long(160), 1) == [system, *tools, last]
    assert shortened([system, *old, *tools, last], too_long(9000), 1) == [system, last]
    assert shortened([last, *tools, *tools], too_long(9000), 1) == [last, *tools]
    assert shortened([system, last], too_long(200), None) is None
    assert shortened([last, *tools], too_long(200), None) is None
