"""The view of a branch as questions with their answers, for clients that know no trees."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from modelyard.chats.types import Message


class QuestionAnswer(NamedTuple):
    """A question and the answer that follows it."""

    question: Message
    answer: Message


def question_answers(path: Sequence[Message]) -> Iterator[QuestionAnswer]:
    """The questions of a branch that have an answer, in order."""
    for question, answer in pairwise(path):
        if question.role == "user" and answer.role == "assistant":
            yield QuestionAnswer(question, answer)


def history(path: Sequence[Message], most: int, most_characters: int | None = None) -> list[dict[str, str]]:
    """The last answered questions of a branch with their answers as messages for a model, as many as the limits allow."""
    found: list[dict[str, str]] = []
    left = most_characters
    for question, answer in list(question_answers(path))[::-1][:most]:
        if left is not None:
            left -= len(question.text) + len(answer.text)
            if left < 0:
                break
        if answer.text:
            turn = [{"role": "user", "content": question.text}, {"role": "assistant", "content": answer.text}]
            found = [*turn, *found]
    return found


def question_id(answer: str) -> str:
    """The id of a question that has none of its own, made of the id of its answer."""
    return hashlib.blake2b(f"question {answer}".encode(), digest_size=16).hexdigest()
