"""What batches reach and what they cost others: throughput beside a flat-out client, latency of chats beside a batch, memory.

    python -m benchmarks.batches [--quick]

One server with one model. *Throughput*: the requests of a batch, from its creation until its files are there, beside the same
requests of a client that keeps 64 under way all the time. *Chats*: a client asks, reads the stream and pauses, with and without
a batch on the same replica. *Memory*: the server's largest resident memory while a batch is uploaded and carried out, less that
before, when a batch of a few requests had been carried out.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import msgspec
import psutil

from benchmarks.gateway import raise_limits
from benchmarks.load import Plan, Result, measure
from benchmarks.servers import MODEL, Running, ours

CHAT = "/v1/chat/completions"
QUESTION = "Name the days of the week, please."
STREAMS = 64
"""Requests under way of the client that is flat out."""
ENDED = ("completed", "failed", "expired", "cancelled")
GOAL_MB = 50.0
FAKE = {"model_type": "LLM", "model_engine": "fake", "model_name": MODEL}
SLOTTED = {**FAKE, "tokens": 20, "tokens_per_second": 100, "slots": 16}
"""A model that makes 16 answers at a time, each in 0.2 s: 80 a second, if it is kept full."""
REAL = {"model_name": "modelyard-demo", "model_engine": "llama_cpp", "n_parallel": 8}


class BatchFigure(msgspec.Struct, kw_only=True):
    """One quantity without a batch and with one."""

    what: str
    unit: str
    without: float
    beside: float
    goal: str = ""


def body(tokens: int, **more: Any) -> dict[str, Any]:
    """A chat with an answer of so many tokens."""
    return {"model": MODEL, "messages": [{"role": "user", "content": QUESTION}], "max_tokens": tokens, **more}


class BatchClient:
    """Creates batches on a server."""

    def __init__(self, running: Running) -> None:
        self.http = httpx.Client(base_url=running.url, timeout=120)

    def create(self, count: int, request: dict[str, Any]) -> str:
        """A batch of equal requests; its id."""
        rows = (
            json.dumps({"custom_id": f"row-{number}", "method": "POST", "url": CHAT, "body": request})
            for number in range(count)
        )
        content = "\n".join(rows).encode()
        form = {"file": ("in.jsonl", content)}
        file = self.http.post("/v1/files", files=form, data={"purpose": "batch"}).raise_for_status().json()
        answer = self.http.post("/v1/batches", json={"input_file_id": file["id"], "endpoint": CHAT})
        return str(answer.raise_for_status().json()["id"])

    def get(self, name: str) -> dict[str, Any]:
        """A batch."""
        found: dict[str, Any] = self.http.get(f"/v1/batches/{name}").raise_for_status().json()
        return found

    def end(self, name: str) -> dict[str, Any]:
        """A batch once it has ended."""
        while (found := self.get(name))["status"] not in ENDED:
            time.sleep(0.1)
        return found

    def seconds(self, count: int, request: dict[str, Any]) -> float:
        """How long a batch takes, from its creation to its files."""
        began = time.perf_counter()
        done = self.end(self.create(count, request))
        assert done["request_counts"]["completed"] == count, done
        return time.perf_counter() - began


@contextmanager
def server(launch: dict[str, Any]) -> Iterator[tuple[Running, BatchClient]]:
    """A server with a model, and a client that creates batches."""
    with ours(launch) as running:
        client = BatchClient(running)
        try:
            yield running, client
        finally:
            client.http.close()


def throughput(what: str, launch: dict[str, Any], request: dict[str, Any], count: int) -> BatchFigure:
    """Requests per second of a flat-out client and of a batch."""
    with server(launch) as (running, client):
        client.seconds(50, request)
        plan = Plan(body=request, streams=STREAMS, requests=max(1, count // STREAMS), **running.address)
        flat_out = measure(plan)
        assert not flat_out.errors, flat_out.problems
        per_second = count / client.seconds(count, request)
    goal = f"≥ 90 % ({100 * per_second / flat_out.requests_per_second:.0f} %)"
    return BatchFigure(
        what=f"{what}: throughput",
        unit="requests/s",
        without=flat_out.requests_per_second,
        beside=per_second,
        goal=goal,
    )


def chats(what: str, launch: dict[str, Any], tokens: int, questions: int) -> list[BatchFigure]:
    """Times of a client that asks one question after the other, without a batch and beside one."""
    with server(launch) as (running, client):
        plan = Plan(body=body(tokens, stream=True), requests=questions, pause=0.5, **running.address)
        alone = measure(plan)
        name = client.create(1_000_000 // 20, body(tokens))
        while client.get(name)["request_counts"]["completed"] < STREAMS:
            time.sleep(0.1)
        beside = measure(plan)
        client.http.post(f"/v1/batches/{name}/cancel").raise_for_status()
        client.end(name)

    def figure(title: str, field: str) -> BatchFigure:
        times = [1000 * float(getattr(each, field)) for each in (alone, beside)]
        return BatchFigure(what=f"{what}: {title}", unit="ms", without=times[0], beside=times[1])

    assert isinstance(alone, Result) and not alone.errors and not beside.errors
    return [
        figure("first token, median", "ttft_p50"),
        figure("first token, p95", "ttft_p95"),
        figure("whole answer, median", "latency_p50"),
    ]


class PeakMemory:
    """The largest resident memory of a process during a block."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.before = self.largest = self._process.memory_info().rss

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            self.largest = max(self.largest, self._process.memory_info().rss)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()


def memory(count: int) -> BatchFigure:
    """Resident memory of the server while it carries out a batch of so many rows."""
    with server({**FAKE, "tokens": 2}) as (running, client):
        client.seconds(50, body(2))
        with PeakMemory(running.pid) as peak:
            done = client.end(client.create(count, body(2)))
        assert done["request_counts"]["completed"] == count, done
    return BatchFigure(
        what=f"memory during {count:,} rows",
        unit="MB",
        without=peak.before / 1e6,
        beside=peak.largest / 1e6,
        goal=f"≤ {GOAL_MB:.0f} more ({(peak.largest - peak.before) / 1e6:.0f})",
    )


def measure_all(quick: bool = False) -> list[BatchFigure]:
    """Every figure."""
    count, questions = (1_000, 10) if quick else (4_000, 40)
    return [
        throughput("16 slots", SLOTTED, body(20), count),
        throughput("demo on llama.cpp", REAL, body(16), count // 4),
        *chats("16 slots", SLOTTED, 20, questions),
        *chats("demo on llama.cpp", REAL, 16, questions),
        memory(5_000 if quick else 50_000),
    ]


def table(rows: list[BatchFigure]) -> str:
    """The rows as Markdown."""
    lines = ["| | | without a batch | batch | goal |", "|---|---|--:|--:|--:|"]
    lines += [f"| {row.what} | {row.unit} | {row.without:.1f} | {row.beside:.1f} | {row.goal} |" for row in rows]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="shorter runs, noisier figures")
    args = parser.parse_args()
    raise_limits()
    print(table(measure_all(args.quick)))


if __name__ == "__main__":
    main()
