"""What a knowledge base that is asked as a model costs beside the model itself: CPU per event, and time before the first token.

    python -m benchmarks.bases [--quick]

One server with one fake engine behind it. Each question is asked of the model and of a base that the same model answers for,
in turns; CPU is what the kernel charged to the server's process. The engine's own time is in both rows of a pair.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import msgspec
import psutil

from benchmarks.gateway import Server, raise_limits
from benchmarks.gateway import run as charged
from benchmarks.load import Plan, measure
from benchmarks.servers import MODEL, ours

BASE = "handbook"
EMBEDDER = "embedder"
SENTENCE = "The pump of the yard delivers twelve litres per minute. "
QUESTION = "How many litres does the pump of the yard deliver?"
OTHERS = ("gate", "crane", "mill", "boiler", "scale", "lamp", "press")
"""What the other documents are about: words that all documents have would tell a search nothing."""


class Row(msgspec.Struct, kw_only=True):
    """The model and a base, asked alike."""

    what: str
    unit: str
    model: float
    base: float
    goal: str = ""


def body(model: str, **more: Any) -> dict[str, Any]:
    """A chat with one question."""
    return {"model": model, "messages": [{"role": "user", "content": QUESTION}], **more}


@contextmanager
def server(tokens: int, pace: float = 0.0, embeds: bool = True) -> Iterator[Server]:
    """A server whose model says so many tokens, with a base of fifty documents, one of which answers the question."""
    launch = {"model_type": "LLM", "model_engine": "fake", "model_name": MODEL, "tokens": tokens, "chunk_bytes": 12}
    launch |= {"tokens_per_second": pace} if pace else {}
    with ours(launch) as running, httpx.Client(base_url=running.url, timeout=120) as http:
        settings: dict[str, Any] = {"name": BASE, "chat_model": MODEL}
        if embeds:
            embedder = {
                "model_type": "embedding",
                "model_engine": "fake",
                "model_name": EMBEDDER,
                "model_uid": EMBEDDER,
            }
            http.post("/v1/models", json=embedder).raise_for_status()
            settings["embedding_model"] = EMBEDDER
        http.post("/v1/knowledge_bases", json=settings).raise_for_status()
        texts = [f"Number {each} is the {OTHERS[each % len(OTHERS)]} of hall {each // 2}. " * 8 for each in range(49)]
        files = [("files", (f"{each}.txt", text.encode())) for each, text in enumerate([SENTENCE * 8, *texts])]
        answer = http.post(f"/v1/knowledge_bases/{BASE}/documents", files=files)
        job = answer.raise_for_status().json()["job"]
        http.get(f"/v1/knowledge_bases/{BASE}/jobs/{job}", params={"stream": "true"}).raise_for_status()
        yield Server("server", [psutil.Process(running.pid)], port=running.address["port"])


def pair(what: str, unit: str, goal: str, figure: Any, server: Server, rounds: int, **plan: Any) -> Row:
    """A figure of the model and of the base, each the least of several rounds: what disturbs a round only adds to it."""
    found: dict[str, list[float]] = {MODEL: [], f"kb:{BASE}": []}
    for name in found:
        measure(server.plan(body(name, stream=True), **{**plan, "requests": 2}))
    for _ in range(rounds):
        for name, values in found.items():
            values.append(figure(server, server.plan(body(name, stream=True), **plan)))
    return Row(what=what, unit=unit, model=min(found[MODEL]), base=min(found[f"kb:{BASE}"]), goal=goal)


def cpu_per_event(server: Server, plan: Plan) -> float:
    """Microseconds of the server's CPU."""
    return charged("bases", server, plan).cpu_us_per_event or 0.0


def cpu_per_request(server: Server, plan: Plan) -> float:
    """Milliseconds of the server's CPU for a question and its whole answer."""
    before = server.cpu()
    found = measure(plan)
    assert not found.errors, found.problems
    return (server.cpu() - before) / found.requests * 1e3


def latency(server: Server, plan: Plan) -> float:
    """Milliseconds until an answer of one token has ended; the role, which a base sends at once, is no token."""
    found = measure(plan)
    assert not found.errors, found.problems
    return found.latency_p50 * 1e3


def measure_all(quick: bool) -> list[Row]:
    """Every row."""
    rounds, rows = 2 if quick else 5, []
    with server(500) as flat:
        per_event = "µs of CPU per event"
        rows.append(
            pair("500 tokens, flat out, 8 streams", per_event, "", cpu_per_event, flat, rounds, streams=8, requests=5)
        )
        per_answer = "ms of CPU per answer"
        rows.append(pair("500 tokens, flat out, 1 stream", per_answer, "", cpu_per_request, flat, rounds, requests=10))
    with server(200, pace=50) as paced:
        rows.append(
            pair("200 tokens, 50 a second, 32 streams", per_event, "≤ 25", cpu_per_event, paced, rounds, streams=32)
        )
    with server(1) as short:
        ms = "ms for an answer of one token"
        rows.append(pair("1 stream", ms, "6 more", latency, short, rounds, requests=100))
    return rows


def table(rows: list[Row]) -> str:
    """Markdown."""
    lines = ["| | | the model | a base | goal |", "|---|---|--:|--:|--:|"]
    return "\n".join(lines + [f"| {r.what} | {r.unit} | {r.model:.1f} | {r.base:.1f} | {r.goal} |" for r in rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    args = parser.parse_args()
    raise_limits()
    print(table(measure_all(args.quick)))


if __name__ == "__main__":
    main()
