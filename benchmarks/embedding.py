"""sentence-transformers behind the whole server against the bare library: many texts in one call, and in a call for each.

Both hold the same model at the same time and are asked in turn, so what the machine does meanwhile hits both alike; what
counts are ratios. The texts of the calls at once are all one text, because the load generator sends one body.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import httpx
import msgspec
from tests.encoder_models import ENGINE, minilm

from benchmarks.cold import environment
from benchmarks.load import Plan, measure
from benchmarks.servers import MODEL, environments, ours, python_of

COUNT = 256
TEXT = "The lake in Hangzhou freezes seldom, and boats cross it all winter while people drink tea in the old pavilions."
TEXTS = [" ".join([f"Number {row}."] + [TEXT] * (row % 4 + 1)) for row in range(COUNT)]

BARE = """
import json, sys, time
from sentence_transformers import SentenceTransformer
kind = "float32" if sys.argv[2] == "cpu" else "auto"
model = SentenceTransformer(sys.argv[1], device=sys.argv[2], model_kwargs={"dtype": kind})
for line in sys.stdin:
    texts = json.loads(line)
    began = time.perf_counter()
    model.encode(texts)
    print(time.perf_counter() - began, flush=True)
"""


class Row(msgspec.Struct, kw_only=True):
    """One way of asking. Ratios are ours over bare, in texts per second; the median of the pairs."""

    way: str
    goal: float
    bare_texts_per_second: float
    texts_per_second: float
    ratio: float
    ratios: list[float]
    errors: int


class Bare:
    """The library in a process of its own, holding the model.

    Its threads wait as the replica's do: the library's own way, spinning, is much slower where anything else runs.
    """

    def __init__(self, python: str, model: Path, device: str) -> None:
        self._process = subprocess.Popen(
            [python, "-c", BARE, str(model), device],
            env={**environment(), "HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "passive"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def seconds(self, texts: list[str]) -> float:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(texts) + "\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def in_one_call(url: str) -> tuple[float, int]:
    """Seconds until all vectors are here, and errors."""
    body = {"model": MODEL, "input": TEXTS, "encoding_format": "base64"}
    began = time.perf_counter()
    answer = httpx.post(f"{url}/v1/embeddings", json=body, timeout=300)
    return time.perf_counter() - began, int(answer.status_code != 200)


def at_once(url: str) -> tuple[float, int]:
    """The same for a call of each text, all of them at once."""
    host, port = url.removeprefix("http://").split(":")
    body = {"model": MODEL, "input": TEXT, "encoding_format": "base64"}
    result = measure(Plan(body=body, path="/v1/embeddings", host=host, port=int(port), streams=COUNT, requests=1))
    return result.seconds, result.errors


def measure_all(quick: bool, engines: Path | None = None, model: Path | None = None, device: str = "cpu") -> list[Row]:
    """Both ways of asking, in turn on both; all-MiniLM-L6-v2 where no model is named."""
    pairs = 3 if quick else 9
    ways = (
        (f"{COUNT} texts in one call", 0.95, in_one_call, TEXTS),
        (f"{COUNT} calls at once", 0.6, at_once, [TEXT] * COUNT),
    )
    rows = []
    model, folder = model or minilm(), environments(engines)
    body = {"model_name": MODEL, "model_path": str(model), "model_engine": ENGINE}
    with ours(body, folder) as server, contextlib.closing(Bare(python_of(ENGINE, folder), model, device)) as bare:
        url = server.url
        for way, goal, ask, texts in ways:
            bare.seconds(texts)
            ask(url)
            results = [(bare.seconds(texts), *ask(url)) for _ in range(pairs)]
            ratios = [theirs / mine for theirs, mine, _ in results]
            rows.append(
                Row(
                    way=way,
                    goal=goal,
                    bare_texts_per_second=COUNT / statistics.median(theirs for theirs, _, _ in results),
                    texts_per_second=COUNT / statistics.median(mine for _, mine, _ in results),
                    ratio=statistics.median(ratios),
                    ratios=ratios,
                    errors=sum(errors for _, _, errors in results),
                )
            )
            print(table(rows[-1:]).splitlines()[-1], file=sys.stderr, flush=True)
    return rows


def table(rows: list[Row], model: str = "all-MiniLM-L6-v2") -> str:
    """Markdown."""
    lines = [f"| {model} | bare texts/s | ours | ratio | of all pairs | goal | errors |"]
    lines.append("|---|--:|--:|--:|---|--:|--:|")
    for row in rows:
        span = f"{min(row.ratios):.0%} to {max(row.ratios):.0%}"
        lines.append(
            f"| {row.way} | {row.bare_texts_per_second:.0f} | {row.texts_per_second:.0f} | {row.ratio:.1%} | {span} "
            f"| {row.goal:.0%} | {row.errors} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer pairs")
    print(table(measure_all(parser.parse_args().quick)))


if __name__ == "__main__":
    main()
