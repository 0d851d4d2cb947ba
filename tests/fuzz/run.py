"""One run of the fuzz: a server in a fresh home, requests with and without keys, and what is found."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.fuzz.requests import Maker
from tests.fuzz.sending import Answer, Watcher, send_all
from tests.live import live
from tests.processes import wait_for

BLOCKS = 10
"""Memory is read after each tenth of the requests; the first tenth is the warm-up, because caches and pools fill once."""


@dataclass
class Result:
    """What one pass found."""

    title: str
    answers: list[Answer]
    longest: float
    """Seconds that `/health` took at most."""
    noise: float
    slow: list[tuple[float, list[str]]]
    memory: list[int]
    """Bytes of the server's resident memory after each block of requests."""
    lost: str
    tracebacks: Counter[str] = field(default_factory=Counter)

    def grown(self) -> int:
        """Bytes that the server's resident memory has grown by since the warm-up."""
        return self.memory[-1] - self.memory[0] if self.memory else 0

    def faults(self) -> dict[str, list[Answer]]:
        """Findings by their kind and route."""
        found: dict[str, list[Answer]] = {}
        for each in self.answers:
            if each.fault:
                found.setdefault(f"{each.fault}: {each.made.route}", []).append(each)
        return found


def fuzz(folder: Path, count: int, seed: int, *, keys: bool, workers: int = 4) -> Result:
    """Start a server, send it `count` made-up requests, and stop it."""
    apart = {"HOME": str(folder), "HF_HOME": str(folder / "hf"), "MODELSCOPE_CACHE": str(folder / "ms")}
    with live(folder / "home", {"HF_HUB_OFFLINE": "1", **apart}) as server:
        key = None
        if keys:
            key = server.http.post("/v1/admin/keys", json={"name": "fuzz"}).json()["key"]
            server.http.headers["authorization"] = f"Bearer {key}"
        document = server.http.get("/openapi.json").json()
        server.launched("subject")
        server.http.post("/v1/knowledge_bases", json={"name": "base"})
        server.http.post("/v1/knowledge_bases/base/documents", files={"files": ("a.md", b"# Models\n\nA text.\n")})
        host, _, port = server.url.rpartition("/")[2].partition(":")
        address, process = (host, int(port)), psutil.Process(server.process.pid)
        maker, answers, memory = Maker(document, seed, key), list[Answer](), list[int]()
        with Watcher(address) as watcher:
            for block in range(BLOCKS):
                numbers = range(count * block // BLOCKS, count * (block + 1) // BLOCKS)
                answers += send_all(address, numbers, maker.request, watcher, workers)
                memory += [process.memory_info().rss] if server.process.poll() is None else []
        ended = server.process.poll() is not None
        lost = "the server has ended" if ended else watcher.lost
        if not lost:
            wait_for(lambda: server.http.get("/health").status_code == 200)
        title = "with keys" if keys else "without keys"
        waits = (watcher.longest, watcher.noise, watcher.slow)
        return Result(title, answers, *waits, memory, lost, tracebacks(server.output()))


def tracebacks(log: str) -> Counter[str]:
    """The last lines of the tracebacks in a log, counted."""
    endings = re.findall(r"^Traceback .*?\n((?:[ \t].*\n|\n)*)(\S.*)$", log, re.MULTILINE)
    return Counter(last[:160] for _, last in endings)


def table(result: Result) -> Iterator[str]:
    """How many answers of which status each route gave."""
    routes: dict[str, Counter[str]] = {}
    for each in result.answers:
        routes.setdefault(each.made.route, Counter())[str(each.status or "-")] += 1
    for route in sorted(routes):
        yield f"{route:70} " + " ".join(f"{status}:{count}" for status, count in sorted(routes[route].items()))
