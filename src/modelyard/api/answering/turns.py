"""A branch of a chat as a request to a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelyard.chats.types import Message, Part, text_of_parts
from modelyard.core.errors import InvalidParameter

RESERVED = frozenset(
    {"model", "messages", "stream", "stream_options", "tools", "tool_choice", "knowledge", "n", "logprobs"}
)
"""Fields of a request that are no parameters of a chat."""
CONVERSED = ("system", "user", "assistant")
"""Roles of messages that a model reads; outputs of tools are in the answers that used them."""


def request_messages(system: str, path: Sequence[Message]) -> list[dict[str, Any]]:
    """The system text and the messages of a branch in OpenAI's form. Files and empty answers are left out."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    for each in path:
        content = _content(each.content)
        if content and each.role in CONVERSED:
            messages.append({"role": each.role, "content": content})
    return messages


def _content(parts: Sequence[Part]) -> str | list[dict[str, Any]]:
    """The content of a message without files: a text, unless it has other parts."""
    read = [dict(part) for part in parts if part.get("type") != "file"]
    return text_of_parts(read) if all(part.get("type") == "text" for part in read) else read


def texts_only(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages without their pictures and recordings, for answers from sources. Raises `InvalidParameter` for the last one."""
    if isinstance(messages[-1]["content"], list):
        raise InvalidParameter("content", "answers from sources accept texts only; the mode 'chat' accepts pictures.")
    found = [
        each if isinstance(each["content"], str) else {**each, "content": text_of_parts(each["content"])}
        for each in messages
    ]
    return [each for each in found if each["content"]]


def file_ids(path: Sequence[Message]) -> list[str]:
    """The ids of the stored files on a branch. Raises `InvalidParameter` for a file that is in the message itself."""
    found: dict[str, None] = {}
    for message in path:
        for part in message.content:
            if part.get("type") == "file":
                id = (part.get("file") or {}).get("file_id")
                if not id:
                    problem = "a file of a message needs a file_id; store the file with POST /v1/files first."
                    raise InvalidParameter("content", problem)
                found[id] = None
    return list(found)


def check_parameters(parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters of a request. Raises `InvalidParameter` for fields that are none."""
    if wrong := sorted(RESERVED & parameters.keys()):
        raise InvalidParameter("parameters", f"'{wrong[0]}' is no parameter of a chat.")
    return parameters
