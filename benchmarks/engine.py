"""The whole server against the bare engine: the same llama.cpp with the same settings, asked directly and through Modelyard.

Both run at the same time and are loaded in turn, so what the machine does meanwhile hits both alike; what counts are ratios.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec

from benchmarks.load import Plan, Result, measure
from benchmarks.make_model import DEMO, make
from benchmarks.servers import MODEL, ours

SLOTS = 8
CLIENTS = (1, 8, 32)

BARE = """
import os, signal, sys, msgspec, xllamacpp
from modelyard.engines.llama_cpp.__main__ import params_of
from modelyard.engines.llama_cpp.options import LlamaConfig
params = params_of(msgspec.json.decode(sys.argv[1], type=LlamaConfig), "")
params.hostnames, params.port = ["127.0.0.1"], int(sys.argv[2])
server = xllamacpp.Server(params)
signal.pause()
"""


class Row(msgspec.Struct, kw_only=True):
    """One way of asking, on both. Ratios are ours over bare, the median of the pairs."""

    model: str
    clients: int
    stream: bool
    keep_alive: bool
    bare_tokens_per_second: float
    tokens_per_second: float
    ratio: float
    ratios: list[float]
    added_ttft_ms: float | None
    """Difference of the medians of time to first token; None where nothing streams."""
    errors: int
    """Ours. The bare engine closes its connection after every streamed answer, which a keep-alive client meets as an error."""


def options(model: Path) -> dict[str, Any]:
    """Launch options; both servers get these."""
    return {
        "model_name": str(model),
        "model_uid": MODEL,
        "n_parallel": SLOTS,
        "n_ctx": 512,
        "model_engine": "llama_cpp",
    }


@contextlib.contextmanager
def bare(model: Path) -> Iterator[str]:
    """llama.cpp's own server, with the settings that ours has; yields its URL."""
    from modelyard.control.launch_plans import plan_launch
    from modelyard.control.placement import Machine
    from modelyard.core.types import Address
    from modelyard.engines import ENGINES
    from modelyard.engines.base import Command
    from modelyard.engines.llama_cpp import CONFIG_VARIABLE
    from modelyard.protocol.models import LaunchRequest
    from modelyard.runtime import hardware

    launch = plan_launch(LaunchRequest.model_validate(options(model)), Machine(hardware.inspect()))
    command = ENGINES.get("llama_cpp").command(launch, Address(port=1), "")
    assert isinstance(command, Command)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", BARE, command.env[CONFIG_VARIABLE], str(port)],
        env={**os.environ, **command.env},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{url}/health").status_code == 200:
                    break
            time.sleep(0.05)
        yield url
    finally:
        process.kill()
        process.wait()


def ask(url: str, clients: int, stream: bool, keep_alive: bool, tokens: int, seconds: float) -> Result:
    """Load one server."""
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Tell me something about Hangzhou."}],
        "max_tokens": tokens,
        "ignore_eos": True,
        "temperature": 0,
        "stream": stream,
    }
    host, port = url.removeprefix("http://").split(":")
    plan = Plan(
        body=body, host=host, port=int(port), streams=clients, requests=0, seconds=seconds, keep_alive=keep_alive
    )  # fmt: skip
    return measure(plan)


def compare(name: str, model: Path, seconds: float, pairs: int, tokens: int) -> Iterator[Row]:
    """Every way of asking, in turn on both servers."""
    with bare(model) as bare_url, ours(options(model)) as server:
        our_url = server.url
        for url in (bare_url, our_url):
            ask(url, SLOTS, True, True, tokens, 1.0)
        for clients in CLIENTS:
            for stream in (True, False):
                for keep_alive in (True, False):
                    way = (clients, stream, keep_alive, tokens, seconds)
                    results = [(ask(bare_url, *way), ask(our_url, *way)) for _ in range(pairs)]
                    yield row(name, clients, stream, keep_alive, tokens, results)


def row(
    name: str, clients: int, stream: bool, keep_alive: bool, tokens: int, results: list[tuple[Result, Result]]
) -> Row:
    """The pairs as one row."""
    ratios = [mine.requests_per_second / theirs.requests_per_second for theirs, mine in results]
    added = [1000 * (mine.ttft_p50 - theirs.ttft_p50) for theirs, mine in results]
    return Row(
        model=name,
        clients=clients,
        stream=stream,
        keep_alive=keep_alive,
        bare_tokens_per_second=statistics.median(theirs.requests_per_second for theirs, _ in results) * tokens,
        tokens_per_second=statistics.median(mine.requests_per_second for _, mine in results) * tokens,
        ratio=statistics.median(ratios),
        ratios=ratios,
        added_ttft_ms=statistics.median(added) if stream else None,
        errors=sum(mine.errors for _, mine in results),
    )


def table(rows: list[Row]) -> str:
    """Markdown."""
    lines = ["| model | clients | | bare tokens/s | ours | ratio | added TTFT p50 | errors |"]
    lines.append("|---|--:|---|--:|--:|--:|--:|--:|")
    for each in rows:
        way = f"{'streamed' if each.stream else 'whole'}, {'keep-alive' if each.keep_alive else 'new connections'}"
        added = "" if each.added_ttft_ms is None else f"{each.added_ttft_ms:+.2f} ms"
        lines.append(
            f"| {each.model} | {each.clients} | {way} | {each.bare_tokens_per_second:.0f} | {each.tokens_per_second:.0f} "
            f"| {each.ratio:.1%} | {added} | {each.errors} |"
        )
    return "\n".join(lines)


def measurements(quick: bool) -> Iterator[Row]:
    """Both models: one whose tokens cost next to nothing, and one whose tokens cost what real ones do."""
    seconds, pairs = (2.0, 1) if quick else (3.0, 3)
    yield from compare("demo, 5 M", DEMO, seconds, pairs, tokens=64)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.gguf"
        count = make(path)
        yield from compare(f"random, {count / 1e6:.0f} M", path, seconds * 1.5, min(pairs, 2), tokens=8)


def measure_all(quick: bool) -> list[Row]:
    """Every row, shown as it comes."""
    rows = []
    for each in measurements(quick):
        rows.append(each)
        print(table([each]).splitlines()[-1], file=sys.stderr, flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short pair of each")
    print(table(measure_all(parser.parse_args().quick)))


if __name__ == "__main__":
    main()
