"""Tools that this server runs for a response: the rounds of a run, whole and streamed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from modelyard.core.errors import ContextLengthExceeded, ModelyardError, UpstreamFailed
from modelyard.dialects.responses.hosted import HostedCall, HostedResult, OpenTools
from modelyard.dialects.responses.reply import response_setting
from modelyard.dialects.responses.request import own_items, read_items, read_request, translate
from modelyard.dialects.responses.run import MOST_CALLS, ResponseRun
from modelyard.gateway.sender import Answer
from modelyard.protocol.responses import ResponseRequest
from modelyard.protocol.responses_answer import ResponseAnswer
from modelyard.protocol.responses_hosted import FilePassage
from modelyard.protocol.responses_items import Item
from tests.dialects.scripts import Json, ModelAnswer
from tests.dialects.test_responses_stream import events, joined, shape

CLIENTS = {"type": "function", "name": "f", "parameters": {"type": "object"}}


class Search:
    """A tool that finds one passage."""

    kind = "file_search_call"
    prefix = "fs"
    functions: Sequence[Item] = (
        {"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}},
    )
    items: Sequence[Item] = ({"type": "mcp_list_tools", "server_label": "s", "tools": []},)
    stages = ("searching",)

    def __init__(self) -> None:
        self.calls: list[HostedCall] = []

    def begun(self, call: HostedCall) -> Item:
        return {"queries": [], "results": None}

    async def run(self, call: HostedCall) -> HostedResult:
        self.calls.append(call)
        if "nothing" in call.arguments:
            return HostedResult("It failed.", {}, failed=True)
        source = FilePassage(number=2, file_id="file-4", filename="rules.md", text="Cats sleep.")
        return HostedResult("[2] Cats sleep.", {"queries": ["cats"]}, [source])


class Rounds:
    """A sender whose model answers one after the other."""

    def __init__(self, *answers: ModelAnswer) -> None:
        self.bodies: list[Json] = []
        self._answers = list(answers)

    async def __call__(self, path: str, body: bytes) -> Answer:
        value = json.loads(body)
        self.bodies.append(value)
        found = self._answers.pop(0)
        data = found.stream() if value.get("stream") else json.dumps(found.whole()).encode()
        answer = Answer()

        async def produce() -> None:
            await answer.send({"type": "http.response.start", "status": 200, "headers": []})
            await answer.send({"type": "http.response.body", "body": data, "more_body": False})

        answer.begin(produce())
        return answer


class Sink:
    """What a store receives."""

    def __init__(self) -> None:
        self.ends: list[ResponseAnswer] = []

    async def begin(self, answer: ResponseAnswer) -> None:
        answer.store = True

    async def queue(self, answer: ResponseAnswer) -> None:
        pass

    async def end(self, answer: ResponseAnswer) -> None:
        self.ends.append(answer)


def run_of(sender: Any, tool: Search, sink: Sink | None = None, **fields: Any) -> ResponseRun:
    """The run of a request that offers the search, and a function of the client."""
    body = {"model": "m", "input": "Cats?", "tools": [{"type": "file_search"}, CLIENTS], **fields}
    data = json.dumps(body).encode()
    request = read_request(data, ResponseRequest)
    translation = translate(request, data, read_items(own_items(request)), hosted={0: tool})
    setting = response_setting("ab", 1, request, translation.tools)
    return ResponseRun(sender, translation, setting, sink, OpenTools({0: tool}))


def calling(*names: str, arguments: str = "{}", text: Sequence[str] = ()) -> ModelAnswer:
    return ModelAnswer(text=text, calls=[(name, [arguments]) for name in names], finish="tool_calls")


def streamed(run: ResponseRun) -> bytes:
    async def collect() -> bytes:
        return b"".join([each async for each in run.events()])

    return asyncio.run(collect())


LISTED = ["+mcp_list_tools", "-mcp_list_tools None"]
FOUND = ["+file_search_call", "-file_search_call completed"]
MESSAGE = ["+message", "output_text", "-message completed"]


def short(data: bytes) -> list[str]:
    for each in events(data):
        if each.get("item", {}).get("type") == "mcp_list_tools":
            assert each["item"]["id"]
    return shape(data.replace(b'"tools":[]}', b'"tools":[],"status":"None"}'))


def test_a_call_is_carried_out_and_the_model_goes_on() -> None:
    sender, tool = Rounds(calling("search", text=["I look."]), ModelAnswer(text=["They sleep [2]."])), Search()
    data = streamed(run_of(sender, tool))
    assert short(data) == [
        *LISTED,
        *MESSAGE,
        *FOUND,
        "+message",
        "output_text",
        "cite 11",
        "-message completed",
        "completed",
    ]
    stages = [each["type"] for each in events(data) if "file_search_call" in each["type"]]
    assert stages == [f"response.file_search_call.{name}" for name in ("in_progress", "searching", "completed")]
    found = joined(events(data))
    assert found["output"][2] == {
        "id": "fs_ab0002",
        "type": "file_search_call",
        "status": "completed",
        "queries": ["cats"],
        "results": None,
    }
    assert found["usage"]["input_tokens"] == 14 and found["usage"]["total_tokens"] == 24
    assistant, result = sender.bodies[1]["messages"][1:]
    assert assistant["content"] == "I look." and assistant["tool_calls"][0]["id"] == result["tool_call_id"]
    assert result["content"] == "[2] Cats sleep."


def test_whole_answers_take_the_same_way() -> None:
    answers = calling("search"), ModelAnswer(text=["They sleep [2]."])
    sink = Sink()
    found = msgspec.to_builtins(asyncio.run(run_of(Rounds(*answers), Search(), sink).answer()))
    expected = joined(events(streamed(run_of(Rounds(*answers), Search()))))
    changing = {"completed_at": 0}
    assert found | changing == expected | changing and len(sink.ends) == 1


def test_a_call_of_the_client_ends_the_response() -> None:
    sender = Rounds(calling("search", "f"))
    found = joined(events(streamed(run_of(sender, Search()))))
    assert [each["type"] for each in found["output"]] == ["mcp_list_tools", "function_call", "file_search_call"]
    assert len(sender.bodies) == 1


def test_calls_are_bounded() -> None:
    sender, tool = Rounds(calling("search", "search"), ModelAnswer(text=["Enough."])), Search()
    found = joined(events(streamed(run_of(sender, tool, max_tool_calls=1, tool_choice={"type": "file_search"}))))
    assert len(tool.calls) == 1 and found["output"][-1]["content"][0]["text"] == "Enough."
    assert sender.bodies[0]["tool_choice"]["function"]["name"] == "search"
    assert sender.bodies[1]["tool_choice"] == "none"
    assert "No more calls" in sender.bodies[1]["messages"][-1]["content"]
    endless = Rounds(*[calling("search") for _ in range(MOST_CALLS)], ModelAnswer(text=["Enough."]))
    streamed(run_of(endless, tool))
    assert len(endless.bodies) == MOST_CALLS + 1


def test_a_model_that_calls_on_is_stopped() -> None:
    """A model may ignore that it must not call any more."""
    sender = Rounds(*[calling("search") for _ in range(4)])
    found = joined(events(streamed(run_of(sender, Search(), max_tool_calls=1))))
    assert len(sender.bodies) == 2 and found["status"] == "completed"


def test_a_call_that_fails_is_a_result() -> None:
    sender = Rounds(calling("search", arguments='{"q":"nothing"}'), ModelAnswer(text=["Sorry."]))
    data = streamed(run_of(sender, Search()))
    assert "-file_search_call failed" in short(data)
    assert sender.bodies[1]["messages"][-1]["content"] == "It failed."


def test_a_prompt_that_is_too_long_after_a_call() -> None:
    """A stream has it as its last event, a whole answer is the error."""

    class Full(Rounds):
        async def __call__(self, path: str, body: bytes) -> Answer:
            if self.bodies:
                raise ContextLengthExceeded(None, 8, 9)
            return await super().__call__(path, body)

    found = joined(events(streamed(run_of(Full(calling("search")), Search()))))
    assert found["error"]["code"] == "context_length_exceeded" and found["output"][1]["status"] == "completed"
    with pytest.raises(ContextLengthExceeded):
        asyncio.run(run_of(Full(calling("search")), Search()).answer())


def test_a_sink_receives_what_the_client_does() -> None:
    sink = Sink()
    data = streamed(run_of(Rounds(ModelAnswer(text=["a"])), Search(), sink))
    assert [msgspec.to_builtins(each) for each in sink.ends] == [events(data)[-1]["response"]]


def test_a_sink_receives_how_a_response_fails() -> None:
    sink = Sink()

    async def broken(path: str, body: bytes) -> Answer:
        raise UpstreamFailed("m", "gone.")

    with pytest.raises(ModelyardError):
        streamed(run_of(broken, Search(), sink))
    assert [each.status for each in sink.ends] == ["failed"]
    with pytest.raises(ModelyardError):
        asyncio.run(run_of(broken, Search(), sink).answer())
    assert [each.status for each in sink.ends] == ["failed"] * 2
