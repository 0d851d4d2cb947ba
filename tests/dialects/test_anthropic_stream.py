"""Streams of Anthropic's API: every branch of the state machine, and streams joined compared with whole answers."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import ModelyardError, RateLimited, UpstreamFailed
from modelyard.dialects.anthropic.citations import CitedText, text_blocks
from modelyard.dialects.anthropic.errors import FORM
from modelyard.dialects.anthropic.reply import ReplySetting, message_answer
from modelyard.dialects.anthropic.signatures import signature, thought_of
from modelyard.dialects.anthropic.stream import PING, MessageStream
from modelyard.protocol.chat_parts import chat_part
from tests.dialects.scripts import CITATION, Json, ModelAnswer, chunk, parts

SETTING = ReplySetting("msg_1", "m", stops=("END",), max_tokens=5)


def translated(data: bytes, cuts: Sequence[int] = (), setting: ReplySetting = SETTING) -> bytes:
    """The bytes of the translated stream."""
    machine = MessageStream(setting)
    return machine.begin() + b"".join(map(machine.add, parts(data, cuts))) + machine.end()


def events(data: bytes) -> list[Json]:
    """The events of a stream, after checking that each is named as its data is."""
    found = []
    for each in data.decode().removesuffix("\n\n").split("\n\n"):
        name, line = each.split("\n")
        value = json.loads(line.removeprefix("data: "))
        assert name == f"event: {value['type']}"
        found.append(value)
    return found


def joined(found: Sequence[Json]) -> Json:
    """The message of a stream, as Anthropic's clients put it together."""
    message: Json = {}
    texts: dict[int, str] = {}
    for each in found:
        match each:
            case {"type": "message_start"}:
                message = each["message"]
            case {"type": "content_block_start"}:
                assert each["index"] == len(message["content"])
                message["content"].append(each["content_block"])
            case {"type": "content_block_delta", "index": index, "delta": {"type": "input_json_delta"} as delta}:
                texts[index] = texts.get(index, "") + delta["partial_json"]
            case {"type": "content_block_delta", "index": index, "delta": {"type": "citations_delta"} as delta}:
                block = message["content"][index]
                block["citations"] = [*(block["citations"] or ()), delta["citation"]]
            case {"type": "content_block_delta", "index": index, "delta": delta}:
                name = delta["type"].removesuffix("_delta")
                message["content"][index][name] += delta[name]
            case {"type": "content_block_stop", "index": index} if index in texts:
                message["content"][index]["input"] = json.loads(texts[index])
            case {"type": "message_delta"}:
                message |= {**each["delta"], "usage": each["usage"]}
    return message


def shape(data: bytes) -> list[str]:
    """The events in short: `+text`, `text_delta`, `-0`, and the stop reason."""
    found = []
    for each in events(data):
        match each["type"]:
            case "content_block_start":
                found.append("+" + each["content_block"]["type"])
            case "content_block_delta":
                found.append(each["delta"]["type"])
            case "content_block_stop":
                found.append(f"-{each['index']}")
            case "message_delta":
                found.append(each["delta"]["stop_reason"])
    return found


THOUGHT = ["+thinking", "thinking_delta", "signature_delta", "-0"]
CASES: dict[str, tuple[ModelAnswer, list[str]]] = {
    "nothing": (ModelAnswer(), ["end_turn"]),
    "text": (ModelAnswer(text=["a", "b"]), ["+text", "text_delta", "text_delta", "-0", "end_turn"]),
    "thinking": (ModelAnswer(thought=["a"], text=["b"]), [*THOUGHT, "+text", "text_delta", "-1", "end_turn"]),
    "only thoughts, cut": (ModelAnswer(thought=["a"], finish="length"), [*THOUGHT, "max_tokens"]),
    "a call": (
        ModelAnswer(calls=[("f", ['{"a":', "1}"])], finish="tool_calls"),
        ["+tool_use", "input_json_delta", "input_json_delta", "-0", "tool_use"],
    ),
    "a call without arguments": (
        ModelAnswer(calls=[("f", [])], finish="tool_calls"),
        ["+tool_use", "-0", "tool_use"],
    ),
    "text and two calls": (
        ModelAnswer(text=["a"], calls=[("f", ["{}"]), ("g", ["{}"])], finish="tool_calls"),
        [
            *("+text", "text_delta", "-0"),
            *("+tool_use", "input_json_delta", "-1", "+tool_use", "input_json_delta", "-2", "tool_use"),
        ],
    ),
    "refusal": (ModelAnswer(refusal="no"), ["+text", "text_delta", "-0", "refusal"]),
    "filtered": (
        ModelAnswer(text=["a"], finish="content_filter"),
        ["+text", "text_delta", "-0", "refusal"],
    ),
    "cut": (ModelAnswer(text=["a"], finish="length"), ["+text", "text_delta", "-0", "max_tokens"]),
    "cut by the context": (
        ModelAnswer(text=["a"], finish="length", usage={"prompt_tokens": 9, "completion_tokens": 1}),
        ["+text", "text_delta", "-0", "model_context_window_exceeded"],
    ),
    "stop sequence": (ModelAnswer(text=["a"], stop="END"), ["+text", "text_delta", "-0", "stop_sequence"]),
    "a stop of the launch": (ModelAnswer(text=["a"], stop="<end>"), ["+text", "text_delta", "-0", "end_turn"]),
    "citations": (
        ModelAnswer(
            text=["a [", "2", "].", " b [3]", " [2", "]\n", "c"], citations=[CITATION, {**CITATION, "number": 3}]
        ),
        [
            *("+text", "text_delta", "text_delta", "text_delta", "text_delta", "citations_delta", "-0"),
            *("+text", "text_delta", "text_delta", "citations_delta", "citations_delta", "-1"),
            *("+text", "text_delta", "-2", "end_turn"),
        ],
    ),
    "a citation without a place": (
        ModelAnswer(text=["a [1]", " b"], citations=[CITATION]),
        ["+text", "text_delta", "text_delta", "citations_delta", "-0", "end_turn"],
    ),
    "without usage": (ModelAnswer(text=["a"], usage=None), ["+text", "text_delta", "-0", "end_turn"]),
}


@pytest.mark.parametrize("case", CASES)
def test_every_branch(case: str) -> None:
    answer, expected = CASES[case]
    data = translated(answer.stream())
    assert shape(data) == expected
    names = [each["type"] for each in events(data)]
    assert names[:2] == ["message_start", "ping"] and names[-2:] == ["message_delta", "message_stop"]
    whole = msgspec.to_builtins(message_answer(SETTING, chat_part("m", json.dumps(answer.whole()).encode())))
    assert joined(events(data)) == whole


def test_thoughts_that_are_not_shown_come_back_by_their_signature() -> None:
    setting = ReplySetting("msg_1", "m", hides_thoughts=True)
    answer = ModelAnswer(thought=["I ", "think 世界"], text=["b"])
    block = joined(events(translated(answer.stream(), setting=setting)))["content"][0]
    assert block["thinking"] == "" and thought_of("", block["signature"]) == "I think 世界"
    whole = message_answer(setting, chat_part("m", json.dumps(answer.whole()).encode()))
    assert msgspec.to_builtins(whole.content[0]) == block


@pytest.mark.parametrize("signed", ["", "not base64!", "AAAA", signature("secret"), "ErUBCkYIAhgCIkD"])
def test_other_signatures_hold_no_thoughts(signed: str) -> None:
    assert thought_of("", signed) == ""
    assert thought_of("shown", signed) == "shown"


def test_short_ids_of_calls_differ_between_answers() -> None:
    """Claude Code drops the second call of a conversation that has the id of an earlier one."""
    answer = ModelAnswer(calls=[("f", []), ("g", [])], finish="tool_calls")
    first, second = (
        [each["id"] for each in joined(events(translated(answer.stream(), setting=ReplySetting(name, "m"))))["content"]]
        for name in ("msg_1", "msg_2")
    )
    assert len({*first, *second}) == 4 and all(len(each) == 9 and each.isalnum() for each in (*first, *second))
    long = call(0, "f")
    long["choices"][0]["delta"]["tool_calls"][0]["id"] = "functions.f:0"
    data = [long, chunk({"index": 0, "delta": {}, "finish_reason": "tool_calls"})]
    stream = "".join(f"data: {json.dumps(each)}\n\n" for each in data).encode()
    assert joined(events(translated(stream)))["content"][0]["id"] == "functions.f:0"


def test_usage_counts_cached_tokens_apart() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 7}}
    found = joined(events(translated(ModelAnswer(text=["a"], usage=usage).stream())))["usage"]
    assert found == {
        "input_tokens": 3,
        "cache_read_input_tokens": 7,
        "cache_creation_input_tokens": 0,
        "output_tokens": 2,
    }


def test_a_citation_names_its_document() -> None:
    found = joined(events(translated(ModelAnswer(text=["a"], citations=[CITATION]).stream())))
    assert found["content"][0]["citations"] == [
        {
            "type": "search_result_location",
            "cited_text": "Cats sleep.",
            "source": "/v1/knowledge_bases/hand%20book/documents/4/content",
            "title": "rules.md",
            "search_result_index": 1,
            "start_block_index": 0,
            "end_block_index": 1,
        }
    ]


def call(index: int, name: str = "", arguments: Any = "{}") -> Json:
    piece = {"index": index, "id": f"c{index}", "function": {"name": name or None, "arguments": arguments}}
    return chunk({"index": 0, "delta": {"tool_calls": [piece]}})


BROKEN: dict[str, list[Json]] = {
    "no end": [chunk({"index": 0, "delta": {"content": "a"}})],
    "a piece of an earlier call": [call(0, "f"), call(1, "g"), call(0)],
    "a piece of a call behind text": [call(0, "f"), chunk({"index": 0, "delta": {"content": "a"}}), call(0)],
    "an error": [chunk({"index": 0, "delta": {"content": "a"}}), {"error": {"message": "enough", "code": 500}}],
    "an error that is a text": [{"error": "enough"}],
    "no chunk": [{"choices": "x"}],
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_a_message_is_an_error(case: str) -> None:
    data = "".join(f"data: {json.dumps(each)}\n\n" for each in BROKEN[case]).encode()
    with pytest.raises(ModelyardError):
        translated(data)


def test_arguments_as_an_object_and_calls_without_numbers() -> None:
    first, second = call(0, "f", {"a": 1}), call(0, "g")
    for each in (first, second):
        del each["choices"][0]["delta"]["tool_calls"][0]["index"]
    data = [first, second, chunk({"index": 0, "delta": {}, "finish_reason": "tool_calls"})]
    stream = "".join(f"data: {json.dumps(each)}\n\n" for each in data).encode()
    content = joined(events(translated(stream)))["content"]
    assert [(block["name"], block["input"]) for block in content] == [("f", {"a": 1}), ("g", {})]


@pytest.mark.parametrize("arguments", ["", "{", "[1]", '"x"', "nonsense", None])
def test_arguments_that_are_no_object_stay_in_a_whole_answer(arguments: str | None) -> None:
    whole = ModelAnswer(calls=[("f", [arguments or ""])]).whole()
    whole["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] = arguments
    block: Any = message_answer(SETTING, chat_part("m", json.dumps(whole).encode())).content[0]
    assert block.input == ({"INVALID_JSON": arguments} if arguments else {})


def test_a_whole_answer_without_a_message_is_an_error() -> None:
    with pytest.raises(UpstreamFailed):
        message_answer(SETTING, chat_part("m", b'{"choices":[]}'))
    with pytest.raises(UpstreamFailed):
        chat_part("m", b"<html>")


def test_an_error_is_an_event_of_its_own() -> None:
    (found,) = events(FORM.event(RateLimited("enough", 1), "req-1"))
    assert found == {
        "type": "error",
        "error": {"type": "rate_limit_error", "message": "Rate limit reached: enough"},
        "request_id": "req-1",
    }
    assert events(PING) == [{"type": "ping"}]


MARKED = st.lists(
    st.sampled_from(["a", "[", "2", "3", "]", ". ", " ", "[2]", "[3,2]", "【2】", "[4]", "。", "\n"]),
    min_size=1,
    max_size=12,
)


@given(text=MARKED, cuts=st.lists(st.integers(0, 60), max_size=6))
def test_citations_have_the_same_places_however_the_text_arrives(text: list[str], cuts: list[int]) -> None:
    whole, sources = "".join(text), [CITATION, {**CITATION, "number": 3}]
    places = sorted({min(cut, len(whole)) for cut in cuts} | {0, len(whole)})
    pieces = [whole[begin:end] for begin, end in itertools.pairwise(places)]
    blocks = text_blocks(whole, sources)
    assert "".join(block.text for block in blocks) == whole and all(block.text for block in blocks)
    cited = CitedText()
    cited.know(sources)
    joined, found = "", []
    for part in (*(each for piece in pieces for each in cited.add(piece)), *cited.end()):
        if isinstance(part, str):
            joined += part
        else:
            found.append((joined, [each.search_result_index for each in part]))
            joined = ""
    found += [(joined, [])] if joined else []
    assert found == [(block.text, [each.search_result_index for each in block.citations or ()]) for block in blocks]


TEXTS = st.lists(st.text(min_size=1, max_size=8), max_size=4)
ANSWERS = st.builds(
    ModelAnswer,
    thought=TEXTS,
    text=TEXTS,
    calls=st.lists(
        st.tuples(
            st.sampled_from(["f", "g"]),
            st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=4), max_size=2).map(
                lambda value: [json.dumps(value)[:3], json.dumps(value)[3:]]
            ),
        ),
        max_size=3,
    ),
    finish=st.sampled_from(["stop", "length", "tool_calls"]),
    stop=st.sampled_from([None, "END", "other"]),
    citations=st.lists(st.just(CITATION), max_size=1),
).filter(lambda answer: bool(answer.text) and not answer.calls if answer.citations else True)


@given(answer=ANSWERS, cuts=st.lists(st.integers(0, 4000), max_size=12))
def test_a_stream_joined_is_the_whole_answer_however_its_bytes_arrive(answer: ModelAnswer, cuts: list[int]) -> None:
    data = answer.stream()
    found = translated(data, cuts)
    assert found == translated(data)
    whole = msgspec.to_builtins(message_answer(SETTING, chat_part("m", json.dumps(answer.whole()).encode())))
    assert joined(events(found)) == whole
