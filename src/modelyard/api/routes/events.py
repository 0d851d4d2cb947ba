"""The one stream of everything that changes on the server."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from fastapi import Header, Query, Request
from fastapi.responses import StreamingResponse

from modelyard.control.keys import KeyStore
from modelyard.core.access import Grant
from modelyard.core.errors import InvalidParameter, PermissionDenied
from modelyard.protocol.error_event import ErrorEvent
from modelyard.protocol.server_events import PastEvent, PastEventList, ServerEvent, Topic
from modelyard.web.cursors import After, ShortLimit, page_of, whole_number
from modelyard.web.deps import TheGrant, TheParts
from modelyard.web.detached import DetachedStream
from modelyard.web.event_reader import FeedReader, Topics
from modelyard.web.route_access import METRICS, check
from modelyard.web.router import ANY_KEY, Router
from modelyard.web.sse import EventStream

router = Router("/v1/events", tags=["events"])

SCOPES: dict[str, str] = {
    "models": "models:list",
    "replicas": "models:list",
    "progress": "models:read",
    "model_events": "models:read",
    "downloads": "cache:list",
    "jobs": ANY_KEY,
    "gauges": METRICS,
}
"""Topic → the scope of the routes that list what it is about."""


@router.get("", scope=ANY_KEY, events=ServerEvent | ErrorEvent)
async def follow_events(
    request: Request,
    parts: TheParts,
    topics: Annotated[str, Query(max_length=200)] = "",
    after: Annotated[str, Query(max_length=200)] = "",
    follow: bool = True,
    last_event_id: Annotated[str, Header()] = "",
) -> StreamingResponse:
    """Everything that changes on the server, as server-sent events, until the client disconnects.

    `topics` are names divided by commas; without it, all topics that the key may read. The first event is a snapshot. After an
    interruption, a client sends the last id that it received as `Last-Event-ID` or `after`, and gets exactly what it has missed;
    if the server does not keep all of that, or was restarted, it gets a snapshot again. With `follow=false`, the stream ends with
    what there is at present.
    """
    selection = _named(topics)
    reader = FeedReader(parts, request.scope["headers"], _readable(parts.keys, selection), last_event_id or after)
    return DetachedStream(EventStream(reader.frames(follow), comment=reader.comment))


@router.get("/models", scope="models:read")
async def model_events(
    parts: TheParts,
    grant: TheGrant,
    model: Annotated[str | None, Query(max_length=200)] = None,
    type: Literal["INFO", "WARNING", "ERROR"] | None = None,
    limit: ShortLimit = 100,
    after: After = None,
) -> PastEventList:
    """What happened to models, newest first, also to those that are gone: of all that the key may see, or of one.

    The last 10,000 events of all models together are kept.
    """
    if model is not None and grant is not None:
        grant.check_model(model)
    uids = {model} if model is not None else None if grant is None else grant.models
    found = await parts.deployments.event_page(uids, type, limit + 1, whole_number(after) or None)
    page, more = page_of(found, limit, lambda row: str(row.id))
    data = [PastEvent(id=row.id, model_uid=row.uid, type=row.kind, at=row.at, text=row.content) for row in page]
    return PastEventList(data=data, **more)


def _named(topics: str) -> frozenset[str]:
    """The topics of a query. Raises `InvalidParameter`."""
    names = frozenset(name.strip() for name in topics.split(",") if name.strip())
    known = get_args(Topic)
    if wrong := sorted(names - set(known)):
        raise InvalidParameter("topics", f"'{wrong[0]}' is none of {', '.join(known)}.")
    return names


def _readable(keys: KeyStore, selection: frozenset[str]) -> Topics:
    """A function that returns the topics of a grant: those wanted, or if none is named, all that it may read."""

    def topics(grant: Grant | None) -> frozenset[str]:
        if selection:
            for name in sorted(selection):
                _check_topic(grant, name, keys.exposed)
            return selection
        return frozenset(name for name in SCOPES if _may_read(grant, name, keys.exposed))

    return topics


def _check_topic(grant: Grant | None, topic: str, exposed: bool) -> None:
    """Raise `PermissionDenied` if a key may not read a topic."""
    scope = SCOPES[topic]
    if grant is not None and (scope != METRICS or exposed):
        check(grant, scope, None)


def _may_read(grant: Grant | None, topic: str, exposed: bool) -> bool:
    try:
        _check_topic(grant, topic, exposed)
    except PermissionDenied:
        return False
    return True
