"""A branch of a chat as questions with their answers, for tests of clients that know no trees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message."""
    return "\n".join(part["text"] for part in message["content"] if part["type"] == "text")


def pairs(path: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The fields of each answer of a branch, with the texts of the question and of the answer."""
    assert [each["role"] for each in path] == ["user", "assistant"] * (len(path) // 2)
    assert [each["parent"] for each in path] == [None, *(each["id"] for each in path)][: len(path)]
    return [
        {**answer, "question": text_of(question), "answer": text_of(answer)}
        for question, answer in zip(path[::2], path[1::2], strict=True)
    ]
