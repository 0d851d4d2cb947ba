"""A chat session: its messages, and streaming answers to stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.output import printable

if TYPE_CHECKING:
    from modelyard.client import ChatModel
    from modelyard.client.completion_types import DeltaDict, ReplyDict


class ChatSession:
    """`ask` streams an answer to stdout and adds it to the messages. Failed questions are dropped, stopped answers are kept."""

    def __init__(
        self,
        model: ChatModel,
        system: str | None,
        config: dict[str, Any],
        think: bool | None,
        stream: bool = True,
    ) -> None:
        self.model = model
        self.system = system
        self.turns: list[dict[str, str]] = []
        self._config = config
        self._think = think
        self._stream = stream

    def messages(self) -> list[dict[str, str]]:
        """All messages, the system message first."""
        return [*([{"role": "system", "content": self.system}] if self.system else []), *self.turns]

    def ask(self, question: str) -> str:
        """Print the answer while it arrives; returns its finish reason. Ctrl-C closes the connection, which stops the model."""
        self.turns.append({"role": "user", "content": question})
        answer: list[str] = []
        printer = Printer()
        reason = "stop"
        try:
            for piece, finish_reason in self._pieces():
                printer.thought(piece.get("reasoning_content") or "")
                printer.text(piece.get("content") or "")
                answer.append(piece.get("content") or "")
                reason = finish_reason or reason
            return reason
        finally:
            printer.end()
            if "".join(answer):
                self.turns.append({"role": "assistant", "content": "".join(answer)})
            else:
                self.turns.pop()

    def _pieces(self) -> Iterator[tuple[DeltaDict | ReplyDict, str | None]]:
        """Yield each piece of the answer, or the whole answer as one piece, with the finish reason."""
        messages, config = self.messages(), self._config
        if not self._stream:
            whole = self.model.chat(messages, enable_thinking=self._think, generate_config=config, stream=False)
            yield whole["choices"][0]["message"], whole["choices"][0].get("finish_reason")
            return
        with self.model.chat(messages, enable_thinking=self._think, generate_config=config, stream=True) as stream:
            for chunk in stream:
                for choice in (chunk.get("choices") or [])[:1]:
                    yield choice.get("delta") or {}, choice.get("finish_reason")

    def save(self, path: Path) -> None:
        """Write the messages: as JSON if the file name ends in .json, else as Markdown."""
        if path.suffix == ".json":
            text = json.dumps(self.messages(), ensure_ascii=False, indent=2) + "\n"
        else:
            text = "".join(f"## {turn['role']}\n\n{turn['content']}\n\n" for turn in self.messages())
        path.write_text(text, encoding="utf-8")


class Printer:
    """Writes text to stdout while it arrives. Thoughts are written on a terminal only, dimmed."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._thinking = False
        self._any = False

    def thought(self, text: str) -> None:
        """Write a piece of the model's thoughts."""
        if text and self._terminal:
            self._thinking = True
            self._write(click.style(printable(text), dim=True))

    def text(self, text: str) -> None:
        """Write a piece of the answer."""
        if text:
            if self._thinking:
                self._write("\n\n")
                self._thinking = False
            self._write(printable(text) if self._terminal else text)

    def end(self) -> None:
        """Finish the answer."""
        if self._any:
            self._write("\n")

    def _write(self, text: str) -> None:
        self._any = True
        click.echo(text, nl=False)
        sys.stdout.flush()
