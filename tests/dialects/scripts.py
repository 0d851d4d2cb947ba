"""Answers of a model as a script: the chunks of their stream, and the whole completion."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelyard.protocol.chat_parts import ChatPart, chat_part
from modelyard.protocol.events import EventReader

Json = dict[str, Any]


@dataclass(frozen=True)
class ModelAnswer:
    """What a model writes, in the order in which engines write it."""

    thought: Sequence[str] = ()
    text: Sequence[str] = ()
    calls: Sequence[tuple[str, Sequence[str]]] = ()
    """Name and pieces of the arguments of each call."""
    refusal: str = ""
    finish: str = "stop"
    stop: str | None = None
    usage: Json | None = field(default_factory=lambda: {"prompt_tokens": 7, "completion_tokens": 5})
    citations: Sequence[Json] = ()

    def deltas(self) -> Iterator[Json]:
        """The deltas of the stream."""
        yield {"role": "assistant", "content": ""}
        yield from ({"content": None, "reasoning_content": piece, "reasoning": piece} for piece in self.thought)
        yield from self._pieces()
        if self.refusal:
            yield {"refusal": self.refusal}
        for index, (name, pieces) in enumerate(self.calls):
            head = {"index": index, "id": f"call_{index}", "type": "function"}
            yield {"content": None, "tool_calls": [{**head, "function": {"name": name, "arguments": ""}}]}
            yield from ({"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in pieces)

    def _pieces(self) -> Iterator[Json]:
        """The deltas of the text. As in a base's stream, a piece in which a number is first cited has its source."""
        text, left = "", {each["number"]: each for each in self.citations}
        for piece in self.text:
            text += piece
            found = [left.pop(number) for number in list(left) if f"[{number}]" in text]
            yield {"content": piece, **({"citations": found} if found else {})}

    def chunks(self) -> list[Json]:
        """The chunks of the stream."""
        choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in self.deltas()]
        end: Json = {"index": 0, "delta": {"content": ""}, "finish_reason": self.finish, "stop_reason": self.stop}
        last = {**chunk(end), **({"citations": list(self.citations)} if self.citations else {})}
        counts = [{**chunk(), "usage": self.usage}] if self.usage else []
        return [*map(chunk, choices), last, *counts]

    def stream(self) -> bytes:
        """The bytes of the stream."""
        lines = [json.dumps(each, ensure_ascii=False) for each in self.chunks()]
        return "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode()

    def whole(self) -> Json:
        """The whole completion."""
        message: Json = {"role": "assistant", "content": "".join(self.text) or None}
        if self.thought:
            message["reasoning_content"] = message["reasoning"] = "".join(self.thought)
        if self.refusal:
            message["refusal"] = self.refusal
        if self.calls:
            message["tool_calls"] = [
                {"id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": "".join(pieces)}}
                for index, (name, pieces) in enumerate(self.calls)
            ]
        choice = {"index": 0, "message": message, "finish_reason": self.finish, "stop_reason": self.stop}
        extra = {"citations": list(self.citations)} if self.citations else {}
        return {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": self.usage, **extra}


def chunk(*choices: Json) -> Json:
    """A chunk of a stream."""
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": list(choices)}


def parts(data: bytes, cuts: Sequence[int] = ()) -> Iterator[ChatPart]:
    """The chunks of a stream whose bytes arrive in portions that end at `cuts`."""
    reader, places = EventReader(), sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    for begin, end in itertools.pairwise(places):
        yield from (chat_part("m", each) for each in reader.feed(data[begin:end]))
    yield from (chat_part("m", each) for each in reader.finish())


CITATION: Json = {
    "number": 2,
    "knowledge_base": "hand book",
    "document_id": 4,
    "document": "rules.md",
    "text": "Cats sleep.",
    "chunk_id": 9,
}
