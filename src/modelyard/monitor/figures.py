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

IN_FLIGHT, CPU, MEMORY, GPU, GPU_MEMORY, TICKS = range(tally.SIZE, tally.SIZE + 6)
"""Kinds after those of a tally. `TICKS` counts how often the others were measured, for means."""


class FigureType(Enum):
    """How the samples of a step become its value."""

    SUM = "sum"
    QUANTILES = "quantiles"
    MEAN = "mean"


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
}
