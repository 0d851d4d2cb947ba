"""A load generator for OpenAI-compatible servers, cheap enough that the server is what is measured.

It runs in a process of its own: `measure(plan)` starts one and returns its result. Plans and results are plain data.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from itertools import cycle
from typing import Any, cast

import httptools
import msgspec
import uvloop

TAIL = 1024
"""Bytes at the end of a stream among which its `ending` is."""


class Plan(msgspec.Struct, kw_only=True, frozen=True):
    """What to send, where to, and for how long. `requests` is per stream; 0 goes on until `seconds` are over."""

    body: dict[str, Any]
    bodies: list[dict[str, Any]] = []
    """Bodies that are sent in turn, in place of the one."""
    path: str = "/v1/chat/completions"
    uds: str | None = None
    host: str = "127.0.0.1"
    port: int = 0
    headers: dict[str, str] = {}
    streams: int = 1
    """Connections that each have one request under way."""
    requests: int = 1
    seconds: float = 0.0
    keep_alive: bool = True
    ramp: float = 0.0
    """Seconds over which the streams start, evenly, so that their tokens do not come in step."""
    pause: float = 0.0
    """Seconds between an answer and the stream's next request."""
    timeout: float = 120.0
    gap: str = "\n\n"
    """What ends an event."""
    ending: str = "data: [DONE]\n\n"
    """What the last bytes of a stream contain."""


class Result(msgspec.Struct, kw_only=True):
    """What came of it. Times are seconds; an event is one server-sent event, `[DONE]` included, or one line."""

    seconds: float
    requests: int
    events: int
    bytes: int
    errors: int
    problems: dict[str, int]
    ttft_p50: float
    ttft_p95: float
    latency_p50: float
    latency_p95: float

    @property
    def requests_per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds


def measure(plan: Plan) -> Result:
    """Carry out a plan in a process of its own."""
    argv = [sys.executable, "-m", "benchmarks.load"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(argv, input=msgspec.json.encode(plan), stdout=subprocess.PIPE, check=True, env=environment)
    return msgspec.json.decode(done.stdout, type=Result)


class Load:
    """All streams together: the request they send and what they counted."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._requests = cycle([_request(plan, body) for body in plan.bodies or [plan.body]])
        self.streaming = bool(plan.body.get("stream"))
        self.gap, self.ending = plan.gap.encode(), plan.ending.encode()
        self.deadline = time.perf_counter() + plan.seconds if plan.seconds else None
        self.requests = self.events = self.bytes = 0
        self.problems: dict[str, int] = {}
        self.first: list[float] = []
        self.latency: list[float] = []

    @property
    def request(self) -> bytes:
        """What is sent next."""
        return next(self._requests)

    def more(self, done: int) -> bool:
        """Whether a stream that has sent `done` requests sends another."""
        if self.plan.requests and done >= self.plan.requests:
            return False
        return self.deadline is None or time.perf_counter() < self.deadline

    def fail(self, problem: str) -> None:
        self.problems[problem] = self.problems.get(problem, 0) + 1

    async def run(self) -> Result:
        began = time.perf_counter()
        step = self.plan.ramp / self.plan.streams
        await asyncio.gather(*(self._stream(step * number) for number in range(self.plan.streams)))
        return Result(
            seconds=time.perf_counter() - began,
            requests=self.requests,
            events=self.events,
            bytes=self.bytes,
            errors=sum(self.problems.values()),
            problems=self.problems,
            ttft_p50=quantile(self.first, 0.50),
            ttft_p95=quantile(self.first, 0.95),
            latency_p50=quantile(self.latency, 0.50),
            latency_p95=quantile(self.latency, 0.95),
        )

    async def _stream(self, delay: float) -> None:
        """One stream: a request after the other, on one connection or on many."""
        await asyncio.sleep(delay)
        connection: Connection | None = None
        done = 0
        while self.more(done):
            done += 1
            try:
                async with asyncio.timeout(self.plan.timeout):
                    if connection is None or connection.transport.is_closing():
                        connection = await self._connect()
                    await connection.exchange()
            except (OSError, TimeoutError) as error:
                self.fail(type(error).__name__ + (f": {error}" if str(error) else ""))
                if connection is not None:
                    connection.transport.abort()
                connection = None
            if connection is not None and not self.plan.keep_alive:
                connection.transport.close()
                connection = None
            if self.plan.pause:
                await asyncio.sleep(self.plan.pause)
        if connection is not None:
            connection.transport.close()

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        if self.plan.uds:
            _, connection = await loop.create_unix_connection(lambda: Connection(self), self.plan.uds)
        else:
            _, connection = await loop.create_connection(lambda: Connection(self), self.plan.host, self.plan.port)
        return connection


class Connection(asyncio.Protocol):
    """One client connection; counts events without decoding them."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.parser = httptools.HttpResponseParser(self)
        self.ended: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    async def exchange(self) -> None:
        """Send the request; return when its answer is complete."""
        self.tail = b""
        self.began = time.perf_counter()
        self.has_first = False
        self.ended = asyncio.get_running_loop().create_future()
        self.transport.write(self.load.request)
        await self.ended

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._end(OSError(f"not HTTP: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(OSError("the connection was lost"))

    def on_body(self, body: bytes) -> None:
        load = self.load
        if not self.has_first:
            self.has_first = True
            load.first.append(time.perf_counter() - self.began)
        load.bytes += len(body)
        load.events += body.count(load.gap)
        if len(load.gap) == 2:
            load.events += self.tail.endswith(load.gap[:1]) and body.startswith(load.gap[1:])
        self.tail = body[-TAIL:] if len(body) >= TAIL else (self.tail + body)[-TAIL:]

    def on_message_complete(self) -> None:
        load, status = self.load, self.parser.get_status_code()
        load.requests += 1
        load.latency.append(time.perf_counter() - self.began)
        if status != 200:
            load.fail(f"status {status}")
        elif load.streaming and load.ending not in self.tail:
            load.fail("a stream without its end")
        if not self.parser.should_keep_alive():
            self.transport.close()
        self._end(None)

    def _end(self, error: OSError | None) -> None:
        if self.ended is None or self.ended.done():
            return
        if error:
            self.ended.set_exception(error)
        else:
            self.ended.set_result(None)


def quantile(values: list[float], part: float) -> float:
    """The value below which `part` of the values lie; 0 without values."""
    return sorted(values)[min(int(len(values) * part), len(values) - 1)] if values else 0.0


def _request(plan: Plan, wanted: Mapping[str, Any]) -> bytes:
    body = msgspec.json.encode(wanted)
    fixed: Mapping[str, str] = {
        "host": "localhost",
        "content-type": "application/json",
        "content-length": str(len(body)),
    }
    lines = [f"{name}: {value}" for name, value in {**fixed, **plan.headers}.items()]
    return "\r\n".join([f"POST {plan.path} HTTP/1.1", *lines, "", ""]).encode() + body


def main() -> None:
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)

    async def run() -> Result:
        return await Load(plan).run()

    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run())))


if __name__ == "__main__":
    main()
