"""The agent: a model that calls tools, round after round, until it answers. It keeps nothing between two runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from modelyard.chats.tools.base import Tool, described
from modelyard.core.errors import ModelyardError, UnsupportedParameter
from modelyard.knowledge.types import Models

MOST_ROUNDS = 6
TOOL_SECONDS = 120.0
AT_ONCE = 8
"""Calls of one round that run side by side; more wait."""
MOST_OUTPUT = 20_000
"""Characters of a tool's output that the model is given."""

ABOUT_TOOLS = ("tools", "tool_choice", "parallel_tool_calls")
TOOL_ERRORS = (ModelyardError, ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError)
"""What a tool may raise without ending the run; ours raise only the first."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of what the model says, before a call or as its answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """A piece of what a reasoning model thinks, where the engine tells it apart."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A call begins."""

    id: str
    name: str
    arguments: dict[str, Any] | str
    """As written, where that is no JSON object."""


@dataclass(frozen=True, slots=True)
class ToolEnded:
    """A call has ended. Calls of one round may end in any order."""

    id: str
    name: str
    arguments: dict[str, Any] | str
    output: str
    """What the model is told; a sentence about what went wrong unless `ok`."""
    ok: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the person should know."""

    code: str
    """`tools_unsupported` or `rounds_spent`."""
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of every run: what the model said last."""

    text: str
    usage: dict[str, int] = field(default_factory=dict)
    """Tokens of all rounds: `prompt_tokens`, `completion_tokens`, `total_tokens`."""
    finish_reason: str = "stop"


Event = Token | Thinking | ToolStarted | ToolEnded | Notice | Answer


@dataclass(slots=True)
class Call:
    """A call as the model writes it, piece by piece."""

    id: str = ""
    name: str = ""
    text: str = ""
    """Its arguments: JSON, one hopes."""

    @property
    def arguments(self) -> dict[str, Any] | str:
        """An object, or the text as it is where that is none."""
        try:
            found = json.loads(self.text or "{}")
        except ValueError:
            return self.text
        return found if isinstance(found, dict) else self.text


class Reply:
    """One answer of the model, put together from its chunks."""

    def __init__(self) -> None:
        self.text = ""
        self.usage: dict[str, int] = {}
        self.finish_reason = ""
        self._calls: list[Call] = []
        self._by_index: dict[int, Call] = {}

    def add(self, chunk: Mapping[str, Any]) -> Token | Thinking | None:
        """Take a chunk in; gives what a person can see of it."""
        usage = chunk.get("usage")
        if isinstance(usage, Mapping):
            self.usage = {name: count for name, count in usage.items() if isinstance(count, int)}
        choices = chunk.get("choices") or []
        if not choices:
            return None
        self.finish_reason = choices[0].get("finish_reason") or self.finish_reason
        delta = choices[0].get("delta") or {}
        for piece in delta.get("tool_calls") or ():
            self._add_call(piece)
        if said := delta.get("content"):
            self.text += said
            return Token(said)
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        return Thinking(thought) if isinstance(thought, str) and thought else None

    def _add_call(self, piece: Mapping[str, Any]) -> None:
        function = piece.get("function") or {}
        index = piece.get("index")
        call = self._by_index.get(index) if index is not None else self._same(piece)
        # Some engines give every call the index 0: another id and a name begin another call.
        if call is None or (piece.get("id") and call.id and piece["id"] != call.id and function.get("name")):
            call = Call()
            self._calls.append(call)
            if index is not None:
                self._by_index[index] = call
        call.id = call.id or piece.get("id") or ""
        call.name += function.get("name") or ""
        written = function.get("arguments")
        call.text += written if isinstance(written, str) else json.dumps(written) if written else ""

    def _same(self, piece: Mapping[str, Any]) -> Call | None:
        """The call that a piece without an index goes on with: the last one, unless it has a name of its own."""
        begins = bool((piece.get("function") or {}).get("name"))
        return self._calls[-1] if self._calls and not begins else None

    def calls(self, round_number: int) -> list[Call]:
        """The calls in order, each with an id that no other has."""
        seen: set[str] = set()
        for number, call in enumerate(self._calls):
            if not call.id or call.id in seen:
                call.id = f"call_{round_number}_{number}"
            seen.add(call.id)
        return self._calls


async def run(
    models: Models,
    body: Mapping[str, Any],
    tools: Sequence[Tool],
    *,
    max_rounds: int = MOST_ROUNDS,
    tool_timeout: float = TOOL_SECONDS,
) -> AsyncGenerator[Event]:
    """Answer a chat completion's `body` with the help of tools; the last event is an `Answer`.

    A round is one answer of the model with calls, and those calls. After `max_rounds` of them it must answer without
    tools. Errors of tools are told to the model; errors of the model are raised. Closing the iterator, or cancelling
    whoever waits for it, cancels the calls that run. A model that cannot call tools answers without them, after a
    `Notice`.
    """
    going = _Run(models, body, tools)
    by_name = {tool.name: tool for tool in tools}
    for number in range(max_rounds + 1):
        if going.tools and number == max_rounds:
            going.tools = ()
            yield Notice("rounds_spent", f"The tools were used {max_rounds} times; now comes an answer without them.")
        reply = Reply()
        async with aclosing(going.say(reply, number)) as said:
            async for event in said:
                yield event
        calls = reply.calls(number) if going.tools else []
        if not calls:
            yield Answer(reply.text, going.usage, reply.finish_reason or "stop")
            return
        ended: dict[str, ToolEnded] = {}
        async with aclosing(_round(calls, by_name, tool_timeout)) as steps:
            async for step in steps:
                yield step
                if isinstance(step, ToolEnded):
                    ended[step.id] = step
        going.messages += _told(reply.text, calls, ended)


class _Run:
    """What the model has been told, and what it may call."""

    def __init__(self, models: Models, body: Mapping[str, Any], tools: Sequence[Tool]) -> None:
        self._models = models
        self._body = body
        self.tools = tools
        self.messages: list[Any] = list(body.get("messages") or ())
        self.usage: dict[str, int] = {}

    async def say(self, reply: Reply, number: int) -> AsyncGenerator[Token | Thinking | Notice]:
        """Ask the model, and put what it says into `reply`; once more without tools if it cannot call any."""
        try:
            async with aclosing(self._models.chat(self._request(number))) as said:
                async for chunk in said:
                    if event := reply.add(chunk):
                        yield event
        except UnsupportedParameter as error:
            if not self.tools or number or error.param not in ("tools", "tool_choice"):
                raise
            self.tools = ()
            yield Notice("tools_unsupported", f"The model cannot call tools and answers without them. {error.message}")
            async with aclosing(self.say(reply, number)) as said_again:
                async for each in said_again:
                    yield each
            return
        for name, count in reply.usage.items():
            self.usage[name] = self.usage.get(name, 0) + count

    def _request(self, number: int) -> dict[str, Any]:
        """What the model is asked in a round. Without tools, nothing of the request speaks of them."""
        left = {name: value for name, value in self._body.items() if name not in ABOUT_TOOLS}
        asked = {**left, "messages": list(self.messages), "stream": True, "stream_options": {"include_usage": True}}
        if self.tools:
            asked["tools"] = [described(tool) for tool in self.tools]
            # A call that is demanded is demanded once, or there would never be an answer.
            kept = ("parallel_tool_calls",) if number else ("parallel_tool_calls", "tool_choice")
            asked |= {name: self._body[name] for name in kept if name in self._body}
        return asked


async def _round(
    calls: Sequence[Call], tools: Mapping[str, Tool], timeout: float
) -> AsyncGenerator[ToolStarted | ToolEnded]:
    """Run the calls of a round side by side, and tell of their ends as they come."""
    for call in calls:
        yield ToolStarted(call.id, call.name, call.arguments)
    limit = asyncio.Semaphore(AT_ONCE)
    running = {asyncio.create_task(_carry_out(call, tools, timeout, limit)) for call in calls}
    waiting = set(running)
    try:
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                yield task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _carry_out(call: Call, tools: Mapping[str, Tool], timeout: float, limit: asyncio.Semaphore) -> ToolEnded:
    arguments = call.arguments
    tool = tools.get(call.name)
    ok = False
    if tool is None:
        output = f"Error: there is no tool '{call.name}'. There are: {', '.join(tools)}."
    elif isinstance(arguments, str):
        output = f"Error: the arguments must be a JSON object, and this is none: {arguments}"
    else:
        async with limit:
            output, ok = await _output(tool, arguments, timeout)
    if len(output) > MOST_OUTPUT:
        output = f"{output[:MOST_OUTPUT]}\n(cut; {len(output)} characters in all)"
    return ToolEnded(call.id, call.name, arguments, output, ok)


async def _output(tool: Tool, arguments: dict[str, Any], timeout: float) -> tuple[str, bool]:
    """What a tool gives, or what went wrong; and which of the two."""
    limit = asyncio.timeout(timeout)
    try:
        async with limit:
            return await tool.call(arguments), True
    except TOOL_ERRORS as error:
        if limit.expired():
            return f"Error: no answer within {timeout:g} s.", False
        if isinstance(error, ModelyardError):
            return f"Error: {error.message}", False
        return f"Error: {type(error).__name__}: {error}", False


def _told(text: str, calls: Sequence[Call], ended: Mapping[str, ToolEnded]) -> list[dict[str, Any]]:
    """A round as the model reads it in the next: its own message, and each call's output.

    Arguments that are no JSON object are left out: templates parse them, and their text stands in the output.
    """
    asked = [
        {
            "id": call.id,
            "type": "function",
            "function": {
                "name": call.name,
                "arguments": "{}" if isinstance(call.arguments, str) else call.text or "{}",
            },
        }
        for call in calls
    ]
    outputs = [{"role": "tool", "tool_call_id": call.id, "content": ended[call.id].output} for call in calls]
    return [{"role": "assistant", "content": text or None, "tool_calls": asked}, *outputs]
