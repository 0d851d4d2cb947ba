"""What counting costs the gateway: CPU per relayed event beside an older commit, in pairs of runs at 50 tokens a second.

    python -m benchmarks.taps [--quick] [--against COMMIT]

The gateway of this tree and that of the other commit (by default the one before figures over time were counted) relay the same
streams of one fake engine in turns, in a changing order, and the differences within pairs are averaged: what disturbs the machine
for longer than a pair disturbs both. Take a machine that does nothing else; the goal is settled where the standard error is below
a third of it. It takes about seven minutes, and a git checkout with its history.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean, stdev

import msgspec
import psutil

from benchmarks.gateway import TOKEN, Server, chat, fake_engine, free_port, raise_limits, run, terminated, wait_for
from benchmarks.load import measure

ROOT = Path(__file__).resolve().parent.parent
FIRST = "^monitor: figures over time"
"""The subject of the commit with which the gateway began to count."""
GOAL = 1.0
"""µs of CPU per event."""
STREAMS, PACE = 64, 50.0


class TapRow(msgspec.Struct, kw_only=True):
    """The comparison: µs of CPU per event of both, and the mean difference with its standard error."""

    against: str
    pairs: int
    before: float
    now: float
    difference: float
    error: float

    @property
    def verdict(self) -> str:
        """Whether the goal is met, missed, or not settled by these pairs."""
        if self.difference + 2 * self.error <= GOAL:
            return "met"
        return "missed" if self.difference - 2 * self.error > GOAL else "not settled"


def git(*arguments: str) -> str:
    """What a git command prints."""
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def commit_before() -> str:
    """The commit before the gateway began to count."""
    return git("rev-parse", f"{git('log', '--format=%H', '-1', f'--grep={FIRST}')}~1")


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """The files of a commit in a folder of their own."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "tree")
        git("worktree", "add", "--detach", "--quiet", str(folder), commit)
        try:
            yield folder
        finally:
            git("worktree", "remove", "--force", str(folder))


@contextmanager
def gateway_of(tree: Path, name: str, uds: str | None) -> Iterator[Server]:
    """The gateway of a tree, in a process of its own."""
    port = free_port()
    config = msgspec.json.encode({"port": port, "uds": uds, "token": TOKEN}).decode()
    env = {**os.environ, "PYTHONPATH": f"{tree / 'src'}{os.pathsep}{tree}"}
    command = [sys.executable, "-m", "benchmarks.gateway", "--serve", config]
    with subprocess.Popen(command, cwd=tree, env=env) as process, terminated(process):
        wait_for(port)
        yield Server(name, [psutil.Process(process.pid)], port=port)


def compare(now: Server, before: Server, pairs: int, seconds: float) -> list[tuple[float, float]]:
    """µs per event of both in each pair."""
    for server in (now, before):
        measure(server.plan(chat(50), streams=16, requests=4))  # warm-up
    found = []
    for number in range(pairs):
        order = (now, before) if number % 2 else (before, now)
        spent: dict[str, float] = {}
        for server in order:
            plan = server.plan(chat(int(seconds * PACE), PACE), streams=STREAMS, ramp=1.0)
            spent[server.name] = run("paced", server, plan).cpu_us_per_event or 0.0
        found.append((spent[now.name], spent[before.name]))
    return found


def measure_all(quick: bool, against: str | None = None) -> TapRow:
    """The comparison of this tree with another commit."""
    commit = git("rev-parse", against) if against else commit_before()
    raise_limits()
    with (
        tempfile.TemporaryDirectory() as place,
        checked_out(commit) as tree,
        fake_engine(Path(place)) as (_, endpoint),
        gateway_of(ROOT, "now", endpoint.address.uds) as now,
        gateway_of(tree, "before", endpoint.address.uds) as before,
    ):
        found = compare(now, before, 3 if quick else 20, 3.0 if quick else 8.0)
    differences = [ours - theirs for ours, theirs in found]
    return TapRow(
        against=commit[:8],
        pairs=len(found),
        before=mean(theirs for _, theirs in found),
        now=mean(ours for ours, _ in found),
        difference=mean(differences),
        error=stdev(differences) / len(differences) ** 0.5,
    )


def table(row: TapRow) -> str:
    """Markdown."""
    return "\n".join(
        (
            "| paced, 50 tokens/s, 64 streams | pairs | before µs/event | now µs/event | difference | goal | |",
            "|---|--:|--:|--:|--:|--:|---|",
            f"| gateway against {row.against} | {row.pairs} | {row.before:.1f} | {row.now:.1f} | "
            f"{row.difference:+.2f} ± {row.error:.2f} | ≤ {GOAL:g} | {row.verdict} |",
        )
    )


def main() -> None:
    """Run the comparison and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="three short pairs, which settle nothing")
    parser.add_argument("--against", metavar="COMMIT", help="another commit; else the one before figures were counted")
    given = parser.parse_args()
    print(table(measure_all(given.quick, given.against)))


if __name__ == "__main__":
    main()
