"""The chunks of a streamed chat completion as events of OpenAI's `/v1/responses`: one state machine. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from modelyard.core.errors import ModelyardError, UpstreamFailed
from modelyard.dialects.responses.custom import InputReader
from modelyard.dialects.responses.hosted import HostedCall, HostedResult, OpenTool
from modelyard.dialects.responses.reply import (
    ResponseSetting,
    added_usage,
    argument_text,
    call_item,
    cited_places,
    cited_sources,
    ending,
    finished,
    logprobs_of,
    problem_of,
    reasoning_item,
    texts_of,
    usage_of,
)
from modelyard.protocol.chat_parts import CallPart, ChatPart, ChoicePart, UsagePart
from modelyard.protocol.responses_answer import (
    ItemStatus,
    OutputMessage,
    OutputReasoning,
    OutputRefusal,
    OutputText,
    ResponseAnswer,
    ResponseUsage,
)
from modelyard.protocol.responses_hosted import Source
from modelyard.protocol.responses_items import Item

encode = msgspec.json.encode

DELTA = (
    b'event: response.%(name)b.delta\ndata: {"type":"response.%(name)b.delta","sequence_number":%%d,"output_index":%%d,'
    b'"item_id":"%%b",%(more)b"delta":%%b%(end)b}\n\n'
)
PART, NO_PART = b'"content_index":%d,', b""
TEXT_DELTA = DELTA % {b"name": b"output_text", b"more": PART, b"end": b',"logprobs":%b'}
REFUSAL_DELTA = DELTA % {b"name": b"refusal", b"more": PART, b"end": b""}
THOUGHT_DELTA = DELTA % {b"name": b"reasoning_text", b"more": PART, b"end": b""}
SUMMARY_DELTA = DELTA % {b"name": b"reasoning_summary_text", b"more": b'"summary_index":%d,', b"end": b""}
CALL_DELTA = DELTA % {b"name": b"function_call_arguments", b"more": NO_PART, b"end": b""}
CUSTOM_DELTA = DELTA % {b"name": b"custom_tool_call_input", b"more": NO_PART, b"end": b""}
THOUGHT, MESSAGE, CALL, HOSTED = "thought", "message", "call", "hosted"


class ResponseStream:
    """Translates one stream: `begin`, `add` for each chunk, `end`, or `fail` in place of what follows.

    An item is open until the first delta of another one. Several chat completions may follow each other: `round_end` returns the
    calls that this server carries out, with `begin_call` and `end_call`, and the next completion goes on.
    """

    def __init__(self, setting: ResponseSetting, clock: Callable[[], float]) -> None:
        self._setting = setting
        self._clock = clock
        self._number = 0
        """The next sequence number."""
        self._output: list[Any] = []
        """The items that are closed. The open one has their number as its index."""
        self._kind = ""
        """The kind of the open item; empty if none is open."""
        self._identity = b""
        self._pieces: list[str] = []
        """Of the open part, thought or call."""
        self._content: list[OutputText | OutputRefusal] = []
        """The closed parts of the open message."""
        self._refuses = False
        """Whether the open part is a refusal."""
        self._logprobs: list[dict[str, Any]] = []
        self._call = -1
        """The number of the call that is open, or was opened last."""
        self._called = ("", "")
        """Id and function of that call."""
        self._reader: InputReader | None = None
        """Of the input of a custom tool."""
        self._citations: Sequence[Mapping[str, Any]] = ()
        self._sources: Sequence[Source] = ()
        """What hosted calls have found."""
        self._choice: ChoicePart | None = None
        """The choice that has ended."""
        self._usage: UsagePart | None = None
        self._earlier_usage: ResponseUsage | None = None
        """Of earlier chat completions."""
        self._calls: list[HostedCall] = []
        self._first = 0
        """The number of the first item of this chat completion."""
        self._pending: Item = {}
        """The item of the hosted call that is carried out."""
        self.has_calls = False
        """Whether the client has calls to carry out."""
        self.answer: ResponseAnswer | None = None
        """The response, once it has ended."""

    def begin(self) -> bytes:
        """The events before the first chunk."""
        data = encode(self._setting.answer)
        return self._of_response(b"created", data) + self._of_response(b"in_progress", data)

    def add(self, part: ChatPart) -> bytes:
        """The events of a chunk. Raises `UpstreamFailed` for chunks that no response can contain."""
        if part.usage is not None:
            self._usage = part.usage
        if part.citations:
            self._citations = part.citations
        if not part.choices:
            return b""
        choice = part.choices[0]
        delta, found = choice.delta, b""
        if delta is not None:
            if thought := delta.thought:
                found += self._think(thought)
            if text := delta.content:
                found += self._write(text, choice.logprobs)
            if delta.refusal:
                found += self._refuse(delta.refusal)
            if delta.tool_calls:
                found += b"".join(map(self._piece, delta.tool_calls))
        if choice.finish_reason is not None:
            self._choice = choice
        return found

    def end(self) -> bytes:
        """The events after the last chunk. Raises `UpstreamFailed` if the answer has no end."""
        if self._choice is None:
            raise UpstreamFailed(self._setting.answer.model, "its answer ends without a finish reason.")
        status, details = ending(self._choice.finish_reason)
        found = self._close("incomplete" if status == "incomplete" else "completed")
        self.answer = finished(self._setting, self._output, status, details, self._total_usage(), int(self._clock()))
        return found + self._of_response(status.encode(), encode(self.answer))

    def fail(self, error: ModelyardError) -> bytes:
        """The last events of a response that fails."""
        found = self._close("incomplete")
        answer = finished(self._setting, self._output, "failed", None, self._total_usage(), None)
        answer.error = problem_of(error)
        self.answer = answer
        return found + self._of_response(b"failed", encode(answer))

    def cancel(self) -> None:
        """End a response whose client has disconnected. Nobody reads its events any more."""
        self._close("incomplete")
        self.answer = finished(self._setting, self._output, "cancelled", None, self._total_usage(), None)

    def round_end(self) -> tuple[bytes, list[HostedCall], Item]:
        """End a chat completion after which another one may follow: events, calls of hosted tools, and its message."""
        found = self._close("completed") if self._kind == HOSTED else b""
        calls, self._calls = self._calls, []
        if not calls:
            return found, calls, {}
        found += self._close("completed")
        text, thought = texts_of(self._output[self._first :])
        named = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in calls
        ]
        message: Item = {"role": "assistant", "content": text or None, "tool_calls": named}
        self._earlier_usage, self._usage, self._call = self._total_usage(), None, -1
        return found, calls, {**message, "reasoning_content": thought} if thought else message

    def item(self, item: Item) -> bytes:
        """The events of a whole item."""
        index = len(self._output)
        item = {"id": self._setting.item_id("item", index), **item}
        added = self.event("output_item.added", output_index=index, item=item)
        self._identity = item["id"].encode()
        for stage in ("in_progress", "completed") if item["type"] == "mcp_list_tools" else ():
            added += self._of_item(f"mcp_list_tools.{stage}")
        self._output.append(item)
        return added + self.event("output_item.done", output_index=index, item=item)

    def begin_call(self, tool: OpenTool, call: HostedCall) -> bytes:
        """The events of a hosted call that begins."""
        index = len(self._output)
        identity = self._setting.item_id(tool.prefix, index)
        self._identity = identity.encode()
        self._pending = {"id": identity, "type": tool.kind, "status": "in_progress", **tool.begun(call)}
        found = self.event("output_item.added", output_index=index, item=self._pending)
        for stage in ("in_progress", *tool.stages):
            found += self._of_item(f"{tool.kind}.{stage}")
        if tool.kind == "mcp_call":
            found += self._of_item("mcp_call_arguments.delta", delta=call.arguments)
            found += self._of_item("mcp_call_arguments.done", arguments=call.arguments)
        return found

    def end_call(self, tool: OpenTool, result: HostedResult) -> bytes:
        """The events of a hosted call that has ended."""
        index, status = len(self._output), "failed" if result.failed else "completed"
        found = self._of_item(f"{tool.kind}.{status}")
        item = {**self._pending, **result.item, "status": status}
        self._sources = [*self._sources, *result.sources]
        self._output.append(item)
        self._first = len(self._output)
        return found + self.event("output_item.done", output_index=index, item=item)

    def event(self, name: str, **fields: Any) -> bytes:
        """One event, `response.NAME`, with the next sequence number."""
        head = {"type": f"response.{name}", "sequence_number": self._next()}
        return b"event: response." + name.encode() + b"\ndata: " + encode(head | fields) + b"\n\n"

    def _total_usage(self) -> ResponseUsage | None:
        return added_usage(self._earlier_usage, usage_of(self._usage))

    def _next(self) -> int:
        self._number += 1
        return self._number - 1

    def _of_response(self, name: bytes, data: bytes) -> bytes:
        line = b'event: response.%b\ndata: {"type":"response.%b","sequence_number":%d,"response":%b}\n\n'
        return line % (name, name, self._next(), data)

    def _of_item(self, name: str, **fields: Any) -> bytes:
        """An event about the open item."""
        return self.event(name, output_index=len(self._output), item_id=self._identity.decode(), **fields)

    def _open(self, kind: str, prefix: str) -> bytes:
        """Begin an item; its first event is the caller's."""
        found = self._close("completed")
        self._kind = kind
        self._identity = self._setting.item_id(prefix, len(self._output)).encode()
        return found

    def _think(self, thought: str) -> bytes:
        summary, found = self._setting.summary, b""
        if self._kind != THOUGHT:
            found = self._open(THOUGHT, "rs")
            item = OutputReasoning(self._identity.decode(), [], status="in_progress")
            found += self.event("output_item.added", output_index=len(self._output), item=item)
            if summary:
                part = {"type": "summary_text", "text": ""}
                found += self._of_item("reasoning_summary_part.added", summary_index=0, part=part)
            else:
                part = {"type": "reasoning_text", "text": ""}
                found += self._of_item("content_part.added", content_index=0, part=part)
        self._pieces.append(thought)
        line = SUMMARY_DELTA if summary else THOUGHT_DELTA
        return found + line % (self._next(), len(self._output), self._identity, 0, encode(thought))

    def _write(self, text: str, logprobs: Mapping[str, Any] | None) -> bytes:
        found = b"" if self._kind == MESSAGE and self._pieces and not self._refuses else self._open_part(False)
        self._pieces.append(text)
        likely = b"[]"
        if self._setting.logprobs and (tokens := logprobs_of(logprobs)):
            self._logprobs += tokens
            likely = encode(tokens)
        place = (self._next(), len(self._output), self._identity, len(self._content))
        return found + TEXT_DELTA % (*place, encode(text), likely)

    def _refuse(self, text: str) -> bytes:
        found = b"" if self._kind == MESSAGE and self._pieces and self._refuses else self._open_part(True)
        self._pieces.append(text)
        place = (self._next(), len(self._output), self._identity, len(self._content))
        return found + REFUSAL_DELTA % (*place, encode(text))

    def _open_part(self, refuses: bool) -> bytes:
        """Begin a text or a refusal, in the open message or in a new one."""
        if self._kind == MESSAGE:
            found = self._close_part()
        else:
            found = self._open(MESSAGE, "msg")
            item = OutputMessage(self._identity.decode())
            found += self.event("output_item.added", output_index=len(self._output), item=item)
        self._refuses = refuses
        part = OutputRefusal() if refuses else OutputText()
        return found + self._of_item("content_part.added", content_index=len(self._content), part=part)

    def _piece(self, call: CallPart) -> bytes:
        """The events of a piece of a call. Calls follow one after the other."""
        number = call.index if call.index is not None else self._call + bool(call.function.name)
        found = b""
        if number > self._call:
            self._call = number
            found = self._open_call(call, number)
        elif self._kind not in (CALL, HOSTED) or number < self._call:
            raise UpstreamFailed(self._setting.answer.model, "the pieces of its calls are mixed with other output.")
        if not (piece := argument_text(call)):
            return found
        self._pieces.append(piece)
        if self._kind == HOSTED:
            return found
        if self._reader is None:
            return found + CALL_DELTA % (self._next(), len(self._output), self._identity, encode(piece))
        return found + self._input(self._reader.feed(piece))

    def _open_call(self, call: CallPart, number: int) -> bytes:
        name = call.function.name or ""
        tool = self._setting.names.get(name)
        custom = tool is not None and tool.custom
        if tool is not None and tool.hosted:
            found = self._close("completed")
            self._kind, self._called = HOSTED, (self._setting.call_id(call.id, len(self._output) + number), name)
            return found
        self.has_calls = True
        found = self._open(CALL, "ctc" if custom else "fc")
        index = len(self._output)
        self._called = (self._setting.call_id(call.id, index), name)
        self._reader = InputReader() if custom else None
        item = call_item(self._setting, index, *self._called, "", "in_progress")
        return found + self.event("output_item.added", output_index=index, item=item)

    def _input(self, text: str) -> bytes:
        if not text:
            return b""
        return CUSTOM_DELTA % (self._next(), len(self._output), self._identity, encode(text))

    def _close(self, status: ItemStatus) -> bytes:
        """The end of the open item."""
        if not self._kind:
            return b""
        if self._kind == HOSTED:
            self._calls.append(HostedCall(*self._called, "".join(self._pieces)))
            self._pieces.clear()
            self._kind = ""
            return b""
        found, item = CLOSING[self._kind](self, status)
        found += self.event("output_item.done", output_index=len(self._output), item=item)
        self._output.append(item)
        self._pieces.clear()
        self._kind = ""
        return found

    def _close_thought(self, status: ItemStatus) -> tuple[bytes, Any]:
        text = "".join(self._pieces)
        item = reasoning_item(self._setting, self._identity.decode(), text, status)
        if self._setting.summary:
            part: dict[str, Any] = {"type": "summary_text", "text": text}
            found = self._of_item("reasoning_summary_text.done", summary_index=0, text=text)
            return found + self._of_item("reasoning_summary_part.done", summary_index=0, part=part), item
        part = {"type": "reasoning_text", "text": text}
        found = self._of_item("reasoning_text.done", content_index=0, text=text)
        return found + self._of_item("content_part.done", content_index=0, part=part), item

    def _close_message(self, status: ItemStatus) -> tuple[bytes, Any]:
        found = self._close_part()
        item = OutputMessage(self._identity.decode(), status, self._content)
        self._content = []
        return found, item

    def _close_part(self) -> bytes:
        """The end of the open text or refusal."""
        text, index = "".join(self._pieces), len(self._content)
        self._pieces.clear()
        part: OutputText | OutputRefusal
        if self._refuses:
            part = OutputRefusal(text)
            found = self._of_item("refusal.done", content_index=index, refusal=text)
        else:
            cites = [*cited_places(text, self._citations), *cited_sources(text, self._sources)]
            part = OutputText(text, cites, self._logprobs)
            found = b"".join(
                self._of_item(
                    "output_text.annotation.added", content_index=index, annotation_index=number, annotation=each
                )
                for number, each in enumerate(part.annotations)
            )
            found += self._of_item("output_text.done", content_index=index, text=text, logprobs=self._logprobs)
            self._logprobs, self._citations = [], ()
        self._content.append(part)
        return found + self._of_item("content_part.done", content_index=index, part=part)

    def _close_call(self, status: ItemStatus) -> tuple[bytes, Any]:
        arguments = "".join(self._pieces)
        item = call_item(self._setting, len(self._output), *self._called, arguments, status)
        if self._reader is None:
            return self._of_item("function_call_arguments.done", arguments=arguments), item
        found = self._input(self._reader.finish())
        return found + self._of_item("custom_tool_call_input.done", input=getattr(item, "input", "")), item


CLOSING: Mapping[str, Callable[[ResponseStream, ItemStatus], tuple[bytes, Any]]] = {
    THOUGHT: ResponseStream._close_thought,
    MESSAGE: ResponseStream._close_message,
    CALL: ResponseStream._close_call,
}
