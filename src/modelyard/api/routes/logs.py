"""Logs of the whole server in one view."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import Header, Query, Request, Response

from modelyard.core.access import Grant
from modelyard.core.errors import InvalidParameter
from modelyard.monitor.logs.sources import LogQuery
from modelyard.protocol.error_event import ErrorEvent
from modelyard.protocol.logs import LogLevel, LogList, LogNews
from modelyard.web.deps import TheGrant, TheParts
from modelyard.web.detached import DetachedStream
from modelyard.web.log_news import LogNewsReader
from modelyard.web.route_access import StandingAccess, check
from modelyard.web.router import Router

LOGS = "logs:list"
PLACE = "^[A-Za-z0-9_-]*$"
"""Ids of events."""
Names = Annotated[list[str] | None, Query(max_length=100)]

router = Router("/v1/logs", tags=["logs"])


@router.get("", scope=LOGS, response_model=LogList, events=LogNews | ErrorEvent)
async def read_logs(
    request: Request,
    parts: TheParts,
    grant: TheGrant,
    model: Names = None,
    replica: Annotated[str | None, Query(max_length=300)] = None,
    job: Names = None,
    server: bool = False,
    level: LogLevel | None = None,
    q: Annotated[str, Query(max_length=200)] = "",
    since: Annotated[float | None, Query(ge=0, le=1e11)] = None,
    limit: Annotated[int, Query(ge=1, le=5000)] = 200,
    follow: bool = False,
    after: Annotated[str, Query(max_length=10_000, pattern=PLACE)] = "",
    last_event_id: Annotated[str, Header(max_length=10_000, pattern=PLACE)] = "",
) -> Response:
    """The newest lines of models, jobs and the server itself, of all that the key may see or of those that are named.

    `model` and `job` may be repeated; `replica` is one of a single model; `server` is the server's own log, for administrators.
    `level` is the lowest level, and leaves out lines without one; `q` is a text that lines contain, in any case; `since` is a
    Unix time. With `follow=true`, server-sent events with these lines and all further ones; after an interruption, a client
    sends the last id that it received as `Last-Event-ID` or `after`.
    """
    query = LogQuery(tuple(model or ()), replica, tuple(job or ()), server, level, q, since)
    if replica is not None and len(query.models) != 1:
        raise InvalidParameter("replica", "it is one of a single model: give `model`, too.")
    if not follow:
        answer = await parts.monitor.logs.page(grant, query, limit)
        return Response(msgspec.json.encode(answer), media_type="application/json")

    def permit(grant: Grant | None) -> Grant | None:
        if grant is not None:
            check(grant, LOGS, None)
            for name in query.models:
                grant.check_model(name)
        return grant

    access = StandingAccess(parts.keys, request.scope["headers"], permit)
    following, entries = await parts.monitor.logs.begin(grant, query, limit, last_event_id or after)
    return DetachedStream(LogNewsReader(parts, following, access.current).stream(entries))
