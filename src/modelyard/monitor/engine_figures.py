"""Figures that only engines know: requests that wait, use of the KV cache, hits of the prefix cache. Read beside the stream.

Every few seconds, each ready replica whose engine has such figures is asked for its `/metrics`, in Prometheus' text format.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from modelyard.control.deployments import Deployments
from modelyard.control.views import RunningReplica
from modelyard.core.types import ReplicaFigure, ReplicaState
from modelyard.engines.base import Command
from modelyard.runtime.get import get

POLL_SECONDS = 3.0
"""Seconds between two looks at the replicas."""
PATIENCE = 2.0
"""Seconds that a replica has to answer. A busy engine answers between two passes of its model."""
FRESH_SECONDS = 15.0
"""Age up to which figures count as present ones."""
AT_ONCE = 16
"""Replicas that are asked at the same time."""
PATH = "/metrics"


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """What an engine knows of one replica; None for what it does not say."""

    queued: int | None = None
    """Requests that wait to be computed."""
    kv_cache: float | None = None
    """Percent of the KV cache that is used."""
    prefix_queries: int | None = None
    """Tokens of prompts that were looked up in the prefix cache, since the replica started."""
    prefix_hits: int | None = None
    """Tokens of these that were found there."""


@dataclass(slots=True)
class _Reading:
    """The last figures of a replica."""

    model: str
    at: float
    """Monotonic time."""
    figures: EngineFigures
    queries: int = 0
    hits: int = 0
    """Tokens since the figures were taken last."""


class EngineWatch:
    """Asks replicas for their figures. Use it on one event loop; `run` asks until it is cancelled."""

    def __init__(self, deployments: Deployments) -> None:
        self._deployments = deployments
        self._readings: dict[str, _Reading] = {}

    async def run(self) -> NoReturn:
        """Ask every few seconds, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(POLL_SECONDS)

    async def look(self) -> None:
        """Ask every replica once."""
        replicas = {
            running.replica.name: (view.desired.uid, running)
            for view in self._deployments.views()
            for running in view.replicas
            if running.replica.state is ReplicaState.READY
        }
        for name in self._readings.keys() - replicas.keys():
            del self._readings[name]
        limit = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._ask(model, running, limit) for model, running in replicas.values()))

    async def _ask(self, model: str, running: RunningReplica, limit: asyncio.Semaphore) -> None:
        plan = running.plan
        if not isinstance(plan, Command) or not plan.figures:
            return
        async with limit:
            try:
                text = await get(plan.address, PATH, plan.headers, PATIENCE)
            except (
                OSError
            ):  # includes TimeoutError; it is busy or ending, and its health checks are the host's business
                return
        self._note(model, running.replica.name, figures_of(text.decode("utf-8", "replace"), plan.figures))

    def _note(self, model: str, replica: str, figures: EngineFigures) -> None:
        before = self._readings.get(replica)
        reading = _Reading(model, time.monotonic(), figures)
        if before is not None:
            reading.queries = before.queries + _more(figures.prefix_queries, before.figures.prefix_queries)
            reading.hits = before.hits + _more(figures.prefix_hits, before.figures.prefix_hits)
        self._readings[replica] = reading

    def figures(self, replica: str) -> EngineFigures:
        """The present figures of a replica."""
        reading = self._readings.get(replica)
        if reading is None or time.monotonic() - reading.at > FRESH_SECONDS:
            return EngineFigures()
        return reading.figures

    def replicas(self) -> list[tuple[str, str]]:
        """Model and name of each replica that has told something."""
        return [(reading.model, replica) for replica, reading in self._readings.items()]

    def take(self) -> Iterator[tuple[str, str, EngineFigures, int, int]]:
        """Model, replica, figures, and the tokens that were looked up and found in prefix caches since the last call."""
        for replica, reading in self._readings.items():
            queries, hits, reading.queries, reading.hits = reading.queries, reading.hits, 0, 0
            yield reading.model, replica, self.figures(replica), queries, hits


def _more(now: int | None, before: int | None) -> int:
    """By how much a counter has grown; one that fell has begun again."""
    if now is None or before is None:
        return 0
    return now - before if now >= before else now


def figures_of(text: str, names: Mapping[str, Sequence[ReplicaFigure]]) -> EngineFigures:
    """The figures in a text of metrics. Samples of one name, as of parallel engines, are added, and shares averaged."""
    found: dict[ReplicaFigure, list[float]] = {}
    for line in text.splitlines():
        name = line.partition("{")[0].partition(" ")[0]
        if (figures := names.get(name)) is None:
            continue
        try:
            value = float(line.rpartition("}")[2].split()[0] if "}" in line else line.split()[1])
        except (ValueError, IndexError):
            continue
        if 0 <= value < 1e15:
            for figure in figures:
                found.setdefault(figure, []).append(value)
    sums = {figure: int(sum(values)) for figure, values in found.items()}
    shares = found.get("kv_cache")
    return EngineFigures(
        queued=sums.get("queued"),
        kv_cache=None if shares is None else min(100.0, 100 * sum(shares) / len(shares)),
        prefix_queries=sums.get("prefix_queries"),
        prefix_hits=sums.get("prefix_hits"),
    )
