"""The official `openai` client's responses on every engine that chats: create, stream, parse, tools, thoughts and counts."""

from __future__ import annotations

import json
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel

from tests.conformance.chatting import END
from tests.conformance.feature import Subject
from tests.conformance.test_langchain import ENDINGS

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.parametrize(
        "subject", [("chat", name) for name in ("llama_cpp", "transformers", "vllm")], indirect=True
    ),
]

QUESTION = "What is the capital of France?"
ANSWER = "The capital of France is Paris."
TOOL: Any = {
    "type": "function",
    "name": "weather",
    "description": "Tell the weather.",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"city": {"enum": ["Lyon", "Nice"], "type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


class Place(BaseModel):
    """The form of a structured answer."""

    city: Literal["Lyon", "Nice"]
    open: bool


def create(subject: Subject, **body: Any) -> Any:
    """A whole response, and the one that a stream ends with, which must be alike."""
    extra = {"logit_bias": body.pop("logit_bias")} if "logit_bias" in body else {}
    given: Any = {"model": subject.model, "input": QUESTION, "temperature": 0, "store": False, "max_output_tokens": 60}
    given |= body
    whole = subject.client.responses.create(**given, extra_body=extra)
    with subject.client.responses.stream(**given, extra_body=extra) as stream:
        events = list(stream)
        last = stream.get_final_response() if whole.status == "completed" else events[-1].response  # type: ignore[union-attr]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert (last.status, last.output_text) == (whole.status, whole.output_text)
    assert last.incomplete_details == whole.incomplete_details
    assert [item.type for item in last.output] == [item.type for item in whole.output]
    assert last.usage is not None and whole.usage is not None and last.usage.output_tokens == whole.usage.output_tokens
    deltas = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert deltas == whole.output_text
    return whole


def test_answers(subject: Subject) -> None:
    found = create(subject)
    assert (found.output_text, found.status, found.error) == (ANSWER, "completed", None)
    counted = subject.client.responses.input_tokens.count(model=subject.model, input=QUESTION)
    assert counted.input_tokens == found.usage.input_tokens > 5
    assert found.usage.total_tokens == found.usage.input_tokens + found.usage.output_tokens


def test_a_limit(subject: Subject) -> None:
    found = create(subject, max_output_tokens=3)
    assert (found.output_text, found.status) == ("The capital of", "incomplete")
    assert found.incomplete_details.reason == "max_output_tokens" and found.usage.output_tokens == 3


@pytest.mark.parametrize("choice", ["required", {"type": "function", "name": "weather"}], ids=["required", "named"])
def test_a_tool_that_must_be_called(subject: Subject, choice: Any) -> None:
    more: Any = {"tools": [TOOL], "tool_choice": choice, "parallel_tool_calls": False, "max_output_tokens": 100}
    found = create(subject, **more, logit_bias=ENDINGS)
    (call,) = [item for item in found.output if item.type == "function_call"]
    assert call.name == "weather" and json.loads(call.arguments)["city"] in ("Lyon", "Nice")
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    history: Any = [{"role": "user", "content": QUESTION}, call.to_dict(), result]
    again = subject.client.responses.create(
        model=subject.model, input=history, tools=[TOOL], tool_choice="none", store=False, max_output_tokens=8
    )
    assert again.output_text and all(item.type == "message" for item in again.output)


def test_a_function_of_a_namespace_that_must_be_called(subject: Subject) -> None:
    team: Any = {"type": "namespace", "name": "team", "description": "A team.", "tools": [TOOL]}
    more: Any = {"tools": [team], "tool_choice": "required", "parallel_tool_calls": False, "max_output_tokens": 100}
    found = create(subject, **more, logit_bias=ENDINGS)
    (call,) = [item for item in found.output if item.type == "function_call"]
    assert (call.name, call.namespace) == ("weather", "team")


def test_a_custom_tool_that_must_be_called(subject: Subject) -> None:
    note: Any = {"type": "custom", "name": "note", "description": "Takes a note."}
    choice: Any = {"type": "custom", "name": "note"}
    found = create(subject, tools=[note], tool_choice=choice, max_output_tokens=100, logit_bias=ENDINGS)
    (call,) = [item for item in found.output if item.type == "custom_tool_call"]
    assert call.name == "note" and '{"input"' not in call.input


def test_log_probabilities(subject: Subject) -> None:
    found = create(subject, max_output_tokens=3, top_logprobs=2)
    tokens = found.output[0].content[0].logprobs
    assert "".join(each.token for each in tokens) == "The capital of"
    assert all(each.logprob <= 0 and len(each.top_logprobs) == 2 for each in tokens)


def test_a_stream_whose_conversation_is_too_long_fails(subject: Subject) -> None:
    turns: Any = [{"role": "assistant", "content": "Hello."}, {"role": "user", "content": "much " * 3000}]
    *_, last = list(subject.client.responses.create(model=subject.model, input=turns, store=False, stream=True))
    assert last.type == "response.failed" and last.response.error is not None
    assert str(last.response.error.code) == "context_length_exceeded"


def test_parsed_answers(subject: Subject) -> None:
    found = subject.client.responses.parse(
        model=subject.model,
        input=QUESTION,
        text_format=Place,
        max_output_tokens=100,
        store=False,
        extra_body={"logit_bias": ENDINGS},
    )
    assert found.output_parsed is not None and found.output_parsed.city in ("Lyon", "Nice")


def test_thoughts(subject: Subject) -> None:
    """The template opens the thoughts where they are asked for; the model never closes them, so all that it says is one."""
    extra = {"enable_thinking": True, "logit_bias": {str(END): -100}}
    found = subject.client.responses.create(
        model=subject.model, input=QUESTION, temperature=0, store=False, max_output_tokens=24, extra_body=extra
    )
    (item,) = found.output
    assert item.type == "reasoning" and item.content and item.content[0].text
    assert found.status == "incomplete" and not found.output_text


def test_what_is_wrong(subject: Subject) -> None:
    picture: Any = {"type": "input_image", "detail": "low", "image_url": "data:image/png;base64,iVBORw0KGgo="}
    seen: Any = [{"role": "user", "content": [picture]}]
    for body in ({"input": seen}, {"input": "much " * 3000}, {"extra_body": {"top_k": -5}}):
        given: Any = {"model": subject.model, "input": QUESTION, "store": False, **body}
        with pytest.raises(openai.BadRequestError) as refused:
            subject.client.responses.create(**given)
        assert refused.value.type == "invalid_request_error" and refused.value.param, refused.value
