"""The tool loop: a model calls tools, round after round, until it answers. Runs share no state."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Protocol

from modelyard.chats.tools.base import Tool, tool_definition
from modelyard.core.errors import ModelyardError, UnsupportedParameter

MOST_ROUNDS = 6
TOOL_SECONDS = 120.0
AT_ONCE = 8
"""Maximum number of calls of one round that run concurrently; further calls wait."""
MOST_OUTPUT = 20_000
"""Maximum characters of a tool's output that are sent to the model."""

TOOL_FIELDS = ("tools", "tool_choice", "parallel_tool_calls")
TOOL_ERRORS = (ModelyardError, ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError)
"""Exceptions of a tool that do not end the run; the server's own tools raise only the first."""


class ChatModels(Protocol):
    """The models that an agent may use."""

    def chat(self, body: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        """Yield the chunks of a streamed `/v1/chat/completions` in OpenAI's format. Raises our own errors."""


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A piece of the model's text, before a call or as its answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ThinkingPiece:
    """A piece of a reasoning model's thinking, if the engine separates it from the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A tool call begins."""

    id: str
    name: str
    arguments: dict[str, Any] | str
    """The text that the model wrote, if it is not a JSON object."""


@dataclass(frozen=True, slots=True)
class ToolEnded:
    """A tool call has ended. Calls of one round may end in any order."""

    id: str
    name: str
    arguments: dict[str, Any] | str
    output: str
    """The output for the model; if `ok` is false, a sentence about the error."""
    ok: bool
    ms: float = field(default=0.0, compare=False)
    """Milliseconds that the call took, without waiting for other calls."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A message for the person who chats."""

    code: str
    """`tools_unsupported` or `rounds_spent`."""
    text: str


@dataclass(frozen=True, slots=True)
class LoopAnswer:
    """The last event of every run: the model's last text."""

    text: str
    usage: dict[str, int] = field(default_factory=dict)
    """Token counts of all rounds together: `prompt_tokens`, `completion_tokens`, `total_tokens`."""
    finish_reason: str = "stop"


Event = TextPiece | ThinkingPiece | ToolStarted | ToolEnded | Notice | LoopAnswer


@dataclass(slots=True)
class ToolCall:
    """A tool call, assembled from the pieces that the model streams."""

    id: str = ""
    name: str = ""
    text: str = ""
    """The arguments as text, which should be JSON."""

    @property
    def arguments(self) -> dict[str, Any] | str:
        """The arguments as a JSON object, or their text if it is none."""
        try:
            arguments = json.loads(self.text or "{}")
        except ValueError:
            return self.text
        return arguments if isinstance(arguments, dict) else self.text


class StreamedReply:
    """One reply of the model, assembled from its chunks."""

    def __init__(self) -> None:
        self.text = ""
        self.usage: dict[str, int] = {}
        self.finish_reason = ""
        self._calls: list[ToolCall] = []
        self._by_index: dict[int, ToolCall] = {}

    def add(self, chunk: Mapping[str, Any]) -> TextPiece | ThinkingPiece | None:
        """Add a chunk. Returns the piece of text or thinking that it has, if any."""
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
        if content := delta.get("content"):
            self.text += content
            return TextPiece(content)
        thinking = delta.get("reasoning_content") or delta.get("reasoning")
        return ThinkingPiece(thinking) if isinstance(thinking, str) and thinking else None

    def _add_call(self, piece: Mapping[str, Any]) -> None:
        function = piece.get("function") or {}
        index = piece.get("index")
        call = self._by_index.get(index) if index is not None else self._continued(piece)
        # Some engines give every call the index 0: another id and a name begin another call.
        if call is None or (piece.get("id") and call.id and piece["id"] != call.id and function.get("name")):
            call = ToolCall()
            self._calls.append(call)
            if index is not None:
                self._by_index[index] = call
        call.id = call.id or piece.get("id") or ""
        call.name += function.get("name") or ""
        arguments = function.get("arguments")
        call.text += arguments if isinstance(arguments, str) else json.dumps(arguments) if arguments else ""

    def _continued(self, piece: Mapping[str, Any]) -> ToolCall | None:
        """Return the call that a piece without an index belongs to: the last one, unless the piece has a name of its own."""
        begins = bool((piece.get("function") or {}).get("name"))
        return self._calls[-1] if self._calls and not begins else None

    def calls(self, round_number: int) -> list[ToolCall]:
        """Return the calls in order, each with a unique id."""
        seen: set[str] = set()
        for number, call in enumerate(self._calls):
            if not call.id or call.id in seen:
                call.id = f"call_{round_number}_{number}"
            seen.add(call.id)
        return self._calls


async def run_tool_loop(
    models: ChatModels,
    body: Mapping[str, Any],
    tools: Sequence[Tool],
    *,
    max_rounds: int = MOST_ROUNDS,
    tool_timeout: float = TOOL_SECONDS,
) -> AsyncGenerator[Event]:
    """Answer a chat completion's `body` with the help of tools; the last event is a `LoopAnswer`.

    A round is one reply of the model with calls, and these calls. After `max_rounds` the model must answer without tools.
    Errors of tools are passed to the model; errors of the model are raised. Closing the iterator, or cancelling its
    consumer, cancels running calls. A model that cannot call tools answers without them, after a `Notice`.
    """
    loop = _ToolLoop(models, body, tools)
    by_name = {tool.name: tool for tool in tools}
    for number in range(max_rounds + 1):
        if loop.tools and number == max_rounds:
            loop.tools = ()
            yield Notice("rounds_spent", f"The tools were used {max_rounds} times; now comes an answer without them.")
        reply = StreamedReply()
        async with aclosing(loop.ask_model(reply, number)) as pieces:
            async for piece in pieces:
                yield piece
        calls = reply.calls(number) if loop.tools else []
        if not calls:
            yield LoopAnswer(reply.text, loop.usage, reply.finish_reason or "stop")
            return
        ended: dict[str, ToolEnded] = {}
        async with aclosing(_run_calls(calls, by_name, tool_timeout)) as steps:
            async for step in steps:
                yield step
                if isinstance(step, ToolEnded):
                    ended[step.id] = step
        loop.messages += _round_messages(reply.text, calls, ended)


class _ToolLoop:
    """The messages of a run so far, and the tools that the model may call."""

    def __init__(self, models: ChatModels, body: Mapping[str, Any], tools: Sequence[Tool]) -> None:
        self._models = models
        self._body = body
        self.tools = tools
        self.messages: list[Any] = list(body.get("messages") or ())
        self.usage: dict[str, int] = {}

    async def ask_model(self, reply: StreamedReply, number: int) -> AsyncGenerator[TextPiece | ThinkingPiece | Notice]:
        """Request a reply of the model and add it to `reply`; once more without tools if the model cannot call any."""
        try:
            async with aclosing(self._models.chat(self._request(number))) as chunks:
                async for chunk in chunks:
                    if event := reply.add(chunk):
                        yield event
        except UnsupportedParameter as error:
            if not self.tools or number or error.param not in ("tools", "tool_choice"):
                raise
            self.tools = ()
            yield Notice("tools_unsupported", f"The model cannot call tools and answers without them. {error.message}")
            async with aclosing(self.ask_model(reply, number)) as pieces:
                async for piece in pieces:
                    yield piece
            return
        for name, count in reply.usage.items():
            self.usage[name] = self.usage.get(name, 0) + count

    def _request(self, number: int) -> dict[str, Any]:
        """Build the request of a round. Without tools, it has none of the fields about them."""
        request = {name: value for name, value in self._body.items() if name not in TOOL_FIELDS}
        request |= {"messages": list(self.messages), "stream": True, "stream_options": {"include_usage": True}}
        if self.tools:
            request["tools"] = [tool_definition(tool) for tool in self.tools]
            # `tool_choice` may demand a call. It is sent in the first round only, or there would never be an answer.
            fields = ("parallel_tool_calls",) if number else ("parallel_tool_calls", "tool_choice")
            request |= {name: self._body[name] for name in fields if name in self._body}
        return request


async def _run_calls(
    calls: Sequence[ToolCall], tools: Mapping[str, Tool], timeout: float
) -> AsyncGenerator[ToolStarted | ToolEnded]:
    """Run the calls of a round concurrently, and yield each result as it comes."""
    for call in calls:
        yield ToolStarted(call.id, call.name, call.arguments)
    limit = asyncio.Semaphore(AT_ONCE)
    running = {asyncio.create_task(_run_call(call, tools, timeout, limit)) for call in calls}
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


async def _run_call(call: ToolCall, tools: Mapping[str, Tool], timeout: float, limit: asyncio.Semaphore) -> ToolEnded:
    arguments = call.arguments
    tool = tools.get(call.name)
    ok, began = False, time.monotonic()
    if tool is None:
        output = f"Error: there is no tool '{call.name}'. There are: {', '.join(tools)}."
    elif isinstance(arguments, str):
        output = f"Error: the arguments must be a JSON object, and this is none: {arguments}"
    else:
        async with limit:
            began = time.monotonic()
            output, ok = await _output(tool, arguments, timeout)
    if len(output) > MOST_OUTPUT:
        output = f"{output[:MOST_OUTPUT]}\n(cut; {len(output)} characters in all)"
    ms = round((time.monotonic() - began) * 1000, 1)
    return ToolEnded(call.id, call.name, arguments, output, ok, ms)


async def _output(tool: Tool, arguments: dict[str, Any], timeout: float) -> tuple[str, bool]:
    """Return a tool's output and True, or a sentence about its error and False."""
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


def _round_messages(text: str, calls: Sequence[ToolCall], ended: Mapping[str, ToolEnded]) -> list[dict[str, Any]]:
    """Return a round's messages for the next one: the model's own message, and the output of each call.

    Arguments that are no JSON object are left out, because chat templates parse them; the output quotes them.
    """
    tool_calls = [
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
    return [{"role": "assistant", "content": text or None, "tool_calls": tool_calls}, *outputs]
