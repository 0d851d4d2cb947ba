"""The requests of Open WebUI's backend to Ollama and to OpenAI's API, in their shapes, and what it reads from the answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.dialects.conftest import Served
from tests.dialects.scripts import Json, ModelAnswer
from tests.dialects.test_ollama_client import failure

HEADERS = {
    "content-type": "application/json",
    "authorization": "Bearer none",
    "x-openwebui-user-name": "Ada%20Lovelace",
    "x-openwebui-user-id": "5d5f",
    "x-openwebui-user-email": "ada@example.org",
    "x-openwebui-user-role": "admin",
    "x-openwebui-chat-id": "c1",
}
PARAMETERS: Json = {
    "temperature": 0.0,
    "top_p": 0.9,
    "seed": 7,
    "top_k": 40,
    "min_p": 0.0,
    "num_ctx": 2048,
    "num_batch": 512,
    "num_keep": 24,
    "num_predict": 12,
    "num_thread": 2,
    "num_gpu": 0,
    "use_mmap": True,
    "use_mlock": False,
    "penalize_newline": False,
    "repeat_last_n": 64,
    "repeat_penalty": 1.1,
    "mirostat": 0,
    "mirostat_eta": 0.1,
    "mirostat_tau": 5.0,
    "stop": ["<stop>"],
}
"""Advanced parameters of a chat, with the types that its settings make of them."""
TOOL: Json = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
HISTORY: list[Json] = [
    {"role": "system", "content": "Be nice."},
    {"role": "user", "content": "How is the weather?", "images": ["iVBORw0KGgo="]},
    {
        "role": "assistant",
        "tool_calls": [{"index": 0, "id": "call_9", "function": {"name": "weather", "arguments": {"city": "Paris"}}}],
    },
    {"role": "tool", "content": "sunny", "tool_call_id": "call_9"},
]
"""A conversation with tools and a picture, as it is converted for Ollama."""


@pytest.fixture
def ollama(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.ollama_url, headers=HEADERS, timeout=60) as client:
        yield client


@pytest.fixture
def openai(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{served.live.url}/v1", headers=HEADERS, timeout=60) as client:
        yield client


def names(ollama: httpx.Client) -> dict[str, Json]:
    """The models by the field `model`, as its list of models has them."""
    return {each["model"]: each for each in ollama.get("/api/tags").json()["models"]}


def with_tag(name: str) -> str:
    """The name that it looks for in the list, and sends."""
    return name if ":" in name else f"{name}:latest"


def sent(ollama: httpx.Client, path: str, **body: Any) -> httpx.Response:
    """A request as it sends them: a text of JSON."""
    return ollama.post(path, content=json.dumps(body))


def test_a_connection_is_verified(ollama: httpx.Client, openai: httpx.Client) -> None:
    version = ollama.get("/api/version").json()["version"]
    assert len([int(part) for part in version.split(".")]) == 3
    assert ollama.get("/").text == "Ollama is running" and ollama.head("/").status_code == 200
    listed = openai.get("/models").json()
    assert {"demo", "script"} <= {each["id"] for each in listed["data"]} and listed["object"] == "list"


def test_the_models_are_found_by_the_names_that_are_sent(ollama: httpx.Client) -> None:
    listed = names(ollama)
    for name in ("demo", "fake", "script", "vectors", "kb:handbook"):
        row = listed[with_tag(name)]
        assert row["name"] == row["model"] and row["details"]["family"] and row["size"] >= 0 and row["digest"]
    loaded = {each["name"]: each["expires_at"] for each in ollama.get("/api/ps").json()["models"]}
    assert int(datetime.fromisoformat(loaded["demo:latest"]).timestamp()) > 0 and loaded.keys() <= listed.keys()


@pytest.mark.parametrize("name", ["demo", "fake", "kb:handbook"])
def test_a_model_is_described(ollama: httpx.Client, name: str) -> None:
    about = sent(ollama, "/api/show", model=with_tag(name)).json()
    assert "completion" in about["capabilities"] and about["model_info"]["general.architecture"]
    assert sent(ollama, "/api/show", name=with_tag(name)).json()["details"] == about["details"]


@pytest.mark.parametrize("name", ["demo", "kb:handbook"])
def test_a_chat_is_streamed_in_lines(ollama: httpx.Client, served: Served, name: str) -> None:
    served.upstream.answer = lambda body: ModelAnswer(text=["It delivers 12 ", "litres per minute [1]."])
    messages = [{"role": "user", "content": "How many litres does the MX-2140 pump deliver?"}]
    options = PARAMETERS if name == "demo" else {"temperature": 0.0}
    body = {"model": with_tag(name), "messages": messages, "options": options, "stream": True, "keep_alive": "5m"}
    with ollama.stream("POST", "/api/chat", content=json.dumps(body)) as answer:
        assert answer.status_code == 200 and answer.headers["content-type"] == "application/x-ndjson"
        lines = [json.loads(line) for line in answer.iter_lines()]
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    assert "".join(line["message"]["content"] for line in lines) and lines[-1]["done_reason"] in ("stop", "length")
    for name in ("prompt_eval_count", "eval_count", "eval_duration", "prompt_eval_duration", "total_duration"):
        assert lines[-1][name] > 0, name
    assert lines[-1]["load_duration"] >= 0


def test_a_chat_with_tools_and_pictures(ollama: httpx.Client, served: Served) -> None:
    served.upstream.answer = lambda body: ModelAnswer(calls=[("weather", ['{"city":', '"Nice"}'])], finish="tool_calls")
    body = {
        "model": "script:latest",
        "messages": HISTORY,
        "tools": [TOOL],
        "metadata": {"chat_id": "c1"},
        "think": True,
    }
    lines = [json.loads(line) for line in sent(ollama, "/api/chat", **body, stream=True).text.splitlines()]
    (call,) = [each for line in lines for each in line["message"].get("tool_calls") or ()]
    assert call["function"] == {"name": "weather", "arguments": {"city": "Nice"}} and call["id"]
    (upstream,) = served.upstream.bodies
    system, question, asking, result = upstream["messages"]
    assert system["content"] == "Be nice." and question["content"][1]["type"] == "image_url"
    assert asking["tool_calls"][0]["id"] == result["tool_call_id"] == "call_9"
    assert json.loads(asking["tool_calls"][0]["function"]["arguments"]) == {"city": "Paris"}


def test_an_option_that_ollama_does_not_know_has_no_effect(ollama: httpx.Client) -> None:
    body = {"model": "demo:latest", "messages": [{"role": "user", "content": "Hello"}], "stream": False}
    found = sent(ollama, "/api/chat", **body, options={"num_predict": 3, "new_topic_penalty": 0.5})
    assert found.status_code == 200 and found.json()["eval_count"] <= 3


def test_tasks_such_as_titles_are_answered_whole(ollama: httpx.Client, openai: httpx.Client) -> None:
    question = [{"role": "user", "content": "### Task:\nGenerate a title."}]
    body = {"model": "demo:latest", "messages": question, "stream": False, "options": {"num_predict": 5}}
    assert sent(ollama, "/api/chat", **body).json()["message"]["role"] == "assistant"
    wished = {"model": "demo", "messages": question, "stream": False, "max_completion_tokens": 5}
    answer = openai.post("/chat/completions", json=wished).json()
    assert answer["choices"][0]["message"]["content"] and answer["usage"]["completion_tokens"] <= 5


def test_completions_and_unloading(ollama: httpx.Client) -> None:
    body = {
        "model": "demo:latest",
        "prompt": "Hello",
        "stream": False,
        "options": {"num_predict": 4},
        "system": "Be nice.",
    }
    assert sent(ollama, "/api/generate", **body).json()["response"]
    unloaded = sent(ollama, "/api/generate", model="demo:latest", keep_alive=0, prompt="")
    assert unloaded.status_code == 200 and unloaded.json()["done"] is True


def test_vectors(ollama: httpx.Client, openai: httpx.Client) -> None:
    found = sent(ollama, "/api/embed", model="vectors:latest", input=["a", "b"], truncate=True).json()["embeddings"]
    assert len(found) == 2 and len(found[0]) == len(found[1]) == 32
    assert sent(ollama, "/api/embeddings", model="vectors:latest", prompt="a").json()["embedding"] == found[0]
    rows = openai.post("/embeddings", json={"model": "vectors", "input": ["a"]}).json()["data"]
    assert len(rows[0]["embedding"]) == 32


def test_the_openai_connection(openai: httpx.Client, served: Served) -> None:
    served.upstream.answer = lambda body: ModelAnswer(text=["Hi."])
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, picture]}]
    body: Json = {"model": "script", "messages": messages, "stream": True, "stream_options": {"include_usage": True}}
    body |= {"tools": [TOOL], "tool_choice": "auto", "temperature": 0.5, "logit_bias": {"5": -100}, "user": "5d5f"}
    data = [line[6:] for line in openai.post("/chat/completions", json=body).text.splitlines() if line]
    chunks = [json.loads(line) for line in data[:-1]]
    assert data[-1] == "[DONE]" and [each for each in chunks if each.get("usage")]
    assert "".join(each["choices"][0]["delta"].get("content") or "" for each in chunks if each["choices"]) == "Hi."


def test_errors_are_sentences(ollama: httpx.Client) -> None:
    assert "nowhere" in failure(sent(ollama, "/api/chat", model="nowhere:latest", messages=HISTORY), 404)
    assert "nowhere" in failure(sent(ollama, "/api/show", model="nowhere:latest"), 404)
    push = ollama.post("/api/push", content=json.dumps({"model": "demo:latest"}))
    assert "hub" in failure(push, 400)


def test_models_are_made_copied_and_deleted(ollama: httpx.Client) -> None:
    body = {"model": "pirate", "from": "demo:latest", "system": "You are a pirate.", "parameters": {"temperature": 0.5}}
    lines = sent(ollama, "/api/create", **body, stream=True).text.splitlines()
    assert json.loads(lines[-1]) == {"status": "success"} and "pirate:latest" in names(ollama)
    assert sent(ollama, "/api/copy", source="pirate:latest", destination="corsair").status_code == 200
    for name in ("pirate:latest", "corsair:latest"):
        chat = sent(ollama, "/api/chat", model=name, messages=HISTORY[:1], stream=False, options={"num_predict": 2})
        assert chat.status_code == 200, chat.text
        assert ollama.request("DELETE", "/api/delete", content=json.dumps({"model": name})).status_code == 200
    assert not {"pirate:latest", "corsair:latest"} & names(ollama).keys()
