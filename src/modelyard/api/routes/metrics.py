"""Routes for what the server has done: series of figures, requests, usage, and changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated

import msgspec
from fastapi import Header, Query, Request, Response

from modelyard.core.access import ADMIN, Grant
from modelyard.monitor.audit import AuditFilter
from modelyard.monitor.figures import FIGURES
from modelyard.monitor.reading import Grouping, Label
from modelyard.monitor.requests import RequestFilter
from modelyard.monitor.usage import Part, UsageFilter, last_group, sorted_parts
from modelyard.protocol.error_event import ErrorEvent
from modelyard.protocol.metrics import AuditList, FigureName, RequestList, SeriesList, SeriesNews, UsageList
from modelyard.web.cursors import After, Limit, encoded, texts_of
from modelyard.web.deps import Parts, TheGrant, TheParts
from modelyard.web.detached import DetachedStream
from modelyard.web.route_access import METRICS, StandingAccess, check
from modelyard.web.router import ANY_KEY, Router
from modelyard.web.series_news import SeriesReader

router = Router("/v1", tags=["metrics"])


@router.get("/metrics/series", scope=METRICS, response_model=SeriesList, events=SeriesNews | ErrorEvent)
async def series(
    request: Request,
    parts: TheParts,
    grant: TheGrant,
    name: Annotated[list[FigureName] | None, Query()] = None,
    model: str | None = None,
    by: Grouping = "model",
    since: Annotated[float | None, Query(ge=0, le=1e11)] = None,
    step: Annotated[float, Query(ge=0, le=86_400)] = 0,
    follow: bool = False,
    last_event_id: Annotated[float | None, Header(ge=0, le=1e11)] = None,
) -> Response:
    """Figures over time, of the last 15 minutes by the second and of the last day by ten seconds, since the server started.

    `name` may be repeated; without it all figures are there. `since` is a Unix time, without it 15 minutes ago. `step` is the
    least number of seconds of a step; an answer has at most 1,000 steps. With `follow=true`, server-sent events with these steps
    and all further ones as they are completed; after an interruption, a client sends the last id that it received as
    `Last-Event-ID`, or as `since`.
    """
    names = name or list(FIGURES)
    if follow:
        access = StandingAccess(parts.keys, request.scope["headers"], lambda grant: _permitted(parts, grant))
        reader = SeriesReader(
            parts.monitor.series, parts.events.ring, names, by, access.current, lambda present: _filter(present, model)
        )
        return DetachedStream(reader.stream(since if last_event_id is None else last_event_id, step))
    answer = await parts.monitor.series.read(names, by, since, step, _filter(grant, model))
    return Response(msgspec.json.encode(answer), media_type="application/json")


@router.get("/requests", scope=ANY_KEY, response_model=RequestList)
async def requests(
    parts: TheParts,
    grant: TheGrant,
    model: str | None = None,
    key: str | None = None,
    status: Annotated[str | None, Query(pattern="^[1-5]([0-9]{2}|xx)$")] = None,
    before: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """The newest inference requests of the caller that have ended, without their bodies; all for an administrator.

    The last 2,000 of the server are kept. `key` is the id or name of a key, or the name of a user; `status` is one, such as 429,
    or a class, such as `4xx`.
    """
    answer = parts.monitor.requests.page(grant, RequestFilter(model, key, status, before), limit)
    return Response(msgspec.json.encode(answer), media_type="application/json")


@router.get("/usage", scope=ANY_KEY, response_model=UsageList)
async def usage(
    parts: TheParts,
    grant: TheGrant,
    by: Annotated[list[Part] | None, Query(max_length=4)] = None,
    since: date | None = None,
    until: date | None = None,
    key: str | None = None,
    user: str | None = None,
    model: str | None = None,
    limit: Limit = 1000,
    after: After = None,
) -> Response:
    """Requests and tokens by day, key, user and model, those of the caller; all for an administrator.

    `by` may be repeated and says which of these stay apart, all without it. Days are in UTC; `since` and `until` are included.
    """
    filters = UsageFilter(_iso(since), _iso(until), key, user, model)
    groups = sorted_parts(by)
    answer = await parts.monitor.usage.page(grant, filters, groups, limit, texts_of(after, len(groups)))
    if answer.has_more:
        answer = msgspec.structs.replace(answer, next=encoded(last_group(answer, groups)))
    return Response(msgspec.json.encode(answer), media_type="application/json")


@router.get("/audit", scope=ADMIN, response_model=AuditList)
async def audit(
    parts: TheParts,
    action: str | None = None,
    target: str | None = None,
    key: str | None = None,
    before: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Who launched and deleted models, made keys, and made other changes, or was refused; the newest 10,000 are kept.

    `action` is such as `models.launch`, `target` the uid of a model or the name of a key; `key` is the id or name of a key, or
    the name of a user.
    """
    answer = await parts.monitor.audit.page(AuditFilter(action, target, key, before), limit)
    return Response(msgspec.json.encode(answer), media_type="application/json")


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _permitted(parts: Parts, grant: Grant | None) -> Grant | None:
    """The grant of somebody who follows figures. Raises `PermissionDenied`."""
    if grant is not None and parts.keys.exposed:
        check(grant, METRICS, None)
    return grant


def _filter(grant: Grant | None, model: str | None) -> Callable[[Label], bool]:
    """Whether a caller wants a series and may see it: devices and unknown models only with a key for all models."""
    everything = grant is None or grant.models is None

    def sees(label: Label) -> bool:
        if model is not None and label.model != model:
            return False
        return everything if grant is None or not label.model else grant.sees(label.model)

    return sees
