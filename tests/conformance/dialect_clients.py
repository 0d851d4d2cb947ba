"""Uses models of a running server through the official `anthropic` and `ollama` clients; prints a line of JSON for each step.

Runs in the environment `dialects` of `tests/client_environments.py`. Arguments: the server's address, a `logit_bias` by which a
tiny model ends what it begins, one that keeps it from ending, and the names of models. `test_dialect_clients.py` judges the
results; what goes wrong is printed as the exception's class and text.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import anthropic
import ollama
from anthropic import Anthropic, beta_tool
from pydantic import BaseModel

QUESTION: Any = [{"role": "user", "content": "What is the capital of France?"}]
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CITY: Any = {"enum": ["Lyon", "Nice"], "type": "string"}
PARAMETERS: Any = {
    "type": "object",
    "properties": {"city": CITY},
    "required": ["city"],
    "additionalProperties": False,
}
OFFER: Any = {"name": "weather", "description": "Tell the weather.", "input_schema": PARAMETERS}
ROOM = 100
ONE: Any = {"type": "any", "disable_parallel_tool_use": True}


class Place(BaseModel):
    """The form of a structured answer."""

    city: Literal["Lyon", "Nice"]
    open: bool


@beta_tool  # type: ignore[untyped-decorator]
def weather(city: Literal["Lyon", "Nice"]) -> str:
    """Tell the weather.

    Args:
        city: Name of the city.
    """
    return f"sunny in {city}"


def plain(value: Any) -> Any:
    """A result as JSON."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return [plain(each) for each in value] if isinstance(value, list) else value


def show(model: str, step: str, call: Callable[[], Any]) -> None:
    """Print what a call returns, or the error that it raises."""
    try:
        value = plain(call())
    except anthropic.APIStatusError as error:
        value = {"error": type(error).__name__, "status": error.status_code, "body": error.body}
    except ollama.ResponseError as error:
        value = {"error": type(error).__name__, "status": error.status_code, "body": error.error}
    except (ValueError, TypeError, LookupError, anthropic.AnthropicError) as error:
        value = {"error": type(error).__name__, "body": str(error)}
    print(json.dumps({"model": model, "step": step, "value": value}), flush=True)


def streamed(client: Anthropic, **request: Any) -> dict[str, Any]:
    """What the helper for streams collects."""
    with client.messages.stream(**request) as stream:
        text = "".join(stream.text_stream)
        return {"text": text, "message": plain(stream.get_final_message())}


def messages(client: Anthropic, model: str, short: dict[str, int], endless: dict[str, int]) -> None:
    """Anthropic's helpers on one model."""
    base: Any = {"model": model, "messages": QUESTION, "max_tokens": 60}
    cold: Any = {"temperature": 0}
    held: Any = {"temperature": 0, "logit_bias": short}
    thinks: Any = {"temperature": 0, "logit_bias": endless}
    show(model, "create", lambda: client.messages.create(**base, extra_body=cold))
    show(model, "stream", lambda: streamed(client, **base, extra_body=cold))
    show(model, "count", lambda: client.messages.count_tokens(model=model, messages=QUESTION))
    show(model, "cut", lambda: client.messages.create(**{**base, "max_tokens": 3}, extra_body=cold))
    show(model, "cut stream", lambda: streamed(client, **{**base, "max_tokens": 3}, extra_body=cold))
    for step, stops in (("stop", ["never said", "capital"]), ("stop elsewhere", ["never said"])):
        show(model, step, partial(client.messages.create, **base, stop_sequences=stops, extra_body=cold))
        show(model, f"{step} stream", partial(streamed, client, **base, stop_sequences=stops, extra_body=cold))
    roomy = {**base, "max_tokens": ROOM}
    choices: Any = {"any": ONE, "tool": {"type": "tool", "name": "weather"}}
    for step, choice in choices.items():
        offered = {**roomy, "tools": [OFFER], "tool_choice": choice, "extra_body": held}
        show(model, step, partial(client.messages.create, **offered))
        show(model, f"{step} stream", partial(streamed, client, **offered))
    show(model, "runner", lambda: runner(client, roomy, held))
    show(model, "parse", lambda: client.messages.parse(**roomy, output_format=Place, extra_body=held).parsed_output)
    thinking: Any = {"type": "enabled", "budget_tokens": 1024}
    show(model, "thinking", lambda: client.messages.create(**base, thinking=thinking, extra_body=thinks))
    show(model, "thinking stream", lambda: streamed(client, **base, thinking=thinking, extra_body=thinks))
    source = {"type": "base64", "media_type": "image/png", "data": PICTURE}
    seen: Any = [{"role": "user", "content": [{"type": "image", "source": source}, {"type": "text", "text": "What?"}]}]
    show(model, "picture", lambda: client.messages.create(**{**base, "messages": seen}))
    long: Any = [{"role": "user", "content": "much " * 3000}]
    show(model, "too long", lambda: client.messages.create(**{**base, "messages": long}))
    show(model, "count too long", lambda: client.messages.count_tokens(model=model, messages=long))
    wrong = {"temperature": 0, "top_k": -5}
    show(model, "wrong", lambda: client.messages.create(**base, extra_body=wrong))


def runner(client: Anthropic, request: dict[str, Any], extra: dict[str, Any]) -> list[Any]:
    """Two rounds of the tool runner, whose every answer must call."""
    found = client.beta.messages.tool_runner(
        **request, tools=[weather], tool_choice=ONE, max_iterations=2, extra_body=extra
    )
    return list(found)


def lines(client: ollama.Client, model: str, short: dict[str, int], endless: dict[str, int]) -> None:
    """Ollama's calls on one model."""
    cold: Any = {"temperature": 0, "num_predict": 60, "seed": 5}
    base: Any = {"model": model, "messages": QUESTION}
    show(model, "chat", lambda: client.chat(**base, options=cold))
    show(model, "chat stream", lambda: list(client.chat(**base, options=cold, stream=True)))
    show(model, "generate", lambda: client.generate(model=model, prompt=QUESTION[0]["content"], options=cold))
    show(model, "raw", lambda: client.generate(model=model, prompt="The", raw=True, options={**cold, "num_predict": 2}))
    show(model, "cut line", lambda: client.chat(**base, options={**cold, "num_predict": 3}))
    show(model, "stop line", lambda: client.chat(**base, options={**cold, "stop": ["capital"]}))
    held = {**cold, "num_predict": ROOM, "logit_bias": short}
    show(model, "format", lambda: client.chat(**base, options=held, format=Place.model_json_schema()))
    thinks = {**cold, "logit_bias": endless}
    show(model, "think", lambda: client.chat(**base, options=thinks, think=True))
    show(model, "think stream", lambda: list(client.chat(**base, options=thinks, think=True, stream=True)))
    show(model, "picture line", lambda: client.chat(model=model, messages=[{**QUESTION[0], "images": [PICTURE]}]))
    show(
        model, "scores", lambda: client.chat(**base, options={**cold, "num_predict": 3}, logprobs=True, top_logprobs=2)
    )
    show(model, "wrong line", lambda: client.chat(**base, options={"top_k": -5}))


def main() -> None:
    url, short, endless, *models = sys.argv[1:]
    with Anthropic(base_url=url, api_key="none", max_retries=0, timeout=300) as client:
        for model in models:
            messages(client, model, json.loads(short), json.loads(endless))
    for model in models:
        lines(ollama.Client(host=url, timeout=300), model, json.loads(short), json.loads(endless))


if __name__ == "__main__":
    main()
