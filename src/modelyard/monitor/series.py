"""Records figures of models, replicas and devices once a second: fifteen minutes by the second, a day by ten seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import ceil

from modelyard.gateway.middleware.tally import TOKENS_OUT, Tallies
from modelyard.monitor import reading
from modelyard.monitor.engine_figures import EngineFigures
from modelyard.monitor.figures import (
    CPU,
    GPU,
    GPU_MEMORY,
    IN_FLIGHT,
    KV_CACHE,
    KV_COUNT,
    MEMORY,
    PREFIX_HITS,
    PREFIX_QUERIES,
    PRESENT,
    QUEUED,
    TICKS,
)  # fmt: skip
from modelyard.monitor.prometheus import Totals
from modelyard.monitor.reading import Grouping, Label, SeriesQuery
from modelyard.monitor.ring import Ring, Sample
from modelyard.protocol.metrics import FigureName, SeriesList
from modelyard.runtime.loads import Load, LoadMeter

MOST_SERIES = 4096
"""Maximum number of labels; further ones are counted under the label of requests without a known model."""
MOST_POINTS = 1000
"""Maximum number of steps in an answer; a smaller step is widened."""
RATE_SECONDS = 3
"""Seconds over which the present speed of answers is a mean."""
LOAD_SECONDS = 5.0
"""Seconds between two measurements of processes and devices."""

Replicas = Callable[[], Iterable[tuple[str, str, int]]]
"""Returns the model, the name and the process of each running replica."""

EngineReadings = Callable[[], Iterable[tuple[str, str, EngineFigures, int, int]]]
"""Returns `EngineWatch.take`."""

NOWHERE = Label("", "")
"""Requests without a known model."""


class SeriesRecorder:
    """The recorder. Use it on one event loop; `run` records until it is cancelled."""

    def __init__(
        self,
        tallies: Tallies,
        replicas: Replicas,
        clock: Callable[[], float] = time.time,
        engines: EngineReadings = tuple,
    ) -> None:
        self.fine = Ring(step=1, slots=15 * 60, limit=600_000)
        self.coarse = Ring(step=10, slots=24 * 360, limit=1_700_000)
        self.totals = Totals()
        """The same counts since the server started, for Prometheus."""
        self._tallies = tallies
        self._replicas = replicas
        self._engines = engines
        self.loads: dict[str, Load] = {}
        """Name of each replica → what its processes use."""
        self._clock = clock
        self._meter = LoadMeter()
        self._numbers: dict[Label, int] = {NOWHERE: 0}
        self._gauges: list[Sample] = []
        """The last measured loads, which are recorded every second."""
        self._in_flight: list[Sample] = []
        self._sums: dict[tuple[int, int], float] = {}
        """Series and kind → sum of what the coarse ring does not have yet."""
        self._coarse_slot = -1

    async def run(self) -> None:
        """Record once a second, until cancelled."""
        measured = 0.0
        while True:
            await asyncio.sleep(1 - self._clock() % 1)
            if time.monotonic() - measured >= LOAD_SECONDS:
                measured = time.monotonic()
                await self.measure()
            self.tick()

    async def measure(self) -> None:
        """Measure the loads of devices and replicas."""
        found = {name: (model, pid) for model, name, pid in self._replicas()}
        roots = {name: pid for name, (_, pid) in found.items()}
        devices, processes = await asyncio.to_thread(self._meter.measure, roots)
        self.loads = processes
        labels = {Label(device=name): load for name, load in devices.items()}
        labels |= {Label(found[name][0], without_serial(name)): load for name, load in processes.items()}
        self._gauges = [sample for label, load in labels.items() for sample in self._samples(label, load)]

    def tick(self) -> None:
        """Record the second that has just ended."""
        slot = int(self._clock() - 0.5)
        self._advance(slot)
        self._record(slot)
        gauges = [(0, TICKS, 1.0), *self._in_flight, *self._gauges, *self._of_engines()]
        self.fine.write(self.fine.newest, gauges)
        self._add(gauges)

    def _of_engines(self) -> Iterator[Sample]:
        """What engines tell of their replicas."""
        for model, replica, figures, queries, hits in self._engines():
            self.totals.add_prefixes((model, without_serial(replica)), queries, hits)
            number = self._number(Label(model, without_serial(replica)))
            if figures.queued is not None:
                yield number, QUEUED, figures.queued + PRESENT
            if figures.kv_cache is not None:
                yield number, KV_CACHE, figures.kv_cache
                yield number, KV_COUNT, 1.0
            if queries:
                yield number, PREFIX_QUERIES, float(queries)
            if hits:
                yield number, PREFIX_HITS, float(hits)

    def collect(self) -> None:
        """Record the requests since the last tick, so that an answer has all that ended before it."""
        slot = int(self._clock())
        self._advance(slot)
        self._record(slot)
        self._flush()

    def running(self) -> dict[tuple[str, str], int]:
        """The number of requests in progress, by model and replica."""
        found: dict[tuple[str, str], int] = {}
        for (model, replica), each in self._tallies.by_replica.items():
            key = (model, without_serial(replica))
            found[key] = found.get(key, 0) + len(each.live)
        return {key: count for key, count in found.items() if key[0]}

    def token_rates(self) -> dict[str, float]:
        """Tokens of answers per second, by model, a mean over the last seconds; models without any are left out."""
        newest = self.fine.newest
        labels = list(self._numbers)
        rates: dict[str, float] = {}
        for _, series, _, tokens in self.fine.read(newest - RATE_SECONDS + 1, newest).of_kinds((TOKENS_OUT,)):
            model = labels[series].model or ""
            rates[model] = rates.get(model, 0.0) + tokens / RATE_SECONDS
        return rates

    async def read(
        self,
        names: Sequence[FigureName],
        by: Grouping,
        since: float | None,
        step: float,
        sees: Callable[[Label], bool],
        age: float | None = None,
    ) -> SeriesList:
        """The series of some figures from a Unix time on, or of all that is known by the second, in steps of at least `step`.

        With `age`, only steps that ended so many seconds ago, which do not change any more; else up to the present one.
        """
        self.collect()
        now = self._clock()
        recent = since is None or since >= now - self.fine.slots
        ring = self.fine if recent and step < self.coarse.step else self.coarse
        since = min(max(now - self.fine.slots if since is None else since, now - ring.slots * ring.step), now)
        step = ring.step * max(1, ceil(max(step, (now - since) / MOST_POINTS) / ring.step))
        since -= since % step
        points = int((now - since) // step) + 1 if age is None else max(0, int((now - age - since) // step))
        samples = ring.read(int(since // ring.step), int(now // ring.step))
        query = SeriesQuery(names, by, since, step, points, sees)
        data = await asyncio.to_thread(reading.read, samples, ring.step, list(self._numbers), query)
        return SeriesList(object="list", since=since, step=float(step), steps=points, data=data)

    def _record(self, slot: int) -> None:
        """Move the counts of the gateway into the rings."""
        self._in_flight = []
        samples: list[Sample] = []
        for (model, replica), in_flight, taken in self._tallies.take():
            counts = list(taken)
            self.totals.add((model, without_serial(replica)), counts)
            number = self._number(Label(model, without_serial(replica)))
            samples += [(number, kind, float(count)) for kind, count in counts]
            if in_flight:
                self._in_flight.append((number, IN_FLIGHT, float(in_flight)))
        self.fine.write(slot, samples)
        self._add(samples)

    def _add(self, samples: Iterable[Sample]) -> None:
        sums = self._sums
        for series, kind, value in samples:
            sums[series, kind] = sums.get((series, kind), 0.0) + value

    def _advance(self, slot: int) -> None:
        """Write the sums of the ten seconds before into the coarse ring when others begin."""
        coarse = max(self._coarse_slot, slot // self.coarse.step)
        if coarse != self._coarse_slot:
            if self._sums:
                self._flush()
            self._coarse_slot = coarse

    def _flush(self) -> None:
        sums = [(series, kind, value) for (series, kind), value in self._sums.items()]
        self._sums = {}
        self.coarse.write(self._coarse_slot, sums)

    def _number(self, label: Label) -> int:
        """The number of a label's series."""
        number = self._numbers.get(label)
        if number is None:
            if len(self._numbers) >= MOST_SERIES:
                return 0
            number = self._numbers[label] = len(self._numbers)
        return number

    def _samples(self, label: Label, load: Load) -> list[Sample]:
        number = self._number(label)
        figures: Mapping[int, float | None] = {
            CPU: load.cpu, MEMORY: load.memory, GPU: load.gpu, GPU_MEMORY: load.gpu_memory
        }  # fmt: skip
        return [(number, kind, float(value)) for kind, value in figures.items() if value]


def without_serial(replica: str) -> str:
    """The name of a replica that stays when it is restarted: `qwen-rep0` for `qwen-rep0-17`."""
    return replica.rpartition("-")[0]
