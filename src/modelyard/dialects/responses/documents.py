"""Replaces documents and stored files of a request by their content, before it is translated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelyard.core.access import Grant
from modelyard.core.errors import InvalidParameter
from modelyard.dialects.attachments import Attachments, RequestFiles, file_name
from modelyard.dialects.responses.conversation import OUTPUTS, TEXTS, Placed
from modelyard.protocol.responses_items import (
    AnyPart,
    FileInput,
    ImageInput,
    MessageItem,
)

LINKED = "documents are not fetched from other servers; send their content, or upload them to /v1/files."


async def with_content(items: Sequence[Placed], attachments: Attachments, grant: Grant | None) -> None:
    """Replace, in place, what pictures and documents name by what it is. Raises the errors of `Attachments`."""
    files = attachments.of(grant)
    for part, place in _parts(items):
        if isinstance(part, ImageInput) and part.file_id and not part.image_url:
            data = await files.picture(part.file_id, f"{place}.file_id")
            part.image_url = f"data:{data.media_type};base64,{data.data}"
        elif isinstance(part, FileInput):
            part.text = await _text(part, place, files)


def _parts(items: Sequence[Placed]) -> Iterator[tuple[AnyPart, str]]:
    """The parts that are no texts, and their places."""
    for item, place in items:
        if isinstance(item, MessageItem) and isinstance(item.content, list):
            for index, part in enumerate(item.content):
                if not isinstance(part, TEXTS):
                    yield part, f"{place}.content[{index}]"
        elif isinstance(item, OUTPUTS) and isinstance(item.output, list):
            for index, each in enumerate(item.output):
                if not isinstance(each, TEXTS):
                    yield each, f"{place}.output[{index}]"


async def _text(part: FileInput, place: str, files: RequestFiles) -> str:
    if part.file_url:
        raise InvalidParameter(f"{place}.file_url", LINKED)
    if part.file_id:
        text, name = await files.text(part.file_id, f"{place}.file_id")
        part.filename = part.filename or name
        return text
    if not part.file_data:
        raise InvalidParameter(f"{place}.file_data", "it is required: the document; or give 'file_id'.")
    kind, data = "", part.file_data
    if data.startswith("data:"):
        head, _, data = data.partition(",")
        kind = head.removeprefix("data:").partition(";")[0]
    name = part.filename or file_name(None, kind or "text/plain")
    return await files.encoded(data, f"{place}.file_data", name)
