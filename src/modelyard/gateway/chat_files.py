"""Chats with files in their messages: which requests those are, and how reading the files ends with its client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from modelyard.core.access import Grant
from modelyard.core.errors import InvalidParameter
from modelyard.gateway.client import RequestClient
from modelyard.gateway.model_call import ModelCall, json_call
from modelyard.gateway.paths import InferencePath
from modelyard.gateway.upstream import UpstreamProblem
from modelyard.protocol.inference import ChatRequest
from modelyard.protocol.tokens import TokenizeRequest

ReadFiles = Callable[[bytes, Grant | None], Coroutine[Any, Any, bytes]]
"""Returns a body with the text of each file in its place. It reads the stored files that the grant may read."""
WITH_MESSAGES = frozenset({ChatRequest, TokenizeRequest})


async def no_files(body: bytes, grant: Grant | None) -> bytes:
    """A `ReadFiles` of a gateway that reads none."""
    raise InvalidParameter("messages", "files in messages are not read here.")


def has_files(call: ModelCall) -> bool:
    """Whether a part of a message is a file. Bodies that every engine takes as they are have none, and cost one look-up."""
    if type(call.request) not in WITH_MESSAGES:
        return False
    messages = call.request.messages  # type: ignore[attr-defined]
    contents = [each.content for each in messages if type(each.content) is list] if messages else ()
    return any("file" in part for content in contents for part in content)


async def with_texts(
    read: ReadFiles, call: ModelCall, path: InferencePath, grant: Grant | None, client: RequestClient
) -> ModelCall:
    """The request with the texts of its files. Raises what `read` raises, and `ClientLeft` or `RequestAborted`."""
    reading = asyncio.ensure_future(read(call.body, grant))
    client.hold(FileReading(reading))
    try:
        return json_call(path, await reading)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if client.gone is None or (task is not None and task.cancelling()):
            raise
        raise client.gone from None
    finally:
        client.release()


@dataclass(frozen=True, slots=True)
class FileReading:
    """The reading of a request's files."""

    task: asyncio.Future[bytes]

    def abort(self, problem: UpstreamProblem) -> None:
        """Cancel it."""
        self.task.cancel()
