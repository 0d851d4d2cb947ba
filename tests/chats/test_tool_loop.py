"""The agent's loop, with a model that plays a script and records what it was asked."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from modelyard.chats import tool_loop
from modelyard.chats.tool_loop import (
    Event,
    LoopAnswer,
    Notice,
    StreamedReply,
    TextPiece,
    ThinkingPiece,
    ToolEnded,
    ToolStarted,
    run_tool_loop,
)
from modelyard.chats.tools.base import object_schema
from modelyard.chats.tools.calculator import Calculator
from modelyard.core.errors import ToolFailed, UnsupportedParameter, UpstreamFailed

Chunk = dict[str, Any]
BODY = {"model": "m", "messages": [{"role": "user", "content": "多少？"}], "temperature": 0.1, "stream": False}


def delta(finish: str | None = None, **fields: Any) -> Chunk:
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def says(*pieces: str, finish: str = "stop") -> list[Chunk]:
    return [delta(role="assistant", content=""), *(delta(content=each) for each in pieces), delta(finish), used(3, 2)]


def used(prompt: int, completion: int) -> Chunk:
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return {"choices": [], "usage": {**counts, "prompt_tokens_details": None}}


def calls(*wanted: tuple[str, str, str], said: str = "") -> list[Chunk]:
    """Calls in pieces, as OpenAI streams them: head first, then the arguments letter by letter."""
    made = [delta(content=said)] if said else []
    for index, (id, name, arguments) in enumerate(wanted):
        made.append(delta(tool_calls=[piece(index, id, name, "")]))
        made += [delta(tool_calls=[piece(index, None, None, letter)]) for letter in arguments]
    return [*made, delta("tool_calls"), used(10, 5)]


def piece(index: int | None, id: str | None, name: str | None, arguments: Any) -> dict[str, Any]:
    whole = {"index": index, "id": id, "type": "function" if id else None}
    return {
        **{key: value for key, value in whole.items() if value is not None},
        "function": {"name": name, "arguments": arguments} if name else {"arguments": arguments},
    }


class Script:
    """A model that says what is written."""

    def __init__(self, *rounds: Sequence[Chunk] | Exception) -> None:
        self._rounds = list(rounds)
        self.asked: list[dict[str, Any]] = []
        self.closed = 0

    async def embed_query(self, model: str, query: str) -> Sequence[float]:
        raise AssertionError("not asked for")

    async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        raise AssertionError

    async def rerank(self, model: str, query: str, texts: Sequence[str]) -> Sequence[float]:
        raise AssertionError

    def rankers(self) -> Sequence[str]:
        return ()

    async def chat(self, body: Mapping[str, Any]) -> AsyncGenerator[Chunk]:
        self.asked.append(copy.deepcopy(dict(body)))
        try:
            said = self._rounds.pop(0)
            if isinstance(said, Exception):
                raise said
            for chunk in said:
                await asyncio.sleep(0)
                yield chunk
        finally:
            self.closed += 1


class Told:
    """A tool that does what a test says."""

    description = "Does it."
    parameters = object_schema({"q": {"type": "string"}})

    def __init__(self, name: str, does: Callable[[dict[str, Any]], Awaitable[str]]) -> None:
        self.name = name
        self._does = does

    async def call(self, arguments: dict[str, Any]) -> str:
        return await self._does(arguments)


def events(script: Script, *tools: Any, body: Mapping[str, Any] = BODY, **more: Any) -> list[Event]:
    async def go() -> list[Event]:
        return [event async for event in run_tool_loop(script, body, tools, **more)]

    return asyncio.run(go())


def outputs(found: list[Event]) -> dict[str, tuple[str, bool]]:
    return {event.id: (event.output, event.ok) for event in found if isinstance(event, ToolEnded)}


def test_an_answer_without_calls_ends_the_loop() -> None:
    script = Script(says("四十", "二"))
    assert events(script, Calculator()) == [
        TextPiece("四十"),
        TextPiece("二"),
        LoopAnswer("四十二", {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}),
    ]
    asked = script.asked[0]
    assert (asked["model"], asked["temperature"], asked["stream"]) == ("m", 0.1, True)
    assert asked["stream_options"] == {"include_usage": True}
    assert asked["tools"][0]["function"]["name"] == "calculator"
    assert BODY["stream"] is False and len(BODY["messages"]) == 1  # type: ignore[arg-type]


def test_a_call_and_the_answer_from_it() -> None:
    script = Script(calls(("c1", "calculator", '{"expression": "6×7"}'), said="我算一下。"), says("是 42"))
    found = events(script, Calculator())
    assert found == [
        TextPiece("我算一下。"),
        ToolStarted("c1", "calculator", {"expression": "6×7"}),
        ToolEnded("c1", "calculator", {"expression": "6×7"}, "42", True),
        TextPiece("是 42"),
        LoopAnswer("是 42", {"prompt_tokens": 13, "completion_tokens": 7, "total_tokens": 20}),
    ]
    assert script.asked[1]["messages"] == [
        *BODY["messages"],  # type: ignore[misc]
        {
            "role": "assistant",
            "content": "我算一下。",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "calculator", "arguments": '{"expression": "6×7"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
    ]
    assert script.closed == 2


def test_calls_of_a_round_run_concurrently_and_are_reported_in_order() -> None:
    both = asyncio.Barrier(2)

    async def meet(arguments: dict[str, Any]) -> str:
        await both.wait()  # alone it would wait for ever
        if arguments["q"] == "one":
            await asyncio.sleep(0.01)
        return str(arguments["q"])

    script = Script(calls(("a", "meet", '{"q": "one"}'), ("b", "meet", '{"q": "two"}')), says("ok"))
    found = events(script, Told("meet", meet), tool_timeout=20)
    assert [type(event) for event in found[:2]] == [ToolStarted, ToolStarted]
    assert [event.id for event in found if isinstance(event, ToolEnded)] == ["b", "a"]
    told = [message for message in script.asked[1]["messages"] if message["role"] == "tool"]
    assert [message["content"] for message in told] == ["one", "two"]


def test_the_model_gets_the_errors_of_tools() -> None:
    async def ours(arguments: dict[str, Any]) -> str:
        raise ToolFailed("ours", "it is broken.")

    async def theirs(arguments: dict[str, Any]) -> str:
        raise KeyError("missing")

    async def slow(arguments: dict[str, Any]) -> str:
        await asyncio.sleep(600)
        return ""

    async def late(arguments: dict[str, Any]) -> str:
        raise TimeoutError("its own")

    async def long(arguments: dict[str, Any]) -> str:
        return "字" * 30_000

    tools = [Told(each.__name__, each) for each in (ours, theirs, slow, late, long)]
    wanted = [
        ("1", "ours", "{}"), ("2", "theirs", ""), ("3", "slow", "{}"), ("4", "late", "{}"), ("5", "long", "{}"),
        ("6", "no_such", "{}"), ("7", "ours", '{"q": '), ("8", "ours", "[1]"), ("9", "calculator", '{"expression": "1/0"}'),
    ]  # fmt: skip
    script = Script(calls(*wanted), says("sorry"))
    found = events(script, *tools, Calculator(), tool_timeout=0.05)
    said = outputs(found)
    assert said["1"] == ("Error: The tool 'ours' failed: it is broken.", False)
    assert said["2"] == ("Error: KeyError: 'missing'", False)
    assert said["3"] == ("Error: no answer within 0.05 s.", False)
    assert said["4"] == ("Error: TimeoutError: its own", False)
    assert said["5"][1] and len(said["5"][0]) < 20_100 and said["5"][0].endswith("30000 characters in all)")
    assert "no tool 'no_such'" in said["6"][0] and "ours, theirs" in said["6"][0]
    assert said["7"] == ('Error: the arguments must be a JSON object, and this is none: {"q": ', False)
    assert "none: [1]" in said["8"][0]
    assert "divides by zero" in said["9"][0]
    assert found[6] == ToolStarted("7", "ours", '{"q": ')
    history = script.asked[1]["messages"][1]["tool_calls"]
    for call in history:
        assert isinstance(json.loads(call["function"]["arguments"]), dict)
    assert isinstance(found[-1], LoopAnswer)


def test_an_unexpected_exception_of_a_tool_is_raised() -> None:
    async def defect(arguments: dict[str, Any]) -> str:
        raise AssertionError("a defect")

    with pytest.raises(AssertionError, match="a defect"):
        events(Script(calls(("1", "defect", "{}"))), Told("defect", defect))


def test_the_last_round_has_no_tools() -> None:
    again = calls(("c", "calculator", '{"expression": "1+1"}'))
    script = Script(again, again, says("2"))
    found = events(script, Calculator(), max_rounds=2)
    assert next(event for event in found if isinstance(event, Notice)).code == "rounds_spent"
    assert isinstance(found[-1], LoopAnswer) and found[-1].text == "2"
    assert ["tools" in asked for asked in script.asked] == [True, True, False]
    assert len(script.asked[2]["messages"]) == 5
    stubborn = Script(again, again)
    assert isinstance(events(stubborn, Calculator(), max_rounds=1)[-1], LoopAnswer)


def test_tool_choice_is_sent_in_the_first_round_only() -> None:
    body = {**BODY, "tool_choice": "required", "parallel_tool_calls": False, "tools": [{"type": "function"}]}
    script = Script(calls(("c", "calculator", '{"expression": "1+1"}')), says("2"))
    events(script, Calculator(), body=body)
    assert script.asked[0]["tool_choice"] == "required" and "tool_choice" not in script.asked[1]
    assert script.asked[1]["parallel_tool_calls"] is False
    assert len(script.asked[0]["tools"]) == 1
    plain = Script(says("x"))
    events(plain, body=body)
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & set(plain.asked[0])


def test_a_model_that_cannot_call_tools_answers_without_them() -> None:
    script = Script(UnsupportedParameter("tools", "m", "its template knows no tools."), says("大约 42"))
    found = events(script, Calculator())
    assert isinstance(found[0], Notice) and found[0].code == "tools_unsupported"
    assert "its template knows no tools" in found[0].text
    assert found[-1] == LoopAnswer("大约 42", {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5})
    assert "tools" not in script.asked[1]
    assert script.asked[1]["messages"] == BODY["messages"]


@pytest.mark.parametrize(
    "error", [UnsupportedParameter("logprobs", "m", "no"), UpstreamFailed("m", "it broke off")]
)  # fmt: skip
def test_errors_of_the_model_are_raised(error: Exception) -> None:
    with pytest.raises(type(error)):
        events(Script(error), Calculator())
    with pytest.raises(type(error)):
        events(Script(calls(("c", "calculator", "{}")), error), Calculator())


def test_a_refusal_of_tools_that_comes_twice_or_late_is_raised() -> None:
    refusal = UnsupportedParameter("tools", "m", "no")
    with pytest.raises(UnsupportedParameter):
        events(Script(refusal, refusal), Calculator())
    with pytest.raises(UnsupportedParameter):
        events(Script(calls(("c", "calculator", "{}")), refusal), Calculator())


@pytest.mark.parametrize("way", ["close", "cancel"])
def test_closing_the_loop_cancels_running_tools(way: str) -> None:
    async def go() -> None:
        began, ended = asyncio.Event(), asyncio.Event()

        async def waits(arguments: dict[str, Any]) -> str:
            began.set()
            try:
                await asyncio.sleep(600)
            finally:
                ended.set()
            return ""

        async def quick(arguments: dict[str, Any]) -> str:
            await began.wait()
            return "quick"

        script = Script(calls(("1", "waits", "{}"), ("2", "quick", "{}")))

        async def consume() -> None:
            async with aclosing(run_tool_loop(script, BODY, [Told("waits", waits), Told("quick", quick)])) as found:
                async for event in found:
                    if way == "close" and isinstance(event, ToolEnded):
                        return

        consumer = asyncio.create_task(consume())
        await began.wait()
        if way == "cancel":
            consumer.cancel()
            with pytest.raises(asyncio.CancelledError):
                await consumer
        await asyncio.wait((consumer,))
        assert ended.is_set()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(go())


def test_closing_the_loop_closes_the_chat() -> None:
    script = Script(says(*"many words"))

    async def go() -> None:
        async with aclosing(run_tool_loop(script, BODY, [Calculator()])) as found:
            async for _ in found:
                break

    asyncio.run(go())
    assert script.closed == 1


def test_thinking_is_separated_from_text() -> None:
    script = Script([delta(reasoning_content="嗯"), delta(reasoning="hm"), delta(content="ok"), delta("length")])
    assert events(script) == [
        ThinkingPiece("嗯"),
        ThinkingPiece("hm"),
        TextPiece("ok"),
        LoopAnswer("ok", {}, "length"),
    ]


WHOLE = '{"q": 1}'


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([piece(0, "a", "f", WHOLE), piece(1, "b", "g", WHOLE)], [("a", "f", WHOLE), ("b", "g", WHOLE)]),
        ([piece(1, "b", "g", ""), piece(0, "a", "f", ""), piece(1, None, None, "{}")], [("b", "g", "{}"), ("a", "f", "")]),
        ([piece(0, "a", "f", WHOLE), piece(0, "b", "g", WHOLE)], [("a", "f", WHOLE), ("b", "g", WHOLE)]),
        ([piece(None, "a", "f", '{"q"'), piece(None, None, None, ": 1}")], [("a", "f", WHOLE)]),
        ([piece(None, "", "f", WHOLE), piece(None, "", "f", WHOLE)], [("call_0_0", "f", WHOLE), ("call_0_1", "f", WHOLE)]),
        ([piece(0, "a", "f", ""), piece(0, "a", None, WHOLE)], [("a", "f", WHOLE)]),
        ([piece(0, "same", "f", ""), piece(1, "same", "f", "")], [("same", "f", ""), ("call_0_1", "f", "")]),
        ([piece(0, "a", "f", {"q": 1})], [("a", "f", WHOLE)]),
        ([piece(0, "a", "f", None)], [("a", "f", "")]),
        ([{"index": 0, "id": "a", "function": None}], [("a", "", "")]),
    ],
)  # fmt: skip
def test_calls_are_assembled_as_engines_stream_them(
    pieces: list[dict[str, Any]], expected: list[tuple[str, str, str]]
) -> None:
    reply = StreamedReply()
    for each in pieces:
        assert reply.add(delta(tool_calls=[each])) is None
    assert [(call.id, call.name, call.text) for call in reply.calls(0)] == expected


def test_chunks_of_any_form_are_accepted() -> None:
    reply = StreamedReply()
    odd: list[Chunk] = [{}, {"choices": []}, {"choices": [{}]}, {"choices": [{"delta": None}]}, {"usage": None},
                        delta(content=None, tool_calls=None)]  # fmt: skip
    assert [reply.add(chunk) for chunk in odd] == [None] * 6
    assert reply.calls(0) == [] and reply.text == "" and reply.usage == {}


def test_at_most_so_many_calls_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool_loop, "AT_ONCE", 2)
    now, most = 0, 0

    async def count(arguments: dict[str, Any]) -> str:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.002)
        now -= 1
        return "ok"

    script = Script(calls(*((str(number), "count", "{}") for number in range(10))), says("done"))
    assert len(outputs(events(script, Told("count", count)))) == 10
    assert most == 2
