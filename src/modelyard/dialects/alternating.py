"""Messages of a chat completion whose roles alternate, as most chat templates need them. Pure."""

from __future__ import annotations

from typing import Any

from modelyard.dialects.parts import plain

Body = dict[str, Any]


class AlternatingMessages:
    """Joins successive messages of the user, and of the assistant; the results of tools stand alone."""

    def __init__(self, gap: str = "") -> None:
        """`gap` is put between the texts of messages of the assistant that are joined."""
        self.messages: list[Body] = []
        self.parts: list[Body] = []
        """Parts that wait for the next message of the user."""
        self._gap = gap

    def flush(self) -> None:
        """Add the parts that wait as a message of the user."""
        if self.parts:
            self.add({"role": "user", "content": self.parts})
            self.parts = []

    def add(self, message: Body) -> None:
        """Add a message of the user, whose content is parts, or of the assistant, behind the parts that wait."""
        last = self.messages[-1] if self.messages else {"role": ""}
        if last["role"] != message["role"]:
            self.messages.append(message)
        elif message["role"] == "user":
            last["content"] += message["content"]
        else:
            self._extend(last, message)

    def ended(self) -> list[Body]:
        """All messages. A content of one text is that text, and one of the assistant is None only beside calls."""
        self.flush()
        for message in self.messages:
            if message["role"] == "user":
                message["content"] = plain(message["content"])
            elif message["role"] == "assistant" and "tool_calls" not in message:
                message["content"] = message["content"] or ""
        return self.messages

    def _extend(self, last: Body, message: Body) -> None:
        for name in ("content", "reasoning_content"):
            if text := message.get(name):
                last[name] = f"{last[name]}{self._gap}{text}" if last.get(name) else text
        if calls := message.get("tool_calls"):
            last["tool_calls"] = [*last.get("tool_calls", ()), *calls]
            last["content"] = last["content"] or None
