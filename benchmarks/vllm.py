"""vLLM behind the whole server against bare vLLM: the same build, model and settings, asked in turn; what counts are ratios.

Two models: the demo model, whose 5 million weights cost less than the words around them, and one of 200 million random weights,
as small as models are that people use. An idle vLLM spins while it waits for work, which costs the other one half of a small
machine: so whoever is not asked is held.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import psutil

from benchmarks.load import Plan, Result, measure
from benchmarks.random_folder import DEMO, random_llama
from benchmarks.servers import MODEL, environments, ours, python_of

CLIENTS = (1, 8, 32)
CONTEXT = 1024
SIZES = dict(
    hidden_size=1024,
    intermediate_size=2816,
    num_hidden_layers=16,
    num_attention_heads=16,
    num_key_value_heads=8,
    head_dim=64,
)
QUESTION = [{"role": "user", "content": "Tell me something about Hangzhou."}]


class Row(msgspec.Struct, kw_only=True):
    """One number of clients, on both. The ratio is ours over bare, the median of the pairs."""

    model: str
    clients: int
    bare_tokens_per_second: float
    tokens_per_second: float
    ratio: float
    ratios: list[float]
    bare_ttft_ms: float
    added_ttft_ms: float
    """Difference of the medians of time to first token."""
    errors: int


@contextlib.contextmanager
def bare(engines: Path, model: Path) -> Iterator[tuple[dict[str, int | str], int]]:
    """vLLM's own server with the settings that ours gives it; yields host and port, and its process."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    argv = [python_of("vllm", engines), "-m", "vllm.entrypoints.openai.api_server", "--model", str(model)]
    argv += ["--served-model-name", MODEL, "--port", str(port), "--max-model-len", str(CONTEXT), "--enforce-eager"]
    process = subprocess.Popen(
        [*argv, "--disable-uvicorn-access-log"],
        env={
            **os.environ,
            "VLLM_CPU_KVCACHE_SPACE": "1",
            "VLLM_NO_USAGE_STATS": "1",
            "HF_HUB_OFFLINE": "1",
            "CUDA_VISIBLE_DEVICES": "",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200:
                    break
            time.sleep(0.2)
        yield {"host": "127.0.0.1", "port": port}, process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def held(pid: int) -> Iterator[None]:
    """A process and everything below it stand still."""
    top = psutil.Process(pid)
    family = [top, *top.children(recursive=True)]
    for each in family:
        each.suspend()
    try:
        yield
    finally:
        for each in reversed(family):
            each.resume()


def ask(address: dict[str, int | str], clients: int, tokens: int, seconds: float) -> Result:
    """Load one server."""
    wish = {"max_tokens": tokens, "ignore_eos": True, "temperature": 0, "stream": True}
    body = {"model": MODEL, "messages": QUESTION, **wish}
    plan = Plan(body=body, streams=clients, requests=0, seconds=seconds, **address)  # type: ignore[arg-type]
    return measure(plan)


def compare(name: str, model: Path, engines: Path, seconds: float, pairs: int, tokens: int = 64) -> Iterator[Row]:
    """Each number of clients, in turn on both."""
    body = {"model_path": str(model), "model_engine": "vllm", "max_model_len": CONTEXT, "cpu_kv_cache_gib": 1}
    with bare(engines, model) as (theirs, their_pid), ours(body, engines) as mine:

        def pair(clients: int, seconds: float) -> tuple[Result, Result]:
            with held(mine.pid):
                first = ask(theirs, clients, tokens, seconds)
            with held(their_pid):
                return first, ask(mine.address, clients, tokens, seconds)

        pair(8, 2.0)
        for clients in CLIENTS:
            results = [pair(clients, seconds) for _ in range(pairs)]
            ratios = [our.requests_per_second / their.requests_per_second for their, our in results]
            yield Row(
                model=name,
                clients=clients,
                bare_tokens_per_second=statistics.median(their.requests_per_second for their, _ in results) * tokens,
                tokens_per_second=statistics.median(our.requests_per_second for _, our in results) * tokens,
                ratio=statistics.median(ratios),
                ratios=ratios,
                bare_ttft_ms=1000 * statistics.median(their.ttft_p50 for their, _ in results),
                added_ttft_ms=1000 * statistics.median(our.ttft_p50 - their.ttft_p50 for their, our in results),
                errors=sum(their.errors + our.errors for their, our in results),
            )


def table(rows: list[Row]) -> str:
    """Markdown."""
    lines = ["| model | clients | bare vLLM, tokens/s | ours | ratio | bare TTFT p50 | added | errors |"]
    lines.append("|:--|--:|--:|--:|--:|--:|--:|--:|")
    for each in rows:
        lines.append(
            f"| {each.model} | {each.clients} | {each.bare_tokens_per_second:.0f} | {each.tokens_per_second:.0f} "
            f"| {each.ratio:.1%} | {each.bare_ttft_ms:.1f} ms | {each.added_ttft_ms:+.2f} ms | {each.errors} |"
        )
    return "\n".join(lines)


def measure_all(quick: bool, engines: Path | None = None) -> list[Row]:
    """Every row, shown as it comes."""
    seconds, pairs = (4.0, 2) if quick else (8.0, 5)
    found = environments(engines)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        big = random_llama(python_of("vllm", found), Path(folder) / "random", **SIZES)
        for name, model in (("demo, 5 M", DEMO), ("random, 200 M", big)):
            for each in compare(name, model, found, seconds * (1 if model == DEMO else 2), pairs):
                rows.append(each)
                print(table([each]).splitlines()[-1], file=sys.stderr, flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two short pairs of each")
    parser.add_argument("--engines", type=Path, help="folder of the engines' environments")
    args = parser.parse_args()
    print(table(measure_all(args.quick, args.engines)))


if __name__ == "__main__":
    main()
