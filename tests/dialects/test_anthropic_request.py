"""Requests of Anthropic's API as chat completions, and back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import InvalidParameter, MalformedBody, UnsupportedParameter
from modelyard.dialects.anthropic.features import BLOCKS, FIELDS, SOURCES, TOOLS
from modelyard.dialects.anthropic.request import Abilities, chat_body, read_request
from modelyard.dialects.anthropic.tools import DEFINED
from modelyard.dialects.features import Fate
from modelyard.protocol import anthropic
from modelyard.protocol.anthropic import CountedMessages, MessagesRequest
from modelyard.protocol.messages import normalize

Json = dict[str, Any]

USER = {"role": "user", "content": "Hello"}
TOOL = {"name": "f", "description": "does f", "input_schema": {"type": "object", "properties": {}}}
ALL = Abilities(effort=True, thinking_budget=True, continuation=True)


def chat(abilities: Abilities = Abilities(), /, **fields: Any) -> Json:  # noqa: B008
    """The chat completion of a request with these fields."""
    body = {"model": "m", "max_tokens": 9, "messages": [USER], **fields}
    data = json.dumps(body).encode()
    found: Json = json.loads(msgspec.json.encode(chat_body(read_request(data, MessagesRequest), data, abilities)))
    return found


def messages(*turns: Json, **fields: Any) -> list[Json]:
    found: list[Json] = chat(messages=list(turns), **fields)["messages"]
    assert normalize(found) is found  # in the form that every engine gets
    return found


def turn(role: str, *blocks: Json) -> Json:
    return {"role": role, "content": list(blocks)}


def text(value: str, **more: Any) -> Json:
    return {"type": "text", "text": value, **more}


def test_a_plain_request() -> None:
    assert chat(system="Be nice.", temperature=0.5, top_p=0.9, top_k=4, stop_sequences=["END"], stream=True) == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be nice."}, USER],
        "max_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 4,
        "stop": ["END"],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_other_fields_pass_to_the_engine_and_fields_without_effect_do_not() -> None:
    ignored = {name: "x" for name, each in FIELDS.items() if each.fate is Fate.IGNORED}
    assert chat(seed=4, min_p=0.1, **ignored) == {**chat(), "seed": 4, "min_p": 0.1}


@pytest.mark.parametrize("name", [name for name, each in FIELDS.items() if each.fate is Fate.REFUSED])
def test_fields_that_are_refused(name: str) -> None:
    with pytest.raises(UnsupportedParameter, match=f"'{name}'"):
        chat(**{name: [{"type": "url"}]})
    assert chat(**{name: None}) == chat()


def test_several_answers_are_refused() -> None:
    with pytest.raises(UnsupportedParameter, match="'n'"):
        chat(n=2)


def test_system_blocks_are_one_message_without_billing_data() -> None:
    billing = text("x-anthropic-billing-header: cc_version=2; cch=12ab;")
    system = [billing, text("One.", cache_control={"type": "ephemeral"}), text("Two."), text("")]
    assert messages(USER, system=system)[0] == {"role": "system", "content": "One.\n\nTwo."}
    assert messages(USER, system=[billing]) == [USER]
    assert messages({"role": "system", "content": "Two."}, USER, system="One.")[0]["content"] == "One.\n\nTwo."


def test_a_system_message_in_the_middle_is_a_part_of_the_turn_of_the_user() -> None:
    found = messages(USER, turn("system", text("Now.")), turn("user", text("Go.")))
    note = "<system-reminder>\nNow.\n</system-reminder>"
    assert found == [{"role": "user", "content": [text("Hello"), text(note), text("Go.")]}]
    result = {"type": "tool_result", "tool_use_id": "c", "content": "done"}
    found = messages(USER, CALL, turn("system", text("Now.")), turn("user", result))
    assert [each["role"] for each in found] == ["user", "assistant", "tool", "user"]
    assert found[-1]["content"] == note
    assert messages(USER, turn("system", text("Now.")))[-1]["content"][1] == text(note)


CALL = turn("assistant", text("I look."), {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}})


def test_calls_and_results() -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    result = {"type": "tool_result", "tool_use_id": "c", "content": [text("one"), picture, text("two")]}
    wrong = {"type": "tool_result", "tool_use_id": "d", "content": "no such file", "is_error": True}
    found = messages(USER, CALL, turn("user", text("Look."), result, wrong, {**wrong, "content": None}))
    assert found[1]["tool_calls"] == [
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    ]
    assert found[2:5] == [
        {"role": "tool", "tool_call_id": "c", "content": "one\ntwo"},
        {"role": "tool", "tool_call_id": "d", "content": "Error: no such file"},
        {"role": "tool", "tool_call_id": "d", "content": "Error: "},
    ]
    assert found[5]["content"] == [
        text("Look."),
        text("Pictures of the result of call c:"),
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]


def test_turns_of_one_role_are_joined() -> None:
    thinking = {"type": "thinking", "thinking": "Hm.", "signature": "x"}
    found = messages(USER, USER, turn("assistant", thinking, text("a")), CALL, turn("assistant", text("b")), USER)
    assert found[0]["content"] == [text("Hello"), text("Hello")]
    assert found[1]["content"] == "aI look.b" and found[1]["reasoning_content"] == "Hm."
    assert [each["role"] for each in found] == ["user", "assistant", "user"] and len(found[1]["tool_calls"]) == 1


def test_documents_and_passages() -> None:
    plain = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Cats."}}
    titled = {**plain, "title": "Pets", "context": "old"}
    blocks = {"type": "document", "source": {"type": "content", "content": [text("a"), text("b")]}}
    passage = {"type": "search_result", "source": "here", "title": "T", "content": [text("Dogs.")]}
    (found,) = messages(turn("user", plain, titled, blocks, passage))
    assert [each["text"] for each in found["content"]] == [
        "<document>\nCats.\n</document>",
        "<document>\nTitle: Pets\nContext: old\n\nCats.\n</document>",
        "<document>\na\nb\n</document>",
        "<search_result>\nSource: here\nTitle: T\n\nDogs.\n</search_result>",
    ]
    with pytest.raises(InvalidParameter, match=r"messages\[0\]\.content\[0\]\.citations"):
        messages(turn("user", {**plain, "citations": {"enabled": True}}))
    assert messages(turn("user", {**plain, "citations": {"enabled": False}}))


def test_tools_and_which_of_them_must_be_called() -> None:
    function = {"name": "f", "description": "does f", "parameters": TOOL["input_schema"]}
    assert chat(tools=[TOOL])["tools"] == [{"type": "function", "function": function}]
    strict = chat(tools=[{**TOOL, "type": "custom", "strict": True}])["tools"][0]["function"]
    assert strict == {**function, "strict": True}
    for given_choice, expected in (
        ({"type": "auto"}, "auto"),
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
    ):
        assert chat(tools=[TOOL], tool_choice=given_choice)["tool_choice"] == expected
    alone = chat(tools=[TOOL], tool_choice={"type": "auto", "disable_parallel_tool_use": True})
    assert alone["parallel_tool_calls"] is False
    assert "tool_choice" not in chat(tool_choice={"type": "auto"})
    for wrong in ({"type": "any"}, {"type": "tool", "name": "g"}, {"type": "tool"}):
        with pytest.raises(InvalidParameter, match="tool_choice"):
            chat(tool_choice=wrong)


@pytest.mark.parametrize("kind", TOOLS)
def test_kinds_of_tools(kind: str) -> None:
    offer = {**TOOL, "type": kind if kind == "custom" else f"{kind}_20250728"}
    if TOOLS[kind].fate is Fate.REFUSED:
        with pytest.raises(InvalidParameter, match=r"tools\[0\]\.type"):
            chat(tools=[offer])
        return
    function = chat(tools=[offer])["tools"][0]["function"]
    assert function["name"] == "f"
    assert (function["parameters"] is not TOOL["input_schema"]) and (kind == "custom" or kind in DEFINED)


@pytest.mark.parametrize("offer", [{"name": "f"}, {"input_schema": {}}, {"type": "flying_20250101", "name": "f"}])
def test_tools_that_lack_something(offer: Json) -> None:
    with pytest.raises(InvalidParameter, match=r"tools\[0\]\."):
        chat(tools=[offer])


def test_a_base_gets_no_tools_and_no_hints() -> None:
    base = replace(ALL, base=True)
    found = chat(base, model="kb:x", tools=[TOOL], tool_choice={"type": "any"}, output_config={"effort": "high"})
    assert found == {**chat(), "model": "kb:x"}
    reminder = text("<system-reminder>\nBe quick.\n</system-reminder>")
    found = chat(base, messages=[turn("user", reminder, text("Why?")), turn("system", text("Now."))])
    assert found["messages"] == [{"role": "user", "content": "Why?"}]
    assert chat(base, messages=[turn("user", reminder)])["messages"][0]["content"] == reminder["text"]


def test_thinking_and_hints_for_engines_that_have_them() -> None:
    enabled = {"type": "enabled", "budget_tokens": 2048}
    assert chat(thinking=enabled)["enable_thinking"] is True
    assert "thinking_token_budget" not in chat(thinking=enabled)
    assert chat(ALL, thinking=enabled)["thinking_token_budget"] == 2048
    assert chat(thinking={"type": "disabled"})["enable_thinking"] is False
    assert chat(ALL, thinking={"type": "adaptive"}) == chat()
    assert chat(output_config={"effort": "high"}) == chat()
    assert chat(ALL, output_config={"effort": "high"})["reasoning_effort"] == "high"


@pytest.mark.parametrize("field", ["output_config", "output_format"])
def test_a_schema_of_the_answer(field: str) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    form: Json = {"type": "json_schema", "schema": schema}
    found = chat(**{field: {"format": form} if field == "output_config" else form})["response_format"]
    assert found["type"] == "json_schema" and found["json_schema"]["schema"] == schema


def test_an_answer_that_has_begun_is_continued_where_the_engine_can() -> None:
    turns = [USER, {"role": "assistant", "content": "It is ("}]
    assert "continue_final_message" not in chat(messages=turns)
    found = chat(ALL, messages=turns)
    assert (found["continue_final_message"], found["add_generation_prompt"]) == (True, False)
    assert "continue_final_message" not in chat(ALL, messages=[USER, CALL])


WRONG_PLACES: list[tuple[Json, str]] = [
    (turn("assistant", {"type": "tool_result", "tool_use_id": "c"}), "messages[0].content[0].type"),
    (turn("user", {"type": "tool_use", "id": "c", "name": "f", "input": {}}), "messages[0].content[0].type"),
    (turn("user", {"type": "server_tool_use"}), "messages[0].content[0].type"),
    (turn("user", {"type": "hologram"}), "messages[0].content[0].type"),
    (turn("user", text("a"), {"text": "b"}), "messages[0].content[1]"),
    (turn("system", text("a")), "messages"),
    (turn("user"), "messages"),
    ({"role": "banana", "content": "a"}, "messages[0].role"),
    ({"role": "user"}, "messages[0].content"),
    (turn("user", {"type": "image", "source": {"type": "url"}}), "messages[0].content[0].source.url"),
]


@pytest.mark.parametrize(("wrong", "place"), WRONG_PLACES)
def test_what_is_wrong_is_named_by_its_place(wrong: Json, place: str) -> None:
    with pytest.raises(InvalidParameter) as found:
        chat(messages=[wrong])
    assert found.value.param is not None and found.value.param.startswith(place)


def test_bodies_that_are_no_request() -> None:
    for data in (b"", b"[]", b"{", b"null"):
        with pytest.raises(MalformedBody):
            read_request(data, MessagesRequest)
    with pytest.raises(InvalidParameter, match="max_tokens"):
        read_request(json.dumps({"model": "m", "messages": [USER]}).encode(), MessagesRequest)
    assert read_request(json.dumps({"model": "m", "messages": [USER]}).encode(), CountedMessages).model == "m"


def test_the_tables_have_what_the_structs_have() -> None:
    assert set(MessagesRequest.__struct_fields__) == {
        name for name, each in FIELDS.items() if each.fate in (Fate.HONOURED, Fate.TRANSLATED)
    }
    structs = [each for each in vars(anthropic).values() if isinstance(each, type) and issubclass(each, msgspec.Struct)]
    tags = {each.__struct_config__.tag for each in structs if each.__name__.endswith("Block")}
    assert tags == {name for name, each in BLOCKS.items() if each.fate is not Fate.REFUSED}
    assert {each.__struct_config__.tag for each in structs if each.__name__.endswith("Data")} == set(SOURCES)


CALLS = st.lists(
    st.builds(
        lambda number, value: {
            "id": f"c{number}",
            "type": "function",
            "function": {"name": "f", "arguments": json.dumps(value, separators=(",", ":"), ensure_ascii=False)},
        },
        st.integers(0, 99),
        st.dictionaries(st.text(max_size=4), st.integers(0, 9) | st.text(max_size=4), max_size=2),
    ),
    min_size=1,
    max_size=2,
)
WORDS = st.text(min_size=1, max_size=12)


@st.composite
def conversations(draw: st.DrawFn) -> list[Json]:
    """A conversation that both APIs can express: alternating turns, with calls, results and thoughts."""
    found: list[Json] = [{"role": "system", "content": draw(WORDS)}] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        found.append({"role": "user", "content": draw(WORDS)})
        while draw(st.booleans()):
            calls = draw(CALLS)
            found.append({"role": "assistant", "content": draw(st.none() | WORDS), "tool_calls": calls})
            found += [{"role": "tool", "tool_call_id": each["id"], "content": draw(WORDS)} for each in calls]
        answer: Json = {"role": "assistant", "content": draw(WORDS)}
        if draw(st.booleans()):
            answer["reasoning_content"] = draw(WORDS)
        found.append(answer)
    return [*found, {"role": "user", "content": draw(WORDS)}]


def as_anthropic(found: list[Json]) -> Json:
    """A conversation in Anthropic's API, as a client would write it."""
    request: Json = {"model": "m", "max_tokens": 9, "messages": []}
    for each in found:
        if each["role"] == "system":
            request["system"] = each["content"]
        elif each["role"] == "tool":
            result = {"type": "tool_result", "tool_use_id": each["tool_call_id"], "content": each["content"]}
            last = request["messages"][-1]
            if last["role"] == "user":
                last["content"].append(result)
            else:
                request["messages"].append(turn("user", result))
        else:
            blocks = []
            if thought := each.get("reasoning_content"):
                blocks.append({"type": "thinking", "thinking": thought, "signature": "s"})
            if each["content"]:
                blocks.append(text(each["content"]))
            for call in each.get("tool_calls", ()):
                function = call["function"]
                value = json.loads(function["arguments"])
                blocks.append({"type": "tool_use", "id": call["id"], "name": function["name"], "input": value})
            request["messages"].append(turn(each["role"], *blocks))
    return request


@given(conversations())
def test_a_conversation_there_and_back_is_the_same(found: list[Json]) -> None:
    data = json.dumps(as_anthropic(found)).encode()
    assert chat_body(read_request(data, MessagesRequest), data)["messages"] == found
