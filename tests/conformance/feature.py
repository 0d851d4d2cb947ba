"""What a feature is: a named probe that an engine passes, or refuses with a 400 that names the parameter and the engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import openai
from openai import OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam

from modelyard.engines.names import title_of

QUESTION: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello, who are you?"}]


@dataclass(frozen=True)
class Subject:
    """A running model, and the official client."""

    url: str
    engine: str
    model: str
    client: OpenAI
    http: httpx.Client

    def chat(self, **body: Any) -> ChatCompletion:
        """A whole answer; by default short, and the likeliest. What the client has no argument for goes as it is."""
        given = {"messages": QUESTION, "max_tokens": 24, "temperature": 0, **body}
        made: ChatCompletion = self.client.chat.completions.create(
            model=self.model, messages=given.pop("messages"), extra_body=given
        )
        return made

    def text(self, **body: Any) -> str:
        """The text of a whole answer."""
        text = self.chat(**body).choices[0].message.content
        assert isinstance(text, str) and text
        return text

    def stream(self, **body: Any) -> list[Any]:
        """The chunks of a streamed answer."""
        given = {"messages": QUESTION, "max_tokens": 24, "temperature": 0, **body}
        messages = given.pop("messages")
        return list(
            self.client.chat.completions.create(model=self.model, messages=messages, stream=True, extra_body=given)
        )

    def complete(self, prompt: Any, **body: Any) -> Any:
        """A whole completion."""
        given = {"max_tokens": 8, "temperature": 0, **body}
        return self.client.completions.create(model=self.model, prompt=prompt, extra_body=given)

    def complete_streamed(self, prompt: Any, **body: Any) -> list[Any]:
        """The chunks of a streamed completion."""
        given = {"max_tokens": 8, "temperature": 0, **body}
        return list(self.client.completions.create(model=self.model, prompt=prompt, stream=True, extra_body=given))

    def post(self, path: str, **body: Any) -> Any:
        """The answer to a request that the client has no method for. Raises as the client does."""
        answer = self.http.post(path, json={"model": self.model, **body})
        if answer.status_code == 400:
            response: Any = answer
            raise openai.BadRequestError(answer.text, response=response, body=answer.json()["error"])
        assert answer.status_code == 200, answer.text
        return answer.json()

    def events(self, path: str, **body: Any) -> list[dict[str, Any]]:
        """The chunks of a stream as JSON; refused as the client does."""
        given = {"model": self.model, "stream": True, **body}
        with self.http.stream("POST", path, json=given) as answer:
            text = answer.read().decode()
        if answer.status_code == 400:
            response: Any = answer
            raise openai.BadRequestError(text, response=response, body=answer.json()["error"])
        assert answer.status_code == 200, text
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
        assert lines[-1] == "[DONE]"
        return [json.loads(line) for line in lines[:-1]]


def joined(chunks: list[Any], part: str = "content", index: int = 0) -> str:
    """What the deltas of a choice add up to."""
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices if choice.index == index]
    return "".join(getattr(delta, part, None) or "" for delta in deltas)


@dataclass(frozen=True)
class Feature:
    """A row of the table."""

    name: str
    room: str
    params: tuple[str, ...]
    """What a refusal names, one of them."""
    check: Callable[[Subject], None] = field(compare=False)
    everywhere: bool
    """The fake engine keeps it too, and nobody may refuse it."""

    @property
    def id(self) -> str:
        return f"{self.room}: {self.name}"


@dataclass(frozen=True)
class Outcome:
    """What an engine made of a feature."""

    works: bool
    param: str = ""
    reason: str = ""


FEATURES: list[Feature] = []

Check = Callable[[Subject], None]


def feature(room: str, name: str, *params: str) -> Callable[[Check], Check]:
    """Registers a probe. Without parameters to name there is no way to refuse it, and the fake engine keeps it as well."""

    def register(check: Check) -> Check:
        FEATURES.append(Feature(name, room, params, check, everywhere=not params))
        return check

    return register


def outcome(wanted: Feature, subject: Subject) -> Outcome:
    """Probe. Raises `AssertionError`, or what the client raises, for anything but working or a refusal in good form."""
    try:
        wanted.check(subject)
    except openai.BadRequestError as error:
        if not wanted.params:
            raise
        assert error.param in wanted.params, f"refused, but it names {error.param!r}: {error.message}"
        said = error.body["message"] if isinstance(error.body, dict) else error.message
        assert names(subject.engine, said.replace(subject.model, "")), f"refused without naming the engine: {said}"
        return Outcome(False, str(error.param), reason(said))
    return Outcome(True)


def names(engine: str, text: str) -> bool:
    """Whether a sentence names an engine, as people or as we spell it."""
    return any(name.lower() in text.lower() for name in (engine, title_of(engine), engine.replace("_", "-")))


def reason(text: str) -> str:
    """The part of a refusal that is true of any model."""
    return text.rpartition("': ")[2].rstrip(".")
