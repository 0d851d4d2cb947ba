"""Probes of how tokens are chosen and how answers end, at the edges of what their parameters may be."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import openai
import pytest

from tests.conformance.chatting import CHAT, CHINESE, LONG, token_of
from tests.conformance.completing import COMPLETIONS, PROMPT
from tests.conformance.completing import joined as joined_texts
from tests.conformance.feature import QUESTION, Subject, feature, joined

T = TypeVar("T")


def at_once(*calls: Callable[[], T]) -> list[T]:
    """The results of several requests, sent together."""
    with ThreadPoolExecutor(8) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def texts(subject: Subject, *bodies: dict[str, Any]) -> list[str]:
    """The answers to several chats."""
    return at_once(*(lambda body=body: subject.text(**body) for body in bodies))


def same(subject: Subject, *bodies: dict[str, Any]) -> None:
    """Each of these chats gives one and the same answer."""
    found = texts(subject, *bodies)
    assert len(set(found)) == 1, dict(zip(map(str, bodies), found, strict=True))


def refused(subject: Subject, param: str, **body: Any) -> None:
    """Such a chat is a 400 that names the parameter."""
    with pytest.raises(openai.BadRequestError) as bad:
        subject.chat(**body)
    assert bad.value.param == param, bad.value


@feature(CHAT, "`temperature` 0 is the likeliest, whatever else is said", "temperature", "top_p", "top_k", "min_p", "n")
def greedy(subject: Subject) -> None:
    others: list[dict[str, Any]] = [{"seed": 1}, {"seed": 2}, {"top_p": 0.1}, {"top_p": 1}, {"top_k": 50}, {"min_p": 0}]
    same(subject, {}, *others, {"temperature": 1e-6})
    answer = subject.chat(n=2)
    assert {choice.message.content for choice in answer.choices} == {subject.text()}


@feature(CHAT, "`top_p` 0, `top_k` 1 and `min_p` 1 are the likeliest, too", "top_p", "top_k", "min_p")
def narrow(subject: Subject) -> None:
    hot = {"temperature": 2, "seed": 7}
    same(subject, {}, {**hot, "top_p": 0}, {**hot, "top_k": 1}, {**hot, "min_p": 1})


@feature(CHAT, "`top_k` 0 and -1 are all tokens", "top_k")
def wide(subject: Subject) -> None:
    hot = {"temperature": 2, "seed": 7, "top_p": 1, "min_p": 0}
    subject.text(
        **hot
    )  # all others find the prompt read; a batch would change the last digits, which show at this temperature
    assert subject.text(**hot, top_k=0) == subject.text(**hot, top_k=-1)


@feature(CHAT, "`seed`: 0, large ones, and another for each choice", "seed")
def seeds(subject: Subject) -> None:
    for seed in (0, 2**31, 2**53):
        same(subject, *[{"seed": seed, "temperature": 2}] * 2)
    answer = subject.chat(seed=5, temperature=2, n=2)
    assert answer.choices[0].message.content != answer.choices[1].message.content


@feature(CHAT, "`presence_penalty`, `frequency_penalty` from -2 to 2", "presence_penalty", "frequency_penalty")
def penalties(subject: Subject) -> None:
    for name in ("presence_penalty", "frequency_penalty"):
        less, none, more = texts(subject, *({**LONG, "messages": CHINESE, name: value} for value in (-2, 0, 2)))
        assert len(set(more)) >= len(set(none)) >= len(set(less)), (less, none, more)
        for value in (-2.1, 2.1):
            refused(subject, name, **{name: value})


@feature(CHAT, "`repetition_penalty` 1 changes nothing, and must be above 0", "repetition_penalty")
def repetition(subject: Subject) -> None:
    same(subject, LONG, {**LONG, "repetition_penalty": 1})
    for value in (0, -1):
        refused(subject, "repetition_penalty", repetition_penalty=value)


@feature(CHAT, "`logit_bias` 100 and -100 at each token; ids that are none are refused", "logit_bias")
def bias(subject: Subject) -> None:
    the = token_of(" the")
    assert subject.text(max_tokens=4, logit_bias={str(the): 100}) in ("the the the the", " the the the the")
    answer = subject.text(**LONG)
    common = max((" the", " I", "."), key=answer.count)
    assert common not in subject.text(**LONG, logit_bias={str(token_of(common)): -100})
    for wrong in ({"x": 1}, {"1000000": 1}, {"-1": 1}):
        refused(subject, "logit_bias", logit_bias=wrong)


@feature(CHAT, "`stop` at the first token, across tokens, in Chinese, overlapping, empty or null")
def stops(subject: Subject) -> None:
    if subject.engine == "fake":
        return
    full = subject.text(max_tokens=40)
    middle = full[len(full) // 2 :][:7]
    chinese = subject.text(messages=CHINESE, max_tokens=40)
    sign = chinese[len(chinese) // 2]
    cases: list[tuple[dict[str, Any], str]] = [
        ({"stop": full[0]}, ""),
        ({"stop": [middle]}, full[: full.index(middle)]),
        ({"stop": [middle + "never", middle[2:], middle[:5]]}, full[: first_of(full, middle[2:], middle[:5])]),
        ({"stop": sign, "messages": CHINESE}, chinese[: chinese.index(sign)]),
        ({"stop": []}, full),
        ({"stop": None}, full),
        ({"stop": full + "and more"}, full),
    ]

    def check(given: dict[str, Any], expected: str) -> None:
        body = {"max_tokens": 40, **given}
        choice = subject.chat(**body).choices[0]
        assert (choice.message.content or "", choice.finish_reason) == (expected, "stop"), given
        chunks = subject.stream(**body)
        assert joined(chunks) == expected, given
        assert [each.finish_reason for chunk in chunks for each in chunk.choices][-1] == "stop"

    at_once(*(lambda case=case: check(*case) for case in cases))


def first_of(text: str, *words: str) -> int:
    """Where the word ends that ends first begins: that is what an engine meets as it writes."""
    return min(text.index(word) + len(word) for word in words) - next(
        len(word) for word in sorted(words, key=lambda word: text.index(word) + len(word))
    )


@feature(CHAT, "`stop` with `ignore_eos`, and `max_tokens` 1", "ignore_eos", "max_tokens")
def ends(subject: Subject) -> None:
    full = subject.text(**LONG)
    word = full.split()[1]
    choice = subject.chat(**LONG, stop=word).choices[0]
    assert (choice.message.content, choice.finish_reason) == (full[: full.index(word)], "stop")
    one = subject.chat(max_tokens=1)
    assert one.choices[0].finish_reason == "length" and one.usage is not None and one.usage.completion_tokens == 1
    assert full.startswith(one.choices[0].message.content or "?")


@feature(
    CHAT, "`logprobs` with `top_logprobs` 0 and 20, streamed as whole, for each choice", "logprobs", "top_logprobs"
)
def logprobs(subject: Subject) -> None:
    for top in (0, 20):
        body = {"logprobs": True, "top_logprobs": top, "max_tokens": 4, "n": 2, "temperature": 1, "top_k": 1}
        answer = subject.chat(**body)
        chunks = subject.stream(**body)
        for choice in answer.choices:
            assert choice.logprobs is not None and choice.logprobs.content is not None
            tokens = choice.logprobs.content
            assert len(tokens) == 4 and {len(token.top_logprobs) for token in tokens} == {top}
            assert bytes(b for token in tokens for b in token.bytes or ()).decode() == choice.message.content
            pieces = [
                token
                for chunk in chunks
                for part in chunk.choices
                if part.index == choice.index and part.logprobs
                for token in part.logprobs.content or ()
            ]
            assert [token.token for token in pieces] == [token.token for token in tokens]
            assert [token.logprob for token in pieces] == pytest.approx([token.logprob for token in tokens], abs=0.02)
    with pytest.raises(openai.BadRequestError):
        subject.chat(logprobs=True, top_logprobs=21)


@feature(CHAT, "`logprobs` in Chinese, and with tools", "logprobs", "tools")
def logprobs_of_bytes(subject: Subject) -> None:
    from tests.conformance.constrained import OFFERED

    ways: tuple[dict[str, Any], ...] = ({"messages": CHINESE}, {"tools": OFFERED, "tool_choice": "none"})
    for way in ways:
        choice = subject.chat(logprobs=True, top_logprobs=1, max_tokens=12, **way).choices[0]
        assert choice.logprobs is not None and choice.logprobs.content is not None
        assert len(choice.logprobs.content) >= 8
        chunks = subject.stream(logprobs=True, top_logprobs=1, max_tokens=12, **way)
        found = [part.logprobs for chunk in chunks for part in chunk.choices if part.logprobs]
        assert [token.token for part in found for token in part.content or ()] == [
            token.token for token in choice.logprobs.content
        ]


@feature(COMPLETIONS, "`stop`, `seed`, `logit_bias`, penalties, as in chats", "logit_bias", "seed")
def completions(subject: Subject) -> None:
    full = subject.complete(PROMPT, max_tokens=24, ignore_eos=True).choices[0].text
    middle = full[len(full) // 2 :][:6]
    for stop in (middle, [full + "x", middle]):
        body = {"max_tokens": 24, "ignore_eos": True, "stop": stop}
        choice = subject.complete(PROMPT, **body).choices[0]
        assert (choice.text, choice.finish_reason) == (full[: full.index(middle)], "stop")
        assert joined_texts(subject.complete_streamed(PROMPT, **body)) == choice.text
    the = token_of(" the")
    assert subject.complete(PROMPT, max_tokens=3, logit_bias={str(the): 100}).choices[0].text == " the the the"
    hot = {"temperature": 2, "max_tokens": 24, "ignore_eos": True}
    drawn = [subject.complete(PROMPT, seed=seed, **hot).choices[0].text for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


@feature(COMPLETIONS, "`logprobs` 0 and 5, with several prompts", "logprobs")
def completion_logprobs(subject: Subject) -> None:
    for most in (0, 5):
        answer = subject.complete([PROMPT, "杭州是"], logprobs=most, max_tokens=2)
        for choice in answer.choices:
            told = choice.logprobs
            assert len(told.tokens) == len(told.token_logprobs) == len(told.top_logprobs) == len(told.text_offset) == 2
            assert all(value <= 0 for value in told.token_logprobs)
            assert all(max(1, most) <= len(top or {"": 0}) <= most + 1 for top in told.top_logprobs), told.top_logprobs
            assert told.text_offset[0] == 0
    assert "".join(answer.choices[0].logprobs.tokens) == answer.choices[0].text


@feature(COMPLETIONS, "`echo` with `max_tokens` 0, and of several prompts", "echo")
def echoes(subject: Subject) -> None:
    answer = subject.complete([PROMPT, "Hello"], echo=True, max_tokens=0)
    assert [choice.text for choice in answer.choices] == [PROMPT, "Hello"]
    assert {choice.finish_reason for choice in answer.choices} == {"length"} and answer.usage.completion_tokens == 0
    scored = subject.complete([PROMPT, "Hello there"], echo=True, max_tokens=0, logprobs=1).choices
    for choice, prompt in zip(scored, (PROMPT, "Hello there"), strict=True):
        told = choice.logprobs
        assert "".join(told.tokens) == prompt and told.token_logprobs[0] is None
        assert all(value <= 0 for value in told.token_logprobs[1:])


@feature(CHAT, "`response_format` text, and null where a field may be left out")
def nulls(subject: Subject) -> None:
    names = ("n", "stop", "seed", "top_p", "logprobs", "top_logprobs", "logit_bias", "presence_penalty", "tools")
    body = {"messages": QUESTION, "max_tokens": 8, "temperature": 0, "response_format": {"type": "text"}}
    answer = subject.post("/v1/chat/completions", **body, **dict.fromkeys(names))
    assert answer["choices"][0]["message"]["content"] == subject.text(max_tokens=8), json.dumps(answer)


@feature(CHAT, "the token that ends an answer is counted, and has no log-probability")
def last_token(subject: Subject) -> None:
    if subject.engine == "fake":
        return
    body = {"max_tokens": 60, "logprobs": True, "top_logprobs": 1}
    answer = subject.chat(**body)
    (choice,) = answer.choices
    assert choice.finish_reason == "stop" and answer.usage is not None and choice.logprobs is not None
    written = answer.usage.completion_tokens
    tokens = [token.token for token in choice.logprobs.content or ()]
    assert "".join(tokens) == choice.message.content and len(tokens) == written - 1
    chunks = subject.stream(**body)
    pieces = [part.logprobs for chunk in chunks for part in chunk.choices if part.logprobs]
    assert [token.token for piece in pieces for token in piece.content or ()] == tokens
    ends = [subject.chat(max_tokens=most).choices[0].finish_reason for most in (written - 1, written)]
    assert ends == ["length", "stop"]


@feature(CHAT, "`min_tokens`", "min_tokens")
def least(subject: Subject) -> None:
    full = subject.chat(max_tokens=60)
    assert full.usage is not None
    more = full.usage.completion_tokens + 8
    answer = subject.chat(max_tokens=80, min_tokens=more)
    assert answer.usage is not None and answer.usage.completion_tokens >= more
    word = (full.choices[0].message.content or "").split()[1]
    assert word in subject.text(max_tokens=60, min_tokens=8, stop=word)
    refused(subject, "min_tokens", min_tokens=-1)


@feature(CHAT, "`include_stop_str_in_output`", "include_stop_str_in_output")
def stop_shown(subject: Subject) -> None:
    full = subject.text(max_tokens=60)
    word = full.split()[1]
    body = {"stop": word, "include_stop_str_in_output": True, "max_tokens": 60}
    assert subject.text(**body) == joined(subject.stream(**body)) == full[: full.index(word) + len(word)]


@feature(CHAT, "`return_token_ids`", "return_token_ids")
def ids(subject: Subject) -> None:
    body = {"messages": QUESTION, "temperature": 0, "max_tokens": 8, "return_token_ids": True}
    whole = subject.post("/v1/chat/completions", **body)
    (choice,) = whole["choices"]
    assert len(choice["token_ids"]) == whole["usage"]["completion_tokens"]
    assert len(whole["prompt_token_ids"]) == whole["usage"]["prompt_tokens"]
    chunks = subject.events("/v1/chat/completions", **body)
    assert chunks[0]["prompt_token_ids"] == whole["prompt_token_ids"]
    told = [token for chunk in chunks for part in chunk["choices"] for token in part.get("token_ids") or ()]
    assert told == choice["token_ids"]
    text = subject.post("/v1/completions", **{**body, "messages": None, "prompt": whole["prompt_token_ids"]})["choices"]
    assert text[0]["token_ids"] == choice["token_ids"] and text[0]["prompt_token_ids"] == whole["prompt_token_ids"]


@feature(CHAT, "`stream_options.continuous_usage_stats`", "stream_options", "stream_options.continuous_usage_stats")
def continuous(subject: Subject) -> None:
    options = {"include_usage": True, "continuous_usage_stats": True}
    body = {"messages": QUESTION, "temperature": 0, "max_tokens": 6, "stream_options": options}
    counts = [chunk["usage"]["completion_tokens"] for chunk in subject.events("/v1/chat/completions", **body)]
    assert counts[0] == 0 and counts == sorted(counts) and counts[-2] == counts[-1] == 6
