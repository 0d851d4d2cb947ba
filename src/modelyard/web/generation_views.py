"""Generations as routes show them, and streams of their events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import StreamingResponse

from modelyard.control.keys import KeyStore
from modelyard.core.access import INFERENCE, Grant
from modelyard.core.errors import InvalidParameter
from modelyard.generations.types import Generation, GenerationEvent
from modelyard.protocol.generations import GenerationInfo, GenerationProblem
from modelyard.web.detached import DetachedStream
from modelyard.web.route_access import StandingAccess, check
from modelyard.web.sse import EventStream

EventNumber = Annotated[int, Query(ge=0, lt=2**63, description="The number of the last event that the reader has.")]


def generation_info(found: Generation) -> GenerationInfo:
    """A generation for its owner."""
    return GenerationInfo(
        id=found.id,
        kind=found.kind,
        state=found.state.value,
        details=dict(found.details),
        created_at=found.created_at,
        ended_at=found.ended_at,
        events=found.events,
        bytes=found.size,
        error=None if found.error is None else GenerationProblem(code=found.error.code, message=found.error.message),
        owner=found.owner,
    )


def last_number(after: int, last_event_id: str | None) -> int:
    """The number of the last event that a reader has: `Last-Event-ID`, else `after`. Raises `InvalidParameter`."""
    if not last_event_id:
        return after
    if not last_event_id.isascii() or not last_event_id.isdecimal() or int(last_event_id) >= 2**63:
        raise InvalidParameter("Last-Event-ID", "it must be the number of an event.")
    return int(last_event_id)


def event_response(
    request: Request, keys: KeyStore, portions: AsyncGenerator[Sequence[GenerationEvent]]
) -> StreamingResponse:
    """Portions of events as server-sent events, while the caller's key may use models."""
    access = StandingAccess(keys, request.scope["headers"], _permit)
    return DetachedStream(EventStream(_frames(access, portions)))


def _permit(grant: Grant | None) -> None:
    if grant is not None:
        check(grant, INFERENCE, None)


async def _frames(
    access: StandingAccess[None], portions: AsyncGenerator[Sequence[GenerationEvent]]
) -> AsyncGenerator[bytes]:
    async with aclosing(portions):
        async for events in portions:
            access.current()
            yield b"".join(_frame(event) for event in events)


def _frame(event: GenerationEvent) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (event.number, event.type.encode(), event.json)
