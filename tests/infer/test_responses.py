"""Answers in pieces and answers whole say the same, wherever the pieces are cut."""

from __future__ import annotations

import itertools
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modelyard.infer.responses import ChatCompletionResponse, ChatCompletionStreamResponse, assembled, read

CALL = {"city": "Hangzhou 杭州", "days": 3}


def chunk(index: int = 0, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"id": "c1", "model": "m", "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


def pieces(text: str, cuts: list[int]) -> list[str]:
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(edges)]


@given(st.text(), st.text(min_size=1), st.lists(st.integers(0, 30), max_size=5))
def test_the_pieces_of_two_choices_are_put_together_apart(first: str, second: str, cuts: list[int]) -> None:
    chunks = [chunk(0, content=each) for each in pieces(first, cuts)]
    others = [chunk(1, reasoning_content=each) for each in pieces(second, cuts)]
    mixed = [each for pair in zip(chunks, others, strict=True) for each in pair]
    usage = {"id": "c1", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}
    answer = read(ChatCompletionResponse, assembled([*mixed, chunk(1, "length"), chunk(0, "stop"), usage]))
    one, two = answer.choices
    assert (one.message.content, one.finish_reason) == (first, "stop")
    assert (two.message.reasoning_content, two.message.content, two.finish_reason) == (second, "", "length")
    assert answer.usage is not None and answer.usage.total_tokens == 3
    assert (answer.id, answer.model, answer.object) == ("c1", "m", "chat.completion")


@given(st.lists(st.integers(0, 60), max_size=6))
def test_the_arguments_of_a_call_are_whole_however_they_are_cut(cuts: list[int]) -> None:
    text = json.dumps(CALL)
    chunks = [
        chunk(tool_calls=[{"index": 1, "id": "x1", "type": "function", "function": {"name": "weather"}}]),
        *(chunk(tool_calls=[{"index": 1, "function": {"arguments": each}}]) for each in pieces(text, cuts)),
        chunk(tool_calls=[{"id": "x0", "function": {"name": "now", "arguments": "{}"}}]),
    ]
    calls = assembled(chunks)["choices"][0]["message"]["tool_calls"]
    assert [(call["id"], call["type"], call["function"]["name"]) for call in calls] == [
        ("x0", "function", "now"),
        ("x1", "function", "weather"),
    ]
    assert json.loads(calls[1]["function"]["arguments"]) == CALL


def test_logprobs_of_chunks_are_one_list() -> None:
    first, second = chunk(content="a"), chunk(content="b")
    first["choices"][0]["logprobs"], second["choices"][0]["logprobs"] = {"content": [1]}, {"content": [2, 3]}
    assert assembled([first, second])["choices"][0]["logprobs"] == {"content": [1, 2, 3]}


def test_a_null_is_the_default_of_its_field_and_unknown_fields_are_left_out() -> None:
    answer = read(ChatCompletionStreamResponse, {"choices": [{"delta": {"content": None, "new": 1}}], "usage": None})
    assert (answer.choices[0].delta.content, answer.usage, answer.object) == ("", None, "chat.completion.chunk")
