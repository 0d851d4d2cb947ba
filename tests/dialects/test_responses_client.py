"""The official `openai` client on a real server: each helper for responses, on each kind of model."""

from __future__ import annotations

import base64
import json
from typing import Any, Literal

import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel

from tests.dialects.conftest import Served
from tests.dialects.scripts import Json, ModelAnswer
from tests.knowledge.documents.loaders.samples import paragraph, pdf

PAPER = "Pumps deliver water to villages."
QUESTION = "How many litres does the MX-2140 pump deliver?"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {"type": "function", "name": "weather", "description": "Tells it.", "parameters": SCHEMA, "strict": True}
PATCH: Any = {"type": "custom", "name": "patch", "description": "Patches files."}
TEAM: Any = {"type": "namespace", "name": "team", "description": "A team.", "tools": [{**WEATHER, "name": "spawn"}]}


class City(BaseModel):
    """The form of a structured answer."""

    name: str
    people: int


class Colour(BaseModel):
    """The form of an answer that a small model cannot leave."""

    name: Literal["red", "blue"]


def scripted(body: Json) -> ModelAnswer:
    """What the scripted model answers: by what the request has."""
    last = body["messages"][-1]
    if last["role"] == "tool":
        return ModelAnswer(text=["It is ", last["content"], "."])
    if body.get("tools"):
        calls = [
            ("weather", ['{"city": ', '"Paris"}']),
            ("patch", ['{"input":"*** a', '\\nb"}']),
            ("team__spawn", ["{}"]),
        ]
        offered = {each["function"]["name"] for each in body["tools"]}
        return ModelAnswer(text=["I look."], calls=[each for each in calls if each[0] in offered], finish="tool_calls")
    if body.get("response_format"):
        return ModelAnswer(text=['{"name": "Paris", ', '"people": 2}'])
    if "Think" in json.dumps(body["messages"]):
        return ModelAnswer(thought=["Hm, ", "so."], text=["Hi."])
    if "MX-2140" in json.dumps(body["messages"]):
        return ModelAnswer(text=["It delivers 12 litres per minute. ", "[1]"])
    return ModelAnswer(text=["ok"])


@pytest.fixture
def requests(served: Served) -> list[Json]:
    """The requests that the scripted model receives."""
    served.upstream.answer = scripted
    return served.upstream.bodies


@pytest.fixture
def client(served: Served, requests: list[Json]) -> OpenAI:
    return OpenAI(base_url=f"{served.live.url}/v1", api_key="none", max_retries=0)


@pytest.mark.parametrize("model", ["fake", "demo", "script", "kb:handbook"])
def test_streams_and_whole_answers_are_alike(client: OpenAI, model: str) -> None:
    request: Any = {"model": model, "input": QUESTION, "temperature": 0, "max_output_tokens": 30}
    with client.responses.stream(**request) as stream:
        events = list(stream)
    last: Any = events[-1]
    whole = client.responses.create(**request)
    assert whole.output_text and last.type == f"response.{whole.status}"
    changing = {"id": "", "created_at": 0, "completed_at": 0, "usage": None, "output": []}
    assert last.response.to_dict() | changing == whole.to_dict() | changing
    assert last.response.output_text == whole.output_text
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == whole.output_text
    assert last.response.usage is not None and whole.usage is not None
    assert last.response.usage.total_tokens == whole.usage.total_tokens > 0
    assert [each.id[:4] for each in whole.output] == ["msg_"] and whole.id.startswith("resp_")


def test_a_base_cites_its_documents(client: OpenAI) -> None:
    found: Any = client.responses.create(model="kb:handbook", input=QUESTION, tools=[WEATHER])
    (part,) = found.output[0].content
    assert found.output_text == "It delivers 12 litres per minute. [1]"
    (note,) = part.annotations
    assert note.type == "file_citation" and (note.filename, note.index) == ("handbook.md", 34)


def replayed(response: Any) -> list[Any]:
    """The output of a response as items of the next request."""
    return [item.to_dict() for item in response.output]


@pytest.mark.parametrize("streamed", [False, True])
def test_tools_of_every_kind(client: OpenAI, requests: list[Json], streamed: bool) -> None:
    request: Any = {
        "model": "script",
        "input": "How is the weather in Paris?",
        "tools": [WEATHER, PATCH, TEAM, {"type": "web_search", "external_web_access": True}],
        "parallel_tool_calls": False,
    }
    if streamed:
        with client.responses.stream(**request) as stream:
            response: Any = stream.get_final_response()
    else:
        response = client.responses.create(**request)
    message, weather, patch, spawn = response.output
    assert message.content[0].text == "I look."
    assert (weather.type, weather.name, json.loads(weather.arguments)) == (
        "function_call",
        "weather",
        {"city": "Paris"},
    )
    assert (patch.type, patch.name, patch.input) == ("custom_tool_call", "patch", "*** a\nb")
    assert (spawn.type, spawn.name, spawn.namespace) == ("function_call", "spawn", "team")
    assert response.metadata == {"dropped_tools": "web_search"}
    assert [tool.type for tool in response.tools] == ["function", "custom", "namespace", "web_search"]
    (body,) = requests
    functions = [each["function"] for each in body["tools"]]
    assert [each["name"] for each in functions] == ["weather", "patch", "team__spawn"]
    assert functions[0]["strict"] is True and body["parallel_tool_calls"] is False
    results: list[Any] = [
        {"type": "function_call_output", "call_id": weather.call_id, "output": "sunny"},
        {"type": "custom_tool_call_output", "call_id": patch.call_id, "output": "patched"},
        {
            "type": "function_call_output",
            "call_id": spawn.call_id,
            "output": [{"type": "input_text", "text": "spawned"}],
        },
    ]
    conversation = [{"role": "user", "content": request["input"]}, *replayed(response), *results]
    assert client.responses.create(**{**request, "input": conversation}).output_text == "It is spawned."
    _, assistant, *outputs = requests[-1]["messages"]
    assert assistant["content"] == "I look."
    assert [each["function"]["name"] for each in assistant["tool_calls"]] == ["weather", "patch", "team__spawn"]
    assert json.loads(assistant["tool_calls"][1]["function"]["arguments"]) == {"input": "*** a\nb"}
    assert [(each["tool_call_id"], each["content"]) for each in outputs] == [
        (weather.call_id, "sunny"),
        (patch.call_id, "patched"),
        (spawn.call_id, "spawned"),
    ]


def test_a_tool_that_must_be_called(client: OpenAI, requests: list[Json]) -> None:
    request: Any = {"model": "script", "input": "Hello", "tools": [WEATHER, PATCH]}
    client.responses.create(**request, tool_choice={"type": "custom", "name": "patch"})
    assert requests[-1]["tool_choice"] == {"type": "function", "function": {"name": "patch"}}
    allowed: Any = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "weather"}]}
    client.responses.create(**request, tool_choice=allowed)
    assert requests[-1]["tool_choice"] == "required"
    assert [each["function"]["name"] for each in requests[-1]["tools"]] == ["weather"]


@pytest.mark.parametrize("streamed", [False, True])
def test_parsed_answers(client: OpenAI, requests: list[Json], streamed: bool) -> None:
    request: Any = {"model": "script", "input": "Which city?", "text_format": City}
    if streamed:
        with client.responses.stream(**request) as stream:
            parsed = stream.get_final_response().output_parsed
    else:
        parsed = client.responses.parse(**request).output_parsed
    assert parsed == City(name="Paris", people=2)
    form = requests[0]["response_format"]["json_schema"]
    assert form["strict"] is True and set(form["schema"]["properties"]) == {"name", "people"}


def test_a_schema_holds_the_answer_of_a_real_model(client: OpenAI) -> None:
    found = client.responses.parse(
        model="demo", input="Hello", text_format=Colour, max_output_tokens=200, temperature=0
    )
    assert found.output_parsed is not None and found.output_parsed.name in ("red", "blue")


def test_reasoning_comes_back(client: OpenAI, requests: list[Json]) -> None:
    request: Any = {"model": "script", "reasoning": {"summary": "auto"}, "include": ["reasoning.encrypted_content"]}
    question: Any = {"role": "user", "content": "Think."}
    with client.responses.stream(**request, input=[question]) as stream:
        thoughts = [event.delta for event in stream if event.type == "response.reasoning_summary_text.delta"]
        response: Any = stream.get_final_response()
    thought = response.output[0]
    assert thoughts == ["Hm, ", "so."] and thought.summary[0].text == "Hm, so." and thought.encrypted_content
    conversation: list[Any] = [question, *replayed(response), {"role": "user", "content": "Go on."}]
    conversation[1]["summary"] = []
    client.responses.create(**request, input=conversation)
    assert requests[-1]["messages"][1] == {"role": "assistant", "content": "Hi.", "reasoning_content": "Hm, so."}


def test_documents_pictures_and_developers(client: OpenAI, requests: list[Json]) -> None:
    paper = base64.b64encode(pdf([paragraph(700, PAPER)])).decode()
    content: list[Any] = [
        {"type": "input_file", "filename": "paper.pdf", "file_data": f"data:application/pdf;base64,{paper}"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"},
        {"type": "input_text", "text": "What is this?"},
    ]
    conversation: list[Any] = [
        {"role": "developer", "content": [{"type": "input_text", "text": "Be nice."}]},
        {"role": "system", "content": "Be quick."},
        {"type": "message", "role": "user", "content": content},
        {"role": "developer", "content": "Be brief."},
        {"role": "assistant", "content": [{"type": "output_text", "text": "A paper."}]},
        {"role": "user", "content": "Go on."},
    ]
    client.responses.create(model="claude-sonnet-5", instructions="You answer.", input=conversation)
    system, user, assistant, last = requests[0]["messages"]
    assert system == {"role": "system", "content": "You answer.\n\nBe nice.\n\nBe quick."}
    document, picture, question, note = user["content"]
    assert PAPER in document["text"] and document["text"].startswith("<document>\nTitle: paper.pdf\n")
    assert picture["image_url"] == {"url": "data:image/png;base64,AAAA", "detail": "low"}
    assert question["text"] == "What is this?" and "Be brief." in note["text"]
    assert (assistant["content"], last["content"]) == ("A paper.", "Go on.")


@pytest.mark.parametrize("model", ["fake", "demo"])
def test_counted_tokens(client: OpenAI, model: str) -> None:
    counted = client.responses.input_tokens.count(model=model, input="Hello", instructions="Be brief.")
    assert 2 < counted.input_tokens < 60 and counted.object == "response.input_tokens"


def test_a_prompt_that_is_too_long(client: OpenAI) -> None:
    counted = client.responses.input_tokens.count(model="demo", input="Hello " * 3000).input_tokens
    with pytest.raises(openai.BadRequestError) as raised:
        client.responses.create(model="demo", input="Hello " * 3000)
    assert raised.value.code == "context_length_exceeded" and str(counted) in raised.value.message
    first: Any = list(client.responses.create(model="demo", input="Hello " * 3000, stream=True))[-1]
    assert (first.type, first.response.error.code) == ("response.failed", "invalid_prompt")
    assert "2048" in first.response.error.message and str(counted) in first.response.error.message


def test_a_conversation_that_is_too_long_can_be_compacted(client: OpenAI) -> None:
    turns: Any = [("user", "Hello " * 3000), ("assistant", "Hello."), ("user", "Go on.")]
    items: Any = [{"role": role, "content": text} for role, text in turns]
    last: Any = list(client.responses.create(model="demo", input=items, stream=True))[-1]
    assert (last.type, last.response.error.code) == ("response.failed", "context_length_exceeded")


ERRORS: dict[str, tuple[type[openai.APIStatusError], Json, str]] = {
    "unknown model": (openai.NotFoundError, {"model": "nowhere"}, "Model 'nowhere' not found."),
    "no tools": (openai.BadRequestError, {"model": "demo", "tools": [WEATHER]}, "'tools' is not supported by model"),
    "engine": (openai.InternalServerError, {"extra_body": {"fake": {"error_status": 500}}}, "error_status=500"),
    "a reference": (openai.NotFoundError, {"input": [{"type": "item_reference", "id": "x"}]}, "Item with id 'x'"),
    "an earlier one": (
        openai.BadRequestError,
        {"previous_response_id": "resp_x"},
        "Previous response with id 'resp_x'",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_the_clients_own_classes(client: OpenAI, case: str) -> None:
    kind, fields, words = ERRORS[case]
    with pytest.raises(kind) as raised:
        client.responses.create(**{"model": "fake", "input": "Hello", **fields})
    assert words in raised.value.message


def test_an_engine_that_dies_in_mid_stream(client: OpenAI, served: Served) -> None:
    served.live.launched("brittle")
    request: Any = {"model": "brittle", "input": "Hello", "extra_body": {"fake": {"crash_after": 3}}}
    events = list(client.responses.create(**request, stream=True))
    last: Any = events[-1]
    assert last.type == "response.failed" and last.response.status == "failed"
    assert last.response.error.code == "server_error" and last.response.output[0].status == "incomplete"
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert served.live.http.delete("/v1/models/brittle").status_code < 300


def test_log_probabilities(client: OpenAI) -> None:
    found: Any = client.responses.create(
        model="demo", input="Hello", top_logprobs=2, include=["message.output_text.logprobs"], max_output_tokens=4
    )
    tokens = found.output[0].content[0].logprobs
    assert len(tokens) == 4 and len(tokens[0].top_logprobs) == 2 and tokens[0].logprob <= 0
    assert found.status == "incomplete" and found.incomplete_details.reason == "max_output_tokens"
