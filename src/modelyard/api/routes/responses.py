"""Routes of stored responses, as OpenAI has them; the gateway answers `POST /v1/responses`. A key sees those of its owner."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response

from modelyard.core.access import Owner
from modelyard.protocol import kept_responses as bodies
from modelyard.web.deps import TheGrant, TheParts, TheResponses
from modelyard.web.list_queries import TheListQuery
from modelyard.web.response_views import (
    Include,
    followed_response,
    json_response,
    page_response,
)
from modelyard.web.router import Router

router = Router("/v1/responses", tags=["responses"])

SEQUENCE = "Sequence number of the last event that the reader has."


@router.get("/{response_id}", scope="models:read", response_model=bodies.KeptResponse, events=bodies.KeptResponseEvent)
async def describe_response(
    response_id: str,
    request: Request,
    parts: TheParts,
    grant: TheGrant,
    stream: bool = False,
    starting_after: Annotated[int | None, Query(ge=0, lt=2**62, description=SEQUENCE)] = None,
    include: Include = None,
) -> Response:
    """A stored response by its id. With `stream`, the past and future events of one that is made in the background."""
    owner = Owner.of(grant)
    if not stream:
        return json_response(await parts.responses.store.get(owner, response_id))
    after = -1 if starting_after is None else starting_after
    events = await parts.responses.background.follow(owner, response_id, after)
    return followed_response(request, parts.keys, events)


@router.delete("/{response_id}", scope="models:read")
async def delete_response(response_id: str, responses: TheResponses, grant: TheGrant) -> bodies.ResponseDeleted:
    """Delete a stored response; one that is being made is stopped. Later responses keep what they were answered from."""
    await responses.background.delete(Owner.of(grant), response_id)
    return bodies.ResponseDeleted(id=response_id)


@router.post("/{response_id}/cancel", scope="models:read", response_model=bodies.KeptResponse)
async def cancel_response(response_id: str, responses: TheResponses, grant: TheGrant) -> Response:
    """Stop a response that is made in the background: its model stops, too. One that has ended stays as it is."""
    return json_response(await responses.background.cancel(Owner.of(grant), response_id))


@router.get("/{response_id}/input_items", scope="models:read", response_model=bodies.ItemList)
async def list_response_items(
    response_id: str,
    responses: TheResponses,
    grant: TheGrant,
    query: TheListQuery,
    include: Include = None,
) -> Response:
    """All items that a response was answered from: those of earlier responses or of its conversation, then its own input."""
    owner = Owner.of(grant)
    page = await responses.store.input_items(owner, response_id, query.after, query.limit, query.ascending)
    return page_response(page)
