"""`client.events`: everything that changes on the server, in one stream, and what happened to models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelyard.client.calls import CallGroup, S, pages_call, stream_call
from modelyard.client.request import Request, an_object, at, given

if TYPE_CHECKING:
    from modelyard.client.event_types import PastEventDict, ServerEventDict


class EventCalls(CallGroup[S]):
    """Events of the server: changes of models, replicas, downloads and jobs, and gauges."""

    @pages_call
    def past(
        self, model: str | None = None, type: str | None = None, *, limit: int = 100, after: str | None = None
    ) -> Request[PastEventDict]:
        """What happened to all models, or to one, newest first and read `limit` at a time; also to models that are gone.

        `type` is `INFO`, `WARNING` or `ERROR`. The last 10,000 events of all models together are kept.
        """
        query = given(model=model, type=type, limit=str(limit), after=after)
        return Request("GET", at("events", "models"), an_object, query)

    @stream_call
    def follow(self, topics: Sequence[str] | None = None, after: str | None = None) -> Request[ServerEventDict]:
        """Everything that changes, of the named topics or of all that the key may read.

        The first event is a snapshot, unless `after` is the id of an event that the server still knows. When the connection
        breaks, it is made again, and the stream continues after the last event. It has no end: leave the loop.
        """
        query = given(topics=",".join(topics) if topics else None, after=after)
        return Request("GET", at("events"), an_object, query, streams=True, rejoin=_after)


def _after(event: ServerEventDict) -> dict[str, str]:
    return {"after": event["id"]}
