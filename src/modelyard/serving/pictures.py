"""Pictures in the messages of a chat: finds them among the parts, fetches them, and reads them into the prompt."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from modelyard.core.errors import InvalidParameter
from modelyard.core.fetching import excerpt
from modelyard.engines.generation import NOTHING, PromptSource
from modelyard.engines.media import LARGEST, MediaRefused, fetched
from modelyard.protocol.inference import RequestMessage
from modelyard.serving.generating import Writer

MOST_BYTES = LARGEST["image"]
MOST_PICTURES = 32
"""Maximum number of pictures in a request."""

KINDS = ("image_url", "image", "input_image")
"""Values of a part's `type` for a picture: those of OpenAI, vLLM, ms-swift and OpenAI's Responses API."""


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """A conversation as the model reads it."""

    text: str
    """The text that the chat template renders."""
    tokens: list[int]
    source: PromptSource = NOTHING


async def pictures_of(writer: Writer, messages: Sequence[RequestMessage]) -> tuple[bytes, ...]:
    """Return the bytes of all pictures, in order. Raises `InvalidParameter` for parts that this model does not accept."""
    language = writer.language
    parts = [part for message in messages if isinstance(message.content, list) for part in message.content]
    other = [part for part in parts if not _is_text(part)]
    for part in other:
        if language.blind or part.get("type") not in KINDS:
            what = language.blind or "this model takes text and pictures only"
            raise InvalidParameter("messages", f"{what}, not a part of type '{part.get('type')}'.")
    if len(other) > MOST_PICTURES:
        raise InvalidParameter("messages", f"{len(other)} pictures, and one request may have {MOST_PICTURES}.")
    urls = [address(part) for part in other]
    try:
        async with asyncio.TaskGroup() as group:
            files = [group.create_task(bring(writer, url)) for url in urls]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return tuple(file.result() for file in files)


async def prompt_of(writer: Writer, text: str, pictures: tuple[bytes, ...]) -> ChatPrompt:
    """Tokenize a rendered conversation. Pictures are read in a thread, so that the event loop is not blocked."""
    if not pictures:
        return ChatPrompt(text, writer.language.encode(text, special=False))
    tokens = await asyncio.to_thread(writer.language.look, text, pictures)
    return ChatPrompt(text, tokens, PromptSource(pictures=pictures))


def plain_content(parts: Sequence[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """Convert parts for the template: one text if all are texts, else texts and pictures without their addresses."""
    if all(_is_text(part) for part in parts):
        return "\n".join(part["text"] for part in parts)
    return [{"type": "text", "text": part["text"]} if _is_text(part) else {"type": "image"} for part in parts]


def _is_text(part: dict[str, Any]) -> bool:
    return part.get("type", "text") == "text" and isinstance(part.get("text"), str)


def address(part: dict[str, Any]) -> str:
    """The address of a part's picture: in `image_url` (an object with `url`, or plain text), `image`, or `url`."""
    found = next((part[key] for key in ("image_url", "image", "url") if part.get(key)), None)
    if isinstance(found, dict):
        found = found.get("url")
    if not isinstance(found, str) or not found:
        raise InvalidParameter("messages", f"a part of type '{part['type']}' has no url.")
    return found


async def bring(writer: Writer, url: str) -> bytes:
    """Fetch the file at an address. Raises `InvalidParameter` with the address in its message."""
    if url[:5].lower() == "data:":
        return decode_data_url(url)
    try:
        async with writer.fetches:
            return (await fetched(url, "image", "messages", writer.hosts, MOST_BYTES)).data
    except MediaRefused as error:
        raise InvalidParameter(error.param, str(error)) from error


def decode_data_url(url: str) -> bytes:
    """Decode the file in a `data:` URL."""
    head, comma, body = url[5:].partition(",")
    kind, *settings = head.split(";")
    if not comma or "base64" not in settings or not kind.lower().startswith("image/"):
        raise InvalidParameter("messages", f"'{excerpt(url)}' is not of the form data:image/…;base64,….")
    try:
        file = base64.b64decode("".join(unquote(body).split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidParameter("messages", f"'{excerpt(url)}' is not base64: {error}.") from error
    if len(file) > MOST_BYTES:
        raise InvalidParameter("messages", f"a picture of {len(file)} bytes, and at most {MOST_BYTES} are taken.")
    return file
