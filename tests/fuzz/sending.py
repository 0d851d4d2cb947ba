"""Sending made-up requests to a server, and what came back; and a watcher that asks `/health` meanwhile."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType

from tests.fuzz.requests import Made

PATIENCE = 30.0
"""Seconds without any byte after which a whole request counts as unanswered."""
BROKEN_PATIENCE = 0.3
"""Seconds to wait for an answer to bytes that need not get one."""
READ_AT_MOST = 64 * 1024
STREAM_PATIENCE = 2.0
"""Seconds of an answer that goes on, such as a stream of events."""
PERMITTED = frozenset({501, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request."""

    made: Made
    status: int | None
    """None when there was no answer."""
    fault: str
    """Why it counts as a finding; empty when it does not."""
    text: str


def send(address: tuple[str, int], made: Made) -> Answer:
    """Send one request on a connection of its own."""
    try:
        with socket.create_connection(address, timeout=PATIENCE) as connection:
            connection.sendall(made.content)
            content = _received(connection, PATIENCE if made.whole else BROKEN_PATIENCE)
    except TimeoutError:
        content = b"no answer in time"
    except OSError:  # it may close while we still send
        content = b""
    return judged(made, content or b"closed without an answer")


def judged(made: Made, content: bytes) -> Answer:
    """What an answer is worth."""
    # Several answers may be in it; the last one belongs to the bytes that were made up.
    found = re.findall(rb"HTTP/1\.[01] (\d{3})", content)
    status = int(found[-1]) if found else None
    text = content.rpartition(b"\r\n\r\n")[2].decode("utf-8", "replace")
    if status is None:
        fault = content.decode() if made.whole else ""
    elif status < 500:
        fault = ""
    elif status not in PERMITTED:
        fault = f"status {status}"
    else:
        fault = "" if _explained(text) else f"status {status} without a code and a sentence"
    return Answer(made, status, fault, text[:2000])


def _received(connection: socket.socket, patience: float) -> bytes:
    """An answer, or as much of it as is needed; raises `TimeoutError` when none begins."""
    connection.settimeout(patience)
    content = connection.recv(READ_AT_MOST)
    ending = time.monotonic() + STREAM_PATIENCE
    while content and len(content) < READ_AT_MOST and time.monotonic() < ending:
        connection.settimeout(STREAM_PATIENCE if patience == PATIENCE else patience)
        try:
            more = connection.recv(READ_AT_MOST)
        except OSError:
            break
        if not more:
            break
        content += more
    return content


def _explained(text: str) -> bool:
    try:
        error = json.loads(text)["error"]
        return bool(error["code"]) and len(error["message"].split()) > 2
    except (ValueError, TypeError, KeyError, AttributeError):
        return False


def send_all(
    address: tuple[str, int], numbers: range, make: Callable[[int], Made], watcher: Watcher, workers: int
) -> list[Answer]:
    """Send the requests with these numbers, some at a time."""

    def one(number: int) -> Answer:
        made = make(number)
        with watcher.during(made):
            return send(address, made)

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, numbers))


@dataclass
class Watcher:
    """Asks `/health` again and again on one connection and keeps the longest waits.

    `noise` is by how much the longest of its own pauses was too long: on a busy machine, waits up to that say nothing.
    """

    address: tuple[str, int]
    pause: float = 0.05
    longest: float = 0.0
    noise: float = 0.0
    slow: list[tuple[float, list[str]]] = field(default_factory=list)
    """Waits over a quarter of a second, with the routes that were in flight."""
    lost: str = ""
    """Why the watcher got no answer at all."""
    _flying: dict[int, str] = field(default_factory=dict)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Watcher:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join(PATIENCE)

    def during(self, made: Made) -> Flight:
        """A block during which a request is in flight."""
        return Flight(self._flying, made)

    def _watch(self) -> None:
        request = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        while True:
            began = time.monotonic()
            if self._ended.wait(self.pause):
                return
            asked = time.monotonic()
            self.noise = max(self.noise, asked - began - self.pause)
            try:
                with socket.create_connection(self.address, timeout=PATIENCE) as connection:
                    connection.sendall(request)
                    good = connection.recv(100).startswith(b"HTTP/1.1 200")
            except OSError as error:
                good, self.lost = False, str(error) or type(error).__name__
            waited = time.monotonic() - asked
            if not good:
                self.lost = self.lost or "/health does not answer 200"
            self.longest = max(self.longest, waited)
            if waited > 0.25:
                self.slow.append((waited, [f"#{number} {route}" for number, route in sorted(self._flying.items())]))


@dataclass
class Flight:
    """One request while it is in flight."""

    flying: dict[int, str]
    made: Made

    def __enter__(self) -> None:
        self.flying[self.made.number] = self.made.route

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.flying.pop(self.made.number, None)
