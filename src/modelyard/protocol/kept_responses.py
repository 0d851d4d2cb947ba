"""Bodies of OpenAI's routes about stored responses and conversations."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from modelyard.protocol.bounds import Fields, Metadata
from modelyard.protocol.deferred import DeferredModel

MOST_ITEMS = 20
"""Maximum number of items that one request may add to a conversation."""
Items = Annotated[list[Fields[Any]], Field(max_length=MOST_ITEMS, fail_fast=True)]


class KeptResponse(DeferredModel):
    """A stored response, with all fields that it had when it ended."""

    model_config = ConfigDict(extra="allow")

    id: str
    object: Literal["response"] = "response"
    created_at: float
    """Unix time in seconds."""
    status: Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]
    model: str
    output: list[dict[str, Any]]


class KeptResponseEvent(DeferredModel):
    """Data of an event of a stored response. Further fields depend on `type`."""

    model_config = ConfigDict(extra="allow")

    type: str
    sequence_number: int


class ResponseDeleted(DeferredModel):
    """Answer of `DELETE /v1/responses/{response_id}`."""

    id: str
    object: Literal["response"] = "response"
    deleted: Literal[True] = True


class ItemList(DeferredModel):
    """A page of the items of a response's input, or of a conversation."""

    object: Literal["list"] = "list"
    data: list[dict[str, Any]]
    first_id: str | None
    last_id: str | None
    """Id of the last item, which is `after` in the request for the next page."""
    has_more: bool


class KeptItem(DeferredModel):
    """An item of a conversation. Further fields depend on `type`."""

    model_config = ConfigDict(extra="allow")

    id: str
    type: str


class NewConversation(DeferredModel):
    """Body of `POST /v1/conversations`."""

    items: Items | None = None
    """First items of the conversation, at most 20, in the form of `input` of `/v1/responses`."""
    metadata: Metadata | None = None
    """Up to 16 pairs of strings, the caller's own notes."""


class ConversationChange(DeferredModel):
    """Body of `POST /v1/conversations/{conversation_id}`."""

    metadata: Metadata | None


class NewItems(DeferredModel):
    """Body of `POST /v1/conversations/{conversation_id}/items`."""

    items: Items = Field(min_length=1)
    """Items to add, at most 20, in the form of `input` of `/v1/responses`."""


class ConversationInfo(DeferredModel):
    """A conversation, without its items."""

    id: str
    object: Literal["conversation"] = "conversation"
    created_at: int
    """Unix time."""
    metadata: dict[str, str]


class ConversationDeleted(DeferredModel):
    """Answer of `DELETE /v1/conversations/{conversation_id}`."""

    id: str
    object: Literal["conversation.deleted"] = "conversation.deleted"
    deleted: Literal[True] = True
