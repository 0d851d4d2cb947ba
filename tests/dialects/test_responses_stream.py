"""Streams of OpenAI's `/v1/responses`: every branch of the state machine, and streams joined compared with whole answers."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from modelyard.core.errors import ContextLengthExceeded, ModelyardError, RateLimited, UpstreamFailed
from modelyard.dialects.responses.custom import InputReader, arguments_of, input_text
from modelyard.dialects.responses.reasoning import packed, unpacked
from modelyard.dialects.responses.reply import ResponseSetting, response_answer
from modelyard.dialects.responses.stream import ResponseStream
from modelyard.dialects.responses.tools import ToolName
from modelyard.protocol.chat_parts import chat_part
from modelyard.protocol.responses_answer import ResponseAnswer
from tests.dialects.scripts import CITATION, Json, ModelAnswer, chunk, parts

NAMES = {"c": ToolName("c", custom=True), "ns__g": ToolName("g", "ns"), "ns__c": ToolName("c", "ns", custom=True)}
SETTING = ResponseSetting("ab", ResponseAnswer(id="resp_ab", created_at=1, model="m"), NAMES)
SUMMARY = dataclasses.replace(SETTING, summary=True, encrypted=True)


def translated(data: bytes, cuts: Sequence[int] = (), setting: ResponseSetting = SETTING) -> bytes:
    """The bytes of the translated stream."""
    machine = ResponseStream(setting, lambda: 2)
    return machine.begin() + b"".join(map(machine.add, parts(data, cuts))) + machine.end()


def events(data: bytes) -> list[Json]:
    """The events of a stream, after checking their names, their numbers, and where they belong."""
    found: list[Json] = []
    for each in data.decode().removesuffix("\n\n").split("\n\n"):
        name, line = each.split("\n")
        value = json.loads(line.removeprefix("data: "))
        assert name == f"event: {value['type']}" and value["sequence_number"] == len(found)
        found.append(value)
    return found


def joined(found: Sequence[Json]) -> Json:
    """The response of a stream, put together from its items, after checking the parts of each against its deltas."""
    items: list[Json] = []
    texts: dict[tuple[int, int, str], str] = {}
    for each in found:
        kind, index = each["type"].removeprefix("response."), each.get("output_index", -1)
        place = int(each.get("content_index", 0))
        if kind == "output_item.added":
            assert index == len(items)
            items.append(each["item"])
        elif kind.endswith(".delta"):
            assert each["item_id"] == items[index]["id"] and each["delta"]
            key = (index, place, kind.removesuffix(".delta"))
            texts[key] = texts.get(key, "") + each["delta"]
        elif kind.endswith(("text.done", "refusal.done", "arguments.done", "input.done")):
            whole = next(each[name] for name in ("text", "refusal", "arguments", "input") if name in each)
            assert texts.get((index, place, kind.removesuffix(".done")), "") == whole
        elif kind == "content_part.done" and items[index]["type"] == "message":
            assert place == len(items[index]["content"])
            items[index]["content"].append(each["part"])
        elif kind == "output_item.done":
            item = each["item"]
            assert {name: item[name] for name in ("id", "type")} == {
                name: items[index][name] for name in ("id", "type")
            }
            assert item["type"] != "message" or item["content"] == items[index]["content"]
            items[index] = item
    last: Json = found[-1]["response"]
    assert last["output"] == items
    return last


def whole(answer: ModelAnswer, setting: ResponseSetting = SETTING) -> Json:
    """The whole response."""
    part = chat_part("m", json.dumps(answer.whole()).encode())
    found: Json = msgspec.to_builtins(response_answer(setting, part, 2))
    return found


def shape(data: bytes) -> list[str]:
    """The events in short: `+message`, `text`, `-message`, and the status at the end."""
    found = []
    for each in events(data)[2:]:
        kind = each["type"].removeprefix("response.")
        if kind == "output_item.added":
            found.append("+" + each["item"]["type"])
        elif kind == "output_item.done":
            found.append(f"-{each['item']['type']} {each['item']['status']}")
        elif kind.endswith(".delta"):
            found.append(kind.removesuffix(".delta"))
        elif kind.endswith("annotation.added"):
            found.append(f"cite {each['annotation']['index']}")
        elif "response" in each:
            reason = (each["response"]["incomplete_details"] or {}).get("reason")
            found.append(f"{kind} {reason}" if reason else kind)
    return found


def item(kind: str, *deltas: str, status: str = "completed") -> list[str]:
    return [f"+{kind}", *deltas, f"-{kind} {status}"]


TEXT, CALL, CUSTOM = "output_text", "function_call_arguments", "custom_tool_call_input"
CASES: dict[str, tuple[ModelAnswer, list[str]]] = {
    "nothing": (ModelAnswer(), ["completed"]),
    "text": (ModelAnswer(text=["a", "b"]), [*item("message", TEXT, TEXT), "completed"]),
    "thinking": (
        ModelAnswer(thought=["a", "b"], text=["c"]),
        [*item("reasoning", "reasoning_text", "reasoning_text"), *item("message", TEXT), "completed"],
    ),
    "only thoughts, cut": (
        ModelAnswer(thought=["a"], finish="length"),
        [*item("reasoning", "reasoning_text", status="incomplete"), "incomplete max_output_tokens"],
    ),
    "a call": (
        ModelAnswer(calls=[("f", ['{"a":', "1}"])], finish="tool_calls"),
        [*item("function_call", CALL, CALL), "completed"],
    ),
    "a call without arguments": (
        ModelAnswer(calls=[("f", [])], finish="tool_calls"),
        [*item("function_call"), "completed"],
    ),
    "text and two calls": (
        ModelAnswer(text=["a"], calls=[("f", ["{}"]), ("ns__g", ["{}"])], finish="tool_calls"),
        [*item("message", TEXT), *item("function_call", CALL), *item("function_call", CALL), "completed"],
    ),
    "a custom call": (
        ModelAnswer(calls=[("c", ['{"in', 'put": "a\\', 'nb"}'])], finish="tool_calls"),
        [*item("custom_tool_call", CUSTOM, CUSTOM), "completed"],
    ),
    "a custom call that is no JSON": (
        ModelAnswer(calls=[("ns__c", ["*** Begin", " Patch"])], finish="tool_calls"),
        [*item("custom_tool_call", CUSTOM), "completed"],
    ),
    "a call that is cut": (
        ModelAnswer(calls=[("f", ['{"a":'])], finish="length"),
        [*item("function_call", CALL, status="incomplete"), "incomplete max_output_tokens"],
    ),
    "refusal": (ModelAnswer(refusal="no"), [*item("message", "refusal"), "completed"]),
    "text and a refusal": (
        ModelAnswer(text=["a"], refusal="no"),
        [*item("message", TEXT, "refusal"), "completed"],
    ),
    "filtered": (
        ModelAnswer(text=["a"], finish="content_filter"),
        [*item("message", TEXT, status="incomplete"), "incomplete content_filter"],
    ),
    "cut": (
        ModelAnswer(text=["a"], finish="length"),
        [*item("message", TEXT, status="incomplete"), "incomplete max_output_tokens"],
    ),
    "citations": (
        ModelAnswer(text=["a [2] b", "c [2]."], citations=[CITATION]),
        [*item("message", TEXT, TEXT, "cite 2", "cite 9"), "completed"],
    ),
    "a citation without a mark": (
        ModelAnswer(text=["abc"], citations=[CITATION]),
        [*item("message", TEXT, "cite 3"), "completed"],
    ),
    "without usage": (ModelAnswer(text=["a"], usage=None), [*item("message", TEXT), "completed"]),
}


@pytest.mark.parametrize("case", CASES)
def test_every_branch(case: str) -> None:
    answer, expected = CASES[case]
    data = translated(answer.stream())
    assert shape(data) == expected
    assert [each["type"] for each in events(data)[:2]] == ["response.created", "response.in_progress"]
    assert joined(events(data)) == whole(answer)


EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


@pytest.mark.parametrize("case", CASES)
def test_events_are_of_the_types_of_the_official_client(case: str) -> None:
    answer, _ = CASES[case]
    for setting in (SETTING, SUMMARY):
        for each in events(translated(answer.stream(), setting=setting)):
            found = EVENT.validate_python(each)
            assert type(found).model_fields["type"].annotation == Literal[each["type"]]
        assert Response.model_validate(whole(answer, setting)).to_dict() == whole(answer, setting)


def test_thoughts_as_their_summary() -> None:
    answer = ModelAnswer(thought=["I ", "think 世界"], text=["b"])
    data = translated(answer.stream(), setting=SUMMARY)
    assert shape(data)[:4] == item("reasoning", "reasoning_summary_text", "reasoning_summary_text")
    found = joined(events(data))
    assert found == whole(answer, SUMMARY)
    thought = found["output"][0]
    assert thought["summary"] == [{"type": "summary_text", "text": "I think 世界"}] and "content" not in thought
    assert unpacked(thought["encrypted_content"]) == "I think 世界"


@pytest.mark.parametrize("content", ["", "not base64!", "AAAA", "gAAAAABo", packed("a")[:-4], "bXkx" + packed("a")[8:]])
def test_other_encrypted_contents_hold_no_thoughts(content: str) -> None:
    assert unpacked(content) == ""


def test_calls_have_the_names_that_clients_know() -> None:
    answer = ModelAnswer(calls=[("ns__g", ["{}"]), ("ns__c", ['{"input":"x"}']), ("other", [])], finish="tool_calls")
    found = joined(events(translated(answer.stream())))["output"]
    assert [(each["type"], each["name"], each.get("namespace")) for each in found] == [
        ("function_call", "g", "ns"),
        ("custom_tool_call", "c", "ns"),
        ("function_call", "other", None),
    ]
    assert found[1]["input"] == "x" and len({each["call_id"] for each in found}) == 3


def test_usage() -> None:
    details = {"prompt_tokens_details": {"cached_tokens": 7}, "completion_tokens_details": {"reasoning_tokens": 1}}
    usage = {"prompt_tokens": 10, "completion_tokens": 2, **details}
    assert joined(events(translated(ModelAnswer(text=["a"], usage=usage).stream())))["usage"] == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 7, "cache_write_tokens": 0},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 12,
    }


def test_a_citation_names_its_document() -> None:
    (message,) = joined(events(translated(ModelAnswer(text=["a [2]"], citations=[CITATION]).stream())))["output"]
    assert message["content"][0]["annotations"] == [
        {"type": "file_citation", "index": 2, "file_id": f"file-{4:027x}", "filename": "rules.md"}
    ]


def test_log_probabilities() -> None:
    setting = dataclasses.replace(SETTING, logprobs=True)
    token = {
        "token": "a",
        "logprob": -0.5,
        "bytes": [97],
        "top_logprobs": [{"token": "b", "logprob": -1, "bytes": [98]}],
    }
    logprobs = {"content": [token]}
    choice = {"index": 0, "delta": {"content": "a"}, "logprobs": logprobs, "finish_reason": "stop"}
    found = events(translated(f"data: {json.dumps(chunk(choice))}\n\n".encode(), setting=setting))
    assert next(each for each in found if each["type"].endswith("text.delta"))["logprobs"] == [token]
    (message,) = joined(found)["output"]
    assert message["content"][0]["logprobs"] == [token]
    answer = ModelAnswer(text=["a"]).whole()
    answer["choices"][0]["logprobs"] = logprobs
    part = chat_part("m", json.dumps(answer).encode())
    assert msgspec.to_builtins(response_answer(setting, part, 2).output) == [message]


def call(index: int, name: str = "", arguments: Any = "{}") -> Json:
    piece = {"index": index, "id": f"c{index}", "function": {"name": name or None, "arguments": arguments}}
    return chunk({"index": 0, "delta": {"tool_calls": [piece]}})


def stream(*chunks: Json) -> bytes:
    return "".join(f"data: {json.dumps(each)}\n\n" for each in chunks).encode()


END = chunk({"index": 0, "delta": {}, "finish_reason": "tool_calls"})
BROKEN: dict[str, list[Json]] = {
    "no end": [chunk({"index": 0, "delta": {"content": "a"}})],
    "a piece of an earlier call": [call(0, "f"), call(1, "g"), call(0)],
    "a piece of a call behind text": [call(0, "f"), chunk({"index": 0, "delta": {"content": "a"}}), call(0)],
    "an error": [chunk({"index": 0, "delta": {"content": "a"}}), {"error": {"message": "enough", "code": 500}}],
    "an error that is a text": [{"error": "enough"}],
    "no chunk": [{"choices": "x"}],
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_a_response_is_an_error(case: str) -> None:
    machine = ResponseStream(SETTING, lambda: 2)
    data = machine.begin()
    with pytest.raises(ModelyardError) as raised:
        for part in parts(stream(*BROKEN[case])):
            data += machine.add(part)
        machine.end()
    found = joined(events(data + machine.fail(raised.value)))
    assert found["status"] == "failed" and found["error"]["code"] == "server_error"
    assert found["error"]["message"] == raised.value.message


FAILURES: dict[str, tuple[ModelyardError, str, str]] = {
    "too long": (ContextLengthExceeded(None, 8, 9), "context_length_exceeded", "context length is 8 tokens"),
    "too many": (RateLimited("enough", 3), "rate_limit_exceeded", "Please try again in 3s."),
    "engine": (UpstreamFailed("m", "gone."), "server_error", "The engine of model 'm' failed: gone."),
}


@pytest.mark.parametrize("case", FAILURES)
def test_errors_have_the_codes_that_codex_reads(case: str) -> None:
    error, code, words = FAILURES[case]
    machine = ResponseStream(SETTING, lambda: 2)
    data = machine.begin() + machine.fail(error)
    assert events(data)[-1]["type"] == "response.failed"
    problem = joined(events(data))["error"]
    assert problem["code"] == code and words in problem["message"]


def test_arguments_as_an_object_and_calls_without_numbers() -> None:
    first, second = call(0, "f", {"a": 1}), call(0, "g")
    for each in (first, second):
        del each["choices"][0]["delta"]["tool_calls"][0]["index"]
    found = joined(events(translated(stream(first, second, END))))["output"]
    assert [(each["name"], each["arguments"]) for each in found] == [("f", '{"a":1}'), ("g", "{}")]


def test_text_between_thoughts_begins_new_items() -> None:
    deltas = [{"reasoning_content": "a"}, {"content": "b"}, {"reasoning_content": "c"}, {"content": "d"}]
    chunks = [chunk({"index": 0, "delta": delta}) for delta in deltas]
    found = joined(events(translated(stream(*chunks, END))))["output"]
    assert [each["type"] for each in found] == ["reasoning", "message"] * 2


def test_a_whole_answer_without_a_message_is_an_error() -> None:
    with pytest.raises(UpstreamFailed):
        response_answer(SETTING, chat_part("m", b'{"choices":[]}'), 2)


INPUTS = {
    '{"input": "a"}': "a",
    ' {\n "input" :"\\ud83d\\ude00\\u00e9\\\\"}': "😀é\\",
    '{"input":"\\ud83dx"}': "\N{REPLACEMENT CHARACTER}x",
    '{"input":"cut \\u00': "cut ",
    '{"input":"cut \\': "cut ",
    '"text"': "text",
    '{"other":"x","input":"y"}': "y",
    '{"other":"x"}': '{"other":"x"}',
    '{"input":1}': '{"input":1}',
    "*** Begin Patch": "*** Begin Patch",
    "": "",
    "  ": "",
}


@pytest.mark.parametrize("arguments", INPUTS)
def test_the_input_of_a_custom_call(arguments: str) -> None:
    assert input_text(arguments) == INPUTS[arguments]


@given(text=st.text(), cuts=st.lists(st.integers(0, 60), max_size=8))
def test_the_input_of_a_custom_call_in_pieces(text: str, cuts: list[int]) -> None:
    for arguments in (arguments_of(text), json.dumps({"input": text}), text):
        places = sorted({min(cut, len(arguments)) for cut in cuts} | {0, len(arguments)})
        reader = InputReader()
        pieces = [reader.feed(arguments[begin:end]) for begin, end in itertools.pairwise(places)]
        assert "".join(pieces) + reader.finish() == input_text(arguments)
    assert input_text(arguments_of(text)) == text


TEXTS = st.lists(st.text(min_size=1, max_size=8), max_size=4)
ARGUMENTS = st.dictionaries(st.sampled_from(["input", "a"]), st.integers() | st.text(max_size=4), max_size=2)
ANSWERS = st.builds(
    ModelAnswer,
    thought=TEXTS,
    text=TEXTS,
    calls=st.lists(
        st.tuples(
            st.sampled_from(["f", "c", "ns__g"]),
            ARGUMENTS.map(lambda value: [json.dumps(value)[:5], json.dumps(value)[5:]]),
        ),
        max_size=3,
    ),
    refusal=st.sampled_from(["", "no"]),
    finish=st.sampled_from(["stop", "length", "tool_calls", "content_filter"]),
    citations=st.lists(st.just(CITATION), max_size=2),
).filter(lambda answer: not answer.calls and not answer.refusal if answer.citations else True)


@given(answer=ANSWERS, cuts=st.lists(st.integers(0, 4000), max_size=12))
def test_a_stream_joined_is_the_whole_answer_however_its_bytes_arrive(answer: ModelAnswer, cuts: list[int]) -> None:
    data = answer.stream()
    found = translated(data, cuts)
    assert found == translated(data)
    assert joined(events(found)) == whole(answer)
