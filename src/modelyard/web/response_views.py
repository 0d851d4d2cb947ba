"""Stored responses and their items as routes send them: the JSON that was stored."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import msgspec
from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse

from modelyard.control.keys import KeyStore
from modelyard.core.access import INFERENCE, Grant
from modelyard.protocol.kept_responses import ConversationInfo
from modelyard.responses.items import raw_array
from modelyard.responses.types import ItemPage, Json, StoredConversation, StoredItem
from modelyard.web.detached import DetachedStream
from modelyard.web.route_access import StandingAccess, check
from modelyard.web.sse import EventStream

Include = Annotated[
    list[str] | None,
    Query(alias="include[]", max_length=100, description="Has no effect: everything that is stored is sent."),
]


def json_response(value: Json) -> Response:
    """Values and raw JSON as an answer."""
    return Response(msgspec.json.encode(value), media_type="application/json")


def item_response(item: StoredItem) -> Response:
    """One item as an answer."""
    return Response(item.json, media_type="application/json")


def page_response(page: ItemPage) -> Response:
    """A page of items as an answer, in OpenAI's form."""
    first, last = (page.items[0].id, page.items[-1].id) if page.items else (None, None)
    ends = {"first_id": first, "last_id": last, "has_more": page.more}
    return json_response({"object": "list", "data": raw_array(page.items), **ends})


def conversation_info(found: StoredConversation) -> ConversationInfo:
    """A conversation for its owner."""
    return ConversationInfo(id=found.id, created_at=int(found.created_at), metadata=dict(found.metadata))


def followed_response(request: Request, keys: KeyStore, events: AsyncGenerator[bytes]) -> StreamingResponse:
    """Portions of server-sent events, while the caller's key may use models."""
    access = StandingAccess(keys, request.scope["headers"], _permit)
    return DetachedStream(EventStream(_permitted(access, events)))


def _permit(grant: Grant | None) -> None:
    if grant is not None:
        check(grant, INFERENCE, None)


async def _permitted(access: StandingAccess[None], events: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(events):
        async for portion in events:
            access.current()
            yield portion
