"""`client.metrics`: what the server has done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from modelyard.client.calls import CallGroup, S, call, pages_call, stream_call
from modelyard.client.request import Request, an_object, at, data_of, given

if TYPE_CHECKING:
    from modelyard.client.metrics_types import AuditEntryDict, RequestDict, SeriesDict, SeriesNewsDict, UsageEntryDict


class MetricsCalls(CallGroup[S]):
    """What the server has done: figures over time, the newest requests, usage by day, changes."""

    @call
    def series(
        self,
        names: Sequence[str] = (),
        model: str | None = None,
        by: Literal["all", "model", "replica"] = "model",
        since: float | None = None,
        step: float | None = None,
    ) -> Request[SeriesDict]:
        """Figures over time, such as `requests`, `tokens_out` and `ttft`; all of them without `names`.

        `since` is a Unix time within the last day, 15 minutes ago if it is None; `step` the least seconds of a step.
        """
        return Request("GET", at("metrics", "series"), an_object, _query(names, model, by, since, step))

    @stream_call
    def follow(
        self,
        names: Sequence[str] = (),
        model: str | None = None,
        by: Literal["all", "model", "replica"] = "model",
        since: float | None = None,
        step: float | None = None,
    ) -> Request[SeriesNewsDict]:
        """Like `series`, and then all further steps as they are completed, without a gap.

        When the connection breaks, it is made again. It has no end: leave the loop.
        """
        query = {**_query(names, model, by, since, step), "follow": "true"}
        return Request("GET", at("metrics", "series"), an_object, query, streams=True, rejoin=_behind)

    @call
    def requests(
        self,
        model: str | None = None,
        key: str | None = None,
        status: str | int | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> Request[list[RequestDict]]:
        """The newest inference requests of the caller, newest first; those of all for an administrator's key.

        `key` is the id or name of a key, or the name of a user; `status` is one, such as 429, or a class, such as `4xx`. Only
        requests with a smaller `number` than `before`.
        """
        numbers = given(status=status, before=before, limit=limit)
        query = given(model=model, key=key, **{name: str(value) for name, value in numbers.items()})
        return Request("GET", at("requests"), data_of, query)

    @call
    def usage(
        self,
        by: Sequence[Literal["day", "key", "user", "model"]] = (),
        since: str | None = None,
        until: str | None = None,
        key: str | None = None,
        user: str | None = None,
        model: str | None = None,
        limit: int | None = None,
    ) -> Request[list[UsageEntryDict]]:
        """Requests and tokens of the caller by day, key, user and model; those of all for an administrator's key.

        `by` says which of these stay apart, all if it is empty. Days are such as `2026-11-29`, in UTC.
        """
        query = given(
            by=list(by) or None,
            since=since,
            until=until,
            key=key,
            user=user,
            model=model,
            limit=None if limit is None else str(limit),
        )
        return Request("GET", at("usage"), data_of, query)

    @pages_call
    def iterate_usage(
        self,
        by: Sequence[Literal["day", "key", "user", "model"]] = (),
        since: str | None = None,
        until: str | None = None,
        key: str | None = None,
        user: str | None = None,
        model: str | None = None,
        *,
        limit: int = 1000,
        after: str | None = None,
    ) -> Request[UsageEntryDict]:
        """Like `usage`, all rows, read `limit` at a time."""
        query = given(by=list(by) or None, since=since, until=until, key=key, user=user, model=model, after=after)
        return Request("GET", at("usage"), an_object, {**query, "limit": str(limit)})

    @call
    def audit(
        self,
        action: str | None = None,
        target: str | None = None,
        key: str | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> Request[list[AuditEntryDict]]:
        """Who launched and deleted models, made keys, and made other changes, newest first; for an administrator's key.

        `action` is such as `models.launch`; `key` is the id or name of a key, or the name of a user. Only changes with a smaller
        `id` than `before`.
        """
        numbers = given(before=before, limit=limit)
        query = given(action=action, target=target, key=key, **{name: str(value) for name, value in numbers.items()})
        return Request("GET", at("audit"), data_of, query)


def _query(names: Sequence[str], model: str | None, by: str, since: float | None, step: float | None) -> dict[str, Any]:
    times = {name: str(value) for name, value in given(since=since, step=step).items()}
    return given(model=model, by=by, name=list(names) or None) | times


def _behind(event: SeriesNewsDict) -> dict[str, str]:
    return {"since": event["id"], "step": str(event["step"])}
