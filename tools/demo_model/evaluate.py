# Owns the published figures: drives the shipped GGUF through xllamacpp, greedily, and counts exact matches.
from __future__ import annotations

import argparse
import json
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tools.demo_model.chat import Message
from tools.demo_model.probes import FACTS, Probe, all_probes, is_right

SHIPPED = Path(__file__).parents[2] / "src" / "modelyard" / "catalog" / "demo" / "modelyard-demo.gguf"
SLOTS = 4
CONTEXT_PER_SLOT = 2048


@dataclass(frozen=True)
class Outcome:
    category: str
    lang: str
    prompt: str
    wanted: str
    reply: str
    right: bool


@dataclass(frozen=True)
class Figure:
    category: str
    lang: str
    asked: int
    right: int

    @property
    def share(self) -> float:
        return self.right / self.asked


class LlamaServer:
    """xllamacpp's server on a loopback port of its own choice. One per process; it ends with the process."""

    def __init__(self, model: Path, threads: int = 2) -> None:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(model)
        params.n_ctx = CONTEXT_PER_SLOT * SLOTS
        params.n_parallel = SLOTS
        params.cpuparams.n_threads = threads
        params.use_jinja = True
        params.verbosity = 0
        self._server = xllamacpp.Server(params)
        self.address = str(self._server.listening_address)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """One JSON request; urllib.error.HTTPError where the server refuses it."""
        request = urllib.request.Request(
            f"{self.address}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=120) as response:
            return dict(json.load(response))

    def answer(self, messages: Iterable[Message]) -> str:
        body = {"messages": [asdict(m) for m in messages], "temperature": 0, "max_tokens": 96, "cache_prompt": False}
        reply = self.post("/v1/chat/completions", body)
        return str(reply["choices"][0]["message"]["content"])


def evaluate(server: LlamaServer, probes: list[Probe]) -> list[Outcome]:
    with ThreadPoolExecutor(SLOTS) as pool:
        replies = list(pool.map(lambda probe: server.answer(probe.messages), probes))
    return [
        Outcome(p.category, p.lang, p.messages[-1].content, p.answer, reply, is_right(p, reply))
        for p, reply in zip(probes, replies, strict=True)
    ]


def figures(outcomes: list[Outcome]) -> list[Figure]:
    """One figure per category and language, then the two totals that the aims speak of."""
    groups: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.category, outcome.lang].append(outcome.right)
        for total in _totals(outcome.category):
            groups[total, "both"].append(outcome.right)
    rows = [Figure(category, lang, len(right), sum(right)) for (category, lang), right in groups.items()]
    return [r for r in rows if r.lang != "both"] + [r for r in rows if r.lang == "both"]


def _totals(category: str) -> list[str]:
    if category.startswith("passage"):
        return ["ALL PASSAGES"]
    if category.startswith(FACTS):
        return ["ALL FACTS, held-out phrasing" if "held-out" in category else "ALL FACTS, trained phrasing"]
    return []


def markdown(rows: list[Figure]) -> str:
    lines = ["| Category | Language | Right | Asked | Exact match |", "|---|---|---:|---:|---:|"]
    lines += [f"| {r.category} | {r.lang} | {r.right} | {r.asked} | {r.share:.1%} |" for r in rows]
    return "\n".join(lines)


def thinned(probes: list[Probe], limit: int) -> list[Probe]:
    """At most `limit` probes of each category and language, spread over all of them."""
    groups: dict[tuple[str, str], list[Probe]] = defaultdict(list)
    for probe in probes:
        groups[probe.category, probe.lang].append(probe)
    return [p for group in groups.values() for p in group[:: max(1, -(-len(group) // limit))]]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Exact match of the demo model's GGUF, by category, at temperature 0.")
    parser.add_argument("--model", type=Path, default=SHIPPED, help="GGUF file (default: the shipped one)")
    parser.add_argument("--passages", type=int, default=100, help="passages per sort and language (default: 100)")
    parser.add_argument("--limit", type=int, default=0, help="at most so many questions per category and language")
    parser.add_argument("--seed", type=int, default=2026, help="seed of the evaluation passages (default: 2026)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of the server (default: 2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write figures and every reply to FILE")
    parser.add_argument("--show-wrong", type=int, default=0, metavar="N", help="print up to N wrong replies a category")
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    probes = all_probes(args.seed, args.passages)
    if args.limit:
        probes = thinned(probes, args.limit)
    server = LlamaServer(args.model, args.threads)
    started = time.monotonic()
    outcomes = evaluate(server, probes)
    rows = figures(outcomes)
    print(markdown(rows))
    print(f"\n{len(outcomes)} questions in {time.monotonic() - started:.0f} s")
    _print_wrong(outcomes, args.show_wrong)
    if args.json:
        content = {"figures": [asdict(r) for r in rows], "outcomes": [asdict(o) for o in outcomes]}
        args.json.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _print_wrong(outcomes: list[Outcome], most: int) -> None:
    shown: dict[str, int] = defaultdict(int)
    for o in outcomes:
        key = f"{o.category} ({o.lang})"
        if not o.right and shown[key] < most:
            shown[key] += 1
            print(f"\n{key}\n  asked:  {o.prompt[-400:]!r}\n  wanted: {o.wanted!r}\n  reply:  {o.reply!r}")


if __name__ == "__main__":
    main()
