"""The official `anthropic` and `ollama` clients on every engine that chats, and on a base: each helper does the same on all."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.api.knowing import Base
from tests.client_environments import client_python
from tests.conformance.chatting import END
from tests.conformance.test_langchain import ENDINGS
from tests.engine_server import EngineServer

pytestmark = pytest.mark.timeout(600)

ENGINES = ("llama_cpp", "transformers", "vllm")
SCRIPT = Path(__file__).parent / "dialect_clients.py"
ANSWER = "The capital of France is Paris."
BASE = "of-the-clients"

Json = dict[str, Any]
Results = dict[tuple[str, str], Any]
"""Model and step → what came of it."""


@pytest.fixture(scope="module")
def results(engine_server: EngineServer) -> Results:
    """One run of the script, with a model on each engine and a base that the first one answers for."""
    models = [engine_server.model("chat", engine) for engine in ENGINES]
    Base.made(engine_server.live, BASE, chat_model=models[0]).add(
        {"a.md": b"# France\n\nThe capital of France is Paris.\n"}
    )
    argv = [str(client_python("dialects")), str(SCRIPT), engine_server.live.url]
    argv += [json.dumps(ENDINGS), json.dumps({str(END): -100}), *models, f"kb:{BASE}"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=540, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {(line["model"], line["step"]): line["value"] for line in lines}


def text_of(message: Json) -> str:
    """The texts of a message."""
    return "".join(block["text"] for block in message["content"] if block["type"] == "text")


@pytest.mark.parametrize("engine", ENGINES)
class TestMessages:
    def step(self, results: Results, engine: str, name: str) -> Any:
        return results[f"chat-{engine}", name]

    def test_answers(self, results: Results, engine: str) -> None:
        whole, stream = (self.step(results, engine, name) for name in ("create", "stream"))
        assert text_of(whole) == stream["text"] == text_of(stream["message"]) == ANSWER
        for message in (whole, stream["message"]):
            assert (message["stop_reason"], message["stop_sequence"]) == ("end_turn", None), message
            assert message["usage"]["output_tokens"] > 3 and message["model"] == f"chat-{engine}"

    def test_tokens_are_counted_alike(self, results: Results, engine: str) -> None:
        counted = self.step(results, engine, "count")["input_tokens"]
        for message in (self.step(results, engine, "create"), self.step(results, engine, "stream")["message"]):
            usage = message["usage"]
            given = (usage["input_tokens"], usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"])
            assert sum(given) == counted > 5

    def test_cut(self, results: Results, engine: str) -> None:
        whole, stream = self.step(results, engine, "cut"), self.step(results, engine, "cut stream")["message"]
        assert text_of(whole) == text_of(stream) == "The capital of"
        assert whole["stop_reason"] == stream["stop_reason"] == "max_tokens"
        assert whole["usage"]["output_tokens"] == stream["usage"]["output_tokens"] == 3

    def test_stop_sequences(self, results: Results, engine: str) -> None:
        whole, stream = self.step(results, engine, "stop"), self.step(results, engine, "stop stream")["message"]
        for message in (whole, stream):
            assert text_of(message) == "The ", message
            assert (message["stop_reason"], message["stop_sequence"]) == ("stop_sequence", "capital"), message
        for name in ("stop elsewhere", "stop elsewhere stream"):
            found = self.step(results, engine, name)
            message = found.get("message", found)
            assert (message["stop_reason"], message["stop_sequence"]) == ("end_turn", None)

    @pytest.mark.parametrize("choice", ["any", "tool"])
    def test_a_tool_that_must_be_called(self, results: Results, engine: str, choice: str) -> None:
        whole, stream = self.step(results, engine, choice), self.step(results, engine, f"{choice} stream")["message"]
        for message in (whole, stream):
            (call,) = [block for block in message["content"] if block["type"] == "tool_use"]
            assert call["name"] == "weather" and call["input"]["city"] in ("Lyon", "Nice")
            assert message["stop_reason"] == "tool_use" and not text_of(message).strip()
            assert message["usage"]["output_tokens"] > 0

    def test_the_tool_runner(self, results: Results, engine: str) -> None:
        rounds = self.step(results, engine, "runner")
        assert [each["stop_reason"] for each in rounds] == ["tool_use", "tool_use"], rounds
        assert len({block["id"] for each in rounds for block in each["content"]}) == 2

    def test_parsed_answers(self, results: Results, engine: str) -> None:
        assert self.step(results, engine, "parse")["city"] in ("Lyon", "Nice")

    def test_thinking(self, results: Results, engine: str) -> None:
        whole, stream = self.step(results, engine, "thinking"), self.step(results, engine, "thinking stream")["message"]
        for message in (whole, stream):
            (block,) = message["content"]
            assert block["type"] == "thinking" and block["thinking"] and block["signature"]
            assert message["stop_reason"] == "max_tokens"
        assert whole["content"][0]["thinking"] == stream["content"][0]["thinking"]

    def test_a_picture_for_a_model_that_does_not_see(self, results: Results, engine: str) -> None:
        found = self.step(results, engine, "picture")
        assert (found["error"], found["body"]["error"]["type"]) == ("BadRequestError", "invalid_request_error"), found
        assert "'messages" in found["body"]["error"]["message"]

    def test_a_prompt_that_is_too_long(self, results: Results, engine: str) -> None:
        found = self.step(results, engine, "too long")
        assert found["error"] == "BadRequestError", found
        assert found["body"]["error"]["message"].startswith("prompt is too long: ")
        counted = self.step(results, engine, "count too long")
        assert counted["input_tokens"] > 2048

    def test_a_wrong_value_is_named(self, results: Results, engine: str) -> None:
        found = self.step(results, engine, "wrong")
        assert found["error"] == "BadRequestError" and "'top_k'" in found["body"]["error"]["message"]


@pytest.mark.parametrize("engine", ENGINES)
class TestOllama:
    def step(self, results: Results, engine: str, name: str) -> Any:
        return results[f"chat-{engine}", name]

    def test_answers(self, results: Results, engine: str) -> None:
        whole, stream = self.step(results, engine, "chat"), self.step(results, engine, "chat stream")
        assert whole["message"]["content"] == "".join(each["message"]["content"] for each in stream) == ANSWER
        for last in (whole, stream[-1]):
            assert last["done"] is True and last["done_reason"] == "stop", last
            assert last["prompt_eval_count"] > 5 and last["eval_count"] > 3
        assert self.step(results, engine, "generate")["response"] == ANSWER

    def test_raw(self, results: Results, engine: str) -> None:
        found = self.step(results, engine, "raw")
        assert found["response"] and (found["done_reason"], found["eval_count"]) == ("length", 2)

    def test_cut_and_stopped(self, results: Results, engine: str) -> None:
        cut, stopped = self.step(results, engine, "cut line"), self.step(results, engine, "stop line")
        assert (cut["message"]["content"], cut["done_reason"], cut["eval_count"]) == ("The capital of", "length", 3)
        assert (stopped["message"]["content"], stopped["done_reason"]) == ("The ", "stop")

    def test_a_form(self, results: Results, engine: str) -> None:
        found = json.loads(self.step(results, engine, "format")["message"]["content"])
        assert found["city"] in ("Lyon", "Nice") and isinstance(found["open"], bool)

    def test_thoughts(self, results: Results, engine: str) -> None:
        whole, stream = self.step(results, engine, "think"), self.step(results, engine, "think stream")
        assert whole["message"]["thinking"] and not whole["message"]["content"]
        assert "".join(each["message"]["thinking"] or "" for each in stream) == whole["message"]["thinking"]

    def test_scores(self, results: Results, engine: str) -> None:
        found = self.step(results, engine, "scores")["logprobs"]
        assert len(found) == 3 and all(each["logprob"] <= 0 and each["top_logprobs"] for each in found)

    def test_what_is_wrong(self, results: Results, engine: str) -> None:
        assert self.step(results, engine, "picture line")["status"] == 400
        wrong = self.step(results, engine, "wrong line")
        assert wrong["status"] == 400 and "'options.top_k'" in wrong["body"]


def test_a_knowledge_base(results: Results) -> None:
    model = f"kb:{BASE}"
    whole, stream = results[model, "create"], results[model, "stream"]
    assert text_of(whole) == stream["text"] != ""
    assert whole["usage"]["output_tokens"] > 0 and whole["stop_reason"] in ("end_turn", "max_tokens")
    lines = results[model, "chat stream"]
    assert "".join(each["message"]["content"] for each in lines) == results[model, "chat"]["message"]["content"] != ""
    assert lines[-1]["done"] is True
