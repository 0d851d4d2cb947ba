"""How `modelyard bench` reads answers byte by byte, and what it does with a connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelyard.cli.benchmark.load import LoadOutcome, arrivals
from modelyard.cli.benchmark.progress import line
from modelyard.cli.benchmark.wire import (
    MOST_ERROR,
    AnswerReader,
    BenchConnection,
    BenchmarkSample,
    BenchServer,
    error_text,
    why,
)
from modelyard.core.errors import BadRequest
from tests.cli.conftest import Printed
from tests.client.stub import Stub, StubRequest, Write, event, json_answer, model, raw_answer, sse_answer

Call = Callable[..., Printed]
CHAT = "POST /v1/chat/completions"
FINE = sse_answer(event("one "), event("two"), b"data: [DONE]\n\n")


def read(data: bytes, stream: bool = True, status: int = 200, keep_text: bool = False) -> BenchmarkSample:
    """The sample of one answer, whose bytes arrive one second after the request and end a second later."""
    sample = BenchmarkSample()
    answer = AnswerReader(sample, stream, keep_text)
    answer.feed(data, answer._began + 1, status)
    answer.end(answer._began + 2, status)
    return sample


def chunk(**fields: Any) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def delta(**fields: Any) -> bytes:
    return chunk(choices=[{"delta": fields}])


DONE = b"data: [DONE]\n\n"
END = chunk(choices=[{"delta": {}, "finish_reason": "stop"}])


@pytest.mark.parametrize(
    ("data", "events", "problem"),
    [
        (delta(content="a") + delta(content="b") + DONE, 2, ""),
        (delta(content="a") + END, 1, ""),
        (delta(content="a"), 1, "cut off"),
        (delta(content="") + END, 0, ""),
        (delta(reasoning="a") + delta(reasoning_content="b") + DONE, 2, ""),
        (delta(tool_calls=[{}]) + delta(tool_calls=[]) + DONE, 1, ""),
        (chunk(choices=[{"text": "a"}, {"text": "b"}]) + DONE, 1, ""),
        (chunk(choices=[{"text": ""}]) + DONE, 0, ""),
        (chunk(choices=None) + DONE, 0, ""),
        (b"data: null\n\n" + DONE, 0, "not understood"),
        (DONE, 0, "no events"),
        (b"", 0, "no events"),
        (b"data: {\n\n" + delta(content="a") + DONE, 1, "not understood"),
        (chunk(error={"message": "died"}) + DONE, 0, "error in the stream"),
        (b"data:" + delta(content="a")[5:].strip() + b"\r\n\r\n" + DONE, 1, ""),
        (b": " + delta(content="a") + DONE, 0, "no events"),
    ],
)
def test_events_with_text_are_counted(data: bytes, events: int, problem: str) -> None:
    sample = read(data)
    assert (sample.events, sample.problem) == (events, problem)
    assert (sample.ttft is None) is (events == 0) and len(sample.itls) == max(events - 1, 0)
    if data not in (b"", DONE, b"data: null\n\n" + DONE) and problem != "no events":
        assert sample.latency == pytest.approx(1), "until the last event, and not until the end of the body"


def test_times_of_a_stream_are_between_its_events() -> None:
    sample = BenchmarkSample()
    answer = AnswerReader(sample, stream=True, keep_text=True)
    for second, data in ((1, delta(content="a")), (3, delta(content="b")), (3.5, delta(content="c")), (7, END)):
        answer.feed(data, answer._began + second, 200)
    answer.end(answer._began + 9, 200)
    assert [sample.ttft, *sample.itls, sample.latency] == pytest.approx([1, 2, 0.5, 7])
    assert ("".join(sample.text), sample.output_tokens) == ("abc", 3)


@pytest.mark.parametrize(
    ("usage", "stream", "counts"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 0}, True, (5, 0)),
        ({"prompt_tokens": 5}, True, (5, 1)),
        ({"completion_tokens": 9}, True, (None, 9)),
        ({"prompt_tokens": 5, "completion_tokens": 9}, False, (5, 0)),
    ],
)
def test_the_servers_counts_precede_our_own(
    usage: dict[str, int], stream: bool, counts: tuple[int | None, int]
) -> None:
    data = delta(content="a") + chunk(usage=usage) + DONE if stream else json.dumps({"usage": usage}).encode()
    sample = read(data, stream)
    assert (sample.input_tokens, sample.output_tokens) == counts and sample.problem == ""


@pytest.mark.parametrize(
    ("data", "stream", "status", "problem", "example"),
    [
        (b'{"error": {"message": "Too fast."}}', True, 429, "HTTP 429", "HTTP 429: Too fast."),
        (b"x", False, 500, "HTTP 500", "HTTP 500: x"),
        (b'{"error": {"message": "Bad."}}', False, 200, "error in the answer", "Bad."),
        (b"{", False, 200, "not understood", "Input data was truncated: {"),
        (b'{"message": "No stream."}\n', True, 200, "no events", "the answer is no stream of events: No stream."),
        (b"", True, 200, "no events", "an empty answer"),
        (b"data: {x\n" + DONE, True, 200, "not understood", "{x"),
    ],
)
def test_what_went_wrong_is_told_by_kind_and_example(
    data: bytes, stream: bool, status: int, problem: str, example: str
) -> None:
    sample = read(data, stream, status)
    assert sample.problem == problem and example in sample.example
    assert sample.text == []


def test_the_first_problem_of_a_request_stays_and_examples_are_cut() -> None:
    sample = BenchmarkSample()
    sample.fail("one", "x" * (MOST_ERROR + 1))
    sample.fail("two")
    assert (sample.problem, sample.example) == ("one", "x" * MOST_ERROR)
    again = AnswerReader(sample, stream=True)
    again.again()
    sample.fail("two")
    assert (sample.problem, sample.example) == ("two", "two")
    again.lost("three")
    assert sample.problem == "two" and sample.latency > 0


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", ""),
        (b" plain ", "plain"),
        (b'{"error": "flat"}', "flat"),
        (b'{"error": {"message": "deep"}}', "deep"),
        (b'{"detail": "told"}', "told"),
        (b'{"message": "said"}', "said"),
        (b'{"error": null, "detail": {"message": "m"}}', "m"),
        (b'{"other": 1}', '{"other": 1}'),
        (b'{"error": {"code": 1}}', '{"error": {"code": 1}}'),
        (b"[1]", "[1]"),
        (b"\xff", "\ufffd"),
        (b"x" * 301, "x" * 300),
        (b'{"error": "' + b"y" * 301 + b'"}', "y" * 300),
        (b"[" + b"1," * 200 + b"1]", "[" + "1," * 149 + "1"),
    ],
)
def test_an_errors_message_is_found_in_its_body(body: bytes, text: str) -> None:
    assert error_text(body) == text
    assert (why(None), why(OSError("x")), why(OSError())) == ("", " (x)", "")


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://h", ("h", 80, False, "h", "")),
        ("https://h/", ("h", 443, True, "h", "")),
        ("h:9", ("h", 9, False, "h:9", "")),
        ("http://u:p@h:8/v1", ("h", 8, False, "h:8", "")),
        ("http://h/a/v1/", ("h", 80, False, "h", "/a")),
        ("http://h/v1/b", ("h", 80, False, "h", "/v1/b")),
        ("http://[::1]:7", ("::1", 7, False, "[::1]:7", "")),
        ("http://h:0", None),
        ("http://h:99999", None),
        ("http://h:x", None),
        ("ftp://h", None),
        ("http://", None),
    ],
)
def test_the_address_of_a_server(url: str, found: tuple[Any, ...] | None) -> None:
    if found is None:
        with pytest.raises(BadRequest, match="not the address of a server"):
            BenchServer.at(url, None)
        return
    server = BenchServer.at(url, None)
    assert (server.host, server.port, server.tls is not None, server.authority, server.prefix) == found


@pytest.mark.parametrize("key", ["a b", "sk-1", "~"])
def test_a_key_is_sent_as_it_is(key: str) -> None:
    lines = BenchServer.at("http://h/p", key).request("/v1/x").decode().split("\r\n")
    head = ["GET /p/v1/x HTTP/1.1", "Host: h", "User-Agent: modelyard-bench"]
    assert lines == [*head, f"Authorization: Bearer {key}", "", ""]
    assert (
        BenchServer.at("http://h", None)
        .request("/x", {"a": "é"})
        .endswith('Content-Length: 10\r\n\r\n{"a":"é"}'.encode())
    )
    for wrong in ("é", "a\nb", "\x7f"):
        with pytest.raises(BadRequest, match="printable ASCII"):
            BenchServer.at("http://h", wrong)


def ask(stub: Stub, *answers: Any) -> list[tuple[BenchmarkSample, BenchConnection]]:
    """Send one request after the other over one connection, as long as it can be used."""
    left = list(answers)
    stub.routes["GET /x"] = lambda request, write: left.pop(0)(request, write)

    async def ask() -> list[tuple[BenchmarkSample, BenchConnection]]:
        server = BenchServer.at(stub.url, None)
        connection = await server.connect()
        found = []
        for _ in answers:
            sample = BenchmarkSample()
            await connection.ask(server.request("/x"), AnswerReader(sample, stream=False))
            found.append((sample, connection))
        connection.transport.abort()
        return found

    return asyncio.run(ask())


def bytes_of(data: bytes) -> Any:
    return lambda request, write: write(data)


@pytest.mark.parametrize(
    ("data", "problem", "reusable"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", "", True),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}", "", False),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", "", True),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "", True),
        (b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n", "HTTP 404", True),
        (b"SSH-2.0\r\n\r\n", "not HTTP", False),
    ],
)
def test_a_connection_is_used_again_after_a_whole_answer(stub: Stub, data: bytes, problem: str, reusable: bool) -> None:
    [(sample, connection)] = ask(stub, bytes_of(data))
    assert sample.problem == problem and connection.finished and connection.received and not connection.stale
    if reusable:
        samples = [sample for sample, _ in ask(stub, bytes_of(data), bytes_of(data))]
        assert [sample.problem for sample in samples] == [problem] * 2


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n{}", ""),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{}", "connection lost"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n", "connection lost"),
        (b"", "connection lost"),
    ],
)
def test_an_answer_without_a_length_ends_with_its_connection(stub: Stub, data: bytes, problem: str) -> None:
    [(sample, connection)] = ask(stub, raw_answer(data))
    assert sample.problem == problem and not connection.reusable
    assert connection.stale is (data == b"")


def bench(call: Call, stub: Stub, *options: str) -> dict[str, Any]:
    done = call("bench", "serve", "--json", "--num-warmups", "0", "--base-url", stub.url, *options)
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_a_run_is_described_with_its_figures(stub: Stub, call: Call) -> None:
    stub.routes[CHAT] = FINE
    found = bench(call, stub, "-m", "m", "-n", "6", "--label", "l", "--max-concurrency", "2", "--save-detailed")
    assert (found["completed"], found["failed"], found["total_output_tokens"], found["interrupted"]) == (
        6,
        0,
        12,
        False,
    )
    described = {
        "endpoint_type": "chat",
        "base_url": stub.url,
        "model_id": "m",
        "dataset_name": "builtin",
        "num_prompts": 6,
    }
    assert described.items() <= found.items()
    limits = {"label": "l", "request_rate": "inf", "burstiness": 1.0, "max_concurrency": 2}
    assert limits.items() <= found.items() and 1 <= found["max_concurrent_requests"] <= 2
    assert found["generated_texts"] == ["one two"] * 6 and found["output_lens"] == [2] * 6
    assert found["start_times"] == sorted(found["start_times"]) and min(found["queue_times"]) >= 0
    assert len(stub.requests) == 6 and all(each.body["stream"] for each in stub.requests)


def test_an_answer_that_is_not_streamed_is_measured_as_a_whole(stub: Stub, call: Call) -> None:
    stub.routes[CHAT] = json_answer({"choices": [{}], "usage": {"prompt_tokens": 3, "completion_tokens": 4}})
    found = bench(call, stub, "-m", "m", "-n", "2", "--extra-body", '{"stream": false}')
    assert (found["completed"], found["total_input_tokens"], found["total_output_tokens"]) == (2, 6, 0)
    stub.routes["POST /v1/embeddings"] = json_answer({"usage": {"prompt_tokens": 3}})
    found = bench(call, stub, "-m", "m", "-n", "2", "--endpoint-type", "embeddings")
    assert (found["completed"], found["total_input_tokens"], "mean_ttft_ms" in found) == (2, 6, False)
    found = bench(call, stub, "-m", "m", "-n", "1", "-e", "/v1/embeddings", "--extra-body", '{"stream": false}')
    assert stub.last().path == "/v1/embeddings" and found["completed"] == 1


def test_requests_that_fail_to_warm_up_end_the_run(stub: Stub, call: Call) -> None:
    stub.routes[CHAT] = json_answer({"detail": "It broke."}, 500)
    done = call("bench", "serve", "-m", "m", "-n", "5", "--num-warmups", "3", "--base-url", stub.url)
    assert done.code == 1 and "The warm-up request failed: HTTP 500: It broke." in done.err
    assert len(stub.requests) == 3
    done = call("bench", "serve", "-m", "m", "-n", "2", "--num-warmups", "0", "--base-url", stub.url)
    assert (
        done.code == 1 and "2 × HTTP 500: HTTP 500: It broke." in done.err and "Completed requests      0" in done.out
    )


@pytest.mark.parametrize(
    ("models", "kind", "chosen"),
    [
        ([model("a")], "chat", "a"),
        ([model("a"), model("e", model_type="embedding")], "embeddings", "e"),
        ([{"id": "b"}, {"object": "x"}, "no"], "chat", "b"),
        ([model("a"), model("b", alias_of="a")], "chat", "a"),
        ([model("a"), model("b")], "chat", "2 models run at"),
        ([model("e", model_type="embedding")], "chat", "No model of type LLM runs at"),
        ([model("a")], "embeddings", "No model of type embedding runs at"),
        (None, "chat", "does not list its models; name one with --model"),
        (5, "chat", "does not list its models (Expected"),
    ],
)
def test_the_only_model_of_the_type_is_measured(stub: Stub, call: Call, models: Any, kind: str, chosen: str) -> None:
    stub.routes |= {CHAT: FINE, "POST /v1/embeddings": json_answer({})}
    stub.routes["GET /v1/models"] = json_answer({"data": models} if models != 5 else 5)
    done = call("bench", "serve", "--endpoint-type", kind, "-n", "1", "--num-warmups", "0", "--base-url", stub.url)
    if " " in chosen:
        assert done.code == 1 and chosen in done.err
    else:
        assert done.code == 0 and stub.last().body["model"] == chosen


def test_a_list_of_models_that_is_refused_says_why(stub: Stub, call: Call) -> None:
    stub.routes["GET /v1/models"] = json_answer({"detail": "A key is needed."}, 401)
    done = call("bench", "serve", "--base-url", stub.url)
    assert done.code == 1 and "does not list its models (HTTP 401: A key is needed.)" in done.err


def test_results_are_tables_with_a_file_and_a_page(stub: Stub, call: Call, tmp_path: Path) -> None:
    stub.routes[CHAT] = FINE
    file, page = tmp_path / "result.json", tmp_path / "page.html"
    options = (
        "--save-result",
        str(file),
        "--plot",
        str(page),
        "--goodput",
        "e2el:99999",
        "--metric-percentiles",
        "50,90",
    )
    done = call("bench", "serve", "-m", "m", "-n", "3", "--base-url", stub.url, *options)
    assert done.code == 0 and done.err == f"The results are in {file}.\nThe plot is in {page}.\n"
    assert "Request goodput" in done.out and "P90" in done.out and "P50" not in done.out and "Output tokens" in done.out
    assert json.loads(file.read_text())["completed"] == 3 and page.read_text().startswith("<!DOCTYPE html>")
    assert len(stub.requests) == 4, "one request warms up"
    stub.routes["POST /v1/embeddings"] = json_answer({"usage": {"prompt_tokens": 3}})
    done = call("bench", "serve", "-m", "m", "-n", "3", "--base-url", stub.url, "--endpoint-type", "embeddings")
    assert "utput" not in done.out and "Request goodput" not in done.out and "Input tokens" in done.out


def test_a_timeout_is_counted(stub: Stub, call: Call) -> None:
    stub.routes[CHAT] = lambda request, write: write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")
    done = call(
        "bench", "serve", "-m", "m", "-n", "1", "--timeout", "0.05", "--num-warmups", "0", "--base-url", stub.url
    )
    assert done.code == 1 and "1 × timeout: no complete answer within 0.05 s" in done.err


def test_a_connection_that_was_closed_meanwhile_is_replaced(stub: Stub, call: Call) -> None:
    def answer_and_close(request: StubRequest, write: Write) -> None:
        FINE(request, write)
        raise ConnectionError("the script closes here")

    stub.routes[CHAT] = answer_and_close
    assert bench(call, stub, "-m", "m", "-n", "5", "--max-concurrency", "1")["completed"] == 5


@pytest.mark.parametrize(("count", "rate"), [(1, 2.0), (10, 0.5), (3, 100.0)])
def test_the_last_request_starts_when_the_rate_says(count: int, rate: float) -> None:
    found = arrivals(count, rate, 1.0, 7)
    assert len(found) == count and found == sorted(found) and found[-1] == pytest.approx(count / rate)
    assert found == arrivals(count, rate, 1.0, 7)
    assert arrivals(count, float("inf"), 1.0, 7) == [0.0] * count


@pytest.mark.parametrize(
    ("outcome", "seconds", "text"),
    [
        (LoadOutcome(total=0), 0.0, "█" * 24 + "  0/0  0 running"),
        (LoadOutcome(total=4, running=1), 0.0, "░" * 24 + "  0/4  1 running"),
        (LoadOutcome(total=4, began=1.0), 2.0, "░" * 24 + "  0/4  0 running  0.0 req/s  0 tok/s  2 s"),
        (LoadOutcome(total=1, samples=[BenchmarkSample()], completed=1), 2.0, "█" * 24 + "  1/1  0 running"),
        (LoadOutcome(total=2, samples=[BenchmarkSample()]), 0.0, "█" * 12 + "░" * 12 + "  1/2  0 running  1 failed"),
    ],
)
def test_the_progress_of_a_run_is_a_line(outcome: LoadOutcome, seconds: float, text: str) -> None:
    assert line(outcome, seconds) == text
