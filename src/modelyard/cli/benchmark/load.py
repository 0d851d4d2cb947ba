"""Sends the load: start times, limit of concurrent requests, and the samples of the answers."""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from modelyard.cli.benchmark.wire import AnswerReader, BenchConnection, BenchmarkSample, BenchServer

MOST_AT_ONCE = 256
"""Connections that are opened concurrently; a server's backlog of new connections is short."""


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """The requests, the server, the start times and the limit of concurrent requests."""

    server: BenchServer
    requests: Sequence[bytes]
    stream: bool
    """Whether answers are token streams."""
    rate: float = float("inf")
    """Requests per second."""
    burstiness: float = 1.0
    max_concurrency: int | None = None
    timeout: float = 3600.0
    """Timeout of one answer in seconds."""
    seed: int = 0
    keep_text: bool = False


@dataclass(slots=True)
class LoadOutcome:
    """The results of a run so far."""

    total: int
    samples: list[BenchmarkSample] = field(default_factory=list)
    """Samples of finished requests, in the order of their ends."""
    running: int = 0
    completed: int = 0
    tokens: int = 0
    """Output tokens of completed answers."""
    began: float = 0.0
    duration: float = 0.0
    interrupted: bool = False

    @property
    def failed(self) -> int:
        return len(self.samples) - self.completed


def arrivals(count: int, rate: float, burstiness: float, seed: int) -> list[float]:
    """The start time of each request, in seconds from the beginning.

    Gaps follow a gamma distribution of the shape `burstiness`: 1 is a Poisson process, lower values are burstier, higher ones
    more even. They are scaled so that the last request starts at `count / rate` for every seed, as vLLM does.
    """
    if rate == float("inf"):
        return [0.0] * count
    chance = random.Random(seed)
    times, at = [], 0.0
    for _ in range(count):
        at += chance.gammavariate(burstiness, 1 / (rate * burstiness))
        times.append(at)
    stretch = count / rate / at if at else 1.0
    return [each * stretch for each in times]


class LoadRun:
    """One run of a plan."""

    def __init__(self, plan: LoadPlan) -> None:
        self.plan = plan
        self.outcome = LoadOutcome(len(plan.requests))
        self._idle: list[BenchConnection] = []
        self._opening = asyncio.Semaphore(MOST_AT_ONCE)

    async def run(self, stop: asyncio.Event) -> LoadOutcome:
        """Send all requests and wait for the answers. When `stop` is set, requests in progress are dropped."""
        plan, outcome = self.plan, self.outcome
        gate = asyncio.Semaphore(plan.max_concurrency) if plan.max_concurrency else None
        gc.collect()
        gc.disable()  # a garbage collection with hundreds of streams would be measured as their latency
        outcome.began = time.perf_counter()
        work = asyncio.create_task(self._send_all(gate))
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((work, stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            outcome.duration = time.perf_counter() - outcome.began
            outcome.interrupted = not work.done()
            gc.enable()
            for task in (work, stopped):
                task.cancel()
            await asyncio.gather(work, stopped, return_exceptions=True)
            self.close()
        if not outcome.interrupted:
            work.result()
        return outcome

    async def _send_all(self, gate: asyncio.Semaphore | None) -> None:
        plan = self.plan
        times = arrivals(len(plan.requests), plan.rate, plan.burstiness, plan.seed)
        async with asyncio.TaskGroup() as group:
            for due, request in zip(times, plan.requests, strict=True):
                wait = self.outcome.began + due - time.perf_counter()
                if wait > 0:
                    await asyncio.sleep(wait)
                group.create_task(self._send_within_limit(gate, request))

    async def _send_within_limit(self, gate: asyncio.Semaphore | None, request: bytes) -> None:
        if gate is None:
            await self.one(request)
            return
        queued_at = time.perf_counter()
        async with gate:
            await self.one(request, queued=time.perf_counter() - queued_at)

    async def one(self, request: bytes, queued: float = 0.0) -> BenchmarkSample:
        """Send one request and measure its answer."""
        outcome = self.outcome
        sample = BenchmarkSample(start=time.perf_counter() - outcome.began, queued=queued)
        answer = AnswerReader(sample, self.plan.stream, self.plan.keep_text)
        outcome.running += 1
        try:
            async with asyncio.timeout(self.plan.timeout):
                await self._exchange(request, answer)
        except TimeoutError:
            answer.lost("timeout", f"no complete answer within {self.plan.timeout:g} s")
        except ConnectionRefusedError:
            answer.lost("connection refused", f"nothing listens at {self.plan.server.authority}")
        except OSError as error:
            answer.lost("no connection", f"{self.plan.server.authority}: {error}")
        finally:
            outcome.running -= 1
        outcome.samples.append(sample)
        if not sample.problem:
            outcome.completed += 1
            outcome.tokens += sample.output_tokens
        return sample

    async def _exchange(self, request: bytes, answer: AnswerReader) -> None:
        """Send on an idle connection if there is one; if the server has closed it, send again on a new one."""
        while True:
            idle = self._idle_connection()
            connection = idle or await self._new_connection()
            try:
                await connection.ask(request, answer)
            finally:
                if not connection.finished:
                    connection.transport.abort()
            if idle is None or not connection.stale:
                break
            answer.again()
        if connection.reusable:
            self._idle.append(connection)

    def _idle_connection(self) -> BenchConnection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable:
                return connection
        return None

    async def _new_connection(self) -> BenchConnection:
        async with self._opening:
            return await self.plan.server.connect()

    def close(self) -> None:
        """Close the idle connections."""
        for connection in self._idle:
            connection.transport.abort()
        self._idle.clear()


async def until_done(
    outcome: LoadOutcome, show: Callable[[LoadOutcome], None], work: Awaitable[LoadOutcome], pause: float
) -> LoadOutcome:
    """Call `show` every `pause` seconds until the work is done."""
    task = asyncio.ensure_future(work)
    while not task.done():
        show(outcome)
        await asyncio.wait((task,), timeout=pause)
    return task.result()
