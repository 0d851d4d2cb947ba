"""The official `openai` client with what the server stores: turns, retrieval, deletion, conversations and the background."""

from __future__ import annotations

import json
import socket
import sqlite3
import struct
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any
from urllib.parse import unquote

import httpx
import openai
import pytest
from openai import OpenAI

from modelyard.dialects.features import Fate
from modelyard.dialects.responses.features import ITEMS as ITEM_TABLE
from modelyard.responses.items import PREFIXES, REFERENCE
from tests.dialects.conftest import Served
from tests.dialects.scripts import Json, ModelAnswer
from tests.knowledge.web_server import Reply

WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": False,
}
ENDLESS = {"fake": {"tokens": 1000, "hang_after": 3}}
"""An answer of the fake engine that never ends."""


def scripted(body: Json) -> ModelAnswer:
    """Calls a tool where there is one, and says how many messages it was sent otherwise."""
    if body["messages"][-1]["role"] == "tool":
        return ModelAnswer(text=["It is ", body["messages"][-1]["content"], "."])
    if body.get("tools"):
        return ModelAnswer(thought=["Hm."], calls=[("weather", ['{"city":"Paris"}'])], finish="tool_calls")
    return ModelAnswer(text=[f"{len(body['messages'])} ", "messages"])


@pytest.fixture
def bodies(served: Served) -> list[Json]:
    """The requests that the scripted model receives."""
    served.upstream.answer = scripted
    return served.upstream.bodies


@pytest.fixture
def client(served: Served, bodies: list[Json]) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{served.live.url}/v1", api_key="none", max_retries=0) as made:
        yield made


def roles(body: Json) -> list[str]:
    return [message["role"] for message in body["messages"]]


def refusal(error: openai.APIStatusError) -> tuple[int, str | None, str | None]:
    """Status, code and parameter of an error, which has a sentence."""
    assert len(error.message) > 20
    return error.status_code, error.code, error.param


@pytest.mark.parametrize("stream", [False, True])
def test_turns_with_tools_by_the_previous_response(client: OpenAI, bodies: list[Json], stream: bool) -> None:
    def create(**request: Any) -> Any:
        request = {"model": "script", "tools": [WEATHER], **request}
        if not stream:
            return client.responses.create(**request)
        with client.responses.stream(**request) as events:
            return events.get_final_response()

    first = create(input="Weather in Paris?", instructions="Be brief.")
    call = first.output[-1]
    assert first.store is True and call.type == "function_call" and first.previous_response_id is None
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    second = create(input=[output], previous_response_id=first.id)
    assert second.output_text == "It is sunny." and second.previous_response_id == first.id
    assert roles(bodies[-1]) == ["user", "assistant", "tool"], "instructions are those of one response"
    assert bodies[-1]["messages"][1]["reasoning_content"] == "Hm."
    third = create(input="Thanks", previous_response_id=second.id, tools=[])
    assert third.output_text == "5 messages" and roles(bodies[-1])[-2:] == ["assistant", "user"]
    again = create(input="Other", previous_response_id=second.id, tools=[])
    assert again.output_text == "5 messages"
    got = client.responses.retrieve(third.id)
    assert got.output_text == third.output_text and got.usage == third.usage
    assert stream or got.to_dict() == third.to_dict(), "the client adds `parsed` to what it streams"
    items = client.responses.input_items.list(third.id, order="asc", limit=2)
    kinds = [item.type for item in items]
    assert kinds == ["message", "reasoning", "function_call", "function_call_output", "message", "message"]
    newest = client.responses.input_items.list(third.id, limit=1).data[0].to_dict()
    content = [{"type": "input_text", "text": "Thanks"}]
    assert {**newest, "id": ""} == {
        "id": "", "type": "message", "role": "user", "content": content, "status": "completed"
    }  # fmt: skip


def test_a_response_is_deleted_and_later_ones_go_on(client: OpenAI) -> None:
    first = client.responses.create(model="script", input="one")
    second = client.responses.create(model="script", input="two", previous_response_id=first.id)
    client.responses.delete(first.id)
    for call in (client.responses.retrieve, client.responses.delete, client.responses.cancel):
        with pytest.raises(openai.NotFoundError) as caught:
            call(first.id)
        assert refusal(caught.value) == (404, "response_not_found", "response_id")
    with pytest.raises(openai.NotFoundError):
        client.responses.input_items.list(first.id)
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="script", input="x", previous_response_id=first.id)
    assert refusal(refused.value) == (400, "previous_response_not_found", "previous_response_id")
    third = client.responses.create(model="script", input="three", previous_response_id=second.id)
    assert third.output_text == "5 messages"


def test_without_store_nothing_is_kept(client: OpenAI) -> None:
    first = client.responses.create(model="script", input="one")
    second = client.responses.create(model="script", input="two", previous_response_id=first.id, store=False)
    assert second.output_text == "3 messages" and second.to_dict()["store"] is False
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(second.id)
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="script", input="x", store=False, background=True)
    assert caught.value.param == "background"


def test_references_to_items_and_items_twice(client: OpenAI, bodies: list[Json]) -> None:
    first = client.responses.create(model="script", input="one")
    answer = first.output[0].id
    assert answer is not None
    references: Any = [{"type": "item_reference", "id": answer}, {"id": answer}]
    for reference in references:
        client.responses.create(model="script", input=[reference, {"role": "user", "content": "two"}])
        assert bodies[-1]["messages"][0] == {"role": "assistant", "content": "1 messages"}
    with pytest.raises(openai.NotFoundError) as caught:
        client.responses.create(model="script", input=[{"type": "item_reference", "id": "msg_none"}])
    assert refusal(caught.value) == (404, "item_not_found", "input")
    with pytest.raises(openai.BadRequestError) as twice:
        client.responses.create(model="script", input=references[:1], previous_response_id=first.id)
    assert refusal(twice.value) == (400, "duplicate_item", "input")
    for pair in (references, references[:1] * 2):
        with pytest.raises(openai.BadRequestError) as again:
            client.responses.create(model="script", input=pair, store=False)
        assert refusal(again.value) == (400, "duplicate_item", "input")


def test_a_conversation_that_was_compacted_goes_on(client: OpenAI, bodies: list[Json]) -> None:
    compaction: Any = {"type": "compaction", "encrypted_content": "opaque"}
    first = client.responses.create(model="script", input=[compaction, {"role": "user", "content": "one"}])
    second = client.responses.create(model="script", input="two", previous_response_id=first.id)
    assert second.output_text == "3 messages"
    kinds = [item.type for item in client.responses.input_items.list(second.id, order="asc")]
    assert kinds == ["compaction", "message", "message", "message"]


def test_the_tokens_of_a_stored_conversation_are_counted(client: OpenAI, bodies: list[Json]) -> None:
    first = client.responses.create(model="script", input="one")
    client.responses.input_tokens.count(model="script", input="two", previous_response_id=first.id)
    assert roles(bodies[-1]) == ["user", "assistant", "user"]


def test_conversations_and_their_items(client: OpenAI) -> None:
    made = client.conversations.create(
        metadata={"topic": "gates"}, items=[{"type": "message", "role": "user", "content": "hello"}]
    )
    assert client.conversations.retrieve(made.id).metadata == {"topic": "gates"}
    assert client.conversations.update(made.id, metadata={"topic": "pumps"}).metadata == {"topic": "pumps"}
    added = client.conversations.items.create(
        made.id, items=[{"role": "user", "content": str(number)} for number in range(20)]
    )
    assert len(added.data) == 20 and added.first_id == added.data[0].id and not added.has_more
    listed = list(client.conversations.items.list(made.id, limit=7))
    assert [item.id for item in listed[:20]] == [item.id for item in reversed(added.data)] and len(listed) == 21
    item = client.conversations.items.retrieve(listed[0].id or "", conversation_id=made.id)
    assert item.to_dict() == listed[0].to_dict()
    assert client.conversations.items.delete(listed[0].id or "", conversation_id=made.id).id == made.id
    with pytest.raises(openai.NotFoundError) as caught:
        client.conversations.items.retrieve(listed[0].id or "", conversation_id=made.id)
    assert refusal(caught.value) == (404, "item_not_found", "item_id")
    gone = client.conversations.delete(made.id)
    assert (gone.deleted, gone.object, gone.id) == (True, "conversation.deleted", made.id)
    with pytest.raises(openai.NotFoundError) as missing:
        client.conversations.retrieve(made.id)
    assert refusal(missing.value) == (404, "thread_not_found", "conversation_id")
    assert client.conversations.create().metadata == {}


@pytest.mark.parametrize("background", [False, True])
def test_responses_in_a_conversation(client: OpenAI, bodies: list[Json], background: bool) -> None:
    made = client.conversations.create(items=[{"role": "user", "content": "hello"}])
    first = client.responses.create(model="script", input="one", conversation=made.id, background=background)
    assert first.conversation is not None and first.conversation.id == made.id
    wait_for_end(client, first.id)
    second = client.responses.create(model="script", input="two", conversation={"id": made.id})
    assert second.output_text == "3 messages", "turns of the user are joined"
    items: list[Any] = list(client.conversations.items.list(made.id, order="asc"))
    texts = [item.content[0].text for item in items]
    assert texts == ["hello", "one", "1 messages", "two", "3 messages"]
    client.conversations.delete(made.id)
    assert client.responses.retrieve(second.id).output_text == "3 messages"
    with pytest.raises(openai.NotFoundError) as caught:
        client.responses.create(model="script", input="x", conversation=made.id)
    assert refusal(caught.value) == (404, "thread_not_found", "conversation")
    with pytest.raises(openai.BadRequestError) as both:
        client.responses.create(model="script", input="x", conversation=made.id, previous_response_id=second.id)
    assert both.value.param == "previous_response_id"


def wait_for_end(client: OpenAI, name: str) -> Any:
    """The response, once it has ended, which its stream tells."""
    if client.responses.retrieve(name).background:
        with client.responses.retrieve(name, stream=True) as events:
            for _ in events:
                pass
    return client.responses.retrieve(name)


def test_a_response_of_the_background_is_left_and_taken_up_again(client: OpenAI) -> None:
    request: Any = {"model": "fake", "input": "hi", "extra_body": {"fake": {"tokens": 40, "tokens_per_second": 100}}}
    begun = client.responses.create(**request, background=True)
    assert (begun.status, begun.background, begun.output) == ("queued", True, [])
    with client.responses.retrieve(begun.id, stream=True) as events:
        everything = [event.to_dict() for event in events]
    assert [event["sequence_number"] for event in everything] == list(range(len(everything)))
    assert everything[0]["type"] == "response.created" and everything[-1]["type"] == "response.completed"
    done = client.responses.retrieve(begun.id)
    assert done.status == "completed" and len(done.output_text) > 40
    assert everything[-1]["response"] == done.to_dict()
    for after in (0, 7, len(everything) - 2, len(everything) - 1):
        with client.responses.retrieve(begun.id, stream=True, starting_after=after) as events:
            assert [event.to_dict() for event in events] == everything[after + 1 :]
    with client.responses.stream(response_id=begun.id, starting_after=5) as helper:
        assert [event.sequence_number for event in helper] == list(range(6, len(everything)))
        assert helper.get_final_response().output_text == done.output_text
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.retrieve(begun.id, stream=True, starting_after=10_000)
    assert caught.value.param == "starting_after"
    assert client.responses.cancel(begun.id).to_dict() == done.to_dict(), "one that has ended stays as it is"
    later = client.responses.create(model="script", input="x", previous_response_id=begun.id)
    assert later.output_text == "3 messages"
    client.responses.delete(begun.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(begun.id, stream=True)


def test_a_stream_of_the_background_goes_on_without_its_client(client: OpenAI, served: Served) -> None:
    request: Any = {"model": "fake", "input": "hi", "extra_body": {"fake": {"tokens": 40, "tokens_per_second": 100}}}
    seen: list[Any] = []
    with client.responses.create(**request, background=True, stream=True) as events:
        for event in events:
            seen.append(event)
            if len(seen) == 6:
                break
    name = seen[0].response.id
    with client.responses.retrieve(name, stream=True, starting_after=seen[-1].sequence_number) as rest:
        seen += rest
    assert [event.sequence_number for event in seen] == list(range(len(seen)))
    assert seen[-1].response.to_dict() == client.responses.retrieve(name).to_dict()


def test_cancelling_stops_the_model(client: OpenAI, served: Served) -> None:
    begun = client.responses.create(model="fake", input="hi", background=True, extra_body=ENDLESS)
    with client.responses.retrieve(begun.id, stream=True) as events:
        while next(events).type != "response.output_text.delta":
            pass
        running = client.responses.retrieve(begun.id)
        assert running.status == "in_progress"
        with pytest.raises(openai.BadRequestError) as caught:
            client.responses.create(model="fake", input="x", previous_response_id=begun.id)
        assert refusal(caught.value) == (400, "previous_response_unusable", "previous_response_id")
        cancelled = client.responses.cancel(begun.id)
        assert cancelled.status == "cancelled" and client.responses.retrieve(begun.id).status == "cancelled"
        assert all(event.type.startswith("response.output") for event in events), "the stream just ends"
    with pytest.raises(openai.BadRequestError, match="is cancelled"):
        client.responses.create(model="fake", input="x", previous_response_id=begun.id)
    own = client.responses.input_items.list(begun.id).data
    assert [item.type for item in own] == ["message"]
    whole = client.responses.create(model="fake", input="x", max_output_tokens=3)
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.cancel(whole.id)
    assert refused.value.param == "response_id"
    with pytest.raises(openai.BadRequestError) as replay:
        client.responses.retrieve(whole.id, stream=True)
    assert replay.value.param == "stream"


def test_deleting_stops_the_model(client: OpenAI, served: Served) -> None:
    begun = client.responses.create(model="fake", input="hi", background=True, extra_body=ENDLESS)
    client.responses.delete(begun.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(begun.id)
    assert served.live.http.get(f"/v1/generations/{begun.id}").status_code == 404


def test_a_model_that_fails_in_the_background_and_one_that_is_not_there(client: OpenAI, served: Served) -> None:
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="nobody", input="hi", background=True)
    half = (
        ModelAnswer(text=["It is ", "cut"]).stream().partition(b'"finish_reason": "stop"')[0].rpartition(b"data: ")[0]
    )
    served.upstream.answer = lambda body: Reply(half, "text/event-stream")
    for model, extra in (("fake", {"fake": {"error_status": 500}}), ("script", {})):
        begun = client.responses.create(model=model, input="hi", background=True, extra_body=extra)
        with client.responses.retrieve(begun.id, stream=True) as events:
            everything: list[Any] = list(events)
        failed = client.responses.retrieve(begun.id)
        assert failed.status == "failed" and failed.error is not None and len(failed.error.message) > 10
        assert everything[-1].type == "response.failed" and everything[-1].response.to_dict() == failed.to_dict()
        assert [event.sequence_number for event in everything] == list(range(len(everything)))
        assert failed.output_text == ("It is cut" if model == "script" else "")
        with pytest.raises(openai.BadRequestError, match="is failed"):
            client.responses.create(model="fake", input="x", previous_response_id=begun.id)


def test_an_incomplete_response_can_be_followed(client: OpenAI) -> None:
    cut = client.responses.create(model="demo", input="Tell me of pumps.", max_output_tokens=4)
    assert cut.status == "incomplete" and client.responses.retrieve(cut.id).to_dict() == cut.to_dict()
    on = client.responses.create(model="demo", input="Go on.", previous_response_id=cut.id, max_output_tokens=4)
    assert on.usage is not None and cut.usage is not None and on.usage.input_tokens > cut.usage.input_tokens


ITEMS: list[Any] = [
    None,
    5,
    "x",
    [],
    [None],
    [{}],
    [{"type": "nonsense"}],
    [{"role": "user"}],
    [{"role": "user", "content": "x"}] * 21,
]
METADATA: list[Any] = [5, "x", [], {"a": 1}, {"a" * 65: "x"}, {"a": "x" * 513}, {str(n): "x" for n in range(17)}]


def test_bodies_that_make_no_sense(served: Served) -> None:
    http = served.live.http
    name = http.post("/v1/conversations", json={}).json()["id"]
    for items in ITEMS:
        assert http.post(f"/v1/conversations/{name}/items", json={"items": items}).status_code in (400, 422), items
    for metadata in METADATA:
        for path in ("/v1/conversations", f"/v1/conversations/{name}"):
            assert http.post(path, json={"metadata": metadata}).status_code in (400, 422), metadata
    assert http.post(f"/v1/conversations/{name}", json={}).status_code in (400, 422)
    assert http.get(f"/v1/conversations/{name}/items").json()["data"] == []


@pytest.mark.parametrize(
    "name", ["x", "resp_", "conv_x", "%00", "%F0%9F%98%80", "a" * 3000, "..%2f..", "%27%20OR%201=1--"]
)
def test_ids_that_nobody_has(served: Served, name: str) -> None:
    http = served.live.http
    calls = [("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/input_items"), ("GET", "?stream=true")]
    for method, rest in calls:
        answer = http.request(method, f"/v1/responses/{name}{rest}")
        assert answer.status_code == 404 or (name == "%00" and answer.status_code == 400), (method, rest, answer.text)
    real = http.post("/v1/conversations", json={}).json()["id"]
    for path in (
        f"/v1/conversations/{name}",
        f"/v1/conversations/{name}/items",
        f"/v1/conversations/{real}/items/{name}",
    ):
        assert http.get(path).status_code in (400, 404), path
    answer = http.get(f"/v1/conversations/{real}/items", params={"after": httpx.URL(f"http://x/{name}").path[1:][:128]})
    assert answer.status_code in (400, 404)
    for field in ("previous_response_id", "conversation"):
        body = {"model": "fake", "input": "x", field: unquote(name)}
        assert http.post("/v1/responses", json=body).status_code in (400, 404)


def test_every_kind_of_item_that_a_request_may_have_can_be_stored() -> None:
    usable = {kind for kind, feature in ITEM_TABLE.items() if feature.fate is not Fate.REFUSED}
    assert usable - {REFERENCE} <= set(PREFIXES)


UNUSABLE: list[tuple[Json, str]] = [
    ({"role": "tool", "content": "x"}, "items[0].role"),
    ({"role": "critic", "content": "x"}, "items[0].role"),
    ({"role": "user", "content": [{"type": "computer_screenshot"}]}, "items[0].content[0].type"),
    ({"role": "user", "content": [{"type": "input_image"}]}, "items[0].content[0].image_url"),
    ({"role": "user", "content": [{"type": "input_file"}]}, "items[0].content[0].file_data"),
    ({"role": "user", "content": [{"type": "input_file", "file_url": "http://x/y"}]}, "items[0].content[0].file_url"),
    ({"type": "function_call", "name": "x"}, "items[0].call_id"),
    ({"type": "reasoning", "summary": "bad"}, "items[0].summary"),
    ({"type": "function_call_output", "call_id": "c", "output": 5}, "items[0].output"),
]


@pytest.mark.parametrize(("item", "place"), UNUSABLE)
def test_a_conversation_takes_no_item_that_a_request_could_not_have(served: Served, item: Json, place: str) -> None:
    http = served.live.http
    name = http.post("/v1/conversations", json={}).json()["id"]
    for path in ("/v1/conversations", f"/v1/conversations/{name}/items"):
        answer = http.post(path, json={"items": [item]})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, place), answer.text
    assert http.post("/v1/responses", json={"model": "script", "conversation": name, "input": "x"}).status_code == 200


def test_an_item_that_has_become_unusable_is_named(client: OpenAI) -> None:
    file = client.files.create(file=("a.md", b"# Pumps"), purpose="user_data")
    item: Any = {"role": "user", "content": [{"type": "input_file", "file_id": file.id}]}
    made = client.conversations.create(items=[{"role": "user", "content": "x"}, item])
    first = client.responses.create(model="script", conversation=made.id, input="hi")
    client.files.delete(file.id)
    name = client.conversations.items.list(made.id, order="asc").data[1].id or ""
    for param, value in (("conversation", made.id), ("previous_response_id", first.id)):
        with pytest.raises(openai.APIStatusError) as caught:
            client.responses.create(model="script", input="hi", extra_body={param: value})
        assert caught.value.param == param and f"Item '{name}' of '{param}'" in caught.value.message
    client.conversations.items.delete(name, conversation_id=made.id)
    assert client.responses.create(model="script", conversation=made.id, input="hi").status == "completed"


@pytest.mark.parametrize("hosted", [False, True])
def test_a_response_whose_client_leaves_is_stored_as_cancelled(client: OpenAI, served: Served, hosted: bool) -> None:
    tools: Any = [{"type": "file_search", "vector_store_ids": [client.vector_stores.create(name="left").id]}]
    request: Any = {"model": "fake", "input": "hi", "extra_body": ENDLESS, "tools": tools if hosted else []}
    text, name = "", ""
    with client.responses.create(**request, stream=True) as events:
        for event in events:
            name = event.response.id if event.type == "response.created" else name
            if event.type == "response.output_text.delta":
                text += event.delta
                break
    deadline, left = time.monotonic() + 60, None
    while left is None and time.monotonic() < deadline:
        with suppress(openai.NotFoundError):
            left = client.responses.retrieve(name)
    assert left is not None and (left.status, left.error, left.incomplete_details) == ("cancelled", None, None)
    assert left.output_text.startswith(text) and text and left.output[-1].status == "incomplete"  # type: ignore[union-attr]
    assert client.responses.input_items.list(name).data[0].type == "message"
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="script", input="x", previous_response_id=name)
    assert refused.value.param == "previous_response_id" and "cancelled" in refused.value.message
    client.responses.delete(name)


def test_clients_that_leave_while_a_response_is_queued(served: Served) -> None:
    """Each of their responses is made or was never stored; none stays `queued` without a generation."""
    body = json.dumps({"model": "script", "input": "x", "background": True}).encode()
    url = httpx.URL(served.live.url)
    head = f"POST /v1/responses HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    for number in range(60):
        with socket.create_connection((url.host, url.port)) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(head.encode() + body)
            connection.settimeout(0.0003 * number + 0.0001)
            with suppress(TimeoutError):
                connection.recv(1)
    query = "SELECT id FROM stored_responses WHERE status IN ('queued', 'in_progress')"
    deadline = time.monotonic() + 20
    with closing(sqlite3.connect(served.live.home / "modelyard.db")) as database:
        while (names := database.execute(query).fetchall()) and time.monotonic() < deadline:
            assert served.live.http.get(f"/v1/responses/{names[0][0]}").status_code == 200
    assert names == []
