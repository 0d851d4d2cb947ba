"""vLLM for real, its build for processors: the demo model through the gateway, what nobody may reach, and every death."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam

from tests.adapter_files import peft_adapter
from tests.engine_environments import give_environments
from tests.engine_server import SECONDS, EngineServer
from tests.live import Live, error_of, live
from tests.processes import alive, family, wait_for

pytestmark = pytest.mark.timeout(600)

CHAT = "chat-vllm"
QUESTION: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What is the capital of France?"}]
CHINESE: list[ChatCompletionMessageParam] = [{"role": "user", "content": "浙江的省会是哪里？"}]


@pytest.fixture(scope="module")
def server(engine_server: EngineServer) -> Live:
    """The shared server, on which the demo model runs as `CHAT`."""
    assert engine_server.model("chat", "vllm") == CHAT
    return engine_server.live


@pytest.fixture
def client(server: Live) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=SECONDS) as made:
        yield made


@pytest.mark.parametrize(("question", "word"), [(QUESTION, "Paris"), (CHINESE, "杭州")])
def test_the_stream_joined_is_the_whole_answer(
    client: OpenAI, question: list[ChatCompletionMessageParam], word: str
) -> None:
    whole = client.chat.completions.create(model=CHAT, messages=question, temperature=0, max_tokens=60)
    assert word in (whole.choices[0].message.content or "")
    text = ""
    for chunk in client.chat.completions.create(
        model=CHAT,
        messages=question,
        temperature=0,
        max_tokens=60,
        stream=True,
        stream_options={"include_usage": True},
    ):
        text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
        last = chunk
    assert text == whole.choices[0].message.content
    assert last.usage is not None and whole.usage is not None
    assert last.usage.completion_tokens == whole.usage.completion_tokens


def test_completions(client: OpenAI) -> None:
    made = client.completions.create(model=CHAT, prompt=["Hello", "The sea"], echo=True, max_tokens=3, temperature=0)
    assert [choice.text.startswith(text) for choice, text in zip(made.choices, ("Hello", "The sea"), strict=True)] == [
        True,
        True,
    ]


def test_an_answer_is_really_json(client: OpenAI) -> None:
    """The schema allows one text only, which nobody would answer to that question."""
    format = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"enum": ["Lyon"]}}}
    made = client.chat.completions.create(
        model=CHAT, messages=QUESTION, max_tokens=100, temperature=0, extra_body={"response_format": format}
    )
    assert made.choices[0].message.content == '"Lyon"'


def test_what_it_cannot_do_is_refused_by_name(server: Live, tmp_path: Path) -> None:
    answer = server.http.post("/v1/completions", json={"model": CHAT, "prompt": "a", "best_of": 2})
    assert answer.status_code == 400 and "vLLM" in error_of(answer)["message"]
    answer = server.http.post(
        "/v1/load_lora_adapter", json={"lora_name": "a", "lora_path": str(peft_adapter(tmp_path)), "model": CHAT}
    )
    assert answer.status_code == 400 and "takes no adapters while it runs" in error_of(answer)["message"]


def test_tools_without_a_parser_of_tool_calls_are_refused(server: Live, engine_server: EngineServer) -> None:
    model = engine_server.model("adapted", "vllm")
    error = error_of(server.chat(model, tools=[{"type": "function", "function": {"name": "f"}}]))
    assert (error["param"], error["code"]) == ("tools", "unsupported_parameter")
    assert "tool_call_parser" in error["message"]


SIDE_ROUTES = ("/invocations", "/pooling", "/score", "/inference/v1/generate", "/v1/responses", "/v1/messages",
               "/adapters", "/scale_elastic_ep", "/docs2", "/openapi")  # fmt: skip

OWN_ROUTES = ("/v1/messages", "/v1/responses", "/pooling", "/score")
"""Side routes that the server has of its own, which are not the engine's."""
TOKEN_ROUTES = ("/tokenize", "/detokenize", "/classify")
"""Those that vLLM leaves open, and that need the replica's token here."""


def test_side_routes_are_reached_by_nobody(server: Live) -> None:
    """Not through the gateway, and not by whoever found the replica's socket: neither without its token nor with one."""
    body = {"model": CHAT, "prompt": "hello", "messages": QUESTION}
    for path in SIDE_ROUTES:
        if path not in OWN_ROUTES:
            assert server.http.post(path, json=body).status_code in (404, 405), path
    (replica,) = server.replicas(CHAT)
    socket = replica["model_address"].removeprefix("unix:")
    assert Path(socket).parent.stat().st_mode & 0o077 == 0
    with httpx.Client(transport=httpx.HTTPTransport(uds=socket), base_url="http://replica", timeout=60) as inside:
        assert inside.get("/health").status_code == 200
        for path in SIDE_ROUTES:
            assert inside.post(path, json=body).status_code == 404, path
        for path in ("/v1/models", "/metrics"):
            assert inside.get(path).status_code in (200, 401)
        for path in ("/v1/chat/completions", "/v1/completions", "/v1/load_lora_adapter", *TOKEN_ROUTES):
            assert inside.post(path, json=body).status_code == 401, path


def test_a_start_that_fails_is_told_in_vllms_own_words(server: Live) -> None:
    answer = server.launch("long", model_name="modelyard-demo", model_engine="vllm", max_model_len=100_000)
    assert answer.status_code == 502, answer.text
    assert "max_model_len (100000) is greater than the derived max_model_len" in error_of(answer)["message"]


def test_embeddings(server: Live, client: OpenAI, engine_server: EngineServer) -> None:
    model = engine_server.model("embedding", "vllm")
    texts = client.embeddings.create(model=model, input=["hello world", "hello"]).data
    assert [len(each.embedding) for each in texts] == [384, 384]
    assert client.embeddings.create(model=model, input="hello").data[0].embedding == pytest.approx(
        texts[1].embedding, abs=0.05
    ), "of 16 bits, as the CPU build computes"
    assert server.chat(model).status_code == 400


def test_reranking(server: Live, engine_server: EngineServer) -> None:
    body = {
        "model": engine_server.model("rerank", "vllm"), "query": "hello", "documents": ["world", "hello world"]
    }  # fmt: skip
    results = server.http.post("/v1/rerank", json=body).json()["results"]
    assert {each["index"] for each in results} == {0, 1}
    assert results[0]["relevance_score"] >= results[1]["relevance_score"]
    assert len(server.http.post("/v1/rerank", json={**body, "top_n": 1}).json()["results"]) == 1
    refused = server.http.post("/v1/rerank", json={**body, "return_len": True})
    assert error_of(refused)["param"] == "return_len"


def test_a_killed_shim_leaves_nothing_and_another_starts(server: Live, engine_server: EngineServer) -> None:
    """`process/test_adapters.py` kills the engine and waits until the next one is ready. This is the last use of the model."""
    model = engine_server.model("adapted", "vllm")
    shim = server.replicas(model)[0]["pid"]
    everybody = family(shim)
    assert len(everybody) >= 4, "the shim, the server, the engine's core and its worker"
    os.kill(shim, signal.SIGKILL)
    wait_for(lambda: not any(alive(pid) for pid in everybody), seconds=60)
    wait_for(lambda: any(each["pid"] not in (None, shim) for each in server.replicas(model)), seconds=60)
    engine_server.stop(model)


def test_without_its_environment_it_says_how_to_get_it(tmp_path: Path) -> None:
    with live(tmp_path / "home") as bare:
        error = error_of(bare.launch("demo", model_name="modelyard-demo", model_engine="vllm"))
        assert "vLLM is not installed: modelyard engine install vllm." in error["message"]
        give_environments(tmp_path / "home", "vllm")
        assert "vLLM" in bare.http.get("/v1/engines/modelyard-demo").json(), "a running server sees it"
