"""Computes the results of a run from its samples, with the names, units and JSON keys of vLLM's benchmark. Pure.

TTFT is the time to the first token, TPOT = (latency - TTFT) / (output tokens - 1) for answers with at least two tokens, ITL
the gap between two events with text, E2EL the whole latency. Standard deviations are those of the population; percentiles
are interpolated linearly. Only complete answers count, except for `failed` and the kinds of errors.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.cli.benchmark.wire import BenchmarkSample

METRICS: Mapping[str, str] = {
    "ttft": "Time to first token",
    "tpot": "Time per output token",
    "itl": "Inter-token latency",
    "e2el": "End-to-end latency",
}
GOALS = ("ttft", "tpot", "e2el")
"""Metrics with a single value per request."""


@dataclass(frozen=True, slots=True)
class FigureOptions:
    """Which results are computed."""

    metrics: tuple[str, ...] = tuple(METRICS)
    percentiles: tuple[float, ...] = (50, 95, 99)
    goodput: Mapping[str, float] | None = None
    """Metric → maximum milliseconds of a good request."""
    detailed: bool = False


def figures(
    samples: Sequence[BenchmarkSample], duration: float, options: FigureOptions, embeddings: bool = False
) -> dict[str, Any]:
    """The results as one flat object."""
    good = [sample for sample in samples if not sample.problem]
    seconds = duration or math.inf
    inputs = sum(sample.input_tokens or 0 for sample in good)
    outputs = 0 if embeddings else sum(sample.output_tokens for sample in good)
    result: dict[str, Any] = {
        "duration": duration,
        "completed": len(good),
        "failed": len(samples) - len(good),
        "total_input_tokens": inputs,
        "total_output_tokens": outputs,
        "request_throughput": len(good) / seconds,
        "request_goodput": None,
        "output_throughput": outputs / seconds,
        "total_token_throughput": (inputs + outputs) / seconds,
        "max_output_tokens_per_s": max(tokens_by_second(good).values(), default=0.0),
        "max_concurrent_requests": peak(good),
    }
    if options.goodput:
        result["request_goodput"] = sum(meets(sample, options.goodput) for sample in good) / seconds
    for metric in ("e2el",) if embeddings else options.metrics:
        result |= spread(metric, values_of(metric, good), options.percentiles)
    result["error_kinds"] = problems(samples)
    return result | details(samples) if options.detailed else result


def tpot(sample: BenchmarkSample) -> float | None:
    """Seconds per token after the first one; None if there is none."""
    if sample.output_tokens < 2 or sample.ttft is None:
        return None
    return (sample.latency - sample.ttft) / (sample.output_tokens - 1)


def values_of(metric: str, samples: Iterable[BenchmarkSample]) -> list[float]:
    """All values of a metric in seconds, sorted."""
    if metric == "itl":
        return sorted(gap for sample in samples for gap in sample.itls)
    if metric == "e2el":
        return sorted(sample.latency for sample in samples)
    found = ((sample.ttft if metric == "ttft" else tpot(sample)) for sample in samples)
    return sorted(value for value in found if value is not None)


def spread(metric: str, ordered: Sequence[float], percentiles: Iterable[float]) -> dict[str, float]:
    """Mean, median, standard deviation and percentiles of sorted seconds, in milliseconds; 0 if there are no values."""
    mean = math.fsum(ordered) / len(ordered) if ordered else 0.0
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in ordered) / len(ordered)) if ordered else 0.0
    result = {
        f"mean_{metric}_ms": mean * 1000,
        f"median_{metric}_ms": percentile(ordered, 50) * 1000,
        f"std_{metric}_ms": deviation * 1000,
    }
    return result | {f"p{part:g}_{metric}_ms": percentile(ordered, part) * 1000 for part in percentiles}


def percentile(ordered: Sequence[float], part: float) -> float:
    """The percentile `part` (0 to 100) of sorted values."""
    if not ordered:
        return 0.0
    place = (len(ordered) - 1) * part / 100
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def meets(sample: BenchmarkSample, goals: Mapping[str, float]) -> bool:
    """Whether a request met every goal. One without a second token meets any goal for TPOT."""
    took = {"ttft": sample.ttft or 0.0, "tpot": tpot(sample) or 0.0, "e2el": sample.latency}
    return all(took[metric] * 1000 <= most for metric, most in goals.items())


def peak(samples: Iterable[BenchmarkSample]) -> int:
    """The maximum number of concurrent requests."""
    steps = sorted(
        step for sample in samples for step in ((sample.start, 1), (sample.start + sample.latency, -1))
    )  # at equal times, -1 sorts before 1
    running = most = 0
    for _, change in steps:
        running += change
        most = max(most, running)
    return most


def tokens_by_second(samples: Iterable[BenchmarkSample]) -> dict[int, float]:
    """Output tokens in each second of the run; the tokens of an event with several count at its time."""
    seconds: dict[int, float] = defaultdict(float)
    for sample in samples:
        if sample.ttft is None:
            continue
        each = sample.output_tokens / sample.events
        at = sample.start + sample.ttft
        seconds[int(at)] += each
        for gap in sample.itls:
            at += gap
            seconds[int(at)] += each
    return dict(seconds)


def problems(samples: Iterable[BenchmarkSample]) -> dict[str, dict[str, Any]]:
    """The kinds of errors, with the number and a complete example of each."""
    found: dict[str, dict[str, Any]] = {}
    for sample in samples:
        if sample.problem:
            kind = found.setdefault(sample.problem, {"count": 0, "example": sample.example})
            kind["count"] += 1
    return dict(sorted(found.items(), key=lambda item: -item[1]["count"]))


def details(samples: Sequence[BenchmarkSample]) -> dict[str, Any]:
    """Lists with an entry per request, in the order of their starts; times are in seconds."""
    ordered = sorted(samples, key=lambda sample: sample.start)
    return {
        "input_lens": [sample.input_tokens or 0 for sample in ordered],
        "output_lens": [0 if sample.problem else sample.output_tokens for sample in ordered],
        "ttfts": [sample.ttft or 0.0 for sample in ordered],
        "itls": [list(sample.itls) for sample in ordered],
        "latencies": [sample.latency for sample in ordered],
        "start_times": [sample.start for sample in ordered],
        "queue_times": [sample.queued for sample in ordered],
        "generated_texts": ["".join(sample.text) for sample in ordered],
        "errors": [sample.example for sample in ordered],
    }
