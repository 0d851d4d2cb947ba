"""Answers of models as those of Ollama's API: whole, and line by line. Pure, but for the clock that it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from modelyard.core.errors import UpstreamFailed
from modelyard.protocol.chat_parts import CallPart, ChatPart, ChoicePart, MessagePart, UsagePart
from modelyard.protocol.messages import INVALID
from modelyard.protocol.ollama import (
    OllamaCall,
    OllamaChatReply,
    OllamaFunction,
    OllamaGenerateReply,
    OllamaReplyMessage,
)

NANOSECONDS = 1_000_000_000
REASONS = {"length": "length"}
"""Finish reason of a chat completion → `done_reason`; else `stop`."""

Line = OllamaChatReply | OllamaGenerateReply
encode = msgspec.json.encode

MESSAGE_LINE = b'{"model":%b,"created_at":"%b","message":{"role":"assistant","content":%b},"done":false}\n'
TEXT_LINE = b'{"model":%b,"created_at":"%b","response":%b,"done":false}\n'
"""Lines with a text and nothing else, which are nearly all, as the structs are encoded."""


@dataclass(frozen=True, slots=True)
class LineSetting:
    """What of a request decides how its answer is written."""

    model: str
    """The name that the client has used."""
    chats: bool
    """Whether the answer is that of `/api/chat`; else of `/api/generate`."""
    began: float
    """When the request arrived, by the clock."""
    clock: Callable[[], float]
    """Returns Unix time."""


class LineWriter:
    """Writes the lines of one answer: `begin`, `add` for each chunk, `end`; or `whole` at once."""

    def __init__(self, setting: LineSetting) -> None:
        self._setting = setting
        self._model = encode(setting.model)
        self._text_line = MESSAGE_LINE if setting.chats else TEXT_LINE
        self._second, self._date = -1, b""
        """A second of Unix time, and how it is written."""
        self._first = 0.0
        """When the first chunk with text arrived."""
        self._calls: dict[int, tuple[str, str, list[str]]] = {}
        """Number of a call → its id, its name and the pieces of its arguments."""
        self._finish: str | None = None
        self._usage: UsagePart | None = None

    def begin(self) -> bytes:
        """Nothing."""
        return b""

    def add(self, part: ChatPart) -> bytes:
        """The line of a chunk; calls are collected until the end."""
        if part.usage is not None:
            self._usage = part.usage
        if not part.choices:
            return b""
        choice = part.choices[0]
        self._finish = choice.finish_reason or self._finish
        delta = choice.delta or MessagePart(content=choice.text)
        if delta.tool_calls:
            for call in delta.tool_calls:
                self._collect(call)
        text, thought = delta.content or delta.refusal or "", delta.thought
        scores = log_probabilities(choice) if choice.logprobs else None
        if not text and not thought and not scores:
            return b""
        now = self._setting.clock()
        self._first = self._first or now
        if thought or scores:
            return self._encoded(self._line(text, thought, scores))
        return self._text_line % (self._model, self._stamp(now), encode(text))

    def end(self) -> bytes:
        """The calls, and the last line. Raises `UpstreamFailed` if the answer has no end."""
        if self._finish is None:
            raise UpstreamFailed(self._setting.model, "its answer ends without a finish reason.")
        calls = [self._call(*each) for _, each in sorted(self._calls.items())]
        found = self._encoded(self._line("", "", None, calls)) if calls else b""
        return found + self._encoded(self._done(self._line("", "", None)))

    def whole(self, part: ChatPart) -> Line:
        """The whole answer. Raises `UpstreamFailed` if the model's answer has no message."""
        if not part.choices:
            raise UpstreamFailed(self._setting.model, "its answer has no message.")
        choice = part.choices[0]
        message = choice.message or MessagePart(content=choice.text)
        for index, call in enumerate(message.tool_calls or ()):
            self._collect(msgspec.structs.replace(call, index=index))
        self._finish, self._usage = choice.finish_reason, part.usage
        calls = [self._call(*each) for _, each in sorted(self._calls.items())]
        text = message.content or message.refusal or ""
        self._first = self._setting.began  # when an answer that comes as a whole has begun is not known
        return self._done(self._line(text, message.thought, log_probabilities(choice), calls or None))

    def loaded(self, reason: str) -> Line:
        """The answer to a request without a question."""
        line = self._line("", "", None)
        line.done, line.done_reason = True, reason
        return line

    def _collect(self, call: CallPart) -> None:
        last = max(self._calls, default=-1)
        number = call.index if call.index is not None else last + bool(call.function.name)
        *_, pieces = self._calls.setdefault(number, (call.id or "", call.function.name or "", []))
        arguments = call.function.arguments
        pieces.append(msgspec.json.encode(arguments).decode() if isinstance(arguments, dict) else arguments or "")

    def _call(self, identity: str, name: str, pieces: list[str]) -> OllamaCall:
        text = "".join(pieces)
        try:
            value = msgspec.json.decode(text) if text.strip() else {}
        except (msgspec.DecodeError, ValueError, RecursionError):
            value = None
        return OllamaCall(OllamaFunction(name, value if isinstance(value, dict) else {INVALID: text}), identity or None)

    def _line(self, text: str, thought: str, scores: list[Any] | None, calls: list[OllamaCall] | None = None) -> Line:
        setting = self._setting
        head: Any = {
            "model": setting.model,
            "created_at": timestamp(setting.clock()),
            "done": False,
            "logprobs": scores,
        }
        if not setting.chats:
            return OllamaGenerateReply(response=text, thinking=thought or None, tool_calls=calls, **head)
        message = OllamaReplyMessage(role="assistant", content=text, thinking=thought or None, tool_calls=calls)
        return OllamaChatReply(message=message, **head)

    def _done(self, line: Line) -> Line:
        """A line as the last one: with the counts, and the times as the server sees them."""
        now, usage = self._setting.clock(), self._usage or UsagePart()
        first = self._first or now
        line.done, line.done_reason = True, REASONS.get(self._finish or "", "stop")
        line.total_duration = int((now - self._setting.began) * NANOSECONDS)
        line.load_duration = 0
        line.prompt_eval_count, line.eval_count = usage.prompt_tokens or 0, usage.completion_tokens or 0
        line.prompt_eval_duration = int((first - self._setting.began) * NANOSECONDS)
        line.eval_duration = max(1, int((now - first) * NANOSECONDS))
        return line

    def _stamp(self, seconds: float) -> bytes:
        """A Unix time as RFC 3339, in microseconds."""
        second = int(seconds)
        if second != self._second:
            self._second, self._date = second, timestamp(second)[:-1].encode()
        return b"%b.%06dZ" % (self._date, (seconds - second) * 1_000_000)

    def _encoded(self, line: Line) -> bytes:
        return msgspec.json.encode(line) + b"\n"


def timestamp(seconds: float) -> str:
    """A Unix time as RFC 3339."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def log_probabilities(choice: ChoicePart) -> list[Any] | None:
    """The log probabilities of a choice, which are those of a chat completion; None if it has none."""
    found = (choice.logprobs or {}).get("content")
    return found if isinstance(found, list) and found else None
