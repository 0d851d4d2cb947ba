"""Ollama's API as chat completions and back: requests, options, names, and every branch of a stream."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import InvalidParameter, ModelyardError, UnsupportedParameter, UpstreamFailed
from modelyard.dialects.features import Fate
from modelyard.dialects.ollama.features import CHAT, EMBED, GENERATE, OPTIONS
from modelyard.dialects.ollama.names import ModelLabel, launch_command, resolved
from modelyard.dialects.ollama.reply import LineSetting, LineWriter
from modelyard.dialects.ollama.request import EngineAbilities, chat_body, completion_body, generate_body
from modelyard.protocol.chat_parts import chat_part
from modelyard.protocol.messages import normalize
from modelyard.protocol.ollama import (
    OllamaChatRequest,
    OllamaEmbeddingsRequest,
    OllamaEmbedRequest,
    OllamaGenerateRequest,
    OllamaOptions,
)
from modelyard.protocol.requests import decode
from tests.dialects.scripts import Json, ModelAnswer, chunk, parts

USER = {"role": "user", "content": "Hello"}
NO = EngineAbilities()


def chat(abilities: EngineAbilities = NO, /, **fields: Any) -> Json:
    """The chat completion of a request to `/api/chat` with these fields."""
    data = json.dumps({"model": "m", "messages": [USER], "stream": False, **fields}).encode()
    body = chat_body(decode(data, OllamaChatRequest), data, fields.get("model", "m"), abilities)
    found: Json = json.loads(msgspec.json.encode(body))
    return found


def generate(**fields: Any) -> Json:
    """The chat completion of a request to `/api/generate`, or its completion."""
    data = json.dumps({"model": "m", "prompt": "Hello", "stream": False, **fields}).encode()
    request = decode(data, OllamaGenerateRequest)
    whole = request.raw or request.suffix
    body = completion_body(request, data, "m") if whole else generate_body(request, data, "m", NO)
    found: Json = json.loads(msgspec.json.encode(body))
    return found


def test_a_plain_request() -> None:
    assert chat() == {"model": "m", "messages": [USER]}
    streamed = {"stream": True, "stream_options": {"include_usage": True}}
    assert chat(stream=None) == chat(stream=True) == {**chat(), **streamed}
    assert generate() == chat()
    system = {"role": "system", "content": "Be nice."}
    assert generate(system="Be nice.")["messages"] == [system, USER]


def test_options() -> None:
    options = {"num_predict": 5, "temperature": 0, "repeat_penalty": 1.1, "stop": ["a"], "num_ctx": 4096, "seed": 3}
    assert chat(options=options) == {
        **chat(),
        "max_tokens": 5,
        "temperature": 0,
        "repetition_penalty": 1.1,
        "stop": ["a"],
        "seed": 3,
    }
    nothing = {"num_predict": -1, "tfs_z": 1.0, "mirostat": 0, "typical_p": 1.0, "top_k": None}
    assert chat(options=nothing) == chat(options={"num_predict": -2}) == chat()
    assert chat(options={"xtc_probability": 0.5}) == {**chat(), "xtc_probability": 0.5}
    assert chat(options={name: 1 for name, each in OPTIONS.items() if each.fate is Fate.IGNORED}) == chat()


@pytest.mark.parametrize("name", [name for name, each in OPTIONS.items() if each.fate is not Fate.IGNORED])
def test_an_option_that_is_wrong_is_named(name: str) -> None:
    with pytest.raises((InvalidParameter, UnsupportedParameter), match=f"'options.{name}"):
        chat(options={name: {"no": "such"}})


def test_forms_and_thinking() -> None:
    schema = {"type": "object"}
    assert chat(format="json")["response_format"] == {"type": "json_object"}
    assert chat(format=schema)["response_format"]["json_schema"]["schema"] == schema
    assert chat(format="") == chat()
    assert chat(think=False)["enable_thinking"] is False
    assert chat(think="high") == {**chat(), "enable_thinking": True}
    assert chat(EngineAbilities(effort=True), think="high")["reasoning_effort"] == "high"
    assert chat(logprobs=True, top_logprobs=2) == {**chat(), "logprobs": True, "top_logprobs": 2}


@pytest.mark.parametrize("name", [name for name, each in GENERATE.items() if each.fate is Fate.REFUSED])
def test_fields_that_are_refused(name: str) -> None:
    with pytest.raises(UnsupportedParameter, match=f"'{name}'"):
        generate(**{name: [1]})
    assert generate(**{name: None}) == generate()


def test_several_answers_are_refused() -> None:
    with pytest.raises(UnsupportedParameter, match="'n'"):
        generate(n=2)


def test_completions() -> None:
    assert generate(raw=True, options={"num_predict": 3}) == {"model": "m", "prompt": "Hello", "max_tokens": 3}
    assert generate(suffix="world", logprobs=True) == {
        "model": "m",
        "prompt": "Hello",
        "suffix": "world",
        "logprobs": 1,
    }
    for fields in ({"images": ["AAAA"]}, {"think": True}, {"format": "json"}):
        with pytest.raises(InvalidParameter, match=next(iter(fields))):
            generate(raw=True, **fields)


CALLS = [{"function": {"name": "f", "arguments": {"a": 1}}}, {"function": {"name": "g", "arguments": {}}}]


def test_calls_results_and_pictures() -> None:
    results = [{"role": "tool", "tool_name": "g", "content": "two"}, {"role": "tool", "content": "one"}]
    turns = [USER, {"role": "assistant", "content": "", "thinking": "Hm.", "tool_calls": CALLS}, *results]
    found = chat(messages=turns, tools=[{"type": "function", "function": {"name": "f"}}])
    assert normalize(found["messages"]) is found["messages"]
    first, second = found["messages"][1]["tool_calls"]
    assert first["function"] == {"name": "f", "arguments": '{"a":1}'} and second["function"]["arguments"] == "{}"
    assert [each["tool_call_id"] for each in found["messages"][2:]] == [second["id"], first["id"]]
    assert found["messages"][1]["reasoning_content"] == "Hm." and found["messages"][1]["content"] is None
    assert "tools" not in chat(model="kb:x", tools=found["tools"])
    lonely = chat(messages=[{"role": "tool", "content": "x"}])["messages"][0]
    assert lonely["tool_call_id"]
    pictures = ["iVBORw0KGgo=", "/9j/4AAQ", "data:image/webp;base64,AA", "R0lGODlh", "QUFB"]
    content = chat(messages=[{**USER, "images": pictures}])["messages"][0]["content"]
    urls = [part["image_url"]["url"].partition(",")[0] for part in content[1:]]
    assert urls == [f"data:image/{kind};base64" for kind in ("png", "jpeg", "webp", "gif", "png")]


def test_the_tables_have_what_the_structs_have() -> None:
    meant = (Fate.HONOURED, Fate.TRANSLATED)
    assert set(OllamaChatRequest.__struct_fields__) == {name for name in CHAT if name not in ("truncate", "shift")}
    assert set(OllamaGenerateRequest.__struct_fields__) == {
        name for name, each in GENERATE.items() if each.fate in meant or name == "keep_alive"
    }
    assert {*OllamaEmbedRequest.__struct_fields__, *OllamaEmbeddingsRequest.__struct_fields__} == set(EMBED)
    assert set(OllamaOptions.__struct_fields__) == {name for name, each in OPTIONS.items() if each.fate in meant}


LABELS = [
    ModelLabel("small", "qwen2.5-instruct", 0.5, "q4_k_m"),
    ModelLabel("large", "qwen2.5-instruct", 7, "Q8_0"),
    ModelLabel("org/own", "custom", None, None),
    ModelLabel("gemma-3-it", "gemma-3-it", 1, None),
]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("small", "small"),
        ("small:latest", "small"),
        ("qwen2.5", "small"),
        ("qwen2.5:latest", "small"),
        ("qwen2.5:7b", "large"),
        ("qwen2.5:7b-instruct-q8_0", "large"),
        ("qwen2.5:7b-instruct-q4_0", None),
        ("library/qwen2.5:0.5b", "small"),
        ("Qwen2.5-Instruct:500m", "small"),
        ("qwen2.5:72b", None),
        ("gemma3:1b", "gemma-3-it"),
        ("org/own", "org/own"),
        ("llama3", None),
    ],
)
def test_names_with_tags(name: str, meant: str | None) -> None:
    assert resolved(name, LABELS) == meant


def test_the_command_that_launches_a_known_family() -> None:
    families = ["qwen2.5", "qwen2.5-instruct", "llama-3.1-instruct"]
    assert launch_command("qwen2.5:0.5b", families) == "modelyard launch qwen2.5-instruct --size-in-billions 0.5"
    assert launch_command("llama3.1", families) == "modelyard launch llama-3.1-instruct"
    assert launch_command("nothing", families) is None


def writer(chats: bool = True) -> LineWriter:
    return LineWriter(LineSetting("m", chats, 1.0, lambda: 2.0))


def lines(data: bytes, cuts: Sequence[int] = (), chats: bool = True) -> list[Json]:
    """The lines of a translated stream."""
    machine = writer(chats)
    found = machine.begin() + b"".join(map(machine.add, parts(data, cuts))) + machine.end()
    return [json.loads(line) for line in found.splitlines()]


def joined(found: Sequence[Json]) -> Json:
    """The message of a stream, put together."""
    texts = "".join(each["message"]["content"] for each in found)
    thoughts = "".join(each["message"].get("thinking", "") for each in found)
    calls = [call for each in found for call in each["message"].get("tool_calls", ())]
    return {"content": texts, "thinking": thoughts, "calls": calls, "reason": found[-1]["done_reason"]}


CASES: dict[str, tuple[ModelAnswer, list[str]]] = {
    "nothing": (ModelAnswer(), ["stop"]),
    "text": (ModelAnswer(text=["a", "b"]), ["a", "b", "stop"]),
    "thoughts": (ModelAnswer(thought=["t"], text=["a"]), ["(t)", "a", "stop"]),
    "cut": (ModelAnswer(text=["a"], finish="length"), ["a", "length"]),
    "refusal": (ModelAnswer(refusal="no"), ["no", "stop"]),
    "calls": (
        ModelAnswer(text=["a"], calls=[("f", ['{"a"', ":1}"]), ("g", [])], finish="tool_calls"),
        ["a", "f{'a': 1} g{}", "stop"],
    ),
    "a call that is cut": (ModelAnswer(calls=[("f", ["{"])], finish="length"), ["f{'INVALID_JSON': '{'}", "length"]),
    "without usage": (ModelAnswer(text=["a"], usage=None), ["a", "stop"]),
}


def shape(line: Json) -> str:
    message = line["message"]
    if line["done"]:
        return str(line["done_reason"])
    if calls := message.get("tool_calls"):
        return " ".join(f"{each['function']['name']}{each['function']['arguments']}" for each in calls)
    return message["content"] or f"({message['thinking']})"


@pytest.mark.parametrize("case", CASES)
def test_every_branch(case: str) -> None:
    answer, expected = CASES[case]
    found = lines(answer.stream())
    assert [shape(each) for each in found] == expected
    last = found[-1]
    assert last["total_duration"] == 1_000_000_000 and last["done"] and last["load_duration"] == 0
    counts = (last["prompt_eval_count"], last["eval_count"])
    assert counts == ((7, 5) if answer.usage else (0, 0))


def test_lines_of_generate() -> None:
    found = lines(ModelAnswer(thought=["t"], text=["a"]).stream(), chats=False)
    assert [(each["response"], each.get("thinking")) for each in found] == [("", "t"), ("a", None), ("", None)]
    texts = [{"index": 0, "text": "a"}, {"index": 0, "text": "b", "finish_reason": "length"}]
    data = "".join(f"data: {json.dumps(chunk(each))}\n\n" for each in texts).encode()
    assert [each["response"] for each in lines(data, chats=False)] == ["a", "b", ""]


BROKEN: dict[str, list[Json]] = {
    "no end": [chunk({"index": 0, "delta": {"content": "a"}})],
    "an error": [{"error": {"message": "enough"}}],
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_has_no_end_is_an_error(case: str) -> None:
    data = "".join(f"data: {json.dumps(each)}\n\n" for each in BROKEN[case]).encode()
    with pytest.raises(ModelyardError):
        lines(data)
    with pytest.raises(UpstreamFailed):
        writer().whole(chat_part("m", b'{"choices":[]}'))


def test_log_probabilities() -> None:
    scores = {"content": [{"token": "a", "logprob": -0.5, "top_logprobs": []}]}
    data = [chunk({"index": 0, "delta": {"content": "a"}, "logprobs": scores, "finish_reason": "stop"})]
    (first, _) = lines("".join(f"data: {json.dumps(each)}\n\n" for each in data).encode())
    assert first["logprobs"] == scores["content"]


TEXTS = st.lists(st.text(min_size=1, max_size=8), max_size=4)
ANSWERS = st.builds(
    ModelAnswer,
    thought=TEXTS,
    text=TEXTS,
    calls=st.lists(
        st.tuples(st.sampled_from(["f", "g"]), st.sampled_from([[], ["{}"], ['{"a":', "1}"], ['{"b']])), max_size=3
    ),
    finish=st.sampled_from(["stop", "length", "tool_calls"]),
)


@given(answer=ANSWERS, cuts=st.lists(st.integers(0, 4000), max_size=12))
def test_a_stream_joined_is_the_whole_answer_however_its_bytes_arrive(answer: ModelAnswer, cuts: list[int]) -> None:
    data = answer.stream()
    found = lines(data, cuts)
    assert found == lines(data)
    whole = json.loads(msgspec.json.encode(writer().whole(chat_part("m", json.dumps(answer.whole()).encode()))))
    assert joined(found) == joined([whole])


@st.composite
def conversations(draw: st.DrawFn) -> list[Json]:
    """A conversation in Ollama's form."""
    words = st.text(min_size=1, max_size=12)
    found: list[Json] = [{"role": "system", "content": draw(words)}] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        found.append({"role": "user", "content": draw(words)})
        if draw(st.booleans()):
            names = draw(st.lists(st.sampled_from(["f", "g", "h"]), min_size=1, max_size=3, unique=True))
            calls = [{"function": {"name": name, "arguments": {"a": draw(words)}}} for name in names]
            found.append({"role": "assistant", "content": "", "tool_calls": calls})
            found += [{"role": "tool", "tool_name": name, "content": draw(words)} for name in names]
        found.append({"role": "assistant", "content": draw(words)})
    return found


def as_ollama(messages: list[Json]) -> list[Json]:
    """The messages of a chat completion in Ollama's form."""
    names: dict[str, str] = {}
    found: list[Json] = []
    for each in messages:
        new: Json = {"role": each["role"], "content": each["content"] or ""}
        if calls := each.get("tool_calls"):
            names |= {call["id"]: call["function"]["name"] for call in calls}
            new["tool_calls"] = [
                {"function": {**call["function"], "arguments": json.loads(call["function"]["arguments"])}}
                for call in calls
            ]
        if each["role"] == "tool":
            new["tool_name"] = names[each["tool_call_id"]]
        found.append(new)
    return found


@given(conversations())
def test_a_conversation_there_and_back_is_the_same(messages: list[Json]) -> None:
    assert as_ollama(chat(messages=messages)["messages"]) == messages
