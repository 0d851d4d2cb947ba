"""Makes one response: asks the model, carries out calls of hosted tools, and goes on until the model has answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeVar

import msgspec

from modelyard.core.asgi import Send
from modelyard.core.errors import BadRequest, ContextLengthExceeded, ModelyardError
from modelyard.dialects.calling import CHAT, EVENT_HEADERS, close_answer, relay_chunks, translated_chunks, whole_chat
from modelyard.dialects.responses.errors import with_own_names
from modelyard.dialects.responses.history import ResponseSink
from modelyard.dialects.responses.hosted import HostedCall, OpenTools
from modelyard.dialects.responses.reply import ResponseSetting, response_answer
from modelyard.dialects.responses.request import Translation
from modelyard.dialects.responses.stream import ResponseStream
from modelyard.dialects.responses.truncation import shortened
from modelyard.gateway.asgi import ClientLeft
from modelyard.gateway.sender import Answer, Sender
from modelyard.protocol.chat_parts import ChatPart
from modelyard.protocol.responses_answer import ResponseAnswer
from modelyard.web import sse

T = TypeVar("T")

MOST_CALLS = 32
"""Calls of hosted tools that one response may have if the request has no `max_tool_calls`."""
ENOUGH = "No more calls of tools are carried out for this response. Answer with what there is."


class ResponseRun:
    """One response. Either `answer` or `send` is called, once."""

    def __init__(
        self,
        sender: Sender,
        translation: Translation,
        setting: ResponseSetting,
        sink: ResponseSink | None,
        hosted: OpenTools,
        further: Sender | None = None,
    ) -> None:
        """`further` sends every request but the first, which the gateway has counted already; without it, `sender` does."""
        self.setting = setting
        self.machine = ResponseStream(setting, time.time)
        self._sender, self._further = sender, further or sender
        self._body = translation.body
        self._sink = sink
        self._hosted = hosted
        self._limit = setting.answer.max_tool_calls or MOST_CALLS
        self._count = 0
        """Calls of hosted tools so far."""
        self._opening: asyncio.Future[Answer] | None = None
        self._begun = False
        """Whether the client has received the head of a stream."""
        self._failure = b""
        self._problem: ModelyardError | None = None
        """Why the response has failed."""

    async def queue(self) -> None:
        """Store the response as one that will be made in the background."""
        if self._sink is not None:
            await self._sink.queue(self.setting.answer)

    async def answer(self) -> ResponseAnswer:
        """The whole response. Raises the errors of the model."""
        if self._hosted.by_index:
            async with aclosing(self.events()) as events:
                async for _ in events:
                    pass
            if self._problem is not None:
                raise self._problem
            assert self.machine.answer is not None
            return self.machine.answer
        try:
            part = await self._fitting(self._whole)
            answer = response_answer(self.setting, part, int(time.time()))
        except ModelyardError as error:
            await self._fail(error)
            raise
        if self._sink is not None:
            await self._sink.end(answer)
        return answer

    async def send(self, send: Send) -> None:
        """Send the response as a stream. Raises the errors of the model, which `failure` turns into the last event.

        An error before the model's answer has begun is raised before anything was sent, unless the model is silent for so long
        that the client needs a sign of life. A prompt that is too long is an event always: Codex understands that only.
        """
        self._opening = asyncio.ensure_future(self._fitting(self._open))
        try:
            await asyncio.wait([self._opening], timeout=sse.PING_SECONDS)
            if self._opening.done() and not isinstance(self._opening.exception(), ContextLengthExceeded):
                self._opening.result()
            await send({"type": "http.response.start", "status": 200, "headers": EVENT_HEADERS})
            self._begun = True
            await (sse.send_events(self.events(), send) if self._hosted.by_index else self._relay(send))
        except (asyncio.CancelledError, ClientLeft):
            await self._left()
            raise
        finally:
            if self._opening is not None:  # rounds after the first close their own
                await close_answer(self._opening)

    async def _left(self) -> None:
        """Let the sink have what there is of a response whose client has disconnected after it has begun."""
        if self._sink is not None and self._begun and self.machine.answer is None:
            self.machine.cancel()
            assert self.machine.answer is not None
            await self._sink.end(self.machine.answer)

    async def events(self) -> AsyncGenerator[bytes]:
        """The bytes of the stream. Raises the errors of the model, after the sink has got their event."""
        try:
            async with aclosing(self._rounds()) as portions:
                async for portion in portions:
                    await self._record()
                    yield portion
        except ContextLengthExceeded as error:
            yield await self._fail(error)
            return
        except ModelyardError as error:
            await self._fail(error)
            raise

    async def _record(self) -> None:
        """Let the sink have the response if it has ended, before the client knows of it."""
        if self._sink is not None and self.machine.answer is not None:
            await self._sink.end(self.machine.answer)

    def failure(self, error: ModelyardError) -> bytes:
        """The last events of a stream that fails."""
        if not self._failure:
            self._problem = error
            self._failure = self.machine.fail(self._readable(with_own_names(error)))
        return self._failure

    def _readable(self, error: ModelyardError) -> ModelyardError:
        """The error that clients show: at `context_length_exceeded` Codex prints a sentence without numbers.

        With no turn of the model in the prompt there is nothing to compact, so the prompt itself is invalid.
        """
        turns = (message.get("role") for message in self._body["messages"])
        if isinstance(error, ContextLengthExceeded) and "assistant" not in turns:
            return BadRequest(error.message)
        return error

    async def _fail(self, error: ModelyardError) -> bytes:
        data = self.failure(error)
        await self._record()
        return data

    async def _whole(self) -> ChatPart:
        return await whole_chat(self._sender, self._body)

    async def _open(self) -> Answer:
        body = {**self._body, "stream": True, "stream_options": {"include_usage": True}}
        return await self._sender(CHAT, msgspec.json.encode(body))

    async def _fitting(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask the model. With `truncation: auto`, a prompt that is too long is shortened and sent again."""
        while True:
            try:
                return await ask()
            except ContextLengthExceeded as error:
                messages = shortened(self._body["messages"], error, self.setting.answer.max_output_tokens)
                if self.setting.answer.truncation != "auto" or messages is None:
                    raise
                self._body = {**self._body, "messages": messages}

    async def _rounds(self) -> AsyncGenerator[bytes]:
        machine = self.machine
        yield machine.begin() + b"".join(map(machine.item, self._hosted.items))
        while True:
            opening = self._opening or asyncio.ensure_future(self._fitting(self._open))
            try:
                async with aclosing(translated_chunks(opening, self.setting.answer.model, machine.add)) as portions:
                    async for portion in portions:
                        yield portion
            finally:
                await close_answer(opening)
            if not self._hosted.by_index:
                break
            closing, calls, message = machine.round_end()
            yield closing
            if not calls:
                break
            enough = self._count >= self._limit
            results: list[dict[str, Any]] = []
            for call in calls:
                async with aclosing(self._carried_out(call, results)) as events:
                    async for event in events:
                        yield event
            if machine.has_calls or enough:
                break
            self._go_on(message, results)
        yield machine.end()

    async def _carried_out(self, call: HostedCall, results: list[dict[str, Any]]) -> AsyncGenerator[bytes]:
        """The events of a call, whose result is added to `results`."""
        tool = self._hosted.of(call.name)
        text = ENOUGH
        self._count += 1
        if tool is not None and self._count <= self._limit:
            yield self.machine.begin_call(tool, call)
            result = await tool.run(call)
            text = result.text
            yield self.machine.end_call(tool, result)
        results.append({"role": "tool", "tool_call_id": call.id, "content": text})

    def _go_on(self, message: dict[str, Any], results: list[dict[str, Any]]) -> None:
        """Prepare the next request to the model."""
        self._opening, self._sender = None, self._further
        body = {**self._body, "messages": [*self._body["messages"], message, *results]}
        if body.get("tool_choice") not in (None, "none"):
            body["tool_choice"] = "auto"  # a tool that had to be called was
        if self._count >= self._limit:
            body["tool_choice"] = "none"
        self._body = body

    async def _relay(self, send: Send) -> None:
        """Send the body of a stream that needs one chat completion. Raises the errors of the model; the sink has their event."""
        assert self._opening is not None
        machine = self.machine
        pings = sse.Pings(send)

        async def forward(data: bytes) -> None:
            if data:
                await send({"type": "http.response.body", "body": data, "more_body": True})
                pings.beat()

        try:
            await forward(machine.begin() + b"".join(map(machine.item, self._hosted.items)))
            await relay_chunks(self._opening, self.setting.answer.model, machine.add, forward)
            last = machine.end()
            await self._record()
        except ContextLengthExceeded as error:
            last = await self._fail(error)
        except ModelyardError as error:
            await self._fail(error)
            raise
        finally:
            pings.stop()
        await send({"type": "http.response.body", "body": last, "more_body": False})
