"""Converts the events of llama.cpp's streams to what OpenAI's clients expect. Pure.

Bytes are replaced if that suffices, which costs less than a microsecond per token; an event is decoded only if its
meaning changes: log probabilities, required calls, and the counts of several choices. Text that looks like a field
does not match, because JSON escapes its quotation marks.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from modelyard.engines.llama_cpp import logprobs
from modelyard.engines.llama_cpp.faults import event_of
from modelyard.engines.llama_cpp.filters import DONE, END, encoded
from modelyard.engines.llama_cpp.gathering import UsageSum
from modelyard.engines.llama_cpp.plans import Body
from modelyard.engines.llama_cpp.tool_calls import Reading

NULL_EVENT = b"data: null\n\n"
"""The first event of a completion with several prompts."""
ERROR = b'data: {"error":'
CREATED = re.compile(rb'"created":\d+')
THOUGHT = re.compile(rb'"reasoning_content":("(?:[^"\\]|\\.)*")')
TWICE = rb'"reasoning_content":\1,"reasoning":\1'
BESIDE = re.compile(rb'"delta":\{(?="(?:reasoning_content|tool_calls)":)')
"""The beginning of a delta that has thoughts or calls and no text before them."""
NULL = b'"delta":{"content":null,'


class EventRewriter:
    """What chats and completions share: splitting into events, errors, the model's name, one event with the counts at the end."""

    PLAIN = b""
    """Bytes that only events without any change contain; empty if there are none."""

    def __init__(self, choices_per_prompt: int, counted: bool, decoded: bool, names: tuple[str, str] | None) -> None:
        """`counted`: the client requests counts; `decoded`: each event changes; `names`: llama.cpp's, and the client's."""
        self._held = b""
        self._created = b""
        """The time in the first event; llama.cpp gives each event its own."""
        self._counted = counted
        self._decoded = decoded
        self._usage = UsageSum(choices_per_prompt)
        self._last: Body = {}
        """The latest event with counts."""
        self._plain_mark = b"" if decoded or names else self.PLAIN
        self._alias, self._name = (b'"model":' + msgspec.json.encode(name) for name in names or ("", ""))

    def feed(self, data: bytes) -> bytes:
        """Process bytes of llama.cpp's stream; returns the events that can be sent now."""
        if self._is_plain(data):
            return data
        data = self._held + data if self._held else data
        end = data.rfind(END) + len(END)
        if end < len(END):
            self._held = data
            return b""
        whole, self._held = data[:end], data[end:]
        if self._decoded or self._is_special(whole):
            whole = b"".join(self._event(each + END) for each in whole.split(END)[:-1])
        return self._renamed(self._timed(self._plain(whole)))

    def _is_plain(self, data: bytes) -> bool:
        """Whether this is one event without any change, as nearly all are."""
        return bool(
            self._plain_mark
            and self._plain_mark in data
            and self._created in data
            and not self._held
            and data.find(END) == len(data) - len(END)
        )

    def _timed(self, data: bytes) -> bytes:
        """The events with the creation time of the first one."""
        if not self._created:
            found = CREATED.search(data)
            self._created = found[0] if found else b""
        if data.count(b'"created":') == data.count(self._created):
            return data
        return CREATED.sub(self._created, data)

    def end(self) -> bytes:
        """The rest at the end of the stream, which is empty for a complete stream."""
        held, self._held = self._held, b""
        return held

    def _is_special(self, data: bytes) -> bool:
        """Whether one of these events is more than a delta."""
        return ERROR in data or b'"usage":{' in data or DONE in data or NULL_EVENT in data

    def _renamed(self, data: bytes) -> bytes:
        return data if self._alias == self._name else data.replace(self._alias, self._name)

    def _plain(self, data: bytes) -> bytes:
        """The events after the changes that need no decoding."""
        raise NotImplementedError

    def _event(self, data: bytes) -> bytes:
        """One event for the client; empty if it is dropped."""
        if data.startswith(ERROR):
            return event_of(data)
        if data == NULL_EVENT:
            return b""
        if data == DONE:
            return self._counts() + data
        if not data.startswith(b"data: {"):
            return data
        if not self._decoded and b'"usage":{' not in data:
            return data
        event = msgspec.json.decode(data[6:], type=Body)
        if usage := event.pop("usage", None):
            self._usage.add(usage, next((choice.get("index") or 0 for choice in event.get("choices") or ()), 0))
            self._last = event
            if not event.get("choices"):
                return b""
        return b"".join(encoded(each) for each in self._changed(event))

    def _changed(self, event: Body) -> list[Body]:
        """The events that replace a decoded event."""
        return [event]

    def _counts(self) -> bytes:
        if not self._counted or not self._usage.total:
            return b""
        return encoded({**self._last, "choices": [], "usage": self._usage.total})


class ChatEvents(EventRewriter):
    """The events of a chat."""

    PLAIN = b'"delta":{"content":"'

    def __init__(
        self,
        choices: int,
        counted: bool,
        names: tuple[str, str] | None = None,
        top: int | None = None,
        reading: Callable[[], Reading] | None = None,
    ) -> None:
        """`top` alternatives of each token are kept; `reading` finds the calls in an answer that consists of calls only."""
        super().__init__(1_000_000, counted, top is not None or reading is not None, names)
        self._one = choices == 1
        self._top = top
        self._reading = reading
        self._readings: dict[int, Reading] = {}
        self._called: set[int] = set()

    def _is_special(self, data: bytes) -> bool:
        return ERROR in data or (not self._one and (b'"usage":{' in data or DONE in data))

    def _plain(self, data: bytes) -> bytes:
        data = data.replace(b'"content":null', b'"content":""').replace(b'"delta":{}', b'"delta":{"content":""}')
        if b'"tool_calls":' in data or b'"reasoning_content":' in data:
            data = BESIDE.sub(NULL, data)
        return THOUGHT.sub(TWICE, data) if b'"reasoning_content":' in data else data

    def _changed(self, event: Body) -> list[Body]:
        events: list[Body] = []
        for choice in event.get("choices") or ():
            if scores := choice.get("logprobs"):
                choice["logprobs"] = {"content": logprobs.tokens(scores.get("content"), self._top)}
            deltas = [choice.get("delta") or {}]
            if self._reading is not None:
                deltas = self._called_in(choice, deltas[0])
            for delta in deltas:
                events.append({**event, "choices": [{**choice, "delta": delta}]})
                choice = {**choice, "logprobs": None}  # sent once only
        return events

    def _called_in(self, choice: Body, delta: Body) -> list[Body]:
        """The deltas of a choice whose text consists of calls."""
        index = choice.get("index") or 0
        if self._reading is not None and index not in self._readings:
            self._readings[index] = self._reading()
        if choice.get("finish_reason") == "stop" and index in self._called:
            choice["finish_reason"] = "tool_calls"
        text = delta.get("content")
        if not text:
            return [delta]
        parts = self._readings[index].add(text)
        if parts:
            self._called.add(index)
        deltas: list[Body] = [{"tool_calls": [part.delta()]} for part in parts]
        return deltas or ([{"content": ""}] if choice.get("logprobs") else [])


class CompletionEvents(EventRewriter):
    """The events of a completion. llama.cpp writes counts into the last one of each choice, requested or not."""

    def __init__(
        self, choices_per_prompt: int, counted: bool, names: tuple[str, str] | None = None, top: int | None = None
    ) -> None:
        super().__init__(choices_per_prompt, counted, top is not None, names)
        self._top = top
        self._offsets: dict[int, int] = {}
        self._silent: dict[int, list[Body]] = {}
        """Choice → tokens without text, which are not sent because one of them may be the token that ends the answer."""

    def _plain(self, data: bytes) -> bytes:
        return data.replace(b'"id":"chatcmpl-', b'"id":"cmpl-')

    def _changed(self, event: Body) -> list[Body]:
        for choice in event.get("choices") or ():
            scored = logprobs.tokens((choice.get("logprobs") or {}).get("content"), self._top)
            index = choice.get("index") or 0
            scored = self._scored(index, scored, choice.get("finish_reason"))
            start = self._offsets.get(index, 0)
            choice["logprobs"] = logprobs.legacy(scored, start) if scored else None
            self._offsets[index] = start + sum(len(token["token"]) for token in scored)
        return [event]

    def _scored(self, index: int, scored: list[Body], finish: str | None) -> list[Body]:
        """The tokens of a choice that certainly do not end it."""
        scored = [*self._silent.pop(index, ()), *scored]
        if finish:
            return logprobs.without_end(scored, finish)
        kept = logprobs.without_end(scored, None)
        self._silent[index] = scored[len(kept) :]
        return kept
