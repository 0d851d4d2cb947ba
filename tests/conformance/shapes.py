"""Probes of what stands around an answer: ids, kinds, fingerprints, the first and the last delta, usage, and lengths."""

from __future__ import annotations

import time
from typing import Any

from tests.conformance.chatting import CHAT
from tests.conformance.completing import COMPLETIONS, PROMPT, TOKENS
from tests.conformance.feature import QUESTION, Subject, feature

CHATS, TEXTS = "/v1/chat/completions", "/v1/completions"
SHORT: dict[str, Any] = {"max_tokens": 4, "temperature": 0, "ignore_eos": True}
USAGE: dict[str, Any] = {"stream_options": {"include_usage": True}}


def is_headed(body: dict[str, Any], subject: Subject, kind: str, prefix: str) -> None:
    """What each whole answer and each chunk begins with."""
    assert (body["object"], body["model"]) == (kind, subject.model)
    assert body["id"].startswith(prefix) and len(body["id"]) > len(prefix) + 8
    assert isinstance(body["created"], int) and abs(time.time() - body["created"]) < 86_400
    assert isinstance(body["system_fingerprint"], str)


def is_one_stream(chunks: list[dict[str, Any]]) -> None:
    """Chunks of one answer have one id and one time; each choice ends once, and nothing of it follows."""
    assert len({(chunk["id"], chunk["created"]) for chunk in chunks}) == 1
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    for index in {choice["index"] for choice in choices}:
        ends = [choice["finish_reason"] for choice in choices if choice["index"] == index]
        assert ends[-1] and not any(ends[:-1]), ends


@feature(CHAT, "ids, kinds, fingerprints; each delta has `content`")
def chats(subject: Subject) -> None:
    whole = subject.post(CHATS, messages=QUESTION, **SHORT)
    is_headed(whole, subject, "chat.completion", "chatcmpl-")
    (choice,) = whole["choices"]
    assert choice["index"] == 0 and choice["finish_reason"] == "length" and choice["logprobs"] is None
    assert choice["message"]["role"] == "assistant"
    chunks = subject.events(CHATS, messages=QUESTION, **SHORT)
    for chunk in chunks:
        is_headed(chunk, subject, "chat.completion.chunk", "chatcmpl-")
    is_one_stream(chunks)
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert all(isinstance(delta["content"], str) for delta in deltas)
    assert "".join(delta["content"] for delta in deltas) == choice["message"]["content"]
    assert not any(chunk.get("usage") for chunk in chunks), "nobody asked for it"


@feature(COMPLETIONS, "ids, kinds and fingerprints")
def texts(subject: Subject) -> None:
    whole = subject.post(TEXTS, prompt=PROMPT, **SHORT)
    is_headed(whole, subject, "text_completion", "cmpl-")
    (choice,) = whole["choices"]
    assert choice["index"] == 0 and choice["finish_reason"] == "length" and choice["logprobs"] is None
    chunks = subject.events(TEXTS, prompt=PROMPT, **SHORT)
    for chunk in chunks:
        is_headed(chunk, subject, "text_completion", "cmpl-")
    is_one_stream(chunks)
    assert "".join(choice["text"] for chunk in chunks for choice in chunk["choices"]) == choice["text"]


@feature(CHAT, "usage of several choices, streamed as whole", "n")
def usage_of_chats(subject: Subject) -> None:
    body = {"messages": QUESTION, "n": 3, **SHORT}
    counted = usage(subject.post(CHATS, **body))
    assert counted["completion_tokens"] == 3 * SHORT["max_tokens"]
    assert counted["prompt_tokens"] == usage(subject.post(CHATS, messages=QUESTION, **SHORT))["prompt_tokens"]
    assert streamed_usage(subject, CHATS, body) == counted


@feature(COMPLETIONS, "usage of several prompts and choices, streamed as whole", "n", "prompt")
def usage_of_texts(subject: Subject) -> None:
    body = {"prompt": [PROMPT, "Hello"], "n": 2, **SHORT}
    counted = usage(subject.post(TEXTS, **body))
    alone = [usage(subject.post(TEXTS, prompt=prompt, **SHORT))["prompt_tokens"] for prompt in (PROMPT, "Hello")]
    assert counted["prompt_tokens"] == sum(alone)
    assert counted["completion_tokens"] == 4 * SHORT["max_tokens"]
    assert streamed_usage(subject, TEXTS, body) == counted


def usage(body: dict[str, Any]) -> dict[str, int]:
    """The three counts of an answer, which must add up."""
    found = {name: body["usage"][name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    assert found["total_tokens"] == found["prompt_tokens"] + found["completion_tokens"]
    return found


def streamed_usage(subject: Subject, path: str, body: dict[str, Any]) -> dict[str, int]:
    """The usage of a stream: one chunk without choices, after all others."""
    *others, last = subject.events(path, **body, **USAGE)
    assert last["choices"] == [] and not any(chunk.get("usage") for chunk in others)
    return usage(last)


CONTEXT = 2048


@feature(CHAT, "a prompt that is too long is a 400 `context_length_exceeded` with both numbers")
def too_long(subject: Subject) -> None:
    if subject.engine == "fake":
        return
    messages = [{"role": "user", "content": "much " * 3000}]
    for path, param, given in (
        (CHATS, "messages", {"messages": messages}),
        (TEXTS, "prompt", {"prompt": "much " * 3000}),
        (TEXTS, "prompt", {"prompt": [TOKENS[0]] * 3000}),
        (TEXTS, "prompt", {"prompt": [TOKENS[0]] * CONTEXT}),
    ):
        for stream in (False, True):
            answer = subject.http.post(path, json={"model": subject.model, "stream": stream, **given, **SHORT})
            error = answer.json()["error"]
            assert (answer.status_code, error["code"], error["param"]) == (400, "context_length_exceeded", param), error
            assert error["type"] == "invalid_request_error"
            assert f"maximum context length is {CONTEXT} tokens" in error["message"]
            count = given.get("prompt")
            tokens = len(count) if isinstance(count, list) else 3000
            assert any(str(number) in error["message"] for number in range(tokens, tokens + 12)), error


@feature(CHAT, "`max_tokens` beyond what is left: the answer ends with the context")
def no_room(subject: Subject) -> None:
    if subject.engine == "fake":
        return
    for most in (CONTEXT, 10**6, -1):
        answer = subject.complete([TOKENS[0]] * (CONTEXT - 3), max_tokens=most, ignore_eos=True)
        assert answer.choices[0].finish_reason == "length"
        assert answer.usage.completion_tokens == 3 and answer.usage.total_tokens == CONTEXT
    assert subject.chat(max_tokens=10**6).choices[0].finish_reason == "stop"


@feature(CHAT, "`max_tokens` 0", "max_tokens")
def nothing(subject: Subject) -> None:
    answer = subject.post(CHATS, messages=QUESTION, max_tokens=0)
    assert answer["choices"][0]["message"]["content"] == "" and answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 0


@feature(CHAT, "`reasoning` beside `reasoning_content`, in answers and in the history", "reasoning")
def reasoning(subject: Subject) -> None:
    thinking = {"messages": QUESTION, "enable_thinking": True, "temperature": 0, "max_tokens": 12, "ignore_eos": True}
    message = subject.post(CHATS, **thinking)["choices"][0]["message"]
    assert message["reasoning"] == message["reasoning_content"] != ""
    chunks = subject.events(CHATS, **thinking)
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    for name in ("reasoning", "reasoning_content"):
        assert "".join(delta.get(name) or "" for delta in deltas).strip() == message["reasoning"].strip()
    assert all("content" in delta for delta in deltas)
    counts = [
        subject.post(
            CHATS, messages=[*QUESTION, {"role": "assistant", "content": "Hm.", **thought}, *QUESTION], max_tokens=1
        )["usage"]["prompt_tokens"]
        for thought in ({}, {"reasoning": "Who am I?"}, {"reasoning_content": "Who am I?"})
    ]
    assert counts[0] < counts[1] == counts[2]


@feature(CHAT, "`usage` tells of tokens that were read before, and of thoughts", "usage")
def details(subject: Subject) -> None:
    """The second time the beginning of a prompt is known."""
    messages = [{"role": "user", "content": "one two three four five " * 60}]
    for _ in range(2):
        told = subject.post(CHATS, messages=messages, **SHORT)["usage"]
    assert 16 <= told["prompt_tokens_details"]["cached_tokens"] < told["prompt_tokens"]
