"""`make bench`: every benchmark in one run; prints tables, writes `benchmarks/results/latest.json` and `latest.md`."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psutil
import xllamacpp

from benchmarks import (
    bases,
    batches,
    cold,
    dialects,
    embedding,
    engine,
    events,
    gateway,
    knowledge,
    knowledge_quality,
    page,
    serving,
    taps,
    vllm,
)
from modelyard import __version__

RESULTS = Path(__file__).resolve().parent / "results"


def machine() -> str:
    """What was measured on, in a line."""
    name = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            name = line.partition(":")[2].strip()
            break
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{len(psutil.Process().cpu_affinity() or []) or os.cpu_count()} cores of {name}, {memory:.0f} GB, Linux "
        f"{platform.release().partition('-')[0]}, Python {platform.python_version()}, xllamacpp {xllamacpp.__version__}"
    )


def run(parts: list[str], quick: bool) -> tuple[dict[str, Any], str]:
    """The chosen benchmarks, as JSON and as Markdown."""
    makers: dict[str, tuple[str, Callable[[], tuple[Any, str]]]] = {
        "cold": ("Cold", lambda: (found := cold.measure(), cold.table(found))),
        "gateway": (
            "The gateway against the fake engine",
            lambda: (rows := gateway.measure_all(quick), gateway.table(rows)),
        ),
        "taps": (
            "What counting costs the gateway",
            lambda: (row := taps.measure_all(quick), taps.table(row)),
        ),
        "events": (
            "Readers of the stream of events",
            lambda: (rows := events.measure_all(quick), events.table(rows)),
        ),
        "page": (
            "The web page",
            lambda: (rows := page.measure_all(quick), page.table(rows)),
        ),
        "batches": (
            "Batches",
            lambda: (rows := batches.measure_all(quick), batches.table(rows)),
        ),
        "engine": (
            "The server against the bare engine",
            lambda: (rows := engine.measure_all(quick), engine.table(rows)),
        ),
        "embedding": (
            "Vectors against the bare library",
            lambda: (rows := embedding.measure_all(quick), embedding.table(rows)),
        ),
        "serving": (
            "The transformers engine against the bare library",
            lambda: (rows := serving.measure_all(quick), serving.table(rows)),
        ),
        "knowledge": (
            "Knowledge bases",
            lambda: (found := knowledge.measure_all(quick), knowledge.table(found)),
        ),
        "bases": (
            "A knowledge base asked as a model",
            lambda: (rows := bases.measure_all(quick), bases.table(rows)),
        ),
        "dialects": (
            "The APIs of other vendors against the chat completion, and LiteLLM's proxy",
            lambda: (rows := dialects.measure_all(quick), dialects.table(rows)),
        ),
        "quality": (
            "Retrieval on the bilingual set",
            lambda: (rows := knowledge_quality.measure_all(), knowledge_quality.table(rows)),
        ),
        "vllm": (
            "vLLM (CPU) behind the server against bare vLLM",
            lambda: (rows := vllm.measure_all(quick), vllm.table(rows)),
        ),
    }
    data: dict[str, Any] = {
        "version": __version__,
        "machine": machine(),
        "date": datetime.date.today().isoformat(),
        "quick": quick,
    }
    text = [f"Measured {data['date']} on {data['machine']}."]
    for name in parts:
        title, make = makers[name]
        print(f"\n## {title}\n", flush=True)
        data[name], table = make()
        print(table, flush=True)
        text += ["", f"### {title}", "", table]
    return data, "\n".join(text) + "\n"


def main() -> None:
    names = [
        "cold",
        "gateway",
        "taps",
        "events",
        "page",
        "batches",
        "engine",
        "embedding",
        "serving",
        "vllm",
        "knowledge",
        "bases",
        "dialects",
        "quality",
    ]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=names, metavar="PART", help=f"of {', '.join(names)}; all if none")
    parser.add_argument("--quick", action="store_true", help="shorter runs, noisier figures")
    args = parser.parse_args()
    gateway.raise_limits()
    data, text = run(args.parts, args.quick)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "latest.json").write_text(json.dumps(msgspec.to_builtins(data), indent=2) + "\n", encoding="utf-8")
    (RESULTS / "latest.md").write_text(text, encoding="utf-8")
    print(f"\nwritten to {RESULTS}")


if __name__ == "__main__":
    main()
