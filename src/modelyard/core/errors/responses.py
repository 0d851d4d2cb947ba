"""Errors about stored responses and conversations of `/v1/responses` and `/v1/conversations`."""

from __future__ import annotations

from modelyard.core.errors.base import BadRequest, ModelyardError, NotFound
from modelyard.core.errors.requests import BodyTooLarge

SHOWN = 100
"""Characters of an id that a sentence repeats."""


class ResponseNotFound(NotFound):
    """The caller has no stored response of this id."""

    code = "response_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Response with id '{name[:SHOWN]}' not found. It was deleted or has expired, was created with store=false, or is of "
            "another owner."
        )
        self.param = "response_id"


class PreviousResponseNotFound(BadRequest):
    """The caller has no stored response that a new one could follow."""

    code = "previous_response_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Previous response with id '{name[:SHOWN]}' not found. It was deleted or has expired, was created with "
            "store=false, or is of another owner; send the whole conversation as 'input' instead."
        )
        self.param = "previous_response_id"


class PreviousResponseUnusable(BadRequest):
    """The previous response has not ended, or has ended without an answer."""

    code = "previous_response_unusable"

    def __init__(self, name: str, status: str) -> None:
        cure = {
            "queued": "wait until it is completed",
            "in_progress": "wait until it is completed",
        }.get(status, "follow the response before it instead")
        super().__init__(
            f"Previous response with id '{name[:SHOWN]}' is {status.replace('_', ' ')}, so no other can follow it; {cure}."
        )
        self.param = "previous_response_id"


class ThreadNotFound(NotFound):
    """The caller has no conversation of this id at `/v1/conversations`."""

    code = "thread_not_found"

    def __init__(self, name: str, param: str = "conversation_id") -> None:
        super().__init__(f"Conversation with id '{name[:SHOWN]}' not found. POST /v1/conversations creates one.")
        self.param = param


class ItemNotFound(NotFound):
    """The caller has no item of this id there."""

    code = "item_not_found"

    def __init__(self, name: str, where: str, param: str = "item_id") -> None:
        super().__init__(f"Item with id '{name[:SHOWN]}' not found in {where}.")
        self.param = param


class DuplicateItem(BadRequest):
    """An item is in the input, and in what comes before it."""

    code = "duplicate_item"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Duplicate item found with id '{name[:SHOWN]}'. Remove duplicate items from your input and try again."
        )
        self.param = "input"


class ThreadTooLarge(BodyTooLarge):
    """A conversation has more bytes than a request may have."""

    code = "thread_too_large"

    def __init__(self, size: int, limit: int) -> None:
        ModelyardError.__init__(
            self,
            f"The conversation has {size} bytes, and {limit} are the most that a request may have "
            "(MODELYARD_MAX_BODY_BYTES); begin another one.",
        )


class ResponseQuotaExceeded(BodyTooLarge):
    """The conversations of one owner take all the room that one owner may have."""

    code = "response_quota_exceeded"

    def __init__(self, quota: int, used: int) -> None:
        ModelyardError.__init__(
            self,
            f"The conversations of this owner have {used} bytes, and {quota} are the quota set by "
            "MODELYARD_RESPONSE_QUOTA_BYTES. Delete conversations that are no longer needed; store=false stores nothing.",
        )
        self.param = "store"
