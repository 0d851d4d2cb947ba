"""A request to a model whose answer becomes a generation: each chunk of the streamed answer is an event."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from modelyard.core.errors import UpstreamFailed
from modelyard.gateway.sender import Sender
from modelyard.generations.types import EventWriter, Make
from modelyard.protocol import errors
from modelyard.protocol.events import EventReader

KIND = "request"
CHUNK = "chunk"
"""Type of the events before the last one."""


class StreamedChunk(msgspec.Struct):
    """What is read of a chunk, which must be a JSON object."""

    error: dict[str, Any] | str | UnsetType | None = UNSET


def streamed_body(body: dict[str, Any]) -> bytes:
    """A request for a streamed answer with token counts."""
    return msgspec.json.encode({**body, "stream": True, "stream_options": {"include_usage": True}})


def kept_request(sender: Sender, path: str, model: str, body: bytes) -> Make:
    """The work of a generation that sends this request, and emits what comes."""

    async def make(writer: EventWriter) -> None:
        answer, reader = await sender(path, body), EventReader()
        try:
            while portion := await answer.read():
                for data in reader.feed(portion):
                    await writer.emit(CHUNK, checked_chunk(model, data))
            for data in reader.finish():
                await writer.emit(CHUNK, checked_chunk(model, data))
        finally:
            await answer.aclose()

    return make


def checked_chunk(model: str, data: bytes) -> msgspec.Raw:
    """The chunk of an event, as it is. Raises the error that the event reports."""
    try:
        chunk = msgspec.json.decode(data, type=StreamedChunk)
    except msgspec.MsgspecError as error:
        raise UpstreamFailed(model, f"an event of its stream is no JSON object: {data[:100]!r}") from error
    if chunk.error:
        raise errors.read(502, {"error": chunk.error} if isinstance(chunk.error, dict) else {"detail": chunk.error})
    return msgspec.Raw(data)
