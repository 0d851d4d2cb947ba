"""Makes the message of an answer from its events, while it grows and when it has ended. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelyard.chats.types import MessageChange, MessageState, text_content
from modelyard.generations.types import EndProblem, GenerationState

STATES = {
    GenerationState.RUNNING: MessageState.RUNNING,
    GenerationState.COMPLETED: MessageState.COMPLETE,
    GenerationState.FAILED: MessageState.FAILED,
    GenerationState.STOPPED: MessageState.STOPPED,
    GenerationState.INTERRUPTED: MessageState.STOPPED,
}


class AnswerFold:
    """Add the events in their order."""

    def __init__(self) -> None:
        self._texts: list[list[str]] = [[]]
        """Pieces of the text, by content part: calls of tools begin another part."""
        self._reasoning: list[str] = []
        self._calls: dict[str, dict[str, Any]] = {}
        self._sources: list[Any] = []
        self._notes: list[str] = []
        self._result: Mapping[str, Any] = {}
        self._model = ""
        self._mode = ""
        self._times: dict[str, float] = {}
        """Unix times of the start, the sources, the first piece, the first one of the text, and the last event."""

    @property
    def text(self) -> str:
        """The text since the last call of a tool."""
        return "".join(self._texts[-1])

    @property
    def timings(self) -> dict[str, float]:
        """Milliseconds from the start to what has happened."""
        start = self._times.get("start", 0.0)
        return {name: round((at - start) * 1000, 1) for name, at in self._times.items() if name != "start"}

    def add(self, type: str, at: float, data: Mapping[str, Any]) -> None:
        """Add an event. Those of the end change nothing but the time."""
        if type in ("text", "reasoning"):
            self._times.setdefault("first_token", at)
            if type == "text":
                self._times.setdefault("first_text", at)
            (self._texts[-1] if type == "text" else self._reasoning).append(data["text"])
        elif type == "start":
            self._times["start"] = at
            self._model, self._mode = data["model"] or "", data["mode"]
        elif type == "sources":
            self._times["sources"] = at
            self._sources, self._notes = data["sources"], data["notes"]
        elif type in ("tool_started", "tool_ended"):
            self._call(data)
        elif type == "result":
            self._result = data
        self._times["total"] = at

    def _call(self, data: Mapping[str, Any]) -> None:
        if self._texts[-1]:
            self._texts.append([])
        self._calls[data["id"]] = {**self._calls.get(data["id"], {}), **data}

    def change(self, state: GenerationState, problem: EndProblem | None = None) -> MessageChange:
        """What the message has become."""
        metadata: dict[str, Any] = {"mode": self._mode}
        if self._sources:
            metadata |= {"sources": self._sources}
        if notes := [*self._notes, *self._result.get("notes", ())]:
            metadata |= {"notes": notes}
        if self._result.get("evidence") is not None:
            metadata |= {"evidence": self._result["evidence"]}
        return MessageChange(
            content=[part for pieces in self._texts for part in text_content("".join(pieces))],
            reasoning="".join(self._reasoning),
            tool_calls=list(self._calls.values()),
            citations=self._result.get("citations", []),
            model=self._result.get("model") or self._model,
            usage=self._result.get("usage", {}),
            timings=self._result.get("timings", self.timings),
            state=STATES[state],
            finish_reason=self._result.get("finish_reason", ""),
            error=None if problem is None else {"code": problem.code, "message": problem.message},
            metadata=metadata,
        )
