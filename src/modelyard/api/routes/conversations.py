"""Routes of conversations and their items, as OpenAI has them. A key sees those of its owner; one with `admin` sees all."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import Response

from modelyard.core.access import Grant, Owner
from modelyard.dialects.attachments import Attachments
from modelyard.dialects.responses.checks import check_items
from modelyard.protocol import kept_responses as bodies
from modelyard.responses.items import kept_items
from modelyard.responses.types import ItemPage, Json, StoredItem
from modelyard.web.deps import Parts, TheGrant, TheParts, TheResponses
from modelyard.web.list_queries import TheListQuery
from modelyard.web.response_views import (
    Include,
    conversation_info,
    item_response,
    page_response,
)
from modelyard.web.router import BodyKind, Router

router = Router("/v1/conversations", tags=["conversations"])


@router.post("", scope="models:read", body=BodyKind.TEXT)
async def create_conversation(
    responses: TheResponses, parts: TheParts, grant: TheGrant, body: bodies.NewConversation | None = None
) -> bodies.ConversationInfo:
    """Create a conversation, to which requests of `/v1/responses` then refer by `conversation`."""
    body = body or bodies.NewConversation()
    items = await _checked(body.items or (), parts, grant)
    return conversation_info(await responses.conversations.create(Owner.of(grant), body.metadata or {}, items))


async def _checked(items: Sequence[Json], parts: Parts, grant: Grant | None) -> list[StoredItem]:
    """Items in the form in which they are stored. Raises what a request of `/v1/responses` with them is refused with."""
    kept = kept_items(items, "items")
    attachments = Attachments(parts.knowledge, parts.files, parts.settings.max_body_bytes)
    await check_items(items, "items", attachments, grant)
    return kept


@router.get("/{conversation_id}", scope="models:read")
async def describe_conversation(
    conversation_id: str, responses: TheResponses, grant: TheGrant
) -> bodies.ConversationInfo:
    """A conversation by its id."""
    return conversation_info(await responses.conversations.get(Owner.of(grant), conversation_id))


@router.post("/{conversation_id}", scope="models:read")
async def change_conversation(
    conversation_id: str, body: bodies.ConversationChange, responses: TheResponses, grant: TheGrant
) -> bodies.ConversationInfo:
    """Replace the metadata of a conversation."""
    changed = await responses.conversations.change(Owner.of(grant), conversation_id, body.metadata or {})
    return conversation_info(changed)


@router.delete("/{conversation_id}", scope="models:read")
async def delete_conversation(
    conversation_id: str, responses: TheResponses, grant: TheGrant
) -> bodies.ConversationDeleted:
    """Delete a conversation. Its responses stay until they expire or are deleted."""
    await responses.conversations.delete(Owner.of(grant), conversation_id)
    return bodies.ConversationDeleted(id=conversation_id)


@router.post("/{conversation_id}/items", scope="models:read", body=BodyKind.TEXT, response_model=bodies.ItemList)
async def add_conversation_items(
    conversation_id: str,
    body: bodies.NewItems,
    responses: TheResponses,
    parts: TheParts,
    grant: TheGrant,
    include: Include = None,
) -> Response:
    """Append up to 20 items to a conversation."""
    items = await _checked(body.items, parts, grant)
    await responses.conversations.add_items(Owner.of(grant), conversation_id, items)
    return page_response(ItemPage(items, more=False))


@router.get("/{conversation_id}/items", scope="models:read", response_model=bodies.ItemList)
async def list_conversation_items(
    conversation_id: str,
    responses: TheResponses,
    grant: TheGrant,
    query: TheListQuery,
    include: Include = None,
) -> Response:
    """The items of a conversation, with those of its responses."""
    owner = Owner.of(grant)
    page = await responses.conversations.items(owner, conversation_id, query.after, query.limit, query.ascending)
    return page_response(page)


@router.get("/{conversation_id}/items/{item_id}", scope="models:read", response_model=bodies.KeptItem)
async def describe_conversation_item(
    conversation_id: str, item_id: str, responses: TheResponses, grant: TheGrant, include: Include = None
) -> Response:
    """An item of a conversation by its id."""
    return item_response(await responses.conversations.item(Owner.of(grant), conversation_id, item_id))


@router.delete("/{conversation_id}/items/{item_id}", scope="models:read")
async def delete_conversation_item(
    conversation_id: str, item_id: str, responses: TheResponses, grant: TheGrant
) -> bodies.ConversationInfo:
    """Delete an item from a conversation. The response that wrote it still has it."""
    return conversation_info(await responses.conversations.delete_item(Owner.of(grant), conversation_id, item_id))
