"""The official `anthropic` client on a real server: each of its helpers, on each kind of model."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.dialects.conftest import Served, client_results
from tests.dialects.scripts import Json, ModelAnswer
from tests.knowledge.documents.loaders.samples import paragraph, pdf

PAPER = "Pumps deliver water to villages."


def scripted(body: Json) -> ModelAnswer:
    """What the scripted model answers: by what the request has."""
    last = body["messages"][-1]
    if last["role"] == "tool":
        return ModelAnswer(text=["It is ", last["content"], "."])
    if body.get("tools"):
        call = ("weather", ['{"city": ', '"Paris"}'])
        return ModelAnswer(text=["I look."], calls=[call], finish="tool_calls")
    if body.get("response_format"):
        return ModelAnswer(text=['{"name": "Paris", ', '"people": 2}'])
    if body.get("chat_template_kwargs"):
        return ModelAnswer(thought=["Hm, ", "so."], text=["Hi."])
    if "MX-2140" in json.dumps(body["messages"]):
        return ModelAnswer(text=["It delivers 12 litres per minute. ", "[1]"])
    return ModelAnswer(text=["ok"])


@pytest.fixture(scope="module")
def requests() -> list[Json]:
    """The requests that the scripted model received."""
    return []


@pytest.fixture(scope="module")
def results(own_served: Served, requests: list[Json], tmp_path_factory: pytest.TempPathFactory) -> Json:
    paper = tmp_path_factory.mktemp("paper") / "paper.pdf"
    paper.write_bytes(pdf([paragraph(700, PAPER)]))
    own_served.upstream.answer = scripted
    own_served.upstream.bodies.clear()
    found = client_results("anthropic_client.py", own_served.live.url, str(paper))
    requests += own_served.upstream.bodies
    return found


@pytest.mark.parametrize("model", ["fake", "demo", "script", "kb:handbook"])
def test_streams_and_whole_answers_are_alike(results: Json, model: str) -> None:
    stream, whole = results[f"stream {model}"], results[f"create {model}"]
    message = stream["message"]
    assert stream["text"] and stream["text"] == message["content"][0]["text"]
    assert {**message, "id": "", "usage": {}} == {**whole, "id": "", "usage": {}}
    assert message["model"] == model and message["stop_reason"] == "end_turn"
    tokens = [name for name in message["usage"] if name.endswith("tokens")]
    total = [sum(found["usage"][name] or 0 for name in tokens) for found in (message, whole)]
    assert total[0] == total[1] > 0


def test_a_base_cites_its_documents(results: Json) -> None:
    (block,) = results["stream kb:handbook"]["message"]["content"]
    assert block["text"] == "It delivers 12 litres per minute. [1]"
    (citation,) = block["citations"]
    assert citation["type"] == "search_result_location" and citation["search_result_index"] == 0
    assert "12 litres" in citation["cited_text"] and citation["title"] == "handbook.md"


def test_the_source_of_a_citation_is_its_document(results: Json, own_served: Served) -> None:
    (block,) = results["create kb:handbook"]["content"]
    answer = own_served.live.http.get(block["citations"][0]["source"])
    assert answer.status_code == 200 and "MX-2140" in answer.text


@pytest.mark.parametrize("streamed", [False, True])
def test_the_tool_runner(results: Json, streamed: bool) -> None:
    first, last = results[f"tool runner {streamed}"]
    assert first["stop_reason"] == "tool_use"
    assert [block["type"] for block in first["content"]] == ["text", "tool_use"]
    assert (first["content"][1]["name"], first["content"][1]["input"]) == ("weather", {"city": "Paris"})
    assert last["content"][0]["text"] == "It is sunny in Paris." and last["stop_reason"] == "end_turn"


def test_a_tool_that_must_be_called(results: Json, requests: list[Json]) -> None:
    block = results["forced"]["content"][-1]
    assert block["type"] == "tool_use" and block["name"] == "weather"
    (body,) = [each for each in requests if isinstance(each.get("tool_choice"), dict)]
    assert body["tool_choice"]["function"] == {"name": "weather"} and body["parallel_tool_calls"] is False


def test_parsed_answers(results: Json, requests: list[Json]) -> None:
    assert results["parse"]["output"] == {"name": "Paris", "people": 2}
    (form,) = [body["response_format"] for body in requests if "response_format" in body]
    assert set(form["json_schema"]["schema"]["properties"]) == {"name", "people"}


def test_thinking(results: Json, requests: list[Json]) -> None:
    block, text = results["thinking"]["content"]
    assert (block["thinking"], text["text"]) == ("Hm, so.", "Hi.") and block["signature"]
    assert results["thinking again"]["content"][0]["text"] == "ok"
    (history,) = [body["messages"] for body in requests if len(body["messages"]) == 3 and not body.get("tools")]
    assert history[1] == {"role": "assistant", "content": "Hi.", "reasoning_content": "Hm, so."}


def test_documents_pictures_and_an_alias(results: Json, requests: list[Json]) -> None:
    assert results["document"]["model"] == "claude-sonnet-5"
    (body,) = [body for body in requests if "Be nice." in str(body["messages"][0]["content"])]
    document, picture, question, note = body["messages"][1]["content"]
    assert PAPER in document["text"] and document["text"].startswith("<document>\nTitle: Paper\n")
    assert picture["image_url"]["url"].startswith("data:image/png;base64,")
    assert question["text"] == "What is this?" and "Be brief." in note["text"]
    assert body["model"] == "script"


@pytest.mark.parametrize("model", ["fake", "demo"])
def test_counted_tokens(results: Json, model: str) -> None:
    assert 2 < results[f"count {model}"]["input_tokens"] < 40


def test_a_prompt_that_is_too_long(results: Json) -> None:
    counted = results["count long"]["input_tokens"]
    assert counted > 2048
    assert results["too long"]["class"] == "BadRequestError"
    message = results["too long"]["body"]["error"]["message"]
    assert message.startswith(f"prompt is too long: {counted} tokens > 2048 maximum")


def test_models(results: Json) -> None:
    listed = {each["id"]: each for each in results["models"]}
    assert {"fake", "demo", "script", "kb:handbook"} <= set(listed) and "vectors" not in listed
    assert listed["demo"] == results["model"]
    assert results["model"]["max_input_tokens"] == 2048 and results["model"]["lifecycle"] == "active"
    assert results["no model"]["class"] == "NotFoundError"
    assert results["no model"]["body"]["error"]["type"] == "not_found_error"


ERRORS: dict[str, tuple[str, str, str]] = {
    "unknown model": ("NotFoundError", "not_found_error", "Model 'nowhere' not found."),
    "server tool": ("BadRequestError", "invalid_request_error", "'tools[0].type': 'web_search_20250305'"),
    "no tools": ("BadRequestError", "invalid_request_error", "'tools' is not supported by model 'demo'"),
    "broken whole": ("InternalServerError", "api_error", "error_status=500"),
    "broken stream": ("APIStatusError", "api_error", "closed the connection"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_the_clients_own_classes(results: Json, name: str) -> None:
    kind, error_type, words = ERRORS[name]
    found: Any = results[name]
    assert found["class"] == kind, found
    assert found["body"]["type"] == "error" and found["body"]["error"]["type"] == error_type
    assert words in found["body"]["error"]["message"] and found["body"]["request_id"]


def test_many_at_once(results: Json) -> None:
    assert len(results["asynchronous"]) == 5
    assert {each["text"] for each in results["asynchronous"]} == {"the quick brown fox jumps "}
