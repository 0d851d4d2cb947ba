"""Filters of llama.cpp's streams: stop strings, and answers without tokens. Pure.

llama.cpp holds back text that may become a stop string. It drops that text if the answer ends by its length, and leaves the text
of held tokens out of the log probabilities. Therefore the front searches for stop strings itself: a filter receives llama.cpp's
events and returns those that llama.cpp should have sent. When all choices have ended, the front closes its connection, which
stops llama.cpp.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from modelyard.core.stops import Stops
from modelyard.engines.llama_cpp.plans import Body

END = b"\n\n"
DONE = b"data: [DONE]\n\n"
PARTS = ("reasoning_content", "content", "text")
"""Fields with the text of a choice, or of its delta."""
MARKUP = ("<|", "think", "THINK")
"""Parts of the marks that llama.cpp removes from a text before the front sees it."""


def are_seen(stops: Sequence[str]) -> bool:
    """Whether the front can find these stops in the text of an answer."""
    return bool(stops) and not any(mark in stop for stop in stops for mark in MARKUP)


def encoded(event: Body) -> bytes:
    """Encode one server-sent event."""
    return b"data: " + msgspec.json.encode(event) + END


class EventFilter:
    """Converts a stream of events; both are bytes in pieces of any size."""

    def __init__(self) -> None:
        self._held = b""
        self.ended = False
        """Whether the answer is complete, whatever llama.cpp still sends."""

    def feed(self, data: bytes) -> bytes:
        """The events that these bytes complete."""
        *whole, self._held = (self._held + data).split(END)
        return b"".join(self._bytes(each) for each in whole)

    def end(self) -> bytes:
        """The rest, after llama.cpp's stream has ended."""
        held, self._held = self._held, b""
        return held

    def _bytes(self, line: bytes) -> bytes:
        if self.ended:
            return b""
        if not line.startswith(b"data: {") or line.startswith(b'data: {"error":'):
            return line + END
        return b"".join(encoded(each) for each in self._events(msgspec.json.decode(line[6:], type=Body)))

    def _events(self, event: Body) -> list[Body]:
        """The events that replace one of llama.cpp's."""
        raise NotImplementedError


class EmptyAnswers(EventFilter):
    """Answers without tokens, made from the one token that llama.cpp always generates."""

    def _events(self, event: Body) -> list[Body]:
        for choice in event.get("choices") or ():
            if choice.get("finish_reason"):
                choice["finish_reason"] = "length"
            elif choice.get("delta", {}).get("role") is None:
                return []
        if usage := event.get("usage"):
            usage.update(completion_tokens=0, total_tokens=usage["prompt_tokens"])
        event.pop("timings", None)
        return [event]


@dataclass(slots=True)
class ChoiceState:
    """The state of one choice of an answer."""

    stops: Stops
    part: str = ""
    """The field that currently has its text."""
    ended: bool = False


class StopStrings(EventFilter):
    """Ends each choice before the first stop string. Needs llama.cpp's timings with each token, and its final counts."""

    def __init__(self, stops: Sequence[str], count: int, counted: bool, timed: bool = False) -> None:
        """`count` choices over all prompts; `counted`, `timed`: whether the client requests counts, or timings of each token."""
        super().__init__()
        self._stops = stops
        self._open = count
        self._counted = counted
        self._timed = timed
        self._choices: dict[int, ChoiceState] = {}
        self._followed = False
        """Whether llama.cpp's event of the choice that ended last is sent; counts without a choice belong to that choice."""

    def _bytes(self, line: bytes) -> bytes:
        data = super()._bytes(line)
        if self._open or self.ended:
            return data
        self.ended = True
        return data + DONE

    def _events(self, event: Body) -> list[Body]:
        choices = event.get("choices") or ()
        if not choices:
            return self._of_counts(event)
        (choice, *_) = choices
        index = choice.get("index") or 0
        if index not in self._choices:
            self._choices[index] = ChoiceState(Stops(self._stops))
        state = self._choices[index]
        if choice.get("finish_reason"):
            return self._of_end(event, choice, state)
        return [] if state.ended else self._of_text(event, choice, state)

    def _of_counts(self, event: Body) -> list[Body]:
        if not self._followed:
            return []
        self._followed = False
        self._open -= 1
        return [event] if self._counted else []

    def _of_end(self, event: Body, choice: Body, state: ChoiceState) -> list[Body]:
        """Handle the end of a choice by llama.cpp: held text is not a stop string."""
        self._followed = not state.ended and "delta" in choice
        if state.ended:
            return []
        state.ended = True
        self._open -= "delta" not in choice
        if not (held := state.stops.end()):
            return [event]
        rest = {key: value for key, value in event.items() if key not in ("usage", "timings")}
        text: Body = {"delta": {state.part: held}} if "delta" in choice else {state.part: held}
        return [{**rest, "choices": [{**choice, **text, "finish_reason": None}]}, event]

    def _of_text(self, event: Body, choice: Body, state: ChoiceState) -> list[Body]:
        timings: Body = event.get("timings") or {}
        if not self._timed:
            event.pop("timings", None)
        holder: Body = choice.get("delta", choice)
        given = [(name, holder.pop(name)) for name in PARTS if isinstance(holder.get(name), str)]
        if not given:
            return [*self._held_before(event, choice, state), event]
        for name, text in given:
            self._add(holder, name, text, state)
            if state.stops.met:
                break
        if not any(holder.get(name) for name in PARTS) and not choice.get("logprobs") and not state.stops.met:
            return [event] if "delta" not in choice else []
        if not state.stops.met:
            return [event]
        state.ended = True
        self._open -= 1
        return [event, *self._ends(event, choice, timings, state.stops.found)]

    @staticmethod
    def _held_before(event: Body, choice: Body, state: ChoiceState) -> list[Body]:
        """The event with text that was held back, before one of a call, in which no stop string is looked for."""
        if not choice.get("delta", {}).get("tool_calls") or not (held := state.stops.end()):
            return []
        delta: Body = {"index": choice.get("index") or 0, "delta": {state.part: held}, "finish_reason": None}
        return [{**event, "choices": [delta]}]

    def _add(self, holder: Body, name: str, text: str, state: ChoiceState) -> None:
        """Add a piece of text to a delta."""
        if state.part not in ("", name) and (held := state.stops.end()):
            holder[state.part] = holder.get(state.part, "") + held
        state.part = name
        kept = state.stops.add(text)
        if kept or name != "reasoning_content":
            holder[name] = holder.get(name, "") + kept

    def _ends(self, event: Body, choice: Body, timings: Body, stop: str | None) -> list[Body]:
        """The end of a choice by a stop string, and its counts, in llama.cpp's format with vLLM's `stop_reason`."""
        read, written = timings.get("cache_n", 0) + timings.get("prompt_n", 0), timings.get("predicted_n", 0)
        counts: Body = {
            "timings": timings,
            "usage": {
                "completion_tokens": written,
                "prompt_tokens": read,
                "total_tokens": read + written,
                "prompt_tokens_details": {"cached_tokens": timings.get("cache_n", 0)},
            },
        }
        head = {key: value for key, value in event.items() if key not in ("choices", "timings")}
        finish: Body = {"finish_reason": "stop", "stop_reason": stop}
        if "delta" not in choice:
            return [{**head, "choices": [{**choice, "text": "", "logprobs": None, **finish}], **counts}]
        end: Body = {"index": choice.get("index") or 0, "delta": {}, **finish}
        return [{**head, "choices": [end]}, *([{**head, "choices": [], **counts}] if self._counted else ())]
