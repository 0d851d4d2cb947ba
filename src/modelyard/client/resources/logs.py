"""`client.logs`: lines of the logs of all models and jobs, and of the server itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from modelyard.client.calls import CallGroup, S, call, stream_call
from modelyard.client.request import Request, an_object, at, flag, given

if TYPE_CHECKING:
    from modelyard.client.log_types import LogListDict, LogNewsDict


class LogCalls(CallGroup[S]):
    """Logs of models, jobs and the server, in one view."""

    @call
    def list(
        self,
        model: str | Sequence[str] | None = None,
        job: str | Sequence[str] | None = None,
        server: bool = False,
        replica: str | None = None,
        level: str | None = None,
        text: str | None = None,
        since: float | None = None,
        limit: int | None = None,
    ) -> Request[LogListDict]:
        """The newest lines, oldest first, of all that the key may see or of what is named.

        `level` is the lowest level, such as `warning`; `text` stands in the lines, in any case; `since` is a Unix time.
        The server's own log needs an administrator's key.
        """
        return Request("GET", at("logs"), an_object, _query(model, job, server, replica, level, text, since, limit))

    @stream_call
    def follow(
        self,
        model: str | Sequence[str] | None = None,
        job: str | Sequence[str] | None = None,
        server: bool = False,
        replica: str | None = None,
        level: str | None = None,
        text: str | None = None,
        since: float | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> Request[LogNewsDict]:
        """The newest lines, and all further ones as they are printed.

        `after` is the id of an event, or `next` of a list, to continue there. When the connection breaks, it is made again
        without a gap. It has no end: leave the loop.
        """
        query = _query(model, job, server, replica, level, text, since, limit)
        query |= {"follow": "true", **given(after=after)}
        return Request("GET", at("logs"), an_object, query, streams=True, rejoin=_after)


def _query(
    model: str | Sequence[str] | None,
    job: str | Sequence[str] | None,
    server: bool,
    replica: str | None,
    level: str | None,
    text: str | None,
    since: float | None,
    limit: int | None,
) -> dict[str, Any]:
    found = given(
        model=_names(model),
        job=_names(job),
        replica=replica,
        level=level,
        q=text,
        since=None if since is None else str(since),
        limit=None if limit is None else str(limit),
    )
    return found | ({"server": flag(True)} if server else {})


def _names(given: str | Sequence[str] | None) -> Sequence[str] | None:
    return [given] if isinstance(given, str) else given


def _after(event: LogNewsDict) -> dict[str, str]:
    return {"after": event["id"]}
