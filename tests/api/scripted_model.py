"""What tests of Chatchat's chats ask a real server, and a model that plays a script behind somebody else's address."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx

from tests.knowledge.web_server import Asked, Reply, Web, web
from tests.live import Live

Json = dict[str, Any]
Say = Callable[[list[Json]], Json | str]
"""What the model answers to messages: a text, or a delta with calls."""


class Scripted:
    """An OpenAI-compatible server whose model says what a test wants, and remembers what it was told."""

    def __init__(self, server: Web) -> None:
        self.web = server
        self.say: Say = lambda messages: "好的，没问题。"
        self.bodies: list[Json] = []
        server.pages["/v1/chat/completions"] = self._answer

    @property
    def told(self) -> list[Json]:
        """The messages of the last request."""
        found: list[Json] = self.bodies[-1]["messages"]
        return found

    def _answer(self, asked: Asked) -> Reply:
        body: Any = asked.json
        self.bodies.append(body)
        said = self.say(body["messages"])
        deltas = [{"content": piece} for piece in pieces(said)] if isinstance(said, str) else [said]
        reason = "stop" if isinstance(said, str) else "tool_calls"
        chunks = [_chunk(body["model"], each, None) for each in [{"role": "assistant", "content": ""}, *deltas]]
        lines = [json.dumps(each) for each in [*chunks, _chunk(body["model"], {}, reason)]]
        return Reply("".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]), "text/event-stream")


def pieces(text: str) -> list[str]:
    """A text as the scripted model streams it."""
    return [text[start : start + 3] for start in range(0, len(text), 3)]


def _chunk(model: str, delta: Json, reason: str | None) -> Json:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": [choice]}


def calls(*wanted: tuple[str, Json]) -> Json:
    """A delta that calls tools."""
    return {
        "tool_calls": [
            {
                "index": index,
                "id": f"call_{index}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)},
            }
            for index, (name, arguments) in enumerate(wanted)
        ]
    }


@contextmanager
def scripted() -> Iterator[Scripted]:
    """Such a server for the time of a block."""
    with web() as server:
        yield Scripted(server)


def raw(server: Live, name: str, **body: Any) -> httpx.Response:
    """The answer of `/chat/{name}`, whose status is 200 whatever happened."""
    answer = server.http.post(f"/chat/{name}", json=body)
    assert answer.status_code == 200, answer.text
    return answer


def told(answer: httpx.Response) -> list[Json]:
    """The events of a stream, framed as sse-starlette frames them."""
    assert answer.headers["content-type"].startswith("text/event-stream"), answer.text
    parts = answer.text.split("\r\n\r\n")
    assert parts.pop() == "" and all(each.startswith(("data: {", ": ping")) for each in parts), parts
    return [json.loads(each.removeprefix("data: ")) for each in parts if not each.startswith(":")]


def asked(server: Live, name: str, **body: Any) -> list[Json]:
    """The events of `/chat/{name}`."""
    return told(raw(server, name, **body))


def joined(events: Sequence[Json], field: str) -> str:
    """The pieces of a streamed answer, together."""
    return "".join(each[field] for each in events if field in each)
