"""Routes of answers that the server makes to the end, whether or not their client stays. A key sees those of its owner."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Query, Request
from fastapi.responses import StreamingResponse

from modelyard.core.access import Owner
from modelyard.gateway.sender import Caller
from modelyard.generations.types import GenerationState
from modelyard.protocol import generations as bodies
from modelyard.protocol.error_event import ErrorEvent
from modelyard.web.deps import TheGenerations, TheGrant, TheParts
from modelyard.web.generation_views import EventNumber, event_response, generation_info, last_number
from modelyard.web.kept_requests import KIND, kept_request, streamed_body
from modelyard.web.router import BodyKind, Router

router = Router("/v1/generations", tags=["generations"])


@router.post("", scope="models:read", body=BodyKind.TEXT)
async def begin_generation(
    body: bodies.NewGeneration, parts: TheParts, generations: TheGenerations, grant: TheGrant
) -> bodies.GenerationInfo:
    """Begin to answer a request, and return at once. The answer is made to its end, whoever reads its events."""
    request, caller = streamed_body(body.body), Caller(grant, admitted=False)
    parts.gateway.check_inside(caller, body.url, request)
    model = body.body["model"]
    make = kept_request(parts.gateway.sender(caller), body.url, model, request)
    details = {"url": body.url, "model": model}
    return generation_info(await generations.begin(Owner.of(grant), KIND, make, details))


@router.get("", scope="models:read")
async def list_generations(
    generations: TheGenerations,
    grant: TheGrant,
    kind: Annotated[str | None, Query(max_length=100)] = None,
    state: bodies.KeptState | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> bodies.GenerationList:
    """The caller's newest generations; all of them for an administrator."""
    only = None if state is None else GenerationState(state)
    found = generations.page(Owner.of(grant), kind, only, limit)
    return bodies.GenerationList(data=[generation_info(each) for each in found])


@router.get("/{generation_id}", scope="models:read")
async def describe_generation(
    generation_id: str, generations: TheGenerations, grant: TheGrant
) -> bodies.GenerationInfo:
    """A generation by its id."""
    return generation_info(generations.get(Owner.of(grant), generation_id))


@router.get("/{generation_id}/events", scope="models:read", events=bodies.GenerationEventInfo | ErrorEvent)
async def follow_generation(
    generation_id: str,
    request: Request,
    parts: TheParts,
    grant: TheGrant,
    after: EventNumber = 0,
    follow: bool = True,
    last_event_id: Annotated[str | None, Header(max_length=20)] = None,
) -> StreamingResponse:
    """The past and future events of a generation, as server-sent events, until its last one.

    Any number of readers may follow it. One that was interrupted sends the number of the last event that it has, as
    `Last-Event-ID` or `after`, and gets exactly what it has missed. With `follow=false`, the stream ends with what there is.
    """
    number = last_number(after, last_event_id)
    portions = parts.generations.follow(Owner.of(grant), generation_id, number, wait=follow)
    return event_response(request, parts.keys, portions)


@router.post("/{generation_id}/stop", scope="models:read")
async def stop_generation(generation_id: str, generations: TheGenerations, grant: TheGrant) -> bodies.GenerationInfo:
    """Stop a generation: the model stops, too. Its events stay. One that has ended stays as it is."""
    return generation_info(await generations.stop(Owner.of(grant), generation_id))


@router.delete("/{generation_id}", scope="models:read")
async def delete_generation(
    generation_id: str, generations: TheGenerations, grant: TheGrant
) -> bodies.GenerationDeleted:
    """Stop a generation, and delete its events."""
    await generations.delete(Owner.of(grant), generation_id)
    return bodies.GenerationDeleted(id=generation_id)
