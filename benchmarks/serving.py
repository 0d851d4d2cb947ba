"""The transformers engine against the bare library: many clients of a batching replica beside one request at a time.

On a GPU (`benchmarks/gpu.py`) beside the library's own batching too, `generate_batch`, which is given all prompts in one call.

Both are loaded in turn, so what the machine does meanwhile hits both alike; what counts are ratios. The bare side is the
simplest server one would write: a lock, and `generate` inside it, without HTTP or anything else that costs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psutil

from benchmarks.load import Plan, Result, measure
from benchmarks.random_folder import DEMO
from benchmarks.servers import MODEL, Running, environments, ours, python_of

CLIENTS = (1, 8, 32)
QUESTION = [{"role": "user", "content": "Tell me something about Hangzhou."}]

BARE = """
import json, resource, sys, time
began = time.perf_counter()
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig
path, tokens, question, device = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[5]
torch.set_num_threads(int(sys.argv[4]))
model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32 if device == "cpu" else torch.bfloat16).to(device)
tokenizer = AutoTokenizer.from_pretrained(path)
loaded = time.perf_counter() - began

def once():
    ids = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    ids = ids.to(device)
    found = model.generate(**ids, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False)
    tokenizer.decode(found[0, ids["input_ids"].shape[1]:])

def together(count):
    ids = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_dict=True)["input_ids"]
    wish = GenerationConfig(max_new_tokens=tokens, do_sample=False, eos_token_id=-1, pad_token_id=0)
    found = model.generate_batch([ids] * count, generation_config=wish, persistent_manager=True)
    assert len(found) == count and all(len(each.generated_tokens) == tokens for each in found.values())

print(json.dumps({"load_seconds": loaded, "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}), flush=True)
for line in sys.stdin:
    seconds, batch = line.split()
    ends, count, start = time.perf_counter() + float(seconds), 0, time.perf_counter()
    while time.perf_counter() < ends:
        together(int(batch)) if int(batch) else once()
        count += int(batch) or 1
    print(count * tokens / (time.perf_counter() - start), flush=True)
"""
"""Says when it is loaded, then for each line with seconds and a batch measures for so long, in tokens per second: bare
`generate` where the batch is 0, else `generate_batch` of so many."""


class Row(msgspec.Struct, kw_only=True):
    """Ratios are ours over bare, the median of the pairs."""

    clients: int
    bare_tokens_per_second: float
    """One request at a time; more clients only wait."""
    library_tokens_per_second: float = 0
    """Of `generate_batch` with a prompt per client; 0 where it was not asked."""
    tokens_per_second: float
    ratio: float
    ratios: list[float]
    ttft_p50_ms: float
    """Of the first event, which names the role."""
    errors: int


class Bare:
    """The bare library in a process of its own."""

    def __init__(self, python: str, model: Path, tokens: int, threads: int, device: str) -> None:
        self.process = subprocess.Popen(
            [python, "-W", "ignore", "-c", BARE, str(model), str(tokens), json.dumps(QUESTION), str(threads), device],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "passive"},
            text=True,
        )
        self.start = json.loads(self._line())

    def measure(self, seconds: float, batch: int = 0) -> float:
        """Tokens per second; with a batch, of the library's own batching."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{seconds} {batch}\n")
        self.process.stdin.flush()
        return float(self._line())

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def _replica_memory(server: int) -> int:
    """Bytes of the replica's process, which is a grandchild of the server."""
    found = [
        child for child in psutil.Process(server).children(recursive=True) if "modelyard.serving" in child.cmdline()
    ]
    return max(child.memory_info().rss for child in found)


def ask(server: Running, clients: int, tokens: int, seconds: float) -> Result:
    """Load our server."""
    wish = {"max_tokens": tokens, "ignore_eos": True, "temperature": 0, "stream": True}
    body = {"model": MODEL, "messages": QUESTION, **wish}
    return measure(Plan(body=body, streams=clients, requests=0, seconds=seconds, **server.address))


def compare(
    engines: Path,
    seconds: float,
    pairs: int,
    tokens: int = 64,
    threads: int = 1,
    model: Path = DEMO,
    device: str = "cpu",
    at_once: Sequence[int] = CLIENTS,
) -> Iterator[Row | str]:
    """Each number of clients, in turn on both; first a line about loading."""
    bare = Bare(python_of("transformers", engines), model, tokens, threads, device)
    body: dict[str, Any] = {"model_name": str(model), "model_engine": "transformers", "n_threads": threads}
    if device != "cpu":
        body["max_num_seqs"] = max(at_once)
    try:
        with ours(body, engines) as server:
            start = {"load_seconds": server.launch_seconds, "rss": float(_replica_memory(server.pid))}
            yield loading(bare.start, start)
            ask(server, 8, tokens, 1.0)
            bare.measure(1.0)
            for clients in at_once:
                results = [(bare.measure(seconds), ask(server, clients, tokens, seconds)) for _ in range(pairs)]
                found = row(clients, tokens, results)
                if device != "cpu":
                    bare.measure(0.01, clients)
                    found.library_tokens_per_second = statistics.median(
                        bare.measure(seconds, clients) for _ in range(pairs)
                    )
                yield found
    finally:
        bare.close()


def loading(bare: dict[str, float], mine: dict[str, float]) -> str:
    """What a replica takes to load, beside the bare library."""
    return (
        f"Loaded and idle: {mine['rss'] / 2**20:.0f} MiB after {mine['load_seconds']:.1f} s from the launch request; the bare "
        f"library {bare['rss'] / 2**20:.0f} MiB after {bare['load_seconds']:.1f} s from its first import."
    )


def row(clients: int, tokens: int, results: list[tuple[float, Result]]) -> Row:
    """The pairs as one row."""
    ratios = [mine.requests_per_second * tokens / theirs for theirs, mine in results]
    return Row(
        clients=clients,
        bare_tokens_per_second=statistics.median(theirs for theirs, _ in results),
        tokens_per_second=statistics.median(mine.requests_per_second for _, mine in results) * tokens,
        ratio=statistics.median(ratios),
        ratios=ratios,
        ttft_p50_ms=1000 * statistics.median(mine.ttft_p50 for _, mine in results),
        errors=sum(mine.errors for _, mine in results),
    )


def table(found: list[Row | str]) -> str:
    """Markdown."""
    rows = [each for each in found if isinstance(each, Row)]
    batched = any(each.library_tokens_per_second for each in rows)
    library, line = (" `generate_batch` |", "--:|") if batched else ("", "")
    lines = [f"| clients | bare `generate`, one at a time, tokens/s |{library} ours, streamed | ratio | errors |"]
    lines.append(f"|--:|--:|{line}--:|--:|--:|")
    for each in rows:
        column = f" {each.library_tokens_per_second:.0f} |" if batched else ""
        lines.append(
            f"| {each.clients} | {each.bare_tokens_per_second:.0f} |{column} {each.tokens_per_second:.0f} "
            f"| {each.ratio:.1f}× | {each.errors} |"
        )
    return "\n".join([*(each for each in found if isinstance(each, str)), "", *lines])


def measure_all(quick: bool, engines: Path | None = None, **of: Any) -> list[Any]:
    """Every row, shown as it comes; `of` names what `compare` compares, if not the demo model on the CPU."""
    seconds, pairs = (3.0, 1) if quick else (6.0, 3)
    found = []
    for each in compare(environments(engines), seconds, pairs, **of):
        found.append(each)
        print(each if isinstance(each, str) else table([each]).splitlines()[-1], file=sys.stderr, flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short pair of each")
    parser.add_argument("--engines", type=Path, help="folder of the engines' environments (default: the home folder's)")
    args = parser.parse_args()
    print(table(measure_all(args.quick, args.engines)))


if __name__ == "__main__":
    main()
