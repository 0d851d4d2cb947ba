"""Bodies of the routes that report figures over time, requests, usage, and the audit log."""

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
    """A figure of one model, replica or device over time."""

    name: FigureName
    """What the series shows. Counts: `requests`, `errors`, `tokens_in`, `tokens_out`, `tokens_cached` (prompt tokens that the
    engine had computed before). Times: `ttft` (to the first token of a stream), `inter_token` (between two events of a
    stream), `duration` (of whole requests). Means: `in_flight`, `cpu`, `memory`, `gpu`, `gpu_memory`. If the engine reports
    them: `queued` (requests that wait in a replica), `kv_cache` (how full it is), `prefix_queries` and `prefix_hits` (prompt
    tokens that were looked up in the prefix cache, and those that were found)."""
    model: str | None
    """The name that requests give as `model`; empty for requests that were refused before their model was known, null for all
    models together and for devices."""
    replica: str | None
    """Name of the replica, such as `qwen-rep0`, if `by` is `replica`; else null."""
    device: str | None
    """`cpu` (the machine), `server` (the server's process), or a GPU such as `cuda:0`; null for figures of models."""
    quantile: float | None
    """0.5, 0.95 or 0.99 for times, which have one series for each; else null."""
    unit: Literal["count", "seconds", "percent", "bytes"]
    """Unit of the values. 100 `percent` is one core for replicas and for `server`, and the whole device for devices."""
    values: list[float | None]
    """One value for each step: a sum for counts, a quantile for times, a mean for others; null where nothing was measured."""


class SeriesList(Documented, frozen=True, kw_only=True):
    """Answer of `GET /v1/metrics/series`."""

    object: Literal["list"]
    since: float
    """Unix time in seconds at which the first step begins."""
    step: float
    """Length of a step in seconds."""
    steps: int
    """Number of steps, also if there are no series."""
    data: list[FigureSeries]
    """The series that have at least one value."""


class SeriesNews(Documented, frozen=True, kw_only=True):
    """An event of `GET /v1/metrics/series?follow=true`: complete steps, in order of time, without gaps between events."""

    id: str
    """Unix time at the end of these steps, which is also the `id` of the server-sent event."""
    since: float
    """Unix time in seconds at which the first step begins; the next event begins where this one ends."""
    step: float
    """Length of a step in seconds; it does not change within a stream."""
    steps: int
    """Number of steps."""
    data: list[FigureSeries]
    """The series that have at least one value in these steps."""


class RequestInfo(Documented, frozen=True, kw_only=True):
    """An inference request that has ended."""

    number: int
    """Number of the request since the server started; `before` accepts it."""
    id: str
    """The request id, as in the header `x-request-id`. Requests that a knowledge base sends to models have the id of the
    caller's request."""
    at: float
    """Unix time in seconds of its arrival."""
    path: str
    """Path of the request; empty for a path that the server does not know."""
    model: str
    """Name of the model; empty for a request that was refused before its model was known."""
    replica: str | None
    """Name of the replica that answered; null if none did."""
    key: str | None
    """Id of the API key; null for users and where no key is required."""
    key_name: str | None
    user: str | None
    """Name of the user; null for API keys."""
    inside: bool
    """Whether the server sent the request on behalf of a caller, such as a knowledge base's request to its chat model."""
    status: int
    """HTTP status; 499 if the client disconnected before the answer began."""
    outcome: str
    """`complete`, `broken` (the replica failed), `left` (the client disconnected) or `aborted`."""
    ttft: float | None
    """Seconds from arrival to the first token; null unless the answer was streamed."""
    seconds: float
    """Seconds from arrival to the end of the answer."""
    tokens_in: int
    """Tokens of the prompt."""
    tokens_out: int
    """Tokens of the answer."""
    tokens_cached: int
    """Tokens of the prompt that the engine had computed before."""
    estimated: bool
    """Whether the numbers of tokens are estimated from bytes and events, because the engine reported no usage."""


class RequestList(Documented, frozen=True, kw_only=True):
    """Answer of `GET /v1/requests`, newest first."""

    object: Literal["list"]
    data: list[RequestInfo]
    has_more: bool
    """Whether there are older requests; to read them, send the last `number` as `before`."""


class UsageEntry(Documented, frozen=True, kw_only=True):
    """Requests and tokens of one day, one key or user, and one model; dimensions that `by` does not name are summed."""

    day: str | None
    """Day in UTC, such as `2026-11-29`; null unless `by` names `day`."""
    key: str | None
    """Id of the API key; null for users, where no key is required, and unless `by` names `key`."""
    key_name: str | None
    user: str | None
    """Name of the user; null for API keys, where no key is required, and unless `by` names `user`."""
    model: str
    """Name of the model; empty for requests that were refused before their model was known, and unless `by` names `model`."""
    requests: int
    """Number of requests."""
    errors: int
    """Number of requests that ended with an error; a client that disconnects does not count as one."""
    tokens_in: int
    """Tokens of prompts."""
    tokens_out: int
    """Tokens of answers."""
    tokens_cached: int
    """Tokens of prompts that an engine had computed before; they are included in `tokens_in`."""


class UsageList(Documented, frozen=True, kw_only=True):
    """Answer of `GET /v1/usage`, newest day first."""

    object: Literal["list"]
    data: list[UsageEntry]
    has_more: bool
    """Whether there is a further page."""
    next: str | None = None
    """Value of `after` for the next page; null on the last page."""


class AuditEntry(Documented, frozen=True, kw_only=True):
    """A change that a caller made, or tried to make and was refused."""

    id: int
    """Number of the entry; later entries have greater numbers. `before` accepts it."""
    at: float
    """Unix time in seconds of the request's arrival."""
    action: str
    """The change, such as `models.launch`, `models.terminate` or `keys.create_key`."""
    target: str | None
    """The object of the change, such as the uid of a model or the name of a key; null if the request named none, or was refused
    before it was read."""
    owner: str
    """Owner id of the caller."""
    key: str | None
    """Id of the API key; null for users and where no key is required."""
    name: str | None
    """Name of the key or the user; null where no key is required."""
    address: str
    """IP address of the client."""
    status: int
    """HTTP status of the answer; below 400 if the change was made."""
    request_id: str


class AuditList(Documented, frozen=True, kw_only=True):
    """Answer of `GET /v1/audit`, newest first."""

    object: Literal["list"]
    data: list[AuditEntry]
    has_more: bool
    """Whether there are older entries; to read them, send the last `id` as `before`."""
