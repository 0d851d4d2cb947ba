"""`modelyard bench serve` against a real server with the fake engine, and against scripted ones that misbehave."""

from __future__ import annotations

import json
import signal
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Printed
from tests.cli.served import Served
from tests.cli.terminal import Terminal, run, start
from tests.client.stub import (
    SSE_HEAD,
    Endless,
    Stub,
    StubRequest,
    Write,
    error_answer,
    event,
    http_chunk,
    json_answer,
    raw_answer,
    sse_answer,
)

TOKENS = 12
CHAT = "POST /v1/chat/completions"
FINE = sse_answer(event("one "), event("two"), b"data: [DONE]\n\n")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("bench") / "home")
    try:
        pace = ("--tokens", str(TOKENS), "--tokens-per-second", "200")
        assert served.run("launch", "echo", "--engine", "fake", "-u", "m", *pace).returncode == 0
        assert served.run("launch", "vec", "--engine", "fake", "-u", "v", "--model-type", "embedding").returncode == 0
        yield served
    finally:
        served.stop()


def figures_of(server: Served, *arguments: str) -> dict[str, Any]:
    done = server.run("bench", "serve", "--json", *arguments)
    assert (done.returncode, done.stderr) == (0, ""), (done.stdout, done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("kind", ["chat", "completions", "openai-chat", "vllm"])
def test_figures_agree_with_each_other(server: Served, kind: str) -> None:
    figures = figures_of(
        server, "-n", "20", "--endpoint-type", kind, "--save-detailed", "--goodput", "ttft:99999", "e2el:0"
    )
    assert (figures["completed"], figures["failed"], figures["error_kinds"], figures["model_id"]) == (20, 0, {}, "m")
    assert figures["endpoint_type"] == ("chat" if "chat" in kind else "completions")
    assert figures["output_lens"] == [TOKENS] * 20 and figures["total_output_tokens"] == 20 * TOKENS
    assert figures["total_input_tokens"] == sum(figures["input_lens"]) > 20
    assert figures["request_goodput"] == 0, "no answer takes 0 ms"
    assert figures["request_throughput"] == pytest.approx(20 / figures["duration"])
    assert figures["output_throughput"] == pytest.approx(20 * TOKENS / figures["duration"])
    for ttft, itls, latency in zip(figures["ttfts"], figures["itls"], figures["latencies"], strict=True):
        assert 0 < ttft <= latency <= figures["duration"] and len(itls) == TOKENS - 1
        assert ttft + sum(itls) <= latency
    assert min(figures["latencies"]) * 1000 <= figures["mean_e2el_ms"] <= figures["p99_e2el_ms"]
    tpots = [
        (latency - ttft) / (TOKENS - 1) for ttft, latency in zip(figures["ttfts"], figures["latencies"], strict=True)
    ]
    assert figures["mean_tpot_ms"] == pytest.approx(1000 * sum(tpots) / 20)
    assert figures["mean_tpot_ms"] > 4, "the engine takes 5 ms for a token"
    assert all(text == figures["generated_texts"][0] for text in figures["generated_texts"])


def test_embeddings_have_no_token_latencies(server: Served) -> None:
    figures = figures_of(server, "-n", "30", "--endpoint-type", "embeddings", "--max-concurrency", "4")
    assert (figures["completed"], figures["model_id"], figures["total_output_tokens"]) == (30, "v", 0)
    assert figures["total_input_tokens"] > 30 and 1 <= figures["max_concurrent_requests"] <= 4
    assert "mean_e2el_ms" in figures and "mean_ttft_ms" not in figures


def test_random_prompts_have_their_lengths(server: Served) -> None:
    lengths = ("--dataset-name", "random", "--random-input-len", "50", "--random-output-len", "30")
    figures = figures_of(server, "-n", "10", *lengths, "--request-rate", "200", "--seed", "5", "--save-detailed")
    assert figures["output_lens"] == [30] * 10, "ignore_eos asks for the whole length"
    assert figures["input_lens"] == [figures["input_lens"][0]] * 10 and figures["input_lens"][0] >= 50
    assert (figures["request_rate"], figures["burstiness"], figures["max_concurrency"]) == (200.0, 1.0, None)
    assert figures["start_times"] == sorted(figures["start_times"])
    short = figures_of(server, "-n", "4", *lengths, "--no-ignore-eos", "--save-detailed")
    assert short["output_lens"] == [TOKENS] * 4


def test_tables_file_and_page_have_the_same_figures(server: Served, tmp_path: Path) -> None:
    file, page = tmp_path / "figures.json", tmp_path / "page.html"
    done = server.run("bench", "serve", "-n", "6", "--save-result", str(file), "--plot", str(page), "--label", "first")
    assert done.returncode == 0, done.stderr
    for output in ("Completed requests      6", "Output throughput", "Time to first token", "P99", "Peak concurrency"):
        assert output in done.stdout
    kept = json.loads(file.read_text(encoding="utf-8"))
    assert (kept["label"], kept["completed"], "ttfts" in kept) == ("first", 6, False)
    tree = ET.fromstring(page.read_text(encoding="utf-8").removeprefix("<!DOCTYPE html>\n"))
    assert tree.findtext("body/h1") == f"m: 6 requests in {kept['duration']:.1f} s"


def test_ctrl_c_prints_the_figures_so_far(server: Served) -> None:
    arguments = ("bench", "serve", "-n", "5000", "--max-concurrency", "4", "-e", server.url)
    with Terminal(*arguments) as terminal:
        terminal.expect("/5000  4 running")
        terminal.expect("tok/s")
        terminal.interrupt()
        terminal.expect("requests are not counted.")
        terminal.expect("Completed requests")
        assert terminal.wait() == 130
        assert "Traceback" not in terminal.seen


def test_ctrl_c_before_any_answer_is_complete_ends_with_zeros(stub: Stub) -> None:
    endless = Endless()
    stub.routes[CHAT] = endless
    process = start("bench", "serve", "-m", "m", "-n", "2", "--num-warmups", "0", "--json", "-e", stub.url)
    assert endless.started.wait(20)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    figures = json.loads(output)
    assert (process.returncode, errors) == (130, "")
    assert (figures["interrupted"], figures["completed"], figures["failed"], figures["mean_ttft_ms"]) == (True, 0, 0, 0)
    assert endless.left.wait(20), "the server is told that nobody listens any more"


def test_requests_come_in_the_files_order_with_key_and_extras(stub: Stub, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [f"question {number}" for number in range(8)]
    file.write_text("".join(json.dumps({"prompt": row}) + "\n" for row in rows))
    stub.routes[CHAT] = FINE
    dataset = ("--dataset-name", "jsonl", "--dataset-path", str(file), "-n", "8")
    more = ("--temperature", "0", "--extra-body", '{"top_k": 3, "stream_options": null}', "--num-warmups", "0")
    pace = ("--max-concurrency", "1", "--request-rate", "500")
    done = run(
        "bench",
        "serve",
        "-m",
        "x",
        *dataset,
        *more,
        *pace,
        "--json",
        "--base-url",
        f"{stub.url}/v1",
        OPENAI_API_KEY="k",
    )
    assert done.returncode == 0, done.stderr
    assert [request.body["messages"][0]["content"] for request in stub.requests] == rows
    last = stub.last()
    assert last.headers["authorization"] == "Bearer k"
    assert (last.body["temperature"], last.body["top_k"], "stream_options" in last.body) == (0, 3, False)
    figures = json.loads(done.stdout)
    assert figures["total_output_tokens"] == 8 * 2, "without usage, events are counted"
    run("bench", "serve", "-m", "x", *dataset, "-e", stub.url, OPENAI_API_KEY="k")
    assert "authorization" not in stub.last().headers, "OpenAI's key goes only where --base-url says"


def script(*answers: Any) -> Any:
    """Each answer once, in turn; afterwards every connection is closed."""
    left = iter(answers)

    def answer(request: StubRequest, write: Write) -> None:
        next(left, raw_answer(b""))(request, write)

    return answer


def breaks_off(request: StubRequest, write: Write) -> None:
    write(SSE_HEAD + http_chunk(event("half")))
    raise ConnectionError("the script closes here")


def test_errors_are_counted_by_kind_with_an_example(stub: Stub) -> None:
    stub.routes[CHAT] = script(
        FINE,
        error_answer("rate_limited", "Too fast.", 429),
        error_answer("rate_limited", "Far too fast.", 429),
        json_answer({"detail": "It broke."}, 500),
        sse_answer(event("a"), b'data: {"error": {"message": "The engine died."}}\n\n'),
        sse_answer(event("a")),
        sse_answer(),
        json_answer({"choices": [], "no": "stream"}),
        sse_answer(b"data: {nonsense\n\n", b"data: [DONE]\n\n"),
        breaks_off,
        raw_answer(b"SSH-2.0-not-http\r\n\r\n"),
    )
    once = ("-n", "11", "--max-concurrency", "1", "--num-warmups", "0")
    done = run("bench", "serve", "-m", "m", *once, "--json", "--save-detailed", "-e", stub.url)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert (figures["completed"], figures["failed"], figures["total_output_tokens"]) == (1, 10, 2)
    kinds = {kind: (found["count"], found["example"]) for kind, found in figures["error_kinds"].items()}
    assert kinds["HTTP 429"] == (2, "HTTP 429: Too fast.")
    assert kinds["HTTP 500"] == (1, "HTTP 500: It broke.")
    assert kinds["error in the stream"] == (1, "The engine died.")
    assert kinds["cut off"] == (1, "the stream ended before the answer did")
    assert kinds["no events"][0] == 2 and kinds["not understood"][0] == 1
    assert kinds["connection lost"][0] == 1 and kinds["not HTTP"][0] == 1
    assert figures["errors"][0] == "" and all(figures["errors"][1:])
    done = run("bench", "serve", "-m", "m", "-n", "2", "--num-warmups", "0", "-e", stub.url)
    assert done.returncode == 1 and "2 × connection lost" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "output"),
    [
        (("--goodput", "speed:1"), 1, "no goal such as ttft:500"),
        (("--goodput", "ttft:1", "itl:3"), 1, "'itl:3' is no goal"),
        (("--extra-body", "[1]"), 1, "must be a JSON object"),
        (("--extra-body", "{"), 1, "it is no JSON"),
        (("--percentile-metrics", "ttft,fun"), 1, "'fun' is none of"),
        (("--metric-percentiles", "101"), 1, "no list of numbers"),
        (("--request-rate", "0"), 2, "no positive number"),
        (("--plot", "x.gif"), 1, "neither .html nor .png"),
        (("--save-result", "/nowhere/x.json"), 1, "cannot be written"),
        (("--dataset-name", "jsonl"), 1, "--dataset-path"),
        (("-m", "m", "--endpoint", "ftp://x"), 1, "not the address"),
        (("-m", "m", "--base-url", "http://127.0.0.1:9"), 1, "nothing listens at 127.0.0.1:9"),
        (("--base-url", "http://127.0.0.1:9"), 1, "127.0.0.1:9"),
    ],
)
def test_wrong_options_are_refused_before_the_load(
    call: Callable[..., Printed], arguments: tuple[str, ...], code: int, output: str
) -> None:
    done = call("bench", "serve", *arguments)
    assert (done.code, done.out) == (code, "") and output in done.err


def test_help_imports_no_load_generator() -> None:
    done = run("bench", "serve", "--help")
    assert done.returncode == 0 and "--max-concurrency" in done.stdout
