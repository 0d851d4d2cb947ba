"""Readers of `GET /v1/events`: the memory that a thousand of them take, and what sending them the gauges costs.

    python -m benchmarks.events [--readers 1000]

Each reader has a connection of its own and reads everything. *idle*: they follow a topic in which nothing happens. *gauges*: they
follow every topic, so that each gets the gauges every two seconds.
"""

from __future__ import annotations

import argparse
import selectors
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from benchmarks.cold import Server
from benchmarks.gateway import raise_limits

READERS = 1000
SECONDS = 10.0
QUICK_SECONDS = 4.0
GOAL_MB = 30.0


@dataclass(frozen=True, slots=True)
class ReaderRow:
    """One measured scenario."""

    scenario: str
    readers: int
    added_mb: float
    """Resident memory of the server with the readers, less that without them."""
    kib_per_reader: float
    cpu_percent: float
    """Share of one core that the server used while they read."""
    events_per_second: float
    """Server-sent events that all readers together received."""


class Readers:
    """Open streams of events, read by this process with one selector."""

    def __init__(self, url: str, count: int, query: str) -> None:
        target = urlsplit(url)
        self._selector = selectors.DefaultSelector()
        self._sockets: list[socket.socket] = []
        request = f"GET /v1/events{query} HTTP/1.1\r\nHost: {target.netloc}\r\n\r\n".encode()
        for _ in range(count):
            connection = socket.create_connection((target.hostname, target.port))
            connection.sendall(request)
            connection.setblocking(False)
            self._selector.register(connection, selectors.EVENT_READ)
            self._sockets.append(connection)

    def begun(self) -> None:
        """Wait until each has its snapshot."""
        waiting = {connection.fileno() for connection in self._sockets}
        while waiting:
            for key, _ in self._selector.select():
                assert isinstance(key.fileobj, socket.socket)
                if b"event: snapshot" in key.fileobj.recv(1 << 20):
                    waiting.discard(key.fileobj.fileno())

    def read(self, seconds: float) -> int:
        """Read for some time; returns the number of events that came."""
        until = time.monotonic() + seconds
        count = 0
        while (left := until - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                assert isinstance(key.fileobj, socket.socket)
                data = key.fileobj.recv(1 << 20)
                assert data, "the server ended a stream"
                count += data.count(b"\ndata: ")
        return count

    def close(self) -> None:
        for connection in self._sockets:
            connection.close()
        self._selector.close()


@contextmanager
def server() -> Iterator[tuple[str, psutil.Process]]:
    """A fresh server, warmed up by a few readers."""
    with tempfile.TemporaryDirectory() as folder:
        running = Server(Path(folder))
        try:
            warm = Readers(running.url, 10, "")
            warm.begun()
            warm.close()
            yield running.url, psutil.Process(running.process.pid)
        finally:
            running.stop()


def measure(scenario: str, query: str, count: int, seconds: float) -> ReaderRow:
    """One scenario on a server of its own."""
    with server() as (url, process):
        before = process.memory_info().rss
        readers = Readers(url, count, query)
        readers.begun()
        cpu = sum(process.cpu_times()[:2])
        events = readers.read(seconds)
        spent = sum(process.cpu_times()[:2]) - cpu
        added = process.memory_info().rss - before
        readers.close()
    return ReaderRow(scenario, count, added / 1e6, added / 1024 / count, 100 * spent / seconds, events / seconds)


def measure_all(quick: bool = False, readers: int = READERS) -> list[ReaderRow]:
    """Every scenario."""
    seconds = QUICK_SECONDS if quick else SECONDS
    return [
        measure("idle", "?topics=models,jobs", readers, seconds),
        measure("gauges", "", readers, seconds),
    ]


def table(rows: list[ReaderRow]) -> str:
    """The rows as Markdown."""
    lines = [
        "| readers | | memory, MB | goal | KiB/reader | events/s | CPU of a core |",
        "|--:|---|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {row.readers:,} | {row.scenario} | {row.added_mb:.1f} | ≤ {GOAL_MB * row.readers / READERS:.0f} "
        f"| {row.kib_per_reader:.1f} | {row.events_per_second:.0f} | {row.cpu_percent:.1f}% |"
        for row in rows
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--readers", type=int, default=READERS)
    parser.add_argument("--quick", action="store_true", help="shorter runs")
    args = parser.parse_args()
    raise_limits()
    print(table(measure_all(args.quick, args.readers)))


if __name__ == "__main__":
    main()
