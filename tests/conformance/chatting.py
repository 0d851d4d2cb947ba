"""Probes of `/v1/chat/completions`: what every engine keeps, how answers are drawn, ended and told."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam

from tests.causal_models import DEMO
from tests.conformance.feature import QUESTION, Subject, feature, joined

CHAT = "Chat"
CAPITAL: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What is the capital of France?"}]
CHINESE: list[ChatCompletionMessageParam] = [{"role": "user", "content": "浙江的省会是哪里？🙂 你好 👋🏽"}]


@feature(CHAT, "whole answers")
def whole(subject: Subject) -> None:
    answer = subject.chat(max_tokens=60)
    assert (answer.object, answer.model) == ("chat.completion", subject.model)
    assert answer.choices[0].message.role == "assistant" and answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


@feature(CHAT, "streamed answers; joined, they are the whole one, byte for byte")
def streamed(subject: Subject) -> None:
    chunks = subject.stream(max_tokens=60)
    assert {chunk.model for chunk in chunks} == {subject.model}
    first = chunks[0].choices[0].delta
    assert (first.role, first.content) == ("assistant", "")
    assert joined(chunks) == subject.text(max_tokens=60)
    ends = [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    assert ends == ["stop"]


@feature(CHAT, "Chinese and emoji, streamed and whole alike")
def unicode(subject: Subject) -> None:
    for length in (1, 2, 3, 5, 40):
        given = {"messages": CHINESE, "max_tokens": length}
        assert joined(subject.stream(**given)) == (subject.chat(**given).choices[0].message.content or "")


@feature(CHAT, "many requests at once, each with its own answer")
def concurrent(subject: Subject) -> None:
    async def go() -> list[str]:
        async with AsyncOpenAI(base_url=f"{subject.url}/v1", api_key="none", max_retries=0) as client:

            async def one(stream: bool) -> str:
                if not stream:
                    answer = await client.chat.completions.create(
                        model=subject.model, messages=QUESTION, temperature=0, max_tokens=24
                    )
                    return answer.choices[0].message.content or ""
                chunks = await client.chat.completions.create(
                    model=subject.model, messages=QUESTION, temperature=0, max_tokens=24, stream=True
                )
                return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices])

            return await asyncio.gather(*(one(index % 2 == 0) for index in range(16)))

    assert set(asyncio.run(go())) == {subject.text()}


@feature(CHAT, "`stream_options.include_usage`")
def usage(subject: Subject) -> None:
    chunks = subject.stream(stream_options={"include_usage": True})
    counted = subject.chat().usage
    assert chunks[-1].choices == [] and chunks[-1].usage is not None and counted is not None
    assert chunks[-1].usage.completion_tokens == counted.completion_tokens
    assert chunks[-1].usage.prompt_tokens == counted.prompt_tokens


@feature(CHAT, "`max_tokens`, `max_completion_tokens`")
def lengths(subject: Subject) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        given = {"max_tokens": None, name: 2}
        answer = subject.chat(**given)
        assert answer.choices[0].finish_reason == "length"
        assert answer.usage is not None and answer.usage.completion_tokens == 2


@feature(CHAT, "`stop`, a text or a list, and not in the answer")
def stops(subject: Subject) -> None:
    full = subject.text(max_tokens=60)
    word = full.split()[1]
    for stop in (word, [word], ["never said", word]):
        answer = subject.chat(stop=stop, max_tokens=60).choices[0]
        assert answer.message.content == full[: full.index(word)] and answer.finish_reason == "stop"
        assert joined(subject.stream(stop=stop, max_tokens=60)) == answer.message.content


@feature(CHAT, "a client that leaves ends its answer")
def leaving(subject: Subject) -> None:
    """Eight answers of 900 tokens are abandoned; what is asked next does not wait for them."""
    for _ in range(8):
        stream = subject.client.chat.completions.create(
            model=subject.model, messages=QUESTION, max_tokens=900, stream=True, extra_body={"ignore_eos": True}
        )
        next(iter(stream))
        stream.close()
    assert subject.text()


@feature(CHAT, "errors are the client's own classes")
def errors(subject: Subject) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        subject.client.chat.completions.create(model="no-such-model", messages=QUESTION)
    assert missing.value.code == "model_not_found"
    for name, value in (("top_p", "high"), ("temperature", -1), ("messages", []), ("n", 0)):
        with pytest.raises(openai.BadRequestError) as bad:
            subject.chat(**{name: value})
        assert bad.value.param == name


@feature(CHAT, "`n`", "n")
def choices(subject: Subject) -> None:
    answer = subject.chat(n=3, temperature=2, seed=5)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in answer.choices}) > 1, "drawn anew for each"
    assert answer.usage is not None and answer.usage.completion_tokens > 24
    chunks = subject.stream(n=2, temperature=2, top_k=1)
    assert joined(chunks, index=0) == joined(chunks, index=1) == subject.text()


@feature(CHAT, "`seed`", "seed")
def seeds(subject: Subject) -> None:
    given = {"temperature": 2, "max_tokens": 16}
    drawn = [subject.text(seed=seed, **given) for seed in (1, 2, 3, 4)]
    assert drawn == [subject.text(seed=seed, **given) for seed in (1, 2, 3, 4)]
    assert len(set(drawn)) > 1


@feature(CHAT, "`logprobs`, `top_logprobs`", "logprobs", "top_logprobs")
def logprobs(subject: Subject) -> None:
    answer = subject.chat(logprobs=True, top_logprobs=3, max_tokens=6).choices[0]
    assert answer.logprobs is not None and answer.logprobs.content is not None
    told = answer.logprobs.content
    assert len(told) == 6
    assert "".join(token.token for token in told) == answer.message.content
    for token in told:
        assert len(token.top_logprobs) == 3
        best = [top.logprob for top in token.top_logprobs]
        assert best == sorted(best, reverse=True) and best[0] == token.logprob <= 0, "the likeliest was taken"
    chunks = subject.stream(logprobs=True, top_logprobs=3, max_tokens=6)
    pieces = [choice.logprobs.content for chunk in chunks for choice in chunk.choices if choice.logprobs]
    assert [token.token for piece in pieces for token in piece or []] == [token.token for token in told]
    assert subject.chat(max_tokens=2).choices[0].logprobs is None


@feature(CHAT, "`top_p`", "top_p")
def top_p(subject: Subject) -> None:
    assert subject.text(temperature=2, top_p=0.0001) == subject.text()


@feature(CHAT, "`top_k`", "top_k")
def top_k(subject: Subject) -> None:
    assert subject.text(temperature=2, top_k=1) == subject.text()


@feature(CHAT, "`min_p`", "min_p")
def min_p(subject: Subject) -> None:
    assert subject.text(temperature=2, min_p=1) == subject.text()


LONG = {"max_tokens": 60, "ignore_eos": True}


@feature(CHAT, "`ignore_eos`", "ignore_eos")
def ignore_eos(subject: Subject) -> None:
    answer = subject.chat(**LONG)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None and answer.usage.completion_tokens == 60


@feature(CHAT, "`repetition_penalty`", "repetition_penalty")
def repetition(subject: Subject) -> None:
    assert subject.text(repetition_penalty=1.9, **LONG) != subject.text(**LONG)


@feature(CHAT, "`presence_penalty`, `frequency_penalty`", "presence_penalty", "frequency_penalty")
def penalties(subject: Subject) -> None:
    for given in ({"presence_penalty": 2}, {"frequency_penalty": 2}):
        requests = [{"messages": messages, **LONG} for messages in (QUESTION, CHINESE, CAPITAL)]
        assert any(subject.text(**each) != subject.text(**given, **each) for each in requests), given


END = next(
    each["id"]
    for each in json.loads((DEMO / "tokenizer.json").read_text(encoding="utf-8"))["added_tokens"]
    if each["content"] == "<|im_end|>"
)


def token_of(text: str) -> int:
    """The demo model's token of a text that is one."""
    vocabulary = json.loads((DEMO / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    return int(vocabulary[text.replace(" ", "Ġ")])


@feature(CHAT, "`logit_bias`", "logit_bias")
def bias(subject: Subject) -> None:
    first = subject.text(max_tokens=1)
    assert subject.text(max_tokens=1, logit_bias={str(token_of(first)): -100}) != first
    other = "The" if first != "The" else "I"
    wanted = token_of(other)
    assert subject.text(max_tokens=1, logit_bias={str(wanted): 100}) == other


@feature(CHAT, "`reasoning_content`, and a switch for thoughts", "enable_thinking")
def reasoning(subject: Subject) -> None:
    """The template opens the thoughts and the model never closes them, so all it says is one."""
    ways: tuple[dict[str, Any], ...] = ({"enable_thinking": True}, {"chat_template_kwargs": {"enable_thinking": True}})
    for way in ways:
        switch = {**way, "logit_bias": {str(END): -100}}
        message = subject.chat(**switch).choices[0].message
        thought = getattr(message, "reasoning_content", None)
        assert thought and not message.content
        assert joined(subject.stream(**switch), "reasoning_content") == thought
    message = subject.chat(enable_thinking=False).choices[0].message
    assert message.content and not getattr(message, "reasoning_content", None)


PICTURE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@feature(CHAT, "messages in parts; a picture for a model that does not see is refused")
def parts(subject: Subject) -> None:
    text = {"type": "text", "text": str(QUESTION[0]["content"])}
    assert subject.text(messages=[{"role": "user", "content": [text]}]) == subject.text()
    if subject.engine == "fake":
        return
    picture = {"type": "image_url", "image_url": {"url": PICTURE}}
    with pytest.raises(openai.BadRequestError) as refused:
        subject.chat(messages=[{"role": "user", "content": [text, picture]}])
    assert refused.value.param in ("messages", None)
    assert re.search("image|text|multimodal", refused.value.message)
