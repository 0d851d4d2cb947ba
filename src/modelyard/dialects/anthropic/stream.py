"""The chunks of a streamed chat completion as events of Anthropic's API: one state machine. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from modelyard.core.errors import UpstreamFailed
from modelyard.dialects.anthropic.citations import CitedText, Ended, Found
from modelyard.dialects.anthropic.reply import (
    ReplySetting,
    call_id,
    stop_cause,
    stop_sequence,
    usage_of,
)
from modelyard.dialects.anthropic.signatures import signature
from modelyard.protocol.anthropic import (
    MessageAnswer,
    MessageUsage,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
)
from modelyard.protocol.chat_parts import CallPart, ChatPart, ChoicePart, MessagePart, UsagePart

encode = msgspec.json.encode

DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":%b}}\n\n'
PING = b'event: ping\ndata: {"type":"ping"}\n\n'
TEXT, THINKING, CALL = "text", "thinking", "tool_use"


def event(name: str, **fields: Any) -> bytes:
    """One server-sent event."""
    return b"event: " + name.encode() + b"\ndata: " + encode({"type": name, **fields}) + b"\n\n"


class MessageStream:
    """Translates one stream: `begin`, `add` for each chunk, `end`. A block is open until the first delta of another one."""

    def __init__(self, setting: ReplySetting) -> None:
        self._setting = setting
        self._index = -1
        """The number of the block that was opened last."""
        self._kind = ""
        """The type of the open block; empty if none is open."""
        self._call = -1
        """The number of the call whose block is open, or was opened last."""
        self._thought: list[str] = []
        self._choice: ChoicePart | None = None
        """The choice that has ended."""
        self._refused = False
        self._usage: UsagePart | None = None
        self._cited = CitedText()

    def begin(self) -> bytes:
        """The events before the first chunk. The tokens of the prompt are known only at the end."""
        message = MessageAnswer(self._setting.identity, self._setting.model, [], None, MessageUsage())
        return event("message_start", message=message) + PING

    def add(self, part: ChatPart) -> bytes:
        """The events of a chunk. Raises `UpstreamFailed` for chunks that no message can contain."""
        if part.usage is not None:
            self._usage = part.usage
        if part.citations:
            self._cited.know(part.citations)
        if not part.choices:
            return b""
        choice = part.choices[0]
        delta = choice.delta
        found = self._delta(delta) if delta is not None else b""
        if choice.finish_reason is not None:
            self._choice = choice
        return found

    def end(self) -> bytes:
        """The events after the last chunk. Raises `UpstreamFailed` if the answer has no end."""
        if self._choice is None:
            raise UpstreamFailed(self._setting.model, "its answer ends without a finish reason.")
        delta = {
            "stop_reason": stop_cause(self._setting, self._choice, self._usage, self._refused),
            "stop_sequence": stop_sequence(self._setting, self._choice),
        }
        found = event("message_delta", delta=delta, usage=usage_of(self._usage))
        return self._close() + found + event("message_stop")

    def _delta(self, delta: MessagePart) -> bytes:
        found = b""
        if thought := delta.thought:
            found += self._open(THINKING) + self._think(thought)
        if text := delta.content:
            found += self._text(text, delta.citations or ())
        if delta.refusal:
            self._refused = True
            found += self._open(TEXT) + DELTA % (self._index, b"text_delta", b"text", encode(delta.refusal))
        if delta.tool_calls:
            found += b"".join(map(self._piece, delta.tool_calls))
        return found

    def _text(self, text: str, citations: Found) -> bytes:
        """The events of a piece of text; a block ends where sources are cited."""
        found = b""
        for part in self._cited.add(text, citations):
            if isinstance(part, str):
                found += self._open(TEXT) + DELTA % (self._index, b"text_delta", b"text", encode(part))
            else:
                found += self._cites(part) + self._stop()
        return found

    def _cites(self, citations: Ended) -> bytes:
        return b"".join(DELTA % (self._index, b"citations_delta", b"citation", encode(each)) for each in citations)

    def _think(self, thought: str) -> bytes:
        self._thought.append(thought)
        if self._setting.hides_thoughts:
            return b""
        return DELTA % (self._index, b"thinking_delta", b"thinking", encode(thought))

    def _piece(self, call: CallPart) -> bytes:
        """The events of a piece of a call. Calls follow one after the other."""
        named = bool(call.function.name)
        number = call.index if call.index is not None else self._call + named
        found = b""
        if number > self._call:
            self._call = number
            block = ToolUseBlock(call_id(self._setting, call.id, number), call.function.name or "", {})
            found = self._close() + self._start(CALL, block)
        elif self._kind != CALL or number < self._call:
            raise UpstreamFailed(self._setting.model, "the pieces of its calls are mixed with other output.")
        arguments = call.function.arguments
        if isinstance(arguments, dict):
            arguments = encode(arguments).decode()
        if arguments:
            found += DELTA % (self._index, b"input_json_delta", b"partial_json", encode(arguments))
        return found

    def _open(self, kind: str) -> bytes:
        if self._kind == kind:
            return b""
        block = TextBlock("") if kind == TEXT else ThinkingBlock("")
        return self._close() + self._start(kind, block)

    def _start(self, kind: str, block: TextBlock | ThinkingBlock | ToolUseBlock) -> bytes:
        self._index += 1
        self._kind = kind
        return event("content_block_start", index=self._index, content_block=block)

    def _close(self) -> bytes:
        """The end of the open block."""
        found = b""
        if self._kind == THINKING:
            signed = signature("".join(self._thought), self._setting.hides_thoughts)
            self._thought.clear()
            found = DELTA % (self._index, b"signature_delta", b"signature", encode(signed))
        elif self._kind == TEXT:
            for part in self._cited.end():
                if isinstance(part, str):
                    found += DELTA % (self._index, b"text_delta", b"text", encode(part))
                else:
                    found += self._cites(part)
        return found + self._stop() if self._kind else found

    def _stop(self) -> bytes:
        self._kind = ""
        return event("content_block_stop", index=self._index)
