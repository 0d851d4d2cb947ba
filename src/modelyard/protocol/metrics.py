"""Bodies of the routes that say what the server has done: series of figures, requests, usage, and changes."""

from __future__ import annotations

from typing import Literal

from modelyard.protocol.documented import Documented

FigureName = Literal[
    "requests", "errors", "tokens_in", "tokens_out", "tokens_cached",
    "ttft", "inter_token", "duration",
    "in_flight", "cpu", "memory", "gpu", "gpu_memory",
    "queued", "kv_cache", "prefix_queries", "prefix_hits",
]  # fmt: skip
"""What a series shows."""


class FigureSeries(Documented, frozen=True, kw_only=True):
    """One figure of one model, replica or device over time."""

    name: FigureName
    """What it shows. Counts: `requests`, `errors`, `tokens_in`, `tokens_out`, `tokens_cached` (tokens of prompts that an engine
    had computed before). Times: `ttft` (to the first token of a stream), `inter_token` (between two events of a stream),
    `duration` (of whole requests). Means: `in_flight`, `cpu`, `memory`, `gpu`, `gpu_memory`. As far as engines tell:
    `queued` (requests that wait in a replica), `kv_cache` (how full it is), `prefix_queries` and `prefix_hits` (tokens of prompts
    that were looked up in the prefix cache, and those that were found)."""
    model: str | None
    """The name that requests have as `model`; empty for requests refused before, null for all models and for devices."""
    replica: str | None
    """The replica, such as `qwen-rep0`, where `by` is `replica`."""
    device: str | None
    """`cpu` (the machine), `server` (this process), or a GPU such as `cuda:0`; null for figures of models."""
    quantile: float | None
    """0.5, 0.95 or 0.99 for times, which have a series for each; else null."""
    unit: Literal["count", "seconds", "percent", "bytes"]
    """`percent` is of one core for replicas and for `server`, and of the whole device for devices."""
    values: list[float | None]
    """One for each step: the sum for counts, the quantile for times, the mean for the others; null where nothing is known."""


class SeriesList(Documented, frozen=True, kw_only=True):
    """Answer of `GET /v1/metrics/series`."""

    object: Literal["list"]
    since: float
    """Unix time at which the first step begins."""
    step: float
    """Seconds of a step."""
    steps: int
    """How many steps there are, also without any series."""
    data: list[FigureSeries]
    """The series that have a value; others are left out."""


class SeriesNews(Documented, frozen=True, kw_only=True):
    """One event of `GET /v1/metrics/series?follow=true`: steps that are complete, in the order of time without a gap."""

    id: str
    """The Unix time after these steps, which is the `id` of the server-sent event, too."""
    since: float
    """Unix time at which the first step begins; that of the next event is the end of the last one."""
    step: float
    """Seconds of a step; the same in all events of a stream."""
    steps: int
    """How many steps there are."""
    data: list[FigureSeries]
    """The series that have a value in these steps; others are left out."""


class RequestInfo(Documented, frozen=True, kw_only=True):
    """One inference request that has ended."""

    number: int
    """Counts the requests since the server started; `before` takes it."""
    id: str
    """The request id, as in `x-request-id`. What an answer of a knowledge base asks of models has the id of its request."""
    at: float
    """Unix time of its arrival."""
    path: str
    """Empty for a path that the server does not know."""
    model: str
    """Empty if it was refused before its model was found."""
    replica: str | None
    key: str | None
    """Id of the API key; null without keys and for users who logged in."""
    key_name: str | None
    user: str | None
    """Name of the user who logged in."""
    inside: bool
    """Whether the server sent it itself for its caller, such as the question of a knowledge base to its chat model."""
    status: int
    """499 if the client disconnected before the answer began."""
    outcome: str
    """`complete`, `broken` (by the replica), `left` (the client disconnected), or `aborted`."""
    ttft: float | None
    """Seconds to the first token; null unless the answer was streamed."""
    seconds: float
    """From its arrival to the end of its answer."""
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    """Tokens of the prompt that the engine had computed before."""
    estimated: bool
    """Whether the engine reported no usage, so that tokens are counted by events of the answer and bytes of the request."""


class RequestList(Documented, frozen=True, kw_only=True):
    """Answer of `GET /v1/requests`, newest first."""

    object: Literal["list"]
    data: list[RequestInfo]
    has_more: bool
    """Whether there are older ones: ask again with `before` set to the last `number`."""


class UsageEntry(Documented, frozen=True, kw_only=True):
    """Requests and tokens of one day, key or user, and model, or the sum of those that `by` does not name."""

    day: str | None
    """Such as `2026-11-29`, in UTC; null unless `by` has `day`."""
    key: str | None
    """Id of the API key; null without keys, for users who logged in, and unless `by` has `key`."""
    key_name: str | None
    user: str | None
    """Name of the user who logged in; null for API keys, without keys, and unless `by` has `user`."""
    model: str
    """Empty for requests that were refused before their model was found, and unless `by` has `model`."""
    requests: int
    errors: int
    """Requests that ended with an error; a client that disconnects is none."""
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    """Tokens of prompts that an engine had computed before; they are part of `tokens_in`."""


class UsageList(Documented, frozen=True, kw_only=True):
    """Answer of `GET /v1/usage`, newest day first."""

    object: Literal["list"]
    data: list[UsageEntry]
    has_more: bool
    """Whether there are more rows than `limit`."""
    next: str | None = None
    """What `after` takes for the page behind this one; null if this is the last."""


class AuditEntry(Documented, frozen=True, kw_only=True):
    """A change that a caller made, or tried to make and was refused."""

    id: int
    """Later changes have greater ids; `before` takes it."""
    at: float
    """Unix time of the request's arrival."""
    action: str
    """What was done, such as `models.launch`, `models.terminate` or `keys.create_key`."""
    target: str | None
    """What it was done to, such as the uid of a model or the name of a key; null if the request named nothing, or was
    refused unread."""
    owner: str
    """Owner id of the caller."""
    key: str | None
    """Id of the API key; null without keys and for users who logged in."""
    name: str | None
    """Name of the key or of the user; null without keys."""
    address: str
    """IP address of the client."""
    status: int
    """Status of the answer: less than 400 if it was done."""
    request_id: str


class AuditList(Documented, frozen=True, kw_only=True):
    """Answer of `GET /v1/audit`, newest first."""

    object: Literal["list"]
    data: list[AuditEntry]
    has_more: bool
    """Whether there are older ones: ask again with `before` set to the last `id`."""
