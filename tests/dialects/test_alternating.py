"""Messages of a chat completion whose roles alternate, out of successive ones."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard.dialects.alternating import AlternatingMessages


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def user(*words: str) -> dict[str, Any]:
    return {"role": "user", "content": [text(each) for each in words]}


def agent(content: str | None = None, *calls: str, thought: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {"role": "assistant", "content": content}
    if thought:
        found["reasoning_content"] = thought
    if calls:
        found["tool_calls"] = [{"id": each} for each in calls]
    return found


TOOL = {"role": "tool", "tool_call_id": "1", "content": "result"}


@pytest.mark.parametrize(
    ("added", "messages"),
    [
        ([], []),
        ([user("a")], [{"role": "user", "content": "a"}]),
        ([user("a"), user("b", "c")], [user("a", "b", "c")]),
        ([user("a"), agent("b"), user("c")], [{"role": "user", "content": "a"}, agent("b"), {"role": "user", "content": "c"}]),
        ([agent("a"), agent("b")], [agent("a|b")]),
        ([agent(None), agent("b")], [agent("b")]),
        ([agent("a"), agent("")], [agent("a")]),
        ([agent(None)], [agent("")]),
        ([agent("a", thought="x"), agent("b", thought="y")], [agent("a|b", thought="x|y")]),
        ([agent("a"), agent("b", thought="y")], [agent("a|b", thought="y")]),
        ([agent("", "1")], [agent("", "1")]),
        ([agent("a"), agent(None, "1"), agent(None, "2")], [agent("a", "1", "2")]),
        ([agent(""), agent(None, "1")], [agent(None, "1")]),
        ([agent(None, "1"), agent("b")], [agent("b", "1")]),
        ([TOOL, dict(TOOL)], None),
    ],
)  # fmt: skip
def test_successive_messages_of_one_side_become_one(
    added: list[dict[str, Any]], messages: list[dict[str, Any]] | None
) -> None:
    alternating = AlternatingMessages("|")
    if messages is None:
        alternating.messages += added
        assert alternating.ended() == added, "results of tools stand alone"
        return
    for each in added:
        alternating.add(each)
    assert alternating.ended() == messages


def test_without_a_gap_texts_are_joined_as_they_are() -> None:
    alternating = AlternatingMessages()
    for each in (agent("a"), agent("b")):
        alternating.add(each)
    assert alternating.ended() == [agent("ab")]


def test_parts_that_wait_are_one_message_of_the_user() -> None:
    alternating = AlternatingMessages()
    alternating.flush()
    alternating.parts.append(text("a"))
    alternating.flush()
    assert alternating.parts == []
    alternating.parts += [text("b"), text("c")]
    alternating.flush()
    alternating.messages.append(dict(TOOL))
    alternating.parts.append({"type": "image_url"})
    assert alternating.ended() == [user("a", "b", "c"), TOOL, {"role": "user", "content": [{"type": "image_url"}]}]
