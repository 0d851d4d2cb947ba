"""Uses a running server through the official `anthropic` client and prints, for each step, a line of JSON.

Runs in the environment `dialects` of `tests/client_environments.py`. Argument: the server's address.
`test_anthropic_client.py` judges the results.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from pathlib import Path
from typing import Any

import anthropic
from anthropic import Anthropic, AsyncAnthropic, beta_tool
from pydantic import BaseModel

HELLO: Any = [{"role": "user", "content": "Hello"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


class City(BaseModel):
    """The form of a structured answer."""

    name: str
    people: int


@beta_tool  # type: ignore[untyped-decorator]
def weather(city: str) -> str:
    """Tell the weather.

    Args:
        city: Name of the city.
    """
    return f"sunny in {city}"


def show(name: str, value: Any) -> None:
    """Print a result."""
    print(json.dumps({name: value.model_dump(mode="json") if isinstance(value, BaseModel) else value}), flush=True)


def failure(name: str, call: Any) -> None:
    """Print the error that a call raises."""
    try:
        call()
    except anthropic.APIError as error:
        body: Any = error.body
        status = getattr(error, "status_code", None)
        show(name, {"class": type(error).__name__, "status": status, "body": body})
    else:
        show(name, "no error")


def streams(client: Anthropic) -> None:
    """The helper for streams, on each model."""
    for model in ("fake", "demo", "script", "kb:handbook"):
        question = [{"role": "user", "content": "How many litres does the MX-2140 pump deliver?"}]
        request: Any = {"model": model, "max_tokens": 30, "messages": question, "extra_body": {"temperature": 0}}
        with client.messages.stream(**request) as stream:
            text = "".join(stream.text_stream)
            show(f"stream {model}", {"text": text, "message": stream.get_final_message().model_dump(mode="json")})
        show(f"create {model}", client.messages.create(**request))


def tools(client: Anthropic) -> None:
    """The tool runner, whole and streamed, and the choice of a tool."""
    question: Any = [{"role": "user", "content": "How is the weather in Paris?"}]
    for streamed in (False, True):
        runner: Any = client.beta.messages.tool_runner(
            model="script", max_tokens=100, tools=[weather], messages=question, stream=streamed
        )
        found = [each.get_final_message() if streamed else each for each in runner]
        show(f"tool runner {streamed}", [each.model_dump(mode="json") for each in found])
    offer: Any = {"name": "weather", "description": "Tell the weather.", "input_schema": SCHEMA}
    forced: Any = {"type": "tool", "name": "weather", "disable_parallel_tool_use": True}
    named: Any = {"model": "script", "max_tokens": 60, "messages": question, "tools": [offer], "tool_choice": forced}
    show("forced", client.messages.create(**named))
    failure("no tools", lambda: client.messages.create(**{**named, "model": "demo"}))


def forms(client: Anthropic) -> None:
    """Structured answers, thinking, pictures, documents, and system messages in the middle."""
    parsed = client.messages.parse(model="script", max_tokens=100, messages=HELLO, output_format=City)
    show("parse", {"output": parsed.parsed_output.model_dump() if parsed.parsed_output else None})
    thinking: Any = {"type": "enabled", "budget_tokens": 1024}
    thought = client.messages.create(model="script", max_tokens=2000, messages=HELLO, thinking=thinking)
    show("thinking", thought)
    history: Any = [*HELLO, {"role": "assistant", "content": thought.content}, *HELLO]
    show("thinking again", client.messages.create(model="script", max_tokens=2000, messages=history))
    data = base64.b64encode(Path(sys.argv[2]).read_bytes()).decode()
    pdf: Any = {
        "type": "document",
        "title": "Paper",
        "source": {"type": "base64", "media_type": "application/pdf", "data": data},
    }
    dot: Any = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
    content = [pdf, dot, {"type": "text", "text": "What is this?"}]
    turns: Any = [{"role": "user", "content": content}, {"role": "system", "content": "Be brief."}]
    show(
        "document",
        client.beta.messages.create(model="claude-sonnet-5", max_tokens=50, messages=turns, system="Be nice."),
    )


def counts(client: Anthropic) -> None:
    """Counted tokens, and models."""
    for model in ("fake", "demo"):
        show(f"count {model}", client.messages.count_tokens(model=model, messages=HELLO, system="Be nice."))
    long: Any = [{"role": "user", "content": "Hello " * 5000}]
    show("count long", client.messages.count_tokens(model="demo", messages=long))
    failure("too long", lambda: client.messages.create(model="demo", max_tokens=10, messages=long))
    show("models", [each.model_dump(mode="json") for each in client.models.list(limit=2)])
    show("model", client.models.retrieve("demo"))
    failure("no model", lambda: client.models.retrieve("nowhere"))


def errors(client: Anthropic) -> None:
    """Errors as the client's own classes."""
    plain: Any = {"model": "fake", "max_tokens": 10, "messages": HELLO}
    failure("unknown model", lambda: client.messages.create(**{**plain, "model": "nowhere"}))
    failure(
        "server tool", lambda: client.messages.create(**plain, tools=[{"type": "web_search_20250305", "name": "s"}])
    )
    failure("broken whole", lambda: client.messages.create(**plain, extra_body={"fake": {"error_status": 500}}))

    def interrupted() -> None:
        with client.messages.stream(**{**plain, "model": "fragile"}, extra_body={"fake": {"crash_after": 3}}) as stream:
            stream.get_final_message()

    failure("broken stream", interrupted)


async def asynchronous(url: str) -> None:
    """The asynchronous client."""
    async with AsyncAnthropic(base_url=url, api_key="none", max_retries=0) as client:
        messages = await asyncio.gather(
            *(client.messages.create(model="fake", max_tokens=5, messages=HELLO) for _ in range(5))
        )
        show("asynchronous", [each.content[0].model_dump(mode="json") for each in messages])


def main() -> None:
    url = sys.argv[1]
    with Anthropic(base_url=url, api_key="none", max_retries=0) as client:
        streams(client)
        tools(client)
        forms(client)
        counts(client)
        errors(client)
    asyncio.run(asynchronous(url))


if __name__ == "__main__":
    main()
