"""Probes of `/v1/completions`: prompts of every kind, and what is told beside the text."""

from __future__ import annotations

import json

from tests.conformance.chatting import token_of
from tests.conformance.feature import Subject, feature

COMPLETIONS = "Completions"
PROMPT = "The capital of France is"
TOKENS = [token_of(word) for word in ("The", " capital", " of", " France", " is")]


def joined(chunks: list[object], index: int = 0) -> str:
    return "".join(each.text for chunk in chunks for each in chunk.choices if each.index == index)  # type: ignore[attr-defined]


@feature(COMPLETIONS, "whole and streamed alike")
def whole(subject: Subject) -> None:
    answer = subject.complete(PROMPT, max_tokens=2)
    assert (answer.object, answer.model) == ("text_completion", subject.model)
    assert answer.usage.completion_tokens == 2 and answer.choices[0].finish_reason == "length"
    assert joined(subject.complete_streamed(PROMPT, max_tokens=2)) == answer.choices[0].text != ""


@feature(COMPLETIONS, "a list of prompts")
def several(subject: Subject) -> None:
    prompts = [PROMPT, "杭州是", "Hello 🙂"]
    if subject.engine == "fake":
        prompts = [PROMPT]
    alone = [subject.complete(prompt).choices[0].text for prompt in prompts]
    answer = subject.complete(prompts)
    assert [choice.index for choice in answer.choices] == list(range(len(prompts)))
    assert [choice.text for choice in answer.choices] == alone
    chunks = subject.complete_streamed(prompts)
    assert [joined(chunks, index) for index in range(len(prompts))] == alone


@feature(COMPLETIONS, "token ids, and lists of them", "prompt")
def token_ids(subject: Subject) -> None:
    text = subject.complete(PROMPT).choices[0].text
    by_ids = subject.complete(TOKENS)
    assert by_ids.choices[0].text == text
    assert by_ids.usage.prompt_tokens == len(TOKENS)
    assert [choice.text for choice in subject.complete([TOKENS, TOKENS]).choices] == [text, text]


@feature(COMPLETIONS, "`echo`", "echo")
def echo(subject: Subject) -> None:
    for prompt in (PROMPT, "你好 🙂, naïve"):
        text = prompt + subject.complete(prompt).choices[0].text
        assert subject.complete(prompt, echo=True).choices[0].text == text
        assert joined(subject.complete_streamed(prompt, echo=True)) == text


@feature(COMPLETIONS, "`echo` with `logprobs`", "echo", "logprobs")
def echo_logprobs(subject: Subject) -> None:
    answer = subject.complete(PROMPT, echo=True, logprobs=2, max_tokens=1).choices[0]
    told = answer.logprobs
    assert len(told.tokens) == len(told.token_logprobs) == len(TOKENS) + 1
    assert "".join(told.tokens) == answer.text
    assert told.token_logprobs[0] is None and all(value <= 0 for value in told.token_logprobs[1:])
    assert told.text_offset[1] == len(told.tokens[0])


@feature(COMPLETIONS, "`logprobs`", "logprobs")
def logprobs(subject: Subject) -> None:
    answer = subject.complete(PROMPT, logprobs=2, max_tokens=2).choices[0]
    told = answer.logprobs
    assert len(told.tokens) == len(told.token_logprobs) == len(told.top_logprobs) == len(told.text_offset) == 2
    assert "".join(told.tokens) == answer.text
    assert all(set(top) >= {token} and len(top) == 2 for token, top in zip(told.tokens, told.top_logprobs, strict=True))


@feature(COMPLETIONS, "`logprobs`, streamed", "logprobs")
def streamed_logprobs(subject: Subject) -> None:
    told = subject.complete(PROMPT, logprobs=2, max_tokens=2).choices[0].logprobs
    chunks = subject.complete_streamed(PROMPT, logprobs=2, max_tokens=2)
    pieces = [choice.logprobs for chunk in chunks for choice in chunk.choices if choice.logprobs]
    assert [token for piece in pieces for token in piece.tokens] == told.tokens


@feature(COMPLETIONS, "`n`", "n")
def choices(subject: Subject) -> None:
    answer = subject.complete([PROMPT, "Hello"], n=2, temperature=2, seed=3, max_tokens=12)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert len({choice.text for choice in answer.choices}) > 1


@feature(COMPLETIONS, "`best_of`", "best_of")
def best_of(subject: Subject) -> None:
    answer = subject.complete(PROMPT, n=1, best_of=3, temperature=1, seed=3)
    assert len(answer.choices) == 1 and answer.usage.completion_tokens > 8, "more were drawn than are shown"


@feature(COMPLETIONS, "`suffix`, by a model that has tokens for the middle", "suffix")
def suffix(subject: Subject) -> None:
    assert (
        subject.complete(PROMPT, suffix=" is the answer.").choices[0].text != subject.complete(PROMPT).choices[0].text
    )


@feature(COMPLETIONS, "`stop` and `stream_options.include_usage`")
def ends(subject: Subject) -> None:
    full = subject.complete(PROMPT, max_tokens=16).choices[0].text
    word = full.split()[0]
    assert subject.complete(PROMPT, max_tokens=16, stop=[word]).choices[0].text == full[: full.index(word)]
    last = subject.complete_streamed(PROMPT, stream_options={"include_usage": True})[-1]
    assert last.usage.completion_tokens == subject.complete(PROMPT).usage.completion_tokens


@feature(COMPLETIONS, "`response_format` json_schema", "response_format")
def held(subject: Subject) -> None:
    schema = {"enum": ["Lyon"]}
    given = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert json.loads(subject.complete(PROMPT, response_format=given, max_tokens=30).choices[0].text) == "Lyon"


@feature(COMPLETIONS, "`guided_choice`", "guided_choice")
def guided(subject: Subject) -> None:
    assert subject.complete(PROMPT, guided_choice=["Lyon"]).choices[0].text == "Lyon"
