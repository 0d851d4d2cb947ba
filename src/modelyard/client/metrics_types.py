"""TypedDicts of what the server has done."""

from __future__ import annotations

from typing import TypedDict


class FigureSeriesDict(TypedDict):
    """One figure of one model, replica or device over time; `values` has one value for each step."""

    name: str
    model: str | None
    replica: str | None
    device: str | None
    quantile: float | None
    unit: str
    values: list[float | None]


class SeriesNewsDict(TypedDict):
    """Further steps of series, which are complete; `id` is the Unix time after them."""

    id: str
    since: float
    step: float
    steps: int
    data: list[FigureSeriesDict]


class RequestDict(TypedDict):
    """One inference request that has ended."""

    number: int
    id: str
    at: float
    path: str
    model: str
    replica: str | None
    key: str | None
    key_name: str | None
    user: str | None
    inside: bool
    status: int
    outcome: str
    ttft: float | None
    seconds: float
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    estimated: bool


class UsageEntryDict(TypedDict):
    """Requests and tokens of one day, key or user, and model, or the sum of those that `by` does not name."""

    day: str | None
    key: str | None
    key_name: str | None
    user: str | None
    model: str
    requests: int
    errors: int
    tokens_in: int
    tokens_out: int
    tokens_cached: int


class AuditEntryDict(TypedDict):
    """A change that a caller made, or tried to make and was refused."""

    id: int
    at: float
    action: str
    target: str | None
    owner: str
    key: str | None
    name: str | None
    address: str
    status: int
    request_id: str


class SeriesDict(TypedDict):
    """Figures over time: the first step begins at `since`, in Unix time, and each has `step` seconds."""

    object: str
    since: float
    step: float
    steps: int
    data: list[FigureSeriesDict]
