"""The official `openai` client, unmodified: sync and async, whole and streamed, and its error classes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionMessageParam

from tests.conformance.conftest import Subject

QUESTION: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello, who are you?"}]


@pytest.fixture
def client(subject: Subject) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{subject.server.url}/v1", api_key="none", max_retries=0) as made:
        yield made


def whole(client: OpenAI, model: str, **options: object) -> str:
    answer = client.chat.completions.create(model=model, messages=QUESTION, **{"temperature": 0, **options})  # type: ignore[call-overload]
    text = answer.choices[0].message.content
    assert isinstance(text, str) and text
    return text


def test_whole_answer(client: OpenAI, subject: Subject) -> None:
    answer = client.chat.completions.create(model=subject.model, messages=QUESTION, temperature=0)
    assert answer.object == "chat.completion"
    assert answer.model == subject.model
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_the_stream_joined_is_the_whole_answer(client: OpenAI, subject: Subject) -> None:
    text, ended = "", None
    for chunk in client.chat.completions.create(model=subject.model, messages=QUESTION, temperature=0, stream=True):
        assert chunk.model == subject.model
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
            ended = chunk.choices[0].finish_reason or ended
    assert text == whole(client, subject.model)
    assert ended == "stop"


def test_the_first_delta_names_the_role_and_holds_a_string(client: OpenAI, subject: Subject) -> None:
    with client.chat.completions.create(model=subject.model, messages=QUESTION, stream=True) as chunks:
        first = next(iter(chunks)).choices[0].delta
    assert first.role == "assistant"
    assert first.content == ""


def test_usage_of_a_stream(client: OpenAI, subject: Subject) -> None:
    chunks = list(
        client.chat.completions.create(
            model=subject.model, messages=QUESTION, stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None and chunks[-1].usage.completion_tokens > 0


def test_max_tokens(client: OpenAI, subject: Subject) -> None:
    answer = client.chat.completions.create(model=subject.model, messages=QUESTION, max_completion_tokens=2)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None and answer.usage.completion_tokens == 2


def test_stop_is_not_in_the_answer(client: OpenAI, subject: Subject) -> None:
    full = whole(client, subject.model)
    stop = full.split()[1]
    assert stop not in whole(client, subject.model, stop=[stop])


def test_async_and_concurrent(subject: Subject) -> None:
    async def go() -> None:
        async with AsyncOpenAI(base_url=f"{subject.server.url}/v1", api_key="none", max_retries=0) as client:

            async def one(stream: bool) -> str:
                if not stream:
                    answer = await client.chat.completions.create(model=subject.model, messages=QUESTION, temperature=0)
                    return answer.choices[0].message.content or ""
                parts = []
                chunks = await client.chat.completions.create(
                    model=subject.model, messages=QUESTION, temperature=0, stream=True
                )
                async for chunk in chunks:
                    parts.append(chunk.choices[0].delta.content or "" if chunk.choices else "")
                return "".join(parts)

            answers = await asyncio.gather(*(one(index % 2 == 0) for index in range(16)))
            assert len(set(answers)) == 1 and answers[0]

    asyncio.run(go())


def test_completions(client: OpenAI, subject: Subject) -> None:
    answer = client.completions.create(
        model=subject.model, prompt="The capital of France is", max_tokens=4, temperature=0
    )
    assert answer.object == "text_completion"
    text = "".join(
        chunk.choices[0].text
        for chunk in client.completions.create(
            model=subject.model, prompt="The capital of France is", max_tokens=4, temperature=0, stream=True
        )
        if chunk.choices
    )
    assert text == answer.choices[0].text


def test_models(client: OpenAI, subject: Subject) -> None:
    assert subject.model in [model.id for model in client.models.list()]
    assert client.models.retrieve(subject.model).id == subject.model


def test_errors_are_the_clients_own_classes(client: OpenAI, subject: Subject) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        whole(client, "no-such-model")
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as bad:
        whole(client, subject.model, top_p="high")
    assert bad.value.param == "top_p"


def test_leaving_a_stream_early_stops_it(client: OpenAI, subject: Subject) -> None:
    """Eight answers of 900 tokens are abandoned; what is asked next does not wait for them."""
    for _ in range(8):
        stream = client.chat.completions.create(
            model=subject.model, messages=QUESTION, max_tokens=900, stream=True, extra_body={"ignore_eos": True}
        )
        next(iter(stream))
        stream.close()
    assert whole(client, subject.model)
