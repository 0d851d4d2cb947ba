"""`client.answers`: answers to messages of chats, which the server makes to the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from modelyard.client.calls import CallGroup, S, call, stream_call
from modelyard.client.request import Request, an_object, at, given

if TYPE_CHECKING:
    from modelyard.client.answer_types import AnswerEventDict, ChatAnswerDict
    from modelyard.client.chat_types import MessageDict

Question = str | Sequence[Mapping[str, Any]]
"""A text, or content parts in OpenAI's form."""
Mode = Literal["chat", "knowledge", "files", "web", "agent"]


class AnswerCalls(CallGroup[S]):
    """Answers to messages of chats: begin, follow and stop them."""

    @call
    def begin(
        self,
        chat: str,
        content: Question | None = None,
        parent: str | None = None,
        mode: Mode | None = None,
        model: str | None = None,
        system: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        bases: Sequence[str] | None = None,
        files: Sequence[str] | None = None,
        tools: Sequence[str] | None = None,
        search_engine: str | None = None,
        top_k: int | None = None,
    ) -> Request[ChatAnswerDict]:
        """Ask a question, `content`, or without it answer the message `parent` once more; returns at once.

        What is left out is as the chat's settings say; a `parent` that is left out is the active leaf.
        """
        settings = given(mode=mode, model=model, system=system, bases=bases, files=files, tools=tools)
        body = {**settings, **given(content=content, parent=parent, parameters=parameters)}
        body |= given(search_engine=search_engine, top_k=top_k)
        return Request("POST", at("chats", chat, "answers"), an_object, body=body)

    @stream_call
    def follow(self, chat: str, message: str, after: int = 0) -> Request[AnswerEventDict]:
        """The events of an answer with numbers larger than `after`, those there are and those to come, until the type `end`.

        When the connection breaks, it is made again, and the stream continues after the last event.
        """
        path = at("chats", chat, "messages", message, "events")
        return Request("GET", path, an_object, {"after": str(after)}, streams=True, rejoin=_after)

    @call
    def stop(self, chat: str, message: str) -> Request[MessageDict]:
        """Stop an answer with its model; its text so far stays. Returns its message."""
        return Request("POST", at("chats", chat, "messages", message, "stop"), an_object)


def _after(event: AnswerEventDict) -> dict[str, str] | None:
    return None if event["type"] == "end" else {"after": str(event["number"])}
