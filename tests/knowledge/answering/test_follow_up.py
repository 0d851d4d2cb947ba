"""Questions that refer to earlier ones."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard.knowledge.answering.follow_up import is_follow_up, search_text

FIRST = "How many days of annual leave do drivers receive?"


def talk(*questions: str) -> list[dict[str, str]]:
    """These questions, each with an answer."""
    return [
        message
        for question in questions
        for message in ({"role": "user", "content": question}, {"role": "assistant", "content": "An answer."})
    ]


@pytest.mark.parametrize(
    ("question", "follows"),
    [
        (FIRST, False),
        ("And in summer?", True),
        ("How long may they be carried over into the next year?", True),
        ("What about warehouse staff in the winter season?", True),
        ("Which ferry carries cars to the northern island?", False),
        ("why?", True),
        ("司机每年有多少天年假？", False),
        ("那仓库的员工呢？", True),
        ("它可以转到下一年使用吗？", True),
        ("该规定从什么时候开始实行？", True),
        ("其他部门的加班费怎么计算？", False),
        ("为什么？", True),
    ],
)
def test_what_refers_to_something_before(question: str, follows: bool) -> None:
    assert is_follow_up(question) is follows


@pytest.mark.parametrize(
    ("earlier", "question", "text"),
    [
        ([], "And in summer?", "And in summer?"),
        (
            [FIRST],
            "Which ferry carries cars to the northern island?",
            "Which ferry carries cars to the northern island?",
        ),
        ([FIRST], "And in summer?", f"{FIRST}\nAnd in summer?"),
        ([FIRST, "And in summer?"], "Why?", f"{FIRST}\nAnd in summer?\nWhy?"),
        (["Which ferry is the fastest one of all?", FIRST], "And in summer?", f"{FIRST}\nAnd in summer?"),
        (["司机每年有多少天年假？"], "那仓库的员工呢？", "司机每年有多少天年假？\n那仓库的员工呢？"),
        (["one?", "two?", "three?", "four?"], "five?", "two?\nthree?\nfour?\nfive?"),
    ],
)
def test_the_search_has_what_a_question_refers_to(earlier: list[str], question: str, text: str) -> None:
    assert search_text(question, talk(*earlier)) == text


def test_other_messages_are_no_questions() -> None:
    history: list[dict[str, Any]] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text"}]},
    ]
    assert search_text("And?", history) == "And?"
