"""Uses a running server through the official `ollama` client and prints, for each step, a line of JSON.

Runs in the environment `dialects` of `tests/client_environments.py`. Argument: the server's address.
`test_ollama_client.py` judges the results.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from ollama import AsyncClient, Client, ResponseError
from pydantic import BaseModel

HELLO: Any = [{"role": "user", "content": "Hello"}]
PUMP: Any = [{"role": "user", "content": "How many litres does the MX-2140 pump deliver?"}]


class City(BaseModel):
    """The form of a structured answer."""

    name: str
    people: int


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
    except ResponseError as error:
        show(name, {"status": error.status_code, "error": error.error})
    else:
        show(name, "no error")


def answers(client: Client) -> None:
    """Chats and completions, streamed and whole."""
    for model in ("fake", "demo", "demo:latest", "modelyard-demo:5m", "script", "kb:handbook"):
        request: Any = {
            "model": model,
            "messages": PUMP,
            "options": {"temperature": 0, "num_predict": 30, "num_ctx": 4096},
        }
        pieces = [each.model_dump(mode="json") for each in client.chat(**request, stream=True)]
        show(f"stream {model}", pieces)
        show(f"chat {model}", client.chat(**request))
    request = {"model": "demo", "prompt": "Hello", "system": "Be nice.", "options": {"temperature": 0}}
    show("generate", client.generate(**request))
    show("generate stream", [each.model_dump(mode="json") for each in client.generate(**request, stream=True)])
    show("raw", client.generate(model="demo", prompt="Hello", raw=True, options={"num_predict": 2, "temperature": 0}))
    show("load", client.chat(model="demo"))
    show("unload", client.generate(model="demo", keep_alive=0))


def tools(client: Client) -> None:
    """A loop with a tool that is a Python function, thinking, a schema, and a picture."""
    messages: Any = [{"role": "user", "content": "How is the weather in Paris?"}]
    first = client.chat(model="script", messages=messages, tools=[weather])
    show("call", first)
    calls = first.message.tool_calls or []
    messages += [first.message]
    messages += [
        {"role": "tool", "tool_name": each.function.name, "content": weather(**each.function.arguments)}
        for each in calls
    ]
    show("after the call", client.chat(model="script", messages=messages, tools=[weather]))
    show("thinking", client.chat(model="script", messages=HELLO, think=True))
    parsed = client.chat(model="script", messages=HELLO, format=City.model_json_schema())
    show("parsed", City.model_validate_json(parsed.message.content or ""))
    picture: Any = [{**HELLO[0], "images": ["iVBORw0KGgo="]}]
    show("picture", client.chat(model="script", messages=picture))


def lists(client: Client) -> None:
    """Models and vectors."""
    show("list", client.list())
    show("ps", client.ps())
    show("show", client.show("demo"))
    show("show vectors", client.show("vectors"))
    show("embed", client.embed(model="vectors", input=["a", "b"]))
    show("embeddings", client.embeddings(model="vectors", prompt="a"))
    failure("unknown", lambda: client.chat(model="nowhere", messages=HELLO))
    failure("known", lambda: client.chat(model="qwen2.5:0.5b", messages=HELLO))
    failure("show unknown", lambda: client.show("nowhere"))
    failure("option", lambda: client.chat(model="demo", messages=HELLO, options={"tfs_z": 0.5}))
    failure("broken", lambda: list(client.generate(model="fragile", prompt="die", stream=True)))


async def asynchronous(url: str) -> None:
    """The asynchronous client."""
    client = AsyncClient(host=url)
    found = await asyncio.gather(*(client.chat(model="fake", messages=HELLO) for _ in range(5)))
    show("asynchronous", [each.message.content for each in found])


def main() -> None:
    client = Client(host=sys.argv[1])
    answers(client)
    tools(client)
    lists(client)
    asyncio.run(asynchronous(sys.argv[1]))


if __name__ == "__main__":
    main()
