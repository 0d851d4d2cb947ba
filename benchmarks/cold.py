"""Cold figures: how long until a server is ready, a model answers, a command returns; how much memory an idle server takes.

Absolute times of one machine on one day; the peer's figures stand beside them in the table for scale.
"""

from __future__ import annotations

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

RUNS = 7


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured quantity: the median of its runs, the goal, and what Xinference 4.1 took."""

    name: str
    unit: str
    runs: list[float]
    goal: float
    peer: str

    @property
    def median(self) -> float:
        return statistics.median(self.runs)


def environment() -> dict[str, str]:
    """That of an installed program: no settings of ours, and compiled modules are kept, as every first run leaves them."""
    left_out = ("MODELYARD_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}


class Server:
    """A server in a fresh home, timed from the moment it is asked for until its first answer."""

    def __init__(self, home: Path) -> None:
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "modelyard", "serve", "--port", "0", "--home", str(home)],
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        found = re.search(r"listening on (http://\S+)", line)
        if found is None:
            raise SystemExit(f"the server did not start: {line}{self.process.stderr.read()}")
        self.url = found[1]
        httpx.get(f"{self.url}/health").raise_for_status()
        self.seconds_to_ready = time.perf_counter() - began

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()


def timed(work: Callable[[str], object], url: str) -> float:
    began = time.perf_counter()
    work(url)
    return time.perf_counter() - began


def launch_demo(url: str) -> None:
    """From the launch to the first answer."""
    body = {"model_name": "modelyard-demo", "model_uid": "cold"}
    httpx.post(f"{url}/v1/models", json=body, timeout=60).raise_for_status()
    question = {"model": "cold", "messages": [{"role": "user", "content": "你好"}], "max_tokens": 4}
    httpx.post(f"{url}/v1/chat/completions", json=question, timeout=60).raise_for_status()


def call_cli(url: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "modelyard", "list", "-e", url], env=environment(), capture_output=True, check=True
    )


def death(home: Path) -> float:
    """Seconds from SIGKILL of a server until the last process of its model is gone."""
    server = Server(home)
    launch_demo(server.url)
    family = psutil.Process(server.process.pid).children(recursive=True)
    server.process.kill()
    began = time.perf_counter()
    while any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in family):
        time.sleep(0.002)
    seconds = time.perf_counter() - began
    server.process.wait()
    return seconds


def measure() -> list[Figure]:
    """Every cold figure, each of `RUNS` runs, the first run of each warming the disk cache and not counted."""
    ready: list[float] = []
    launches: list[float] = []
    memory: list[float] = []
    calls: list[float] = []
    deaths: list[float] = []
    for run in range(RUNS + 1):
        with tempfile.TemporaryDirectory() as folder:
            server = Server(Path(folder))
            time.sleep(0.5)  # idle, so that what starting up still held is returned
            rss = psutil.Process(server.process.pid).memory_info().rss / 1e6
            launch = timed(launch_demo, server.url)
            call = timed(call_cli, server.url)
            server.stop()
            if run:
                ready.append(server.seconds_to_ready)
                launches.append(launch)
                memory.append(rss)
                calls.append(call)
                deaths.append(death(Path(folder) / "another"))
    return [
        Figure("start to ready, fresh home", "s", ready, 1.0, "34"),
        Figure("launch of the demo model to its first answer", "s", launches, 1.5, "11.8"),
        Figure("resident memory of the idle server", "MB", memory, 110, "2 × 450–850"),
        Figure("one CLI call (`modelyard list`)", "s", calls, 0.3, "1.2–2"),
        Figure("SIGKILL of the server to the last engine process gone", "s", deaths, 1.0, "not measured"),
    ]


def table(figures: list[Figure]) -> str:
    """Markdown."""
    lines = ["| | median | min–max | goal | Xinference 4.1 |", "|---|--:|--:|--:|--:|"]
    for figure in figures:
        spread = f"{min(figure.runs):.2f}–{max(figure.runs):.2f}" if figure.unit == "s" else (
            f"{min(figure.runs):.0f}–{max(figure.runs):.0f}"
        )  # fmt: skip
        value = f"{figure.median:.2f}" if figure.unit == "s" else f"{figure.median:.0f}"
        lines.append(
            f"| {figure.name} | {value} {figure.unit} | {spread} | ≤ {figure.goal:g} {figure.unit} | {figure.peer} |"
        )
    return "\n".join(lines)


def main() -> None:
    figures = measure()
    print(table(figures))
    print(json.dumps({figure.name: figure.runs for figure in figures}))


if __name__ == "__main__":
    main()
