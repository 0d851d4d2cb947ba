"""Sends the requests of a batch to models and makes lines of the answers. Errors that will pass are waited out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec

from modelyard.batches.journal import AnswerRecord, BatchTokens
from modelyard.batches.lines import LineRequest
from modelyard.batches.pace import Pace, RequestSlot
from modelyard.batches.types import BatchModels, Identity
from modelyard.core.errors import (
    InternalError,
    ModelyardError,
    RateLimited,
    Unavailable,
    UpstreamFailed,
    UpstreamTimeout,
)
from modelyard.protocol import errors

log = logging.getLogger(__name__)

TRIES = 3
"""Attempts of a request that fails because of its model's engine."""
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0
"""Seconds before the second attempt, doubled before each further one; and at most."""
LONGEST_LIMIT = 60
"""Seconds that a limit of requests or tokens is waited for, at most."""


class PromptDetails(msgspec.Struct):
    """`usage.prompt_tokens_details`."""

    cached_tokens: int | None = None


class AnswerDetails(msgspec.Struct):
    """`usage.completion_tokens_details`."""

    reasoning_tokens: int | None = None


class AnswerUsage(msgspec.Struct):
    """`usage` of an answer."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: AnswerDetails | None = None


class AnswerWithUsage(msgspec.Struct):
    """The part of an answer that is counted."""

    usage: AnswerUsage | None = None


class Asking:
    """Asks the models for one batch."""

    def __init__(
        self,
        batch: str,
        endpoint: str,
        identity: Identity,
        models: BatchModels,
        pace: Pace,
        wait: Callable[[str], None],
    ) -> None:
        """`wait` is called with the reason for which a request waits."""
        self._batch = batch
        self._endpoint = endpoint
        self._identity = identity
        self._models = models
        self._pace = pace
        self._wait = wait
        self._waiting = 0
        self._passed = asyncio.Event()

    async def calm(self) -> None:
        """Return when no request waits for an error to pass: until then, others would only wait with it."""
        while self._waiting:
            self._passed.clear()
            await self._passed.wait()

    async def answer(self, request: LineRequest, slot: RequestSlot) -> AnswerRecord:
        """The answer to a request, or the error after which no other attempt helps. The place of `slot` is taken."""
        tries, pause = 0, FIRST_PAUSE
        while True:
            try:
                body = await self._models.ask(self._identity, self._name(request), self._endpoint, request.body)
                return self._answered(request, body)
            except (RateLimited, Unavailable) as error:
                await self._pass(request, error, pause, slot)
            except (UpstreamFailed, UpstreamTimeout, InternalError) as error:
                tries += 1
                if tries >= TRIES:
                    return self._failed(request, error)
                await asyncio.sleep(pause)
            except ModelyardError as error:
                return self._failed(request, error)
            except Exception as error:  # the top of one request: a defect costs one line
                log.exception("line %d of the batch %s failed", request.number, self._batch)
                return self._failed(request, InternalError(f"Internal error: {type(error).__name__}."))
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _pass(self, request: LineRequest, error: ModelyardError, pause: float, slot: RequestSlot) -> None:
        """Wait for an error to pass, without a place among the requests of the model."""
        slot.give_back(None)
        self._wait(error.message)
        if isinstance(error, RateLimited):
            pause = max(pause, min(error.retry_after or 0, LONGEST_LIMIT))
            if not self._models.limited(self._identity):
                self._pace.refused(request.model)
        self._waiting += 1
        try:
            await asyncio.sleep(pause)
            await slot.take()
        finally:
            self._waiting -= 1
            self._passed.set()

    def _name(self, request: LineRequest) -> str:
        """The id of a line's request."""
        return f"batch_req_{self._batch.removeprefix('batch_')}_{request.number}"

    def _answered(self, request: LineRequest, body: bytes) -> AnswerRecord:
        try:
            usage = msgspec.json.decode(body, type=AnswerWithUsage).usage or AnswerUsage()
        except msgspec.MsgspecError as error:
            raise UpstreamFailed(request.model, f"its answer is no JSON object: {error}.") from None
        prompt, answer = usage.prompt_tokens_details, usage.completion_tokens_details
        tokens = BatchTokens(
            usage.prompt_tokens or 0,
            (prompt.cached_tokens or 0) if prompt else 0,
            usage.completion_tokens or 0,
            (answer.reasoning_tokens or 0) if answer else 0,
        )
        return AnswerRecord(request.number, False, tokens, self._response(request, 200, body))

    def _failed(self, request: LineRequest, error: ModelyardError) -> AnswerRecord:
        content = self._response(request, error.status, errors.encode(error))
        return AnswerRecord(request.number, True, BatchTokens(), content)

    def _response(self, request: LineRequest, status: int, body: bytes) -> bytes:
        name = self._name(request).encode()
        body = body.replace(b"\r", b" ").replace(b"\n", b" ")  # they stand between values only
        return b'{"id":"%b","custom_id":%b,"response":{"status_code":%d,"request_id":"%b","body":%b},"error":null}' % (
            name,
            msgspec.json.encode(request.custom_id),
            status,
            name,
            body,
        )


def unanswered(batch: str, number: int, custom_id: str, code: str, message: str) -> bytes:
    """The line of the error file about a request that was not answered."""
    name = f"batch_req_{batch.removeprefix('batch_')}_{number}"
    error = {"code": code, "message": message}
    return msgspec.json.encode({"id": name, "custom_id": custom_id, "response": None, "error": error})
