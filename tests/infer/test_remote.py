"""Asking a server that runs: what goes over the wire, answers in order, the first error, figures."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from modelyard.core.errors import BadRequest, NotFound, ServerUnreachable, UnsupportedTask
from modelyard.infer import AdapterRequest, InferClient, InferRequest, InferStats, RequestConfig
from modelyard.infer.dataset import RunOutcome, questions, run
from modelyard.infer.progress import bar
from tests.client.stub import Stub, error_answer, event, json_answer, model, sse_answer

CHAT = "POST /v1/chat/completions"
MODELS = {"data": [model("base", is_chat=True), model("polite", parent="base"), model("raw", is_chat=False)]}
USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}\n\n'
DONE = b"data: [DONE]\n\n"


def ask(text: str) -> InferRequest:
    return InferRequest([{"role": "user", "content": text}])


def whole(text: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}


@pytest.fixture
def heard() -> list[Any]:
    """The chat requests that the stub has got."""
    return []


@pytest.fixture
def stub(heard: list[Any]) -> Iterator[Stub]:
    """Answers chats by repeating the last message, as a whole or as a stream."""

    def echo(asked: Any, write: Any) -> None:
        heard.append(asked)
        content = asked.body["messages"][-1]["content"]
        text = content if isinstance(content, str) else content[-1]["text"]
        if text == "bad":
            return error_answer("unsupported_task", "Not that.", 400)(asked, write)
        if asked.body.get("stream"):
            return sse_answer(event(text[:2]), event(text[2:]), USAGE, DONE)(asked, write)
        return json_answer(whole(text))(asked, write)

    with Stub() as server:
        server.routes |= {CHAT: echo, "GET /v1/models": json_answer(MODELS)}
        yield server


@pytest.fixture
def client(stub: Stub) -> Iterator[InferClient]:
    with InferClient(base_url=f"{stub.url}/v1/", api_key="k") as one:
        yield one


def test_answers_come_in_the_order_of_the_requests(client: InferClient, heard: list[Any]) -> None:
    texts = [f"question {number}" for number in range(20)]
    answers = client.infer([ask(text) for text in texts], RequestConfig(max_tokens=9), max_concurrency=7)
    assert [answer.choices[0].message.content for answer in answers] == texts
    assert {asked.body["model"] for asked in heard} == {"base"}, "the first model that the server lists"
    assert {asked.headers["authorization"] for asked in heard} == {"Bearer k"}
    assert all("stream" not in asked.body and asked.body["max_tokens"] == 9 for asked in heard)


def test_nothing_asked_is_nothing_answered(client: InferClient) -> None:
    assert client.infer([]) == []


def test_the_first_error_is_raised(client: InferClient) -> None:
    with pytest.raises(UnsupportedTask, match="Not that"):
        client.infer([ask("good"), ask("bad"), ask("good")])


def test_an_adapter_is_asked_by_its_name(client: InferClient, stub: Stub) -> None:
    client.infer([ask("hi")], adapter_request=AdapterRequest("polite"))
    assert stub.last().body["model"] == "polite"


def test_without_any_model_there_is_nobody_to_ask(client: InferClient, stub: Stub) -> None:
    stub.routes["GET /v1/models"] = json_answer({"data": []})
    with pytest.raises(NotFound, match="No model runs"):
        client.infer([ask("hi")])


def test_figures_are_taken_from_a_stream_and_the_answer_is_whole(client: InferClient, stub: Stub) -> None:
    stats = InferStats(clock=map(float, count()).__next__)
    (answer,) = client.infer([ask("hello")], metrics=[stats])
    assert answer.choices[0].message.content == "hello" and stub.last().body["stream"] is True
    figures = stats.compute()
    assert (figures["num_prompt_tokens"], figures["num_generated_tokens"], figures["num_samples"]) == (3, 2, 1)
    assert (figures["ttft"], figures["tpot"], figures["runtime"]) == (1.0, 1.0, 2.0)
    stats.reset()
    assert stats.compute() == {
        "num_prompt_tokens": 0, "num_generated_tokens": 0, "num_samples": 0, "runtime": 0.0, "samples/s": 0.0, "tokens/s": 0.0,
    }  # fmt: skip


def test_an_answer_without_text_has_no_time_per_token(client: InferClient, stub: Stub) -> None:
    stub.routes[CHAT] = sse_answer(DONE)
    stats = InferStats(clock=map(float, count()).__next__)
    client.infer([ask("hello")], metrics=[stats])
    figures = stats.compute()
    assert "tpot" not in figures and figures["ttft"] == figures["runtime"] == 1.0


def test_streams_and_the_asynchronous_twin_have_the_same_text(client: InferClient) -> None:
    streaming = RequestConfig(stream=True)

    async def both() -> tuple[str, str]:
        answer = await client.infer_async(ask("hello"))
        chunks = await client.infer_async(ask("hello"), streaming)
        return answer.choices[0].message.content, "".join([chunk.choices[0].delta.content async for chunk in chunks])

    (stream,) = client.infer([ask("hello")], streaming)
    text = "".join(chunk.choices[0].delta.content for chunk in stream)
    assert asyncio.run(both()) == (text, text) == ("hello", "hello")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_is_drawn_on_a_terminal_only(client: InferClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in (io.StringIO(), Terminal()):
        monkeypatch.setattr(sys, "stderr", stream)
        client.infer([ask("a"), ask("b")], use_tqdm=True)
        assert ("2/2" in stream.getvalue()) is stream.isatty()
        with bar(5, done=4) as tick:
            tick()
        assert ("5/5" in stream.getvalue()) is stream.isatty()


def test_a_dataset_ends_where_its_server_ends(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"query": "x"}\n\n', encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with InferClient(port=port, model="base") as client, pytest.raises(ServerUnreachable):
        run(client, questions([str(tmp_path / "a.jsonl")]), tmp_path / "out.jsonl", RequestConfig())


def test_pictures_and_histories_of_a_dataset_are_in_its_answers(client: InferClient, tmp_path: Path) -> None:
    rows = [
        {"query": "a", "images": ["https://example.org/1.png"]},
        {"query": "b", "history": [["x", "y"]]},
        {"messages": [{"role": "assistant", "content": "alone"}]},
        {"messages": [{"role": "user", "content": "c"}, 5]},
        {"query": "bad"},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    ticks: list[int] = []
    rows_read = questions([str(tmp_path / "a.jsonl")], sample=-1)
    outcome = run(client, rows_read, tmp_path / "out.jsonl", RequestConfig(), tick=lambda: ticks.append(1))
    assert outcome == RunOutcome(answered=2, failed=3, kept=0) and len(ticks) == 5
    found = sorted(
        map(json.loads, (tmp_path / "out.jsonl").read_text("utf-8").splitlines()), key=lambda row: row["index"]
    )
    assert (found[0]["images"], found[0]["response"]) == (["https://example.org/1.png"], "a")
    assert found[1]["history"] == [["x", "y"], ["b", "b"]]
    assert [each.get("error") for each in found[2:]] == ["its messages are not a conversation"] * 2 + ["Not that."]


@pytest.mark.parametrize("text", ["5", '{"query": "x"}', "nope"])
def test_a_json_file_that_is_no_list_of_questions(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(BadRequest, match=r"a\.json"):
        questions([str(tmp_path / "a.json")])
