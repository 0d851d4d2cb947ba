"""The history of requests whose responses are stored, and the storing of what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from modelyard.core.access import Owner
from modelyard.core.errors import InvalidParameter
from modelyard.dialects.responses.history import Opened, is_reference, resolved
from modelyard.gateway.sender import Caller
from modelyard.protocol.responses import CountedInput, ResponseRequest
from modelyard.protocol.responses_answer import ResponseAnswer
from modelyard.protocol.responses_items import Item
from modelyard.responses.items import check_new, check_once, kept_items
from modelyard.responses.store import ResponseStore
from modelyard.responses.types import FAILED, QUEUED, NewResponse, ResponseContext, StoredItem


class StoredHistory:
    """Finds what requests name of stored responses and conversations, and stores the responses."""

    def __init__(self, store: ResponseStore) -> None:
        self._store = store

    async def open(self, request: CountedInput, items: Sequence[Item], caller: Caller) -> Opened:
        """The history of a request, whose own items are `items`.

        Raises `PreviousResponseNotFound`, `PreviousResponseUnusable`, `ThreadNotFound`, `ItemNotFound`, `DuplicateItem`,
        `ThreadTooLarge`, `InvalidParameter`, and the errors of `ResponseStore.check_room`.
        """
        owner, store = Owner.of(caller.grant), self._store
        talk = request.conversation
        named = talk if isinstance(talk, str) or talk is None else talk.id
        context = await store.context(owner, request.previous_response_id, named)
        references = await _referenced(store, owner, items, len(context.history))
        if not isinstance(request, ResponseRequest):
            return Opened(context.history, references)
        kept = request.store is not False
        if request.background and not kept:
            raise InvalidParameter("background", "it needs 'store': leave out 'store: false'.")
        if kept:
            await store.check_room(owner)
        own = resolved(items, references)
        return Opened(context.history, references, StoringSink(store, owner, request, own, context))


async def _referenced(store: ResponseStore, owner: Owner, items: Sequence[Item], before: int) -> Mapping[str, Item]:
    """The items that references stand for, behind `before` bytes of context. Each may be named once.

    Raises `DuplicateItem`, `ItemNotFound` or `ThreadTooLarge`.
    """
    names = [str(item.get("id")) for item in items if is_reference(item)]
    if not names:
        return {}
    check_once(names)
    found = await store.referenced(owner, names, before)
    return {name: msgspec.json.decode(item.json) for name, item in found.items()}


class StoringSink:
    """Stores one response when it has ended, or as `queued` when it is made in the background; nothing with `store: false`."""

    def __init__(
        self,
        store: ResponseStore,
        owner: Owner,
        request: ResponseRequest,
        items: Sequence[Item],
        context: ResponseContext,
    ) -> None:
        self._store = store
        self._owner = owner
        self._request = request
        self._items = items
        self._context = context
        self._kept = request.store is not False
        self._input: Sequence[StoredItem] = ()

    async def begin(self, answer: ResponseAnswer) -> None:
        """See `ResponseSink`. Raises `DuplicateItem` or `InvalidParameter`."""
        context = self._context
        answer.store = self._kept
        answer.previous_response_id = context.previous
        answer.conversation = None if context.conversation is None else {"id": context.conversation}
        answer.background = bool(self._request.background)
        if self._kept:
            self._input = kept_items(self._items, "input")
            named = any(item.get("id") for item in self._items)  # new ids are those of no other item
            check_new(self._input, context.items() if named else ())

    async def queue(self, answer: ResponseAnswer) -> None:
        """See `ResponseSink`."""
        await self._add({**msgspec.to_builtins(answer), "status": QUEUED}, background=True)

    async def end(self, answer: ResponseAnswer) -> None:
        """See `ResponseSink`. A response that failed is stored if its client has seen its id."""
        if not self._kept:
            return
        self._kept = False  # what could not be stored is not stored as failed either
        if answer.background:
            await self._store.end(answer.id, msgspec.to_builtins(answer))
        elif answer.status != FAILED or self._request.stream:
            await self._add(msgspec.to_builtins(answer))

    async def _add(self, body: dict[str, Any], *, background: bool = False) -> None:
        await self._store.add(self._owner, NewResponse(body, self._input, self._context), background=background)
