"""A model whose answers a test scripts: thinking, calls of tools, texts in pieces, errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.api.scripted_model import Json, pieces, scripted, tool_calls_delta
from tests.knowledge.web_server import Reply, WebRequest
from tests.live import Live

UID = "script"
USAGE = {"prompt_tokens": 900, "completion_tokens": 40, "total_tokens": 940}


class ScriptedAnswers:
    """What the model `script` answers: `texts` by a word of the question, else `otherwise`."""

    def __init__(self) -> None:
        self.texts: dict[str, Json | list[Json] | str | int] = {}
        self.otherwise = "A pump moves a fluid. 泵是输送液体的机械。"

    def reply(self, request: WebRequest) -> Reply:
        """The answer to a request: the script of the first word that the last message has."""
        body: Any = request.json
        last = body["messages"][-1]
        question = json.dumps(last["content"], ensure_ascii=False)
        if last["role"] == "tool":
            return stream(body["model"], [{"content": f"The tool says {last['content']}."}], "stop")
        found = next((text for word, text in self.texts.items() if word in question), self.otherwise)
        if isinstance(found, int):
            return Reply.of({"error": {"message": "The model is out of order.", "code": "broken"}}, found)
        if isinstance(found, str) and not body.get("stream"):
            message = {"role": "assistant", "content": found}
            whole = chunk(body["model"], [{"index": 0, "message": message, "finish_reason": "stop"}])
            return Reply.of({**whole, "object": "chat.completion", "usage": USAGE})
        if isinstance(found, str):
            return stream(body["model"], [{"content": piece} for piece in pieces(found)], "stop")
        if isinstance(found, list):
            return stream(body["model"], found, "stop")
        return stream(body["model"], [found], "tool_calls")


def stream(model: str, deltas: list[Json], reason: str) -> Reply:
    """A streamed answer with its usage."""
    chunks = [chunk(model, [{"index": 0, "delta": each, "finish_reason": None}]) for each in deltas]
    chunks += [chunk(model, [{"index": 0, "delta": {}, "finish_reason": reason}]), {**chunk(model, []), "usage": USAGE}]
    lines = [json.dumps(each) for each in chunks]
    return Reply("".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]), "text/event-stream")


def chunk(model: str, choices: list[Json]) -> Json:
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": choices}


@contextmanager
def scripted_answers(server: Live) -> Iterator[ScriptedAnswers]:
    """The model `script` on a server, for the time of a block."""
    answers = ScriptedAnswers()
    with scripted() as model:
        model.web.pages["/v1/chat/completions"] = answers.reply
        server.launched(UID, model_engine="external", base_url=f"{model.web.url}/v1")
        yield answers
        server.http.delete(f"/v1/models/{UID}")


__all__ = ["UID", "ScriptedAnswers", "scripted_answers", "tool_calls_delta"]
