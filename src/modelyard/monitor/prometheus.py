"""Tokens, times, queue and caches of each model and replica in `/metrics`, under the names that vLLM gives them.

So dashboards and alerts that were made for vLLM show every engine. The labels are `model_name` and `replica`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from modelyard.gateway.middleware import tally
from modelyard.gateway.middleware.buckets import BOUNDS, BUCKETS, LONGEST
from modelyard.monitor.engine_figures import EngineFigures

LABELS = ("model_name", "replica")
MOST_REPLICAS = 4096
"""Maximum number of replicas whose counts are kept, those that are gone included."""
SHOWN = (
    0.001,
    0.005,
    0.01,
    0.02,
    0.04,
    0.06,
    0.08,
    0.1,
    0.25,
    0.5,
    0.75,
    1.0,
    2.5,
    5.0,
    7.5,
    10.0,
    20.0,
    40.0,
    80.0,
    160.0,
)
"""Upper bounds of vLLM's histograms in seconds; of each, the nearest one of ours is shown."""

Replica = tuple[str, str]
"""A model, and a replica's name without the number of its start."""

COUNTERS = (
    ("vllm:prompt_tokens", "Tokens of prompts.", tally.TOKENS_IN),
    ("vllm:generation_tokens", "Tokens of answers, counted while they stream.", tally.TOKENS_OUT),
    ("vllm:prompt_tokens_cached", "Tokens of prompts that the engine had computed before.", tally.TOKENS_CACHED),
)
HISTOGRAMS = (
    ("vllm:time_to_first_token_seconds", "Until the first token of streamed answers.", tally.TTFT),
    ("vllm:inter_token_latency_seconds", "Between two events of streamed answers.", tally.INTER_TOKEN),
    ("vllm:e2e_request_latency_seconds", "Of whole requests that succeeded.", tally.DURATION),
)
MIDDLES = [(low + high) / 2 for low, high in zip([0.0, *BOUNDS], [*BOUNDS, LONGEST], strict=True)]


class Totals:
    """Counts of each replica since the server started. Use it on one event loop."""

    def __init__(self) -> None:
        self.counts: dict[Replica, list[int]] = {}
        """Replica → counts by the indexes of a tally."""
        self.prefixes: dict[Replica, tuple[int, int]] = {}
        """Replica → tokens that were looked up in the prefix cache, and those that were found."""

    def add(self, replica: Replica, counts: Iterable[tuple[int, int]]) -> None:
        """Add counts of a tally. Requests that reached no model have none."""
        if not replica[0] or (replica not in self.counts and len(self.counts) >= MOST_REPLICAS):
            return
        sums = self.counts.setdefault(replica, [0] * tally.SIZE)
        for index, count in counts:
            sums[index] += count

    def add_prefixes(self, replica: Replica, queries: int, hits: int) -> None:
        """Add tokens that were looked up and found in a prefix cache."""
        if replica in self.prefixes or len(self.prefixes) < MOST_REPLICAS:
            before = self.prefixes.get(replica, (0, 0))
            self.prefixes[replica] = (before[0] + queries, before[1] + hits)


class EngineCollector(Collector):
    """Makes metrics of totals, and of what replicas do at the moment of each scrape."""

    def __init__(
        self,
        totals: Totals,
        before: Callable[[], None],
        running: Callable[[], Mapping[Replica, int]],
        present: Callable[[], Iterable[tuple[Replica, EngineFigures]]],
    ) -> None:
        """`before` is called at each scrape, to count what is not counted yet."""
        self._totals = totals
        self._before = before
        self._running = running
        self._present = present

    def describe(self) -> Iterator[Metric]:
        yield from ()

    def collect(self) -> Iterator[Metric]:
        self._before()
        counts = self._totals.counts
        for name, text, index in COUNTERS:
            yield _counter(name, text, {replica: sums[index] for replica, sums in counts.items()})
        succeeded = {replica: sum(sums[tally.DURATION :][:BUCKETS]) for replica, sums in counts.items()}
        yield _counter("vllm:request_success", "Requests that ended without an error.", succeeded)
        for name, text, first in HISTOGRAMS:
            family = HistogramMetricFamily(name, text, labels=LABELS)
            for replica, sums in counts.items():
                buckets, total = histogram(sums[first : first + BUCKETS])
                family.add_metric(replica, buckets, total)
            yield family
        running = {**dict.fromkeys(counts, 0), **self._running()}
        yield _gauge("vllm:num_requests_running", "Requests in progress.", running)
        present = dict(self._present())
        waiting = {replica: each.queued for replica, each in present.items() if each.queued is not None}
        yield _gauge("vllm:num_requests_waiting", "Requests that wait in a replica to be computed.", waiting)
        used = {replica: each.kv_cache / 100 for replica, each in present.items() if each.kv_cache is not None}
        yield _gauge("vllm:kv_cache_usage_perc", "The used part of the KV cache; 1 is all of it.", used)
        prefixes = self._totals.prefixes
        queries = {replica: pair[0] for replica, pair in prefixes.items()}
        yield _counter(
            "vllm:prefix_cache_queries", "Tokens of prompts that were looked up in the prefix cache.", queries
        )
        hits = {replica: pair[1] for replica, pair in prefixes.items()}
        yield _counter("vllm:prefix_cache_hits", "Tokens of prompts that were found there.", hits)


def histogram(counts: Sequence[int]) -> tuple[list[tuple[str, float]], float]:
    """Bounds with cumulated counts, and the sum of all times, which is known to within a tenth."""
    sums = list(accumulate(counts))
    places = sorted({min(bisect_left(BOUNDS, bound), len(BOUNDS) - 1) for bound in SHOWN})
    buckets = [(f"{BOUNDS[place]:.4g}", float(sums[place])) for place in places]
    total = sum(count * middle for count, middle in zip(counts, MIDDLES, strict=True))
    return [*buckets, ("+Inf", float(sums[-1]))], total


def _counter(name: str, text: str, values: Mapping[Replica, float]) -> Metric:
    family = CounterMetricFamily(name, text, labels=LABELS)
    for replica, value in values.items():
        family.add_metric(replica, value)
    return family


def _gauge(name: str, text: str, values: Mapping[Replica, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=LABELS)
    for replica, value in values.items():
        family.add_metric(replica, value)
    return family
