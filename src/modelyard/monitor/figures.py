"""The kinds of samples in a ring, and the figures of `GET /v1/metrics/series` that are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from modelyard.gateway.middleware import tally
from modelyard.gateway.middleware.buckets import BUCKETS
from modelyard.protocol.metrics import FigureName

QUANTILES = (0.5, 0.95, 0.99)

IN_FLIGHT, CPU, MEMORY, GPU, GPU_MEMORY, TICKS, QUEUED, KV_CACHE, KV_COUNT, PREFIX_QUERIES, PREFIX_HITS = range(
    tally.SIZE, tally.SIZE + 11
)
"""Kinds after those of a tally; 256 are possible. `TICKS` counts how often the others were measured, for means; `KV_COUNT` how
often `KV_CACHE` was known, because not every replica has one."""
PRESENT = 1e-6
"""Added to a number that is known to be zero, because the ring has no zeros."""


class FigureType(Enum):
    """How the samples of a step become its value."""

    SUM = "sum"
    QUANTILES = "quantiles"
    MEAN = "mean"
    PRESENT_MEAN = "present mean"
    """A mean that is null in a step in which nothing is known."""
    SHARE = "share"
    """The mean over replicas, whose number of measurements is the kind after its own."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, and the kinds of its samples."""

    type: FigureType
    kinds: range
    unit: Literal["count", "seconds", "percent", "bytes"] = "count"


def _one(type: FigureType, kind: int, unit: Literal["count", "seconds", "percent", "bytes"] = "count") -> Figure:
    return Figure(type, range(kind, kind + 1), unit)


def _times(first: int) -> Figure:
    return Figure(FigureType.QUANTILES, range(first, first + BUCKETS), "seconds")


FIGURES: Mapping[FigureName, Figure] = {
    "requests": _one(FigureType.SUM, tally.REQUESTS),
    "errors": _one(FigureType.SUM, tally.ERRORS),
    "tokens_in": _one(FigureType.SUM, tally.TOKENS_IN),
    "tokens_out": _one(FigureType.SUM, tally.TOKENS_OUT),
    "tokens_cached": _one(FigureType.SUM, tally.TOKENS_CACHED),
    "ttft": _times(tally.TTFT),
    "inter_token": _times(tally.INTER_TOKEN),
    "duration": _times(tally.DURATION),
    "in_flight": _one(FigureType.MEAN, IN_FLIGHT),
    "cpu": _one(FigureType.MEAN, CPU, "percent"),
    "memory": _one(FigureType.MEAN, MEMORY, "bytes"),
    "gpu": _one(FigureType.MEAN, GPU, "percent"),
    "gpu_memory": _one(FigureType.MEAN, GPU_MEMORY, "bytes"),
    "queued": _one(FigureType.PRESENT_MEAN, QUEUED),
    "kv_cache": Figure(FigureType.SHARE, range(KV_CACHE, KV_COUNT + 1), "percent"),
    "prefix_queries": _one(FigureType.SUM, PREFIX_QUERIES),
    "prefix_hits": _one(FigureType.SUM, PREFIX_HITS),
}
