"""`python -m tests.fuzz --requests 20000 --seed N`: two passes, without keys and with them; exit code 1 on findings.

With `--inference llama_cpp,transformers` it sends so many bodies to each inference path of these engines instead, and with
`--dialects` all requests to the paths of other vendors' APIs.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path

from tests.fuzz.dialects import fuzz_dialects, report_dialects
from tests.fuzz.inference import fuzz_engines
from tests.fuzz.run import Result, fuzz, table

LONGEST_WAIT = 0.25
MOST_GROWTH = 50 * 1024 * 1024


def main() -> int:
    """Run the passes and print what they found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000, help="how many in all")
    parser.add_argument("--seed", type=int, default=14)
    parser.add_argument("--workers", type=int, default=4, help="how many requests are in flight")
    parser.add_argument("--routes", action="store_true", help="print the statuses of every route")
    parser.add_argument("--keys", choices=("both", "with", "without"), default="both", help="which passes")
    parser.add_argument("--inference", default="", help="engines whose inference paths get the requests")
    parser.add_argument("--dialects", action="store_true", help="the paths of other vendors' APIs only")
    options = parser.parse_args()
    if options.dialects:
        with tempfile.TemporaryDirectory() as folder:
            made = fuzz_dialects(Path(folder), options.requests, options.seed, options.workers)
            return int(bool(report_dialects(made) or made.tracebacks))
    if options.inference:
        with tempfile.TemporaryDirectory() as folder:
            engines = options.inference.split(",")
            faults = fuzz_engines(Path(folder), engines, options.requests, options.seed, options.workers)
        print("nothing found" if not faults else f"{faults} faults")
        return int(bool(faults))
    passes = {"both": (False, True), "with": (True,), "without": (False,)}[options.keys]
    findings = 0
    for keys in passes:
        with tempfile.TemporaryDirectory() as folder:
            count = options.requests // len(passes)
            result = fuzz(Path(folder), count, options.seed, keys=keys, workers=options.workers)
        if options.routes:
            print("\n".join(table(result)))
        findings += report(result)
    print("nothing found" if not findings else f"{findings} findings")
    return int(bool(findings))


def report(result: Result) -> int:
    """Print what a pass found; returns the number of kinds of findings."""
    statuses = Counter(str(each.status or "none") for each in result.answers)
    print(f"\n== {result.title}: {len(result.answers)} requests")
    print("statuses: " + ", ".join(f"{status} × {count}" for status, count in sorted(statuses.items())))
    permitted = Counter(
        (each.status, each.made.route) for each in result.answers if (each.status or 0) >= 500 and not each.fault
    )
    for (status, route), count in sorted(permitted.items(), key=str):
        print(f"  permitted {status} × {count}: {route}")
    faults = result.faults()
    for kind, answers in sorted(faults.items()):
        first = answers[0]
        print(f"FAULT {kind} (× {len(answers)}), first #{first.made.number}: {first.made.content[:1500]!r}")
        print(f"      answer: {first.text[:300]!r}")
    for last, count in result.tracebacks.most_common(20):
        print(f"traceback × {count}: {last}")
    print(
        f"longest wait for /health: {result.longest * 1000:.0f} ms (own pauses late by {result.noise * 1000:.0f} ms at most)"
    )
    for waited, flying in sorted(result.slow, reverse=True)[:10]:
        print(f"  {waited * 1000:.0f} ms while in flight: {'; '.join(flying)[:600]}")
    tenths = " ".join(f"{size / 1024 / 1024:.0f}" for size in result.memory)
    print(f"memory grew by {result.grown() / 1024 / 1024:.1f} MiB; in MiB after each tenth: {tenths}")
    slow = result.longest > max(LONGEST_WAIT, result.noise)
    if result.lost:
        print(f"LOST: {result.lost}")
    return len(faults) + slow + (result.grown() > MOST_GROWTH) + bool(result.lost)


if __name__ == "__main__":
    raise SystemExit(main())
