"""What the APIs of other vendors cost beside the chat completion that they become, and beside LiteLLM's proxy, in one run.

    python -m benchmarks.dialects [--quick] [--no-peer]

Our server and LiteLLM's proxy stand in front of the same two fake engines: one as fast as it can, one at 50 tokens a second.
Every API asks for the same number of tokens. CPU is what the kernel charged to the relaying process. LiteLLM gets an environment
of its own in `.venv/peers/litellm`, made on first use.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil

from benchmarks.cold import environment
from benchmarks.gateway import Server, free_port, raise_limits, terminated, wait_for
from benchmarks.load import Plan, Result, measure
from benchmarks.servers import MODEL, ours
from modelyard.runtime.installer import uv

PEER = "litellm[proxy]==1.108.7"
PEER_FOLDER = Path(__file__).resolve().parents[1] / ".venv" / "peers" / "litellm"
PACED = "paced"
PACE = 50
"""Tokens a second of the slower engine, which are one event each on their way."""
QUESTION = "How much does a token cost on its way?"
TOKENS = TURNS = 500
GOAL_EVENT, GOAL_REQUEST = 30.0, 1000.0
"""µs of CPU that a dialect may cost beside the same chat completion: an event, and a request."""
GOAL_TURNS = 5.0
"""ms that a stored conversation may add to a request."""


def chat(model: str, tokens: int, stream: bool) -> dict[str, Any]:
    """A chat completion."""
    return {"model": model, "max_tokens": tokens, "stream": stream, "messages": [{"role": "user", "content": QUESTION}]}


def ollama_chat(model: str, tokens: int, stream: bool) -> dict[str, Any]:
    """A request of Ollama's API."""
    messages = [{"role": "user", "content": QUESTION}]
    return {"model": model, "options": {"num_predict": tokens}, "stream": stream, "messages": messages}


def response(model: str, tokens: int, stream: bool) -> dict[str, Any]:
    """A request for a response that is not stored."""
    return {"model": model, "max_output_tokens": tokens, "stream": stream, "input": QUESTION, "store": False}


def stored_response(model: str, tokens: int, stream: bool) -> dict[str, Any]:
    """A request for a response that is stored."""
    return {**response(model, tokens, stream), "store": True}


@dataclass(frozen=True, slots=True)
class Dialect:
    """One API: its path, its bodies, and how its streams end."""

    name: str
    path: str
    body: Callable[[str, int, bool], dict[str, Any]]
    ending: str = "data: [DONE]\n\n"
    gap: str = "\n\n"
    goal: bool = True
    """Whether it is one of those that the goals are about."""

    def plan(self, server: Server, model: str, tokens: int, stream: bool, **more: Any) -> Plan:
        """Requests for answers of so many tokens."""
        body = self.body(model, tokens, stream)
        return server.plan(body, path=self.path, gap=self.gap, ending=self.ending, **more)


CHAT = Dialect("chat completion", "/v1/chat/completions", chat, goal=False)
MESSAGES = Dialect("messages", "/v1/messages", chat, "event: message_stop\n")
COUNTED = '"total_tokens":'
"""It is in the last event of a response."""
OLLAMA = Dialect("Ollama's chat", "/api/chat", ollama_chat, '"done":true', "\n")
RESPONSES = Dialect("responses", "/v1/responses", response, COUNTED)
STORED = Dialect("responses, stored", "/v1/responses", stored_response, COUNTED, goal=False)
OURS = (CHAT, MESSAGES, OLLAMA, RESPONSES, STORED)
PEERS = (CHAT, MESSAGES, RESPONSES)


class DialectRow(msgspec.Struct, kw_only=True):
    """One API on one server. Each figure is the least of several rounds: what disturbs a round only adds to it."""

    server: str
    dialect: str
    flat_us_per_event: float
    """CPU of one event where the engine is as fast as it can, and many events travel together."""
    paced_us_per_event: float
    """CPU of one event at 50 tokens a second, where each event travels alone."""
    us_per_request: float
    """CPU of a whole answer of one token, not streamed."""
    requests_per_second: float
    first_event_ms: float
    goal: bool = False


class TurnsRow(msgspec.Struct, kw_only=True):
    """A request with 500 turns before it, each the least of several rounds."""

    what: str
    cpu_ms: float
    latency_ms: float


class DialectFigures(msgspec.Struct, kw_only=True):
    """What was measured."""

    rows: list[DialectRow]
    turns: list[TurnsRow]
    """Empty where responses are not stored."""


def has(server: Server, dialect: Dialect) -> bool:
    """Whether a server has an API."""
    body = dialect.body(MODEL, 1, False)
    answer = httpx.post(f"http://127.0.0.1:{server.port}{dialect.path}", json=body, timeout=60)
    if not answer.is_success:
        print(f"{server.name} answers {answer.status_code} to {dialect.path}: {answer.text[:300]}", file=sys.stderr)
    return answer.is_success


def charged(server: Server, plan: Plan) -> tuple[float, Result]:
    """Seconds of CPU that a plan costs, and what came of it."""
    before = server.cpu()
    found = measure(plan)
    if found.errors:
        raise SystemExit(f"{server.name} {plan.path}: {found.problems}")
    return server.cpu() - before, found


def per_event(server: Server, plan: Plan) -> float:
    """µs of CPU per event."""
    spent, found = charged(server, plan)
    return spent / found.events * 1e6


def measurements(pairs: Sequence[tuple[Server, Dialect]], quick: bool) -> Iterator[DialectRow]:
    """Every figure of every API, interleaved so that noise hits all alike."""
    flat: list[list[float]] = [[] for _ in pairs]
    paced: list[list[float]] = [[] for _ in pairs]
    requests: list[list[float]] = [[] for _ in pairs]
    rates: list[list[float]] = [[] for _ in pairs]
    first: list[list[float]] = [[] for _ in pairs]
    for server, dialect in pairs:  # warm-up
        measure(dialect.plan(server, MODEL, TOKENS, True, streams=4, requests=2))
    for _ in range(2 if quick else 5):
        for place, (server, dialect) in enumerate(pairs):
            flat[place].append(per_event(server, dialect.plan(server, MODEL, TOKENS, True, streams=4, requests=3)))
            tokens = PACE * (2 if quick else 6)
            paced[place].append(per_event(server, dialect.plan(server, PACED, tokens, True, streams=16, ramp=1.0)))
            spent, found = charged(server, dialect.plan(server, MODEL, 1, False, streams=4, requests=50))
            requests[place].append(spent / found.requests * 1e6)
            rates[place].append(found.requests_per_second)
            _, found = charged(server, dialect.plan(server, MODEL, 2, True, requests=20))
            first[place].append(found.ttft_p50 * 1e3)
    for place, (server, dialect) in enumerate(pairs):
        yield DialectRow(
            server=server.name,
            dialect=dialect.name,
            flat_us_per_event=min(flat[place]),
            paced_us_per_event=min(paced[place]),
            us_per_request=min(requests[place]),
            requests_per_second=max(rates[place]),
            first_event_ms=min(first[place]),
            goal=dialect.goal and server.name == "Modelyard",
        )


def conversation(server: Server, turns: int, rounds: int) -> Iterator[TurnsRow]:
    """A stored conversation by the id of its last response, and the same turns in the body of the request."""
    url = f"http://127.0.0.1:{server.port}{STORED.path}"
    said: list[dict[str, Any]] = []
    last: dict[str, Any] = {}
    with httpx.Client(timeout=60) as http:
        for number in range(turns):
            question = f"{QUESTION} {number}"
            answer = http.post(url, json={**STORED.body(MODEL, 20, False), **last, "input": question})
            if not answer.is_success:
                print(f"responses are not stored: {answer.text[:300]}", file=sys.stderr)
                return
            found = answer.json()
            last = {"previous_response_id": found["id"]}
            text = found["output"][-1]["content"][0]["text"]
            said += [{"role": "user", "content": question}, {"role": "assistant", "content": text}]
    said.append({"role": "user", "content": QUESTION})
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "a chat completion with the turns in its body": (CHAT.path, {**chat(MODEL, 1, False), "messages": said}),
        "a response with the turns in its body": (RESPONSES.path, {**response(MODEL, 1, False), "input": said}),
        "a response that names the one before it": (RESPONSES.path, {**response(MODEL, 1, False), **last}),
        "the same, stored": (RESPONSES.path, {**stored_response(MODEL, 1, False), **last}),
    }
    for what, (path, body) in bodies.items():
        figures = []
        for _ in range(rounds):
            spent, result = charged(server, server.plan(body, path=path, requests=25))
            figures.append((spent / result.requests * 1e3, result.latency_p50 * 1e3))
        yield TurnsRow(what=what, cpu_ms=min(cpu for cpu, _ in figures), latency_ms=min(wait for _, wait in figures))


@contextmanager
def engine(pace: float) -> Iterator[str]:
    """A fake engine on a port of its own, by the base URL of its API."""
    port = free_port()
    options = {"tokens": 1_000_000, "tokens_per_second": pace, "chunk_bytes": 12}
    config = msgspec.json.encode({"uid": MODEL, "port": port, "options": options}).decode()
    argv = [sys.executable, "-m", "modelyard.engines.fake", config]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as process, terminated(process):
        wait_for(port)
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def modelyard(flat: str, paced: str) -> Iterator[Server]:
    """Our server, with both engines as servers elsewhere."""
    external = {"model_type": "LLM", "model_engine": "external", "model_name": MODEL}
    with ours({**external, "base_url": flat}) as running:
        body = {**external, "model_uid": PACED, "base_url": paced}
        httpx.post(f"{running.url}/v1/models", json=body, timeout=60).raise_for_status()
        yield Server("Modelyard", [psutil.Process(running.pid)], port=running.address["port"])


def peer_program() -> Path:
    """LiteLLM's proxy, which is installed now if it is not there in this version."""
    receipt = PEER_FOLDER / "receipt.txt"
    if not receipt.is_file() or receipt.read_text(encoding="utf-8") != PEER:
        print(f"installing {PEER} ...", file=sys.stderr, flush=True)
        subprocess.run([*uv(), "venv", "--clear", "--quiet", "--python", sys.executable, str(PEER_FOLDER)], check=True)
        python = str(PEER_FOLDER / "bin" / "python")
        subprocess.run([*uv(), "pip", "install", "--quiet", "--python", python, PEER], check=True)
        receipt.write_text(PEER, encoding="utf-8")
    return PEER_FOLDER / "bin" / "litellm"


@contextmanager
def peer(flat: str, paced: str) -> Iterator[Server]:
    """LiteLLM's proxy, with the same engines, without a database and without keys."""
    port, program = free_port(), peer_program()

    def model(name: str, url: str) -> dict[str, Any]:
        upstream = {"model": f"hosted_vllm/{MODEL}", "api_base": url, "api_key": "none"}
        return {"model_name": name, "litellm_params": {**upstream, "use_chat_completions_api": True}}

    config = {"model_list": [model(MODEL, flat), model(PACED, paced)], "litellm_settings": {"telemetry": False}}
    settings = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        "LITELLM_LOG": "ERROR",
    }
    with tempfile.TemporaryDirectory() as folder, Path(folder, "proxy.log").open("wb") as log:
        file = Path(folder, "config.yaml")
        file.write_bytes(msgspec.json.encode(config))  # JSON is YAML
        argv = [str(program), "--config", str(file), "--host", "127.0.0.1", "--port", str(port)]
        with (
            subprocess.Popen(argv, cwd=folder, env={**environment(), **settings}, stdout=log, stderr=log) as process,
            terminated(process),
        ):
            wait_for(port, 300)
            yield Server("LiteLLM", [psutil.Process(process.pid)], port=port)


def measure_all(quick: bool, beside: bool = True) -> DialectFigures:
    """Every API of our server, and those of LiteLLM's proxy; and a conversation of 500 turns."""
    with ExitStack() as stack:
        urls = [stack.enter_context(engine(pace)) for pace in (0, PACE)]
        yard = stack.enter_context(modelyard(*urls))
        pairs = [(yard, dialect) for dialect in OURS]
        if beside:
            other = stack.enter_context(peer(*urls))
            pairs += [(other, dialect) for dialect in PEERS]
        rows = list(measurements([(server, dialect) for server, dialect in pairs if has(server, dialect)], quick))
        turns = list(conversation(yard, TURNS, 2 if quick else 5)) if has(yard, STORED) else []
        return DialectFigures(rows=rows, turns=turns)


def verdict(row: DialectRow, base: DialectRow) -> str:
    """Whether a dialect keeps to the goals beside the chat completion of its server; empty where there is no goal."""
    if not row.goal:
        return ""
    event = max(row.paced_us_per_event - base.paced_us_per_event, row.flat_us_per_event - base.flat_us_per_event)
    request = row.us_per_request - base.us_per_request
    met = event <= GOAL_EVENT and request <= GOAL_REQUEST
    return f"{'met' if met else 'missed'}: {event:+.0f} µs an event, {request:+.0f} µs a request"


def table(found: DialectFigures) -> str:
    """Markdown."""
    rows = found.rows
    titles = ("flat out, µs/event", "50 tokens/s, µs/event", "µs/request", "requests/s", "first event, ms")
    goal = f"≤ {GOAL_EVENT:.0f} µs an event and ≤ {GOAL_REQUEST:.0f} µs a request more than the chat completion"
    lines = [f"| server | API | {' | '.join(titles)} | {goal} |", "|---|---|" + "--:|" * len(titles) + "---|"]
    bases = {row.server: row for row in rows if row.dialect == CHAT.name}
    for row in rows:
        figures = (row.flat_us_per_event, row.paced_us_per_event, row.us_per_request, row.requests_per_second)
        cells = [f"{each:,.0f}" for each in figures] + [f"{row.first_event_ms:.1f}"]
        lines.append(f"| {row.server} | {row.dialect} | {' | '.join(cells)} | {verdict(row, bases[row.server])} |")
    if found.turns:
        lines += ["", f"| {TURNS} turns before the request | CPU, ms | latency, ms |", "|---|--:|--:|"]
        lines += [f"| {row.what} | {row.cpu_ms:.2f} | {row.latency_ms:.2f} |" for row in found.turns]
        sent, named = found.turns[1:3]
        more = (
            f"{named.cpu_ms - sent.cpu_ms:+.2f} ms of CPU and {named.latency_ms - sent.latency_ms:+.2f} ms of latency"
        )
        lines += ["", f"Naming a stored conversation adds {more} to a request (goal: ≤ {GOAL_TURNS:g} ms)."]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--no-peer", action="store_true", help="without LiteLLM's proxy")
    args = parser.parse_args()
    raise_limits()
    print(table(measure_all(args.quick, not args.no_peer)))


if __name__ == "__main__":
    main()
